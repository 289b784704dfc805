package org.densenet4j.data;

import org.densenet4j.io.OneLine;
import org.jspecify.annotations.Nullable;

import java.nio.file.Path;
import java.util.Comparator;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Files of a folder that are not used: nobody should have to find out by counting.
 *
 * @param kinds how many of each kind, such as {@code .heic}
 * @param images how many of them are images of formats that are not read, or lie where they belong
 *     to no class: most likely somebody meant them to be used
 * @param first one of them, an image if there is one; null when there are none
 */
public record LeftOut(Map<String, Integer> kinds, int images, @Nullable Path first) {
    /** No files. */
    static final LeftOut NONE = new LeftOut(Map.of(), 0, null);

    /** Keeps a copy. */
    public LeftOut {
        kinds = Map.copyOf(kinds);
    }

    /** One file of a folder. */
    static LeftOut file(String kind, boolean image, Path file) {
        return new LeftOut(Map.of(kind, 1), image ? 1 : 0, file);
    }

    /** Of both folders. */
    LeftOut plus(LeftOut other) {
        Map<String, Integer> sum = new TreeMap<>(kinds);
        other.kinds.forEach((kind, count) -> sum.merge(kind, count, Integer::sum));
        boolean here = first != null && (images > 0 || other.images == 0);
        return new LeftOut(
                sum, images + other.images, here || other.first == null ? first : other.first);
    }

    /** {@return how many there are} */
    public int count() {
        return kinds.values().stream().mapToInt(Integer::intValue).sum();
    }

    /**
     * One line, such as {@code 40 files are left out: 20 .heic, 20 .txt (first: photos/a.heic)}.
     */
    @Override
    public String toString() {
        String list =
                kinds.entrySet().stream()
                        .sorted(
                                Map.Entry.<String, Integer>comparingByValue(
                                                Comparator.reverseOrder())
                                        .thenComparing(Map.Entry.comparingByKey()))
                        .map(entry -> entry.getValue() + " " + entry.getKey())
                        .collect(Collectors.joining(", "));
        String advice =
                images == 0
                        ? ""
                        : "; "
                                + (images == 1 ? "1 of them is an image" : images + " are images")
                                + " of a format that is not read, or outside of the class folders";
        return OneLine.of(
                count()
                        + (count() == 1 ? " file is" : " files are")
                        + " left out: "
                        + list
                        + " (first: "
                        + first
                        + ")"
                        + advice);
    }
}
