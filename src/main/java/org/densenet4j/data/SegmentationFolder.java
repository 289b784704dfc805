package org.densenet4j.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * Images and label images of the same base names, in one of these layouts:
 *
 * <pre>
 * train/ trainannot/   val/ valannot/   test/ testannot/      CamVid as SegNet has it (or train_labels/ ...)
 * images/train/ labels/train/   images/val/ labels/val/ ...   (or masks/, annotations/)
 * images/ labels/                                             split here, the same way every time
 * </pre>
 *
 * Label images are PNG files of 8 bits with class indices (grey values, or indices of a palette
 * whatever its colours), or of RGB colours that a table gives; they may be called as the image is,
 * or that and {@code _L}, as CamVid's are. Images are of any format that {@link ImageFile} reads.
 * Files are decoded when they are asked for, by whichever thread asks, and never kept.
 *
 * <pre>{@code
 * SegmentationFolder train = SegmentationFolder.at(root, SegmentationClasses.camvid()).open();
 * SegmentationFolder val =
 *         SegmentationFolder.at(root, SegmentationClasses.camvid()).subset(Subset.VAL).open();
 * }</pre>
 */
public final class SegmentationFolder implements SegmentationDataset {
    private static final String CAMVID_SUFFIX = "_L";

    /** A part of a data set. */
    public enum Subset {
        /** What a network is trained on. */
        TRAIN("train"),
        /** What decides when to stop. */
        VAL("val", "valid", "validation"),
        /** What a result is reported of. */
        TEST("test");

        private final List<String> names;

        Subset(String... names) {
            this.names = List.of(names);
        }

        /** Names of its folder. */
        List<String> names() {
            return names;
        }

        /** As its folder is called. */
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** An image and its label image. */
    private record Pair(String name, Path image, Path labels) {}

    private final SegmentationClasses classes;
    private final List<Pair> pairs;
    private final LeftOut leftOut;
    private final DecodeOptions decoding;
    private final int channels;

    private SegmentationFolder(Builder b, List<Pair> pairs, LeftOut leftOut) {
        this.classes = b.classes;
        this.pairs = List.copyOf(pairs);
        this.leftOut = leftOut;
        this.decoding = b.decoding;
        this.channels = b.channels;
    }

    /**
     * Starts with the training images, RGB, {@link DecodeOptions#DEFAULT}, and a fifth of a set
     * without subsets as {@link Subset#VAL}.
     *
     * @param folder the data set's
     * @param classes what the label images mean
     * @return a builder, whose {@link Builder#open} lists the files
     */
    public static Builder at(Path folder, SegmentationClasses classes) {
        Objects.requireNonNull(folder, "folder");
        Objects.requireNonNull(classes, "classes");
        return new Builder(folder, classes);
    }

    /**
     * {@return the subsets that a folder has}
     *
     * @param folder of a set in one of the layouts
     */
    public static Set<Subset> subsets(Path folder) {
        Objects.requireNonNull(folder, "folder");
        Set<Subset> subsets = EnumSet.noneOf(Subset.class);
        for (Subset subset : Subset.values()) {
            if (SegmentationLayout.has(folder, subset)) {
                subsets.add(subset);
            }
        }
        return subsets;
    }

    @Override
    public int size() {
        return pairs.size();
    }

    @Override
    public int channels() {
        return channels;
    }

    @Override
    public SegmentationClasses classes() {
        return classes;
    }

    /** The image's path below its folder, without the extension. */
    @Override
    public String name(int index) {
        return pair(index).name();
    }

    /**
     * {@return where an image is}
     *
     * @param index of the image, from 0 to below {@link #size}
     */
    public Path file(int index) {
        return pair(index).image();
    }

    /**
     * {@return where an image's label image is}
     *
     * @param index of the image, from 0 to below {@link #size}
     */
    public Path labelFile(int index) {
        return pair(index).labels();
    }

    /** {@return files in the folders that are not used} */
    public LeftOut leftOut() {
        return leftOut;
    }

    @Override
    public boolean exifOrientation() {
        return decoding.exifOrientation();
    }

