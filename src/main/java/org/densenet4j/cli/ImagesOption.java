package org.densenet4j.cli;

import org.densenet4j.data.DataException;
import org.densenet4j.data.DecodeOptions;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageFile;
import org.densenet4j.data.ImageListing;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.ImageView;
import org.densenet4j.data.LeftOut;
import org.densenet4j.inference.ImagePreparation;
import org.densenet4j.inference.Predictor;
import org.densenet4j.inference.TestTimeAugmentation;
import org.densenet4j.io.OneLine;
import org.densenet4j.plan.PlanException;

import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/** Images named on the command line: files, and folders with all images below them. */
final class ImagesOption {
    private static final int BATCH = 32;
    private static final int BATCH_OF_BOXES = 8;

    @Parameters(
            paramLabel = "IMAGE",
            arity = "1..*",
            description =
                    "JPEG, PNG, GIF, BMP, TIFF or WebP files, or folders with such files below"
                            + " them")
    private List<Path> paths;

    @Option(
            names = "--batch",
            paramLabel = "N",
            description =
                    "most images of one pass (default: "
                            + BATCH
                            + ", or 1 where pixels are classified: images of one size may share a"
                            + " pass; 8 where objects are found)")
    private Integer batch;

    private List<Path> found;

    @Option(
            names = "--max-pixels",
            paramLabel = "N",
            defaultValue = "" + ImageFile.MOST_PIXELS,
            description = "refuse larger images (default: ${DEFAULT-VALUE})")
    private long maxPixels;

    @Mixin private ExifOrientationOption orientation;

    /** For picocli. */
    ImagesOption() {}

    /**
     * Some images, prepared.
     *
     * @param files their files
     * @param shown what is kept of each image beside that, as it was asked for
     * @param prepared normalised pixels, NHWC
     */
    record Prepared(List<Path> files, List<Image> shown, float[] prepared) {
        int count() {
            return files.size();
        }
    }

    /** Receives images in the order of their files. */
    interface Use {
        void accept(Prepared images) throws IOException;
    }

    int batch() {
        return batch == null ? BATCH : batch;
    }

    /** Images of a pass of a network that classifies pixels. */
    int batchOfPixels() {
        return batch == null ? 1 : batch;
    }

    /** Says what of a folder is not used, if anything: loudly, when images are among it. */
    static void tellLeftOut(Path folder, LeftOut leftOut) {
        if (leftOut.count() > 0) {
            System.err.println(
                    (leftOut.images() > 0 ? "warning: " : "note: ") + folder + ": " + leftOut);
        }
    }

    /**
     * All image files, looked for once. What else is in the folders is named on the error stream.
     *
     * @throws IOException when there is none, or one that was named does not exist
     */
    List<Path> files() throws IOException {
        if (found == null) {
            found = find();
        }
        return found;
    }

    private List<Path> find() throws IOException {
        List<Path> files = new ArrayList<>();
        for (Path path : paths) {
            if (Files.isDirectory(path)) {
                ImageListing listing = ImageListing.below(path);
                tellLeftOut(path, listing.leftOut());
                files.addAll(listing.files());
            } else if (Files.exists(path)) {
                files.add(path);
            } else {
                throw new IOException(path + ": no such file or folder");
            }
        }
        if (files.isEmpty()) {
            throw new IOException("no JPEG, PNG, GIF, BMP, TIFF or WebP files in " + paths);
        }
        return files;
    }

    /**
     * Decodes and prepares all images, a batch at a time. One that cannot be read is named on the
     * error stream and left out.
     *
     * @return how many were left out
     * @throws IOException when the heap is too small for an image, which is no fault of the image
     */
    int forEachBatch(Predictor predictor, Use use) throws IOException {
        return forEachBatch(predictor, image -> null, use);
    }

    /**
     * The same.
     *
     * @param show what to keep of an image until its batch was used; images may be large
     */
    int forEachBatch(Predictor predictor, UnaryOperator<Image> show, Use use) throws IOException {
        return forEachBatch(predictor, TestTimeAugmentation.NONE, show, use);
    }

    /**
     * The same, with several views of each image.
     *
     * @param views of which all of an image are behind each other in what is prepared
     */
    int forEachBatch(
            Predictor predictor, TestTimeAugmentation views, UnaryOperator<Image> show, Use use)
            throws IOException {
        ImagePreparation preparation = predictor.preparation();
        int length = preparation.length() * views.views().size();
        DecodeOptions options = decoding(predictor.images());
        List<Path> files = files();
        int most = batch();
        int broken = 0;
        for (int first = 0; first < files.size(); first += most) {
            List<Path> some = files.subList(first, Math.min(files.size(), first + most));
            float[] prepared = new float[some.size() * length];
            List<Path> readable = new ArrayList<>();
            List<Image> shown = new ArrayList<>();
            for (One one : read(some, options, preparation, views, show)) {
                System.arraycopy(
                        one.prepared, 0, prepared, readable.size() * length, one.prepared.length);
                readable.add(one.file);
                shown.add(one.shown);
            }
            broken += some.size() - readable.size();
            if (!readable.isEmpty()) {
                use.accept(new Prepared(readable, shown, prepared));
            }
        }
        return broken;
    }

