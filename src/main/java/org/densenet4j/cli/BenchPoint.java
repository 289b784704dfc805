package org.densenet4j.cli;

import org.densenet4j.spec.FamilySpec;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A network and a batch, as options say it: {@code bc-100-12:64}, or with the size of images {@code
 * bc-100-12:64:48}, {@code fc-densenet103:1:360x480}.
 *
 * @param model a preset's name
 * @param batch images of a step
 * @param size of the images; null for the preset's
 */
record BenchPoint(String model, int batch, ImageSize size) {
    private static final Pattern TEXT =
            Pattern.compile("([^:]*):([1-9]\\d{0,5})(?::([1-9]\\d{0,5}(?:x[1-9]\\d{0,5})?))?");

    BenchPoint(String model, int batch) {
        this(model, batch, null);
    }

    /**
     * Reads what {@link #toString} writes.
     *
     * @throws IllegalArgumentException in one line
     */
    static BenchPoint parse(String text) {
        Matcher point = TEXT.matcher(text);
        if (!point.matches()) {
            throw new IllegalArgumentException(
                    "'"
                            + text
                            + "' is not MODEL:BATCH, such as bc-100-12:64, or MODEL:BATCH:SIZE, such"
                            + " as fc-densenet103:1:360x480");
        }
        return new BenchPoint(
                point.group(1),
                Integer.parseInt(point.group(2)),
                point.group(3) == null ? null : ImageSize.parse(point.group(3)));
    }

    /**
     * The network, with what else was said about it.
     *
     * @throws IllegalArgumentException in one line when there is none of this name
     */
    FamilySpec spec(ModelOption options) {
        return options.withName(model, size);
    }

    /** The preset. */
    FamilySpec spec() {
        return spec(new ModelOption());
    }

    @Override
    public String toString() {
        return model + ":" + batch + (size == null ? "" : ":" + size);
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