    /**
     * Reads an image and its label image.
     *
     * @throws UncheckedIOException in one line that names the file and the fix when one of both
     *     cannot be read, they differ in size, or a label is none (with its pixel)
     */
    @Override
    public <T> T read(int index, Function<LabelledImage, T> use) {
        Objects.requireNonNull(use, "use");
        Pair pair = pair(index);
        // One after the other: a thread that held one's memory while it waits for the other's could
        // wait for itself.
        LabelFile.Labels labels = readLabels(pair);
        try {
            return ImageFile.read(
                    pair.image(),
                    decoding,
                    image -> {
                        checkSizes(pair, image, labels);
                        return use.apply(
                                new LabelledImage(image.inChannels(channels), labels.labels()));
                    });
        } catch (IOException e) {
            throw FolderGoneException.unchecked(pair.image(), e);
        }
    }

    private Pair pair(int index) {
        return pairs.get(Index.checked("index", index, pairs.size()));
    }

    private LabelFile.Labels readLabels(Pair pair) {
        try {
            return LabelFile.read(pair.labels(), classes, decoding.mostPixels());
        } catch (IOException e) {
            throw FolderGoneException.unchecked(pair.labels(), e);
        }
    }

    private void checkSizes(Pair pair, Image image, LabelFile.Labels labels) {
        if (image.height() == labels.height() && image.width() == labels.width()) {
            return;
        }
        boolean turned = image.height() == labels.width() && image.width() == labels.height();
        DataException e =
                new DataException(
                        pair.labels()
                                + ": is "
                                + labels.width()
                                + "x"
                                + labels.height()
                                + " pixels, its image "
                                + pair.image()
                                + " "
                                + image.width()
                                + "x"
                                + image.height()
                                + (turned
                                        ? "; turn one of them (the Exif orientation of images is "
                                                + (decoding.exifOrientation()
                                                        ? "followed)"
                                                        : "ignored)")
                                        : "; resize the label image without interpolation, or make"
                                                + " it again"));
        throw new UncheckedIOException(e.getMessage(), e);
    }

    /** Says what to read; {@link #open} lists the files. */
    public static final class Builder {
        private final Path folder;
        private final SegmentationClasses classes;
        private Subset subset = Subset.TRAIN;
        private DecodeOptions decoding = DecodeOptions.DEFAULT;
        private int channels = 3;
        private double heldOut = 0.2;

        private Builder(Path folder, SegmentationClasses classes) {
            this.folder = folder;
            this.classes = classes;
        }

        /**
         * Which part of the set.
         *
         * @param value training images unless told
         * @return this
         */
        public Builder subset(Subset value) {
            subset = Objects.requireNonNull(value, "subset");
            return this;
        }

        /**
         * How images are decoded; its limit of pixels is that of label images, too. These are taken
         * as they are stored: they must fit the images as they are read.
         *
         * @param options how images are decoded; label images are never turned
         * @return this
         */
        public Builder decoding(DecodeOptions options) {
            decoding = Objects.requireNonNull(options, "options");
            return this;
        }

        /**
         * Values per pixel: 3, or 1 for luma.
         *
         * @param count 3 for RGB, 1 for grey
         * @return this
         */
        public Builder channels(int count) {
            if (count != 1 && count != 3) {
                throw new IllegalArgumentException("channels = " + count + ": use 1 or 3");
            }
            channels = count;
            return this;
        }

        /**
         * The share of a set without subsets that is {@link Subset#VAL}: the images whose names
         * have the smallest SHA-256, at least one.
         *
         * @param share of the training images that become the validation set, where there is none
         * @return this
         */
        public Builder heldOut(double share) {
            if (!(share > 0 && share < 1)) {
                throw new IllegalArgumentException(
                        "held-out share = " + share + ": use a number between 0 and 1");
            }
            heldOut = share;
            return this;
        }

