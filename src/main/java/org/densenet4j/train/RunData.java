package org.densenet4j.train;

import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.DetectionLoader;
import org.densenet4j.data.ImageLoader;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.SegmentationBatch;
import org.densenet4j.data.SegmentationDataset;
import org.densenet4j.data.SegmentationLoader;
import org.densenet4j.graph.NetworkSpec;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.function.Consumer;

/**
 * What a run trains on and is tested by, whatever its images are labelled with.
 *
 * @param train gives the training batches
 * @param step trains on one
 * @param test what comes after each epoch
 * @param metadata what the training batches tell of their images
 * @param images number of training images
 * @param <B> the batches
 */
record RunData<B>(
        ImageLoader<?, B> train, Step<B> step, RunTest test, ImageMetadata metadata, int images) {

    /** Trains on a batch. */
    interface Step<B> {
        /**
         * One step.
         *
         * @param next the batch behind it, or null
         */
        StepResult of(Trainer trainer, B batch, @Nullable B next);
    }

    static RunData<?> of(BatchLoader train, int images, BatchLoader test, boolean ofVectors) {
        return new RunData<>(
                train,
                Trainer::step,
                ofVectors ? new VectorTest(test) : new ImageTest(test),
                train.metadata(),
                images);
    }

    static RunData<?> of(
            SegmentationLoader train, SegmentationDataset data, SegmentationLoader test) {
        return new RunData<>(
                train,
                (trainer, batch, next) -> {
                    checkSize(trainer.spec(), batch, data);
                    return trainer.step(batch, next);
                },
                PixelTest.of(test),
                train.metadata(),
                data.size());
    }

    static RunData<?> of(DetectionLoader train, int images, DetectionLoader test) {
        return new RunData<>(
                train, Trainer::step, new DetectionTest(test), train.metadata(), images);
    }

    /** Whole images of a folder may be of any size, and a network is planned for one. */
    private static void checkSize(
            NetworkSpec spec, SegmentationBatch batch, SegmentationDataset data) {
        if (batch.height() != spec.inputHeight() || batch.width() != spec.inputWidth()) {
            IOException e =
                    new IOException(
                            data.name(batch.indices()[0])
                                    + " is "
                                    + batch.width()
                                    + "x"
                                    + batch.height()
                                    + " pixels, and the network was planned for "
                                    + spec.inputWidth()
                                    + "x"
                                    + spec.inputHeight()
                                    + "; train on windows of one size (crop)");
            throw new UncheckedIOException(e.getMessage(), e);
        }
    }

    /**
     * The same, read in another way.
     *
     * @param broken is told of images that cannot be read and are skipped; null when they stop the
     *     run
     */
    RunData<B> read(int threads, @Nullable Consumer<String> broken) {
        ImageLoader<?, B> read = train.threads(threads);
        return new RunData<>(
                broken == null ? read : read.skipBroken(broken),
                step,
                test.read(threads, broken),
                metadata,
                images);
    }

    /** One of several shares of every batch, and of the test. */
    RunData<B> shard(int number, int count) {
        return new RunData<>(
                train.shard(number, count), step, test.shard(number, count), metadata, images);
    }

    /** Images that were skipped because they could not be read. */
    int skippedImages() {
        return train.skippedImages() + test.loader().skippedImages();
    }
}
