package org.densenet4j.data;

import org.densenet4j.io.JsonList;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * How masks show classes of pixels: the colour that each is drawn in, and the index that stands for
 * it in label images. It travels with the weights, so that what a network says looks like the label
 * images that it was trained on.
 *
 * @param colours one per class, {@code 0xRRGGBB}
 * @param indices one per class, 0 to 255, all different
 * @param voidColour of pixels that belong to no class
 * @param voidIndex of pixels that belong to no class; a class of the same index is drawn as void
 */
public record ClassPalette(
        List<Integer> colours, List<Integer> indices, int voidColour, int voidIndex) {
    private static final String COLOURS = "masks.colours";
    private static final String INDICES = "masks.indices";
    private static final String VOID_COLOUR = "masks.void-colour";
    private static final String VOID_INDEX = "masks.void-index";

    private static final Pattern COLOUR = Pattern.compile("#[0-9a-fA-F]{6}");
    private static final Pattern NUMBER = Pattern.compile("\\d{1,3}");

    /** Checks the numbers and keeps copies. */
    public ClassPalette {
        colours = WithoutNull.copy(colours, "colours");
        indices = WithoutNull.copy(indices, "indices");
        if (colours.size() != indices.size()) {
            throw new IllegalArgumentException(
                    colours.size() + " colours and " + indices.size() + " indices of classes");
        }
        colours.forEach(ClassPalette::checkColour);
        checkColour(voidColour);
        indices.forEach(ClassPalette::checkIndex);
        checkIndex(voidIndex);
        if (new HashSet<>(indices).size() != indices.size()) {
            throw new IllegalArgumentException("two classes have one index among " + indices);
        }
    }

    private static void checkColour(int rgb) {
        if (rgb < 0 || rgb > 0xFFFFFF) {
            throw new IllegalArgumentException("colour " + rgb + ": use 0x000000 to 0xFFFFFF");
        }
    }

    private static void checkIndex(int index) {
        if (index < 0 || index > 255) {
            throw new IllegalArgumentException("index " + index + ": use 0 to 255");
        }
    }

    /** {@return number of classes} */
    public int count() {
        return colours.size();
    }

    /** Entries of a file's metadata, which {@link #read} understands. */
    Map<String, String> entries() {
        Map<String, String> entries = new LinkedHashMap<>();
        entries.put(COLOURS, JsonList.of(colours.stream().map(ClassPalette::text).toList()));
        entries.put(INDICES, indices.toString());
        entries.put(VOID_COLOUR, text(voidColour));
        entries.put(VOID_INDEX, Integer.toString(voidIndex));
        return entries;
    }

    private static String text(int rgb) {
        return String.format(Locale.ROOT, "#%06x", rgb);
    }

    /**
     * Reads what a file records; empty where it records none.
     *
     * @throws IOException in one line when an entry is broken or missing
     */
    static Optional<ClassPalette> read(Path path, Map<String, String> metadata) throws IOException {
        Objects.requireNonNull(path, "path");
        if (!metadata.containsKey(COLOURS)) {
            return Optional.empty();
        }
        List<String> colours = JsonList.strings(path, COLOURS, metadata.get(COLOURS));
        float[] indices = JsonList.floats(path, INDICES, entry(path, metadata, INDICES));
        try {
            return Optional.of(
                    new ClassPalette(
                            colours.stream().map(ClassPalette::colour).toList(),
                            IntStream.range(0, indices.length)
                                    .mapToObj(c -> whole(indices[c]))
                                    .toList(),
                            colour(entry(path, metadata, VOID_COLOUR)),
                            index(entry(path, metadata, VOID_INDEX))));
        } catch (IllegalArgumentException e) {
            throw new IOException(
                    path + ": the colours of masks in the metadata are broken: " + e.getMessage(),
                    e);
        }
    }

    private static String entry(Path path, Map<String, String> metadata, String key)
            throws IOException {
        String value = metadata.get(key);
        if (value == null) {
            throw new IOException(
                    path + ": the metadata has '" + COLOURS + "', but no '" + key + "'");
        }
        return value;
    }

    private static int colour(String text) {
        if (!COLOUR.matcher(text).matches()) {
            throw new IllegalArgumentException("'" + text + "' is no colour such as #808080");
        }
        return Integer.parseInt(text, 1, text.length(), 16);
    }

    private static int index(String text) {
        if (!NUMBER.matcher(text).matches()) {
            throw new IllegalArgumentException("index '" + text + "': use 0 to 255");
        }
        return Integer.parseInt(text);
    }

    private static int whole(float index) {
        if (index != Math.rint(index) || Math.abs(index) > 255) {
            throw new IllegalArgumentException("index " + index + ": use 0 to 255");
        }
        return (int) index;
    }
}