    /**
     * An image at its own size.
     *
     * @param file its file
     */
    record Decoded(Path file, Image image) {
        private boolean isAsLargeAs(Decoded other) {
            return image.height() == other.image.height() && image.width() == other.image.width();
        }
    }

    /** Images of a pass of a network that finds objects. */
    int batchOfBoxes() {
        return batch == null ? BATCH_OF_BOXES : batch;
    }

    /** Receives images of one size, or of any, in the order of their files. */
    interface UseOfOneSize {
        /** Uses them; a {@link PlanException} says that images of this size cannot be looked at. */
        void accept(List<Decoded> images) throws IOException;
    }

    /**
     * Decodes all images, which keep their sizes: those of one size that follow each other are used
     * together, at most as many as a pass takes. One that cannot be read, or that there is no plan
     * for, is named on the error stream and left out.
     *
     * @param recorded with the weights
     * @return how many were left out
     * @throws IOException when the heap is too small for an image, which is no fault of the image
     */
    int forEachOfOneSize(ImageMetadata recorded, UseOfOneSize use) throws IOException {
        DecodeOptions options = decoding(recorded);
        int most = batchOfPixels();
        int left = 0;
        List<Decoded> some = new ArrayList<>();
        for (Path file : files()) {
            Decoded next;
            try {
                next = new Decoded(file, ImageFile.read(file, options));
            } catch (DataException e) {
                System.err.println("error: " + OneLine.of(e.getMessage()));
                left++;
                continue;
            }
            if (!some.isEmpty() && !next.isAsLargeAs(some.getFirst())) {
                left += use(some, use);
                some.clear();
            }
            some.add(next);
            if (some.size() == most) {
                left += use(some, use);
                some.clear();
            }
        }
        return left + use(some, use);
    }

    /**
     * Decodes all images, of any sizes, and uses as many as a pass takes together. One that cannot
     * be read is named on the error stream and left out.
     *
     * @param recorded with the weights
     * @return how many were left out
     * @throws IOException when the heap is too small for an image, which is no fault of the image
     */
    int forEachDecoded(ImageMetadata recorded, UseOfOneSize use) throws IOException {
        DecodeOptions options = decoding(recorded);
        int most = batchOfBoxes();
        int left = 0;
        List<Decoded> some = new ArrayList<>();
        for (Path file : files()) {
            try {
                some.add(new Decoded(file, ImageFile.read(file, options)));
            } catch (DataException e) {
                System.err.println("error: " + OneLine.of(e.getMessage()));
                left++;
            }
            if (some.size() == most) {
                left += use(some, use);
                some.clear();
            }
        }
        return left + use(some, use);
    }

    private static int use(List<Decoded> images, UseOfOneSize use) throws IOException {
        if (images.isEmpty()) {
            return 0;
        }
        try {
            use.accept(images);
            return 0;
        } catch (PlanException e) {
            for (Decoded image : images) {
                System.err.println("error: " + OneLine.of(image.file + ": " + e.getMessage()));
            }
            return images.size();
        }
    }

    private DecodeOptions decoding(ImageMetadata recorded) {
        return new DecodeOptions(maxPixels, orientation.or(recorded));
    }

    /** One image of a batch. */
    private record One(Path file, Image shown, float[] prepared) {}

    private static List<One> read(
            List<Path> files,
            DecodeOptions options,
            ImagePreparation preparation,
            TestTimeAugmentation views,
            UnaryOperator<Image> show)
            throws IOException {
        try {
            return files.parallelStream()
                    .map(file -> read(file, options, preparation, views, show))
                    .flatMap(Optional::stream)
                    .toList();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private static float[] prepared(
            Image image, ImagePreparation preparation, TestTimeAugmentation views) {
        List<ImageView> all = views.views();
        float[] prepared = new float[preparation.length() * all.size()];
        for (int v = 0; v < all.size(); v++) {
            preparation.prepare(image, all.get(v), prepared, v * preparation.length());
        }
        return prepared;
    }

    /** An image; none when it is broken, which is said. */
    private static Optional<One> read(
            Path file,
            DecodeOptions options,
            ImagePreparation preparation,
            TestTimeAugmentation views,
            UnaryOperator<Image> show) {
        try {
            return Optional.of(
                    ImageFile.read(
                            file,
                            options,
                            image ->
                                    new One(
                                            file,
                                            show.apply(image),
                                            prepared(image, preparation, views))));
        } catch (DataException e) {
            System.err.println("error: " + OneLine.of(e.getMessage()));
            return Optional.empty();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