        /**
         * Lists the files, in the order of their names.
         *
         * @return the data set
         * @throws DataException in one line with the file and the fix when the folders of the
         *     subset are missing or not the only ones, there are no images, an image has no label
         *     image or the reverse, or two have one name
         */
        public SegmentationFolder open() throws IOException {
            SegmentationLayout layout = SegmentationLayout.of(folder, subset);
            ImageListing images = ImageListing.below(layout.images());
            ImageListing labels = ImageListing.below(layout.labels());
            LeftOut leftOut = images.leftOut().plus(labels.leftOut());
            if (images.files().isEmpty()) {
                throw new DataException(
                        layout.images()
                                + ": has no images that are read (JPEG, PNG, GIF, BMP, TIFF, WebP)"
                                + (leftOut.count() == 0 ? "" : "; " + leftOut));
            }
            List<Pair> pairs =
                    pairs(
                            layout,
                            byName(layout.images(), images.files()),
                            byName(layout.labels(), labels.files()));
            return new SegmentationFolder(this, layout.whole() ? part(pairs) : pairs, leftOut);
        }

        private static Map<String, Path> byName(Path folder, List<Path> files)
                throws DataException {
            Map<String, Path> byName = new TreeMap<>();
            for (Path file : files) {
                Path other = byName.put(baseName(folder, file), file);
                if (other != null) {
                    throw new DataException(
                            file
                                    + ": has the same base name as "
                                    + other.getFileName()
                                    + ", so that it is not clear which belongs to which; rename or"
                                    + " remove one");
                }
            }
            return byName;
        }

        private static String baseName(Path folder, Path file) {
            String path =
                    folder.relativize(file)
                            .toString()
                            .replace(file.getFileSystem().getSeparator(), "/");
            return path.substring(0, path.lastIndexOf('.'));
        }

        private static List<Pair> pairs(
                SegmentationLayout layout, Map<String, Path> images, Map<String, Path> labels)
                throws DataException {
            List<Pair> pairs = new ArrayList<>();
            Map<String, Path> left = new TreeMap<>(labels);
            List<String> without = new ArrayList<>();
            images.forEach(
                    (name, image) -> {
                        Path label = left.remove(name);
                        if (label == null) {
                            label = left.remove(name + CAMVID_SUFFIX);
                        }
                        if (label == null) {
                            without.add(name);
                        } else {
                            pairs.add(new Pair(name, image, label));
                        }
                    });
            if (!without.isEmpty()) {
                String name = without.getFirst();
                throw new DataException(
                        images.get(name)
                                + ": has no label image "
                                + layout.labels().resolve(name + ".png")
                                + others(without.size(), images.size(), "images")
                                + "; add it, or remove the image"
                                + UnicodeForm.hint(name, left.keySet()));
            }
            if (!left.isEmpty()) {
                Path label = left.values().iterator().next();
                throw new DataException(
                        label
                                + ": has no image of its name in "
                                + layout.images()
                                + others(left.size(), labels.size(), "label images")
                                + "; add it, or remove the label image");
            }
            return pairs;
        }

        private static String others(int count, int all, String what) {
            return count == 1 ? "" : " (" + count + " of " + all + " " + what + " have none)";
        }

        /** Sorted by what looks random and is the same every time. */
        private List<Pair> part(List<Pair> all) throws DataException {
            if (all.size() < 2) {
                throw new DataException(
                        folder + ": one image cannot be split into train and val; add more");
            }
            int val = (int) Math.clamp(Math.round(all.size() * heldOut), 1, all.size() - 1L);
            List<Pair> mixed =
                    all.stream()
                            .sorted(Comparator.comparing((Pair p) -> sha256(p.name())))
                            .toList();
            List<Pair> mine =
                    subset == Subset.VAL ? mixed.subList(0, val) : mixed.subList(val, all.size());
            return mine.stream().sorted(Comparator.comparing(Pair::name)).toList();
        }

        private static String sha256(String name) {
            try {
                MessageDigest digest = MessageDigest.getInstance("SHA-256");
                return HexFormat.of()
                        .formatHex(digest.digest(name.getBytes(StandardCharsets.UTF_8)));
            } catch (NoSuchAlgorithmException e) {
                throw new AssertionError(e);
            }
        }
    }
}
