package org.densenet4j.data;

import org.densenet4j.io.JsonList;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * What a file of weights records of the images that its network was trained on: the names of the
 * classes, in the order of the logits, how pixels were normalised, whether images were turned
 * upright, and, of classes of pixels, how masks show them. Every file that this project writes
 * carries these as entries of its metadata; files of others may have none.
 *
 * @param classNames one name per class
 * @param normalisation of every channel
 * @param exifOrientation whether images were turned upright as their Exif data says; false where a
 *     file records nothing of it, and no part of what {@link #contradicts} compares
 * @param palette of masks, where pixels are classified; no part of what {@link #contradicts}
 *     compares
 * @param resizing how images of any size become the network's input, where it is not the usual way
 */
public record ImageMetadata(
        Optional<List<String>> classNames,
        Optional<Normalisation> normalisation,
        boolean exifOrientation,
        Optional<ClassPalette> palette,
        Optional<Resizing> resizing) {
    /** Nothing is known. */
    public static final ImageMetadata NONE = new ImageMetadata(Optional.empty(), Optional.empty());

    private static final String CLASSES = "classes";
    private static final String MEAN = "normalisation.mean";
    private static final String DEVIATION = "normalisation.deviation";

    /** Only there where it is on. */
    private static final String EXIF = "exif-orientation";

    // What runs wrote before: names by line, numbers by comma.
    private static final String RUN_CLASSES = "data.classes";
    private static final String RUN_MEAN = "data.mean";
    private static final String RUN_DEVIATION = "data.deviation";

    /** A run's setting, of the run's own files. */
    private static final String RUN_EXIF = "run.exif-orientation";

    /** Keeps copies. */
    public ImageMetadata {
        Objects.requireNonNull(normalisation, "normalisation");
        Objects.requireNonNull(palette, "palette");
        Objects.requireNonNull(resizing, "resizing");
        classNames =
                Objects.requireNonNull(classNames, "classNames")
                        .map(names -> WithoutNull.copy(names, "classNames"));
    }

    /**
     * Of images that are resized in the usual way.
     *
     * @param classNames in the order of the logits
     * @param normalisation of pixel values from 0 to 1
     * @param exifOrientation whether images were turned upright as their Exif data says
     * @param palette of masks, where pixels are classified
     */
    public ImageMetadata(
            Optional<List<String>> classNames,
            Optional<Normalisation> normalisation,
            boolean exifOrientation,
            Optional<ClassPalette> palette) {
        this(classNames, normalisation, exifOrientation, palette, Optional.empty());
    }

    /**
     * Of images that have one class each.
     *
     * @param classNames in the order of the logits
     * @param normalisation of pixel values from 0 to 1
     * @param exifOrientation whether images were turned upright as their Exif data says
     */
    public ImageMetadata(
            Optional<List<String>> classNames,
            Optional<Normalisation> normalisation,
            boolean exifOrientation) {
        this(classNames, normalisation, exifOrientation, Optional.empty());
    }

    /**
     * Of images as they are stored.
     *
     * @param classNames in the order of the logits
     * @param normalisation of pixel values from 0 to 1
     */
    public ImageMetadata(Optional<List<String>> classNames, Optional<Normalisation> normalisation) {
        this(classNames, normalisation, false);
    }

    /**
     * {@return both, of images as they are stored}
     *
     * @param classNames in the order of the logits
     * @param normalisation of pixel values from 0 to 1
     */
    public static ImageMetadata of(List<String> classNames, Normalisation normalisation) {
        Objects.requireNonNull(classNames, "classNames");
        Objects.requireNonNull(normalisation, "normalisation");

        return new ImageMetadata(Optional.of(classNames), Optional.of(normalisation));
    }

    /**
     * Reads what a file records.
     *
     * @param path names the file in messages
     * @param metadata the file's
     * @return what is recorded; {@link #NONE} where nothing is
     * @throws IOException in one line when an entry is broken
     */
    public static ImageMetadata read(Path path, Map<String, String> metadata) throws IOException {
        Objects.requireNonNull(path, "path");
        Objects.requireNonNull(metadata, "metadata");

        return new ImageMetadata(
                Optional.ofNullable(classNames(path, metadata)),
                Optional.ofNullable(normalisation(path, metadata)),
                "true".equals(metadata.getOrDefault(EXIF, metadata.get(RUN_EXIF))),
                ClassPalette.read(path, metadata),
                resizing(path, metadata));
    }

    private static Optional<Resizing> resizing(Path path, Map<String, String> metadata)
            throws IOException {
        try {
            return Resizing.read(metadata);
        } catch (IllegalArgumentException e) {
            throw new IOException(
                    path + ": how images are resized is broken: " + e.getMessage(), e);
        }
    }

    private static @Nullable List<String> classNames(Path path, Map<String, String> metadata)
            throws IOException {
        String json = metadata.get(CLASSES);
        if (json != null) {
            return JsonList.strings(path, CLASSES, json);
        }
        String lines = metadata.get(RUN_CLASSES);
        return lines == null ? null : List.of(lines.split("\n", -1));
    }

    private static @Nullable Normalisation normalisation(Path path, Map<String, String> metadata)
            throws IOException {
        String mean = list(metadata, MEAN, RUN_MEAN);
        String deviation = list(metadata, DEVIATION, RUN_DEVIATION);
        if (mean == null || deviation == null) {
            return null;
        }
        try {
            return new Normalisation(
                    JsonList.floats(path, MEAN, mean), JsonList.floats(path, DEVIATION, deviation));
        } catch (IllegalArgumentException e) {
            throw new IOException(path + ": the normalisation is broken: " + e.getMessage(), e);
        }
    }

    private static @Nullable String list(Map<String, String> metadata, String key, String runKey) {
        String numbers = metadata.get(runKey);
        return metadata.getOrDefault(key, numbers == null ? null : "[" + numbers + "]");
    }

    /**
     * {@return this, and of the other what is not known here}
     *
     * @param other is asked where this says nothing
     */
    public ImageMetadata or(ImageMetadata other) {
        Objects.requireNonNull(other, "other");
        return new ImageMetadata(
                classNames.or(other::classNames),
                normalisation.or(other::normalisation),
                exifOrientation || other.exifOrientation,
                palette.or(other::palette),
                resizing.or(other::resizing));
    }

    /**
     * {@return this with other class names}
     *
     * @param names in the order of the logits
     */
    public ImageMetadata withClassNames(List<String> names) {
        Objects.requireNonNull(names, "names");
        return new ImageMetadata(
                Optional.of(names), normalisation, exifOrientation, palette, resizing);
    }

    /**
     * {@return this with another normalisation}
     *
     * @param value of pixel values from 0 to 1
     */
    public ImageMetadata withNormalisation(Normalisation value) {
        Objects.requireNonNull(value, "normalisation");
        return new ImageMetadata(
                classNames, Optional.of(value), exifOrientation, palette, resizing);
    }

    /**
     * {@return this with the Exif orientation followed or ignored}
     *
     * @param on whether images were turned upright
     */
    public ImageMetadata withExifOrientation(boolean on) {
        return new ImageMetadata(classNames, normalisation, on, palette, resizing);
    }

    /**
     * {@return this with the colours and indices that masks show the classes by}
     *
     * @param value of classes of pixels
     */
    public ImageMetadata withPalette(ClassPalette value) {
        Objects.requireNonNull(value, "palette");
        return new ImageMetadata(
                classNames, normalisation, exifOrientation, Optional.of(value), resizing);
    }

    /**
     * {@return this with another way to resize images}
     *
     * @param value recorded where it is not the usual one
     */
    public ImageMetadata withResizing(Resizing value) {
        Objects.requireNonNull(value, "resizing");
        return new ImageMetadata(
                classNames, normalisation, exifOrientation, palette, value.ifUnusual());
    }

    /**
     * {@return whether both name classes, and not the same in the same order, or both know a
     * normalisation, and not the same}
     *
     * @param other of the same images
     */
    public boolean contradicts(ImageMetadata other) {
        Objects.requireNonNull(other, "other");
        return differ(classNames, other.classNames) || differ(normalisation, other.normalisation);
    }

    private static boolean differ(Optional<?> one, Optional<?> other) {
        return one.isPresent() && other.isPresent() && !one.equals(other);
    }

    /**
     * {@return why a network cannot have been trained on such images: the names or colours are not
     * one per class, or the normalisation is not of every channel} Empty when it can.
     *
     * @param classes of the network
     * @param channels of its images
     */
    public Optional<String> misfit(int classes, int channels) {
        if (classNames.isPresent() && classNames.get().size() != classes) {
            return Optional.of(
                    "names of "
                            + classNames.get().size()
                            + " classes are given, the network has "
                            + classes);
        }
        if (normalisation.isPresent() && normalisation.get().mean().length != channels) {
            return Optional.of(
                    "a normalisation of "
                            + normalisation.get().mean().length
                            + " channels is given, the network's images have "
                            + channels);
        }
        if (palette.isPresent() && palette.get().count() != classes) {
            return Optional.of(
                    "colours of "
                            + palette.get().count()
                            + " classes are given, the network has "
                            + classes);
        }
        return Optional.empty();
    }

    /** {@return entries of a file's metadata, which {@link #read} understands} */
    public Map<String, String> entries() {
        Map<String, String> entries = new LinkedHashMap<>();
        classNames.ifPresent(names -> entries.put(CLASSES, JsonList.of(names)));
        normalisation.ifPresent(
                n -> {
                    entries.put(MEAN, JsonList.of(n.mean()));
                    entries.put(DEVIATION, JsonList.of(n.deviation()));
                });
        if (exifOrientation) {
            entries.put(EXIF, "true");
        }
        palette.ifPresent(p -> entries.putAll(p.entries()));
        resizing.ifPresent(r -> entries.putAll(r.entries()));
        return entries;
    }
}
