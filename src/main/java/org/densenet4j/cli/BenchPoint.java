package org.densenet4j.cli;

import org.densenet4j.spec.DenseNetSpec;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * A network and a batch, as options say it: {@code bc-100-12:64}, or with the size of images {@code
 * bc-100-12:64:48}.
 *
 * @param model a preset's name
 * @param batch images of a step
 * @param size height and width of images; 0 for the preset's
 */
record BenchPoint(String model, int batch, int size) {
    private static final int MOST_PARTS = 3;

    BenchPoint(String model, int batch) {
        this(model, batch, 0);
    }

    /**
     * Reads what {@link #toString} writes.
     *
     * @throws IllegalArgumentException in one line
     */
    static BenchPoint parse(String text) {
        String[] parts = text.split(":", -1);
        boolean numbers = parts.length >= 2 && parts.length <= MOST_PARTS;
        for (int i = 1; i < parts.length; i++) {
            numbers &= parts[i].matches("[1-9]\\d{0,5}");
        }
        if (!numbers) {
            throw new IllegalArgumentException(
                    "'" + text + "' is not MODEL:BATCH, such as bc-100-12:64");
        }
        int size = parts.length == MOST_PARTS ? Integer.parseInt(parts[2]) : 0;
        return new BenchPoint(parts[0], Integer.parseInt(parts[1]), size);
    }

    /** The network, with what else was said about it. */
    DenseNetSpec spec(ModelOption options) {
        DenseNetSpec.Builder builder = options.withName(model);
        return (size == 0 ? builder : builder.inputSize(size)).build();
    }

    /**
     * The preset.
     *
     * @throws IllegalArgumentException in one line when there is none of this name
     */
    DenseNetSpec spec() {
        return spec(new ModelOption());
    }

    @Override
    public String toString() {
        return model + ":" + batch + (size == 0 ? "" : ":" + size);
    }

    /** For picocli. */
    static final class Converter implements ITypeConverter<BenchPoint> {
        @Override
        public BenchPoint convert(String text) {
            try {
                return parse(text);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }
}
