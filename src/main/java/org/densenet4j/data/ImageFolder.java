package org.densenet4j.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * JPEG and PNG files in one folder per class, the layout of ImageNet: {@code DIR/CLASS/*.jpg}.
 * Files are decoded when they are asked for, by whichever thread asks, and never kept.
 *
 * <pre>{@code
 * ImageFolder train = ImageFolder.at(root.resolve("train")).size(224).open();
 * ImageFolder val =
 *         ImageFolder.at(root.resolve("val")).size(224).classes(train.classNames()).open();
 * }</pre>
 *
 * Classes are the folders' names in order; images are in the order of their paths.
 */
public final class ImageFolder implements Dataset {
    private final List<String> classNames;
    private final List<Path> files;
    private final int[] labels;
    private final int height;
    private final int width;
    private final double cropShare;
    private final PixelBudget budget;

    private ImageFolder(Builder b, List<String> classNames, List<Path> files, int[] labels) {
        this.classNames = classNames;
        this.files = files;
        this.labels = labels;
        this.height = b.height;
        this.width = b.width;
        this.cropShare = b.cropShare;
        this.budget = new PixelBudget(b.mostPixels);
    }

    /** Starts with 224x224 pixels, cut out of 256, and at most {@link ImageFile#MOST_PIXELS}. */
    public static Builder at(Path folder) {
        return new Builder(folder);
    }

    @Override
    public int size() {
        return files.size();
    }

    @Override
    public int height() {
        return height;
    }

    @Override
    public int width() {
        return width;
    }

    @Override
    public int channels() {
        return 3;
    }

    @Override
    public List<String> classNames() {
        return classNames;
    }

    @Override
    public int label(int index) {
        return labels[index];
    }

    /** Where an image is. */
    public Path file(int index) {
        return files.get(index);
    }

    /** The image as evaluation sees it: resized, and cut out of the middle. */
    @Override
    public void read(int index, byte[] pixels) {
        Image image = image(index).resizedAndCropped(height, width, cropShare);
        System.arraycopy(image.pixels(), 0, pixels, 0, pixels.length);
    }

    @Override
    public Image image(int index) {
        try {
            return ImageFile.read(files.get(index), budget);
        } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
        }
    }

    /** Says what to read; {@link #open} lists the files. */
    public static final class Builder {
        private final Path folder;
        private int height = 224;
        private int width = 224;
        private double cropShare = 0.875;
        private long mostPixels = ImageFile.MOST_PIXELS;
        private List<String> classes;

        private Builder(Path folder) {
            this.folder = folder;
        }

        /** Height and width of the network's input. */
        public Builder size(int pixels) {
            return size(pixels, pixels);
        }

        /** Height and width of the network's input. */
        public Builder size(int newHeight, int newWidth) {
            if (newHeight < 1 || newWidth < 1 || newHeight > 8192 || newWidth > 8192) {
                throw new IllegalArgumentException(
                        "image size = "
                                + newHeight
                                + "x"
                                + newWidth
                                + ": use numbers from 1 to 8192");
            }
            height = newHeight;
            width = newWidth;
            return this;
        }

        /** In evaluation: the input's size divided by the size before the centre crop. */
        public Builder cropShare(double share) {
            if (!(share > 0.1 && share <= 1)) {
                throw new IllegalArgumentException(
                        "crop share = " + share + ": use a number above 0.1 and up to 1");
            }
            cropShare = share;
            return this;
        }

        /** Larger images are refused, and those held at once are together no larger. */
        public Builder mostPixels(long pixels) {
            mostPixels = new PixelBudget(pixels).most();
            return this;
        }

        /** The classes of the training set, so that a folder with fewer has the same numbers. */
        public Builder classes(List<String> names) {
            classes = List.copyOf(names);
            return this;
        }

        /**
         * Lists the files.
         *
         * @throws DataException in one line when there are no classes, a class is empty, or one is
         *     not among the training set's
         */
        public ImageFolder open() throws IOException {
            if (!Files.isDirectory(folder)) {
                throw new DataException(
                        folder + ": no such folder; it should have one folder of images per class");
            }
            List<Path> folders = new ArrayList<>();
            try (Stream<Path> entries = Files.list(folder)) {
                entries.filter(Files::isDirectory)
                        .filter(entry -> !entry.getFileName().toString().startsWith("."))
                        .sorted(Comparator.comparing(entry -> entry.getFileName().toString()))
                        .forEach(folders::add);
            }
            List<String> found = folders.stream().map(f -> f.getFileName().toString()).toList();
            if (found.isEmpty()) {
                throw new DataException(
                        folder + ": has no folders; put the images of each class into one");
            }
            List<String> names = classes == null ? found : classes;
            List<Path> files = new ArrayList<>();
            List<Integer> labels = new ArrayList<>();
            for (Path classFolder : folders) {
                int label = names.indexOf(classFolder.getFileName().toString());
                if (label < 0) {
                    throw new DataException(
                            classFolder + ": the training images have no class of this name");
                }
                list(classFolder, files);
                while (labels.size() < files.size()) {
                    labels.add(label);
                }
            }
            return new ImageFolder(
                    this,
                    names,
                    List.copyOf(files),
                    labels.stream().mapToInt(Integer::intValue).toArray());
        }

        private static void list(Path classFolder, List<Path> files) throws IOException {
            int before = files.size();
            try (Stream<Path> all = Files.walk(classFolder, FileVisitOption.FOLLOW_LINKS)) {
                all.filter(file -> ImageFile.isImage(file) && Files.isRegularFile(file))
                        .sorted(Comparator.comparing(Path::toString))
                        .forEach(files::add);
            } catch (UncheckedIOException e) {
                throw new DataException(
                        classFolder + ": cannot be listed: " + e.getCause().getMessage(), e);
            }
            if (files.size() == before) {
                throw new DataException(classFolder + ": has no .jpg, .jpeg or .png files");
            }
        }
    }
}
