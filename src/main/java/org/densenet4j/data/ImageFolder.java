package org.densenet4j.data;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * Image files in one folder per class, the layout of ImageNet: {@code DIR/CLASS/*.jpg}. Files are
 * decoded when they are asked for, by whichever thread asks, and never kept.
 *
 * <pre>{@code
 * ImageFolder train = ImageFolder.at(root.resolve("train")).size(224).open();
 * ImageFolder val =
 *         ImageFolder.at(root.resolve("val")).size(224).classes(train.classNames()).open();
 * }</pre>
 *
 * Classes are the folders' names in order; images are in the order of their paths. What is in the
 * folders and is not used is {@link #leftOut}.
 */
public final class ImageFolder implements Dataset {
    private final List<String> classNames;
    private final FileImages images;
    private final int[] labels;
    private final LeftOut leftOut;

    private ImageFolder(Builder b, Listed listed) {
        this.classNames = listed.names;
        this.images = new FileImages(listed.files, b.crop, b.decoding);
        this.labels = listed.labels.stream().mapToInt(Integer::intValue).toArray();
        this.leftOut = listed.leftOut;
    }

    /**
     * Starts with 224x224 pixels, cut out of 256, and {@link DecodeOptions#DEFAULT}.
     *
     * @param folder with a folder of images for each class
     * @return a builder, whose {@link Builder#open} lists the files
     */
    public static Builder at(Path folder) {
        Objects.requireNonNull(folder, "folder");

        return new Builder(folder);
    }

    @Override
    public int size() {
        return images.size();
    }

    @Override
    public int height() {
        return images.crop().height();
    }

    @Override
    public int width() {
        return images.crop().width();
    }

    @Override
    public int channels() {
        return images.crop().channels();
    }

    @Override
    public List<String> classNames() {
        return classNames;
    }

    @Override
    public int label(int index) {
        return labels[Index.checked("index", index, labels.length)];
    }

    /**
     * {@return where an image is}
     *
     * @param index of the image, from 0 to below {@link #size}
     */
    public Path file(int index) {
        return images.file(index);
    }

    /** {@return files in the folders that are not used} */
    public LeftOut leftOut() {
        return leftOut;
    }

    /** The image as evaluation sees it: resized, and cut out of the middle. */
    @Override
    public void read(int index, byte[] pixels) {
        images.read(index, pixels);
    }

    @Override
    public Optional<Resizing> resizing() {
        return images.crop().resizing().ifUnusual();
    }

    @Override
    public boolean exifOrientation() {
        return images.decoding().exifOrientation();
    }

    @Override
    public Image image(int index) {
        return image(index, image -> image);
    }

    @Override
    public <T> T image(int index, Function<Image, T> use) {
        return images.image(index, use);
    }

    /** What is in the folders. */
    private static final class Listed {
        final List<String> names;
        final List<Path> files = new ArrayList<>();
        final List<Integer> labels = new ArrayList<>();
        LeftOut leftOut = LeftOut.NONE;

        Listed(List<String> names) {
            this.names = names;
        }

        void add(int label, Path classFolder) throws IOException {
            ImageListing listing = ImageListing.below(classFolder);
            leftOut = leftOut.plus(listing.leftOut());
            if (listing.files().isEmpty()) {
                throw new DataException(
                        classFolder
                                + ": has no images that are read (JPEG, PNG, GIF, BMP, TIFF, WebP)"
                                + (listing.leftOut().count() == 0 ? "" : "; " + listing.leftOut()));
            }
            Set<String> paths = new HashSet<>();
            for (Path file : listing.files()) {
                if (!paths.add(file.toString())) {
                    throw new DataException(file + ": two files have this name" + LOCALE);
                }
                files.add(file);
                labels.add(label);
            }
        }
    }

    /** What helps when names are not those that the file system has. */
    private static final String LOCALE =
            " when they are read as "
                    + Charset.forName(
                            System.getProperty("sun.jnu.encoding", "UTF-8"), StandardCharsets.UTF_8)
                    + "; set LC_ALL=C.UTF-8, or rename";

    /** What stands for bytes that are no text. */
    private static final String REPLACEMENT = "\uFFFD";

    /** Says what to read; {@link #open} lists the files. */
    public static final class Builder {
        private final Path folder;
        private CentreCrop crop = new CentreCrop(224, 224, 3, CentreCrop.SHARE, false);
        private DecodeOptions decoding = DecodeOptions.DEFAULT;
        private @Nullable List<String> classes;

        private Builder(Path folder) {
            this.folder = folder;
        }

        /**
         * Height and width of the network's input.
         *
         * @param pixels of each side
         * @return this
         */
        public Builder size(int pixels) {
            return size(pixels, pixels);
        }

        /**
         * Height and width of the network's input.
         *
         * @param height rows of pixels
         * @param width columns of pixels
         * @return this
         */
        public Builder size(int height, int width) {
            return crop(
                    new CentreCrop(
                            height,
                            width,
                            crop.channels(),
                            crop.share(),
                            crop.keepExact(),
                            crop.interpolation()));
        }

        /**
         * In evaluation: the input's size divided by the size before the centre crop.
         *
         * @param share above 0.1 and up to 1; 0.875 unless told
         * @return this
         */
        public Builder cropShare(double share) {
            return crop(crop.resizing(new Resizing(crop.interpolation(), share)));
        }

        /**
         * All of how evaluation prepares images. Give it that of the network ({@code
         * ImagePreparation.crop(spec)}), and evaluation sees the pixels that prediction does.
         *
         * @param value size, channels and share in one
         * @return this
         */
        public Builder crop(CentreCrop value) {
            Objects.requireNonNull(value, "crop");

            crop = value;
            return this;
        }

        /**
         * Larger images are refused.
         *
         * @param pixels 1 or more; larger images are refused as broken
         * @return this
         */
        public Builder mostPixels(long pixels) {
            return decoding(decoding.withMostPixels(pixels));
        }

        /**
         * How files are decoded.
         *
         * @param options how files are decoded
         * @return this
         */
        public Builder decoding(DecodeOptions options) {
            Objects.requireNonNull(options, "options");

            decoding = options;
            return this;
        }

        /**
         * The classes of the training set, so that a folder with fewer has the same numbers.
         *
         * @param names of folders, in the order of the labels
         * @return this
         */
        public Builder classes(List<String> names) {
            Objects.requireNonNull(names, "names");

            classes = List.copyOf(names);
            return this;
        }

        /**
         * Lists the files.
         *
         * @return the data set
         * @throws DataException in one line when there are no classes, a class is empty, one is not
         *     among the training set's, or two have the same name
         */
        public ImageFolder open() throws IOException {
            if (!Files.isDirectory(folder)) {
                throw new DataException(
                        folder + ": no such folder; it should have one folder of images per class");
            }
            LeftOut beside = LeftOut.NONE;
            List<Path> folders = new ArrayList<>();
            try (Stream<Path> entries = Files.list(folder)) {
                for (Path entry : (Iterable<Path>) entries.sorted()::iterator) {
                    if (Files.isDirectory(entry) && !ImageListing.isHidden(entry)) {
                        folders.add(entry);
                    } else {
                        beside = beside.plus(outsideOfClasses(entry));
                    }
                }
            }
            folders.sort(Comparator.comparing(ImageFolder::pythonOrder, Arrays::compareUnsigned));
            List<String> found = folders.stream().map(f -> f.getFileName().toString()).toList();
            if (found.isEmpty()) {
                throw new DataException(
                        folder + ": has no folders; put the images of each class into one");
            }
            checkNames(found);
            Listed listed = new Listed(classes == null ? found : classes);
            listed.leftOut = beside;
            for (Path classFolder : folders) {
                int label = listed.names.indexOf(classFolder.getFileName().toString());
                if (label < 0) {
                    throw new DataException(
                            classFolder
                                    + ": the training images have no class of this name"
                                    + UnicodeForm.hint(
                                            classFolder.getFileName().toString(), listed.names));
                }
                listed.add(label, classFolder);
            }
            return new ImageFolder(this, listed);
        }

        /** A path would not take a name that is no text. */
        private String inFolder(String name) {
            return folder + "/" + name;
        }

        private void checkNames(List<String> names) throws DataException {
            Set<String> distinct = new HashSet<>();
            for (String name : names) {
                if (!distinct.add(name)) {
                    throw new DataException(
                            inFolder(name) + ": two classes have this name" + LOCALE);
                }
                if (!UnicodeForm.hint(name, names).isEmpty()) {
                    throw new DataException(
                            inFolder(name) + ": another class looks the same" + UnicodeForm.HINT);
                }
                if (name.contains(REPLACEMENT)) {
                    throw new DataException(
                            inFolder(name) + ": the class has a name that is no text" + LOCALE);
                }
            }
        }
    }

    /** Order by code points, as other frameworks number classes. */
    private static byte[] pythonOrder(Path folder) {
        return folder.getFileName().toString().getBytes(StandardCharsets.UTF_8);
    }

    private static LeftOut outsideOfClasses(Path entry) throws IOException {
        if (Files.isDirectory(entry)) {
            return LeftOut.file("hidden folders", false, entry);
        }
        if (ImageFile.isImage(entry)) {
            return LeftOut.file("outside of the class folders", true, entry);
        }
        Path real = Files.exists(entry) ? entry.toRealPath() : entry;
        return ImageListing.leftOut(
                entry,
                Files.readAttributes(
                        real, BasicFileAttributes.class, java.nio.file.LinkOption.NOFOLLOW_LINKS));
    }
}
