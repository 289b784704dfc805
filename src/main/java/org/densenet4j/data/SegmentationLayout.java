package org.densenet4j.data;

import org.densenet4j.data.SegmentationFolder.Subset;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Where a data set has the images and the label images of a subset.
 *
 * @param images folder of images
 * @param labels folder of label images
 * @param whole whether the folders hold the whole set, of which the subset is a part
 */
record SegmentationLayout(Path images, Path labels, boolean whole) {
    /** Behind the name of a folder of images, that of its label images: SegNet's, and Kaggle's. */
    private static final List<String> SUFFIXES = List.of("annot", "_labels");

    private static final String IMAGES = "images";

    /** What people call a folder of label images. */
    private static final List<String> LABELS = List.of("labels", "masks", "annotations");

    /**
     * Looks for a subset.
     *
     * @throws DataException in one line that says which folders are needed, or which are too many
     */
    static SegmentationLayout of(Path root, Subset subset) throws IOException {
        List<SegmentationLayout> found = all(root, subset);
        if (found.size() == 1) {
            return found.getFirst();
        }
        if (!found.isEmpty()) {
            throw new DataException(
                    root
                            + ": which images are for "
                            + subset
                            + " is not clear; there are "
                            + found.stream()
                                    .map(
                                            l ->
                                                    root.relativize(l.images)
                                                            + " with "
                                                            + root.relativize(l.labels))
                                    .collect(Collectors.joining(", "))
                            + ": remove or rename all but one");
        }
        if (!Files.isDirectory(root)) {
            throw new DataException(root + ": no such folder");
        }
        String name = subset.names().getFirst();
        String or =
                subset.names().size() == 1
                        ? ""
                        : " (or "
                                + String.join(
                                        ", ", subset.names().subList(1, subset.names().size()))
                                + ")";
        throw new DataException(
                root
                        + ": has no images with label images for "
                        + subset
                        + "; it needs the folders "
                        + name
                        + or
                        + " and "
                        + name
                        + "annot (or "
                        + name
                        + "_labels), or images/"
                        + name
                        + or
                        + " and labels/"
                        + name
                        + " (or masks/"
                        + name
                        + ")"
                        + (subset == Subset.TEST
                                ? ""
                                : ", or images and labels (or masks), which are then split"));
    }

    /** Whether there is such a subset. */
    static boolean has(Path root, Subset subset) {
        return !all(root, subset).isEmpty();
    }

    private static List<SegmentationLayout> all(Path root, Subset subset) {
        List<SegmentationLayout> found = new ArrayList<>();
        Path images = root.resolve(IMAGES);
        for (String name : subset.names()) {
            for (String suffix : SUFFIXES) {
                add(found, root.resolve(name), root.resolve(name + suffix), false);
            }
            for (String labels : LABELS) {
                add(found, images.resolve(name), root.resolve(labels).resolve(name), false);
            }
        }
        if (subset != Subset.TEST && !isSplit(root)) {
            for (String labels : LABELS) {
                add(found, images, root.resolve(labels), true);
            }
        }
        return found;
    }

    /** Whether the images of any subset are apart. */
    private static boolean isSplit(Path root) {
        for (Subset subset : Subset.values()) {
            for (String name : subset.names()) {
                if (Files.isDirectory(root.resolve(IMAGES).resolve(name))
                        || Files.isDirectory(root.resolve(name))) {
                    return true;
                }
            }
        }
        return false;
    }

    private static void add(
            List<SegmentationLayout> found, Path images, Path labels, boolean whole) {
        if (Files.isDirectory(images) && Files.isDirectory(labels)) {
            found.add(new SegmentationLayout(images, labels, whole));
        }
    }
}
