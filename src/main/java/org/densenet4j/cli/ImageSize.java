package org.densenet4j.cli;

import org.densenet4j.graph.NetworkSpec;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Height and width of images, as options say it: {@code 224} for squares, {@code 360x480} for 360
 * rows of 480 pixels.
 *
 * @param height rows of pixels
 * @param width columns of pixels
 */
record ImageSize(int height, int width) {
    private static final Pattern TEXT = Pattern.compile("(\\d{1,6})(?:[xX](\\d{1,6}))?");

    static ImageSize of(NetworkSpec spec) {
        return new ImageSize(spec.inputHeight(), spec.inputWidth());
    }

    /**
     * Reads what {@link #toString} writes.
     *
     * @throws IllegalArgumentException in one line
     */
    static ImageSize parse(String text) {
        Matcher size = TEXT.matcher(text.strip());
        if (!size.matches()) {
            throw new IllegalArgumentException(
                    "'" + text + "' is no size of images, such as 224 or 360x480");
        }
        int height = Integer.parseInt(size.group(1));
        return new ImageSize(
                height, size.group(2) == null ? height : Integer.parseInt(size.group(2)));
    }

    /** Whether it can be given as one number. */
    boolean isSquare() {
        return height == width;
    }

    @Override
    public String toString() {
        return isSquare() ? String.valueOf(height) : height + "x" + width;
    }

    /** For picocli. */
    static final class Converter implements ITypeConverter<ImageSize> {
        @Override
        public ImageSize convert(String text) {
            try {
                return parse(text);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }
}
