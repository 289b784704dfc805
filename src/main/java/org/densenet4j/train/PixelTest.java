package org.densenet4j.train;

import org.densenet4j.data.SegmentationBatch;
import org.densenet4j.data.SegmentationLoader;
import org.densenet4j.engine.PixelTally;
import org.jspecify.annotations.Nullable;

import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * A test on whole images with a label for every pixel. Images are looked at one by one, each at its
 * own size, whatever the windows that are trained on: networks that normalise with the statistics
 * of the batch at hand then give an image the same result in every set.
 *
 * @param loader of the test images
 */
record PixelTest(SegmentationLoader loader) implements RunTest {
    PixelTest {
        loader = loader.wholeImages();
    }

    static PixelTest of(SegmentationLoader loader) {
        return new PixelTest(loader.batch(1));
    }

    @Override
    public RunTest read(int threads, @Nullable Consumer<String> broken) {
        SegmentationLoader read = loader.threads(threads);
        return new PixelTest(broken == null ? read : read.skipBroken(broken));
    }

    @Override
    public RunTest shard(int number, int count) {
        return new PixelTest(loader.batch(count).shard(number, count)); // one image each
    }

    @Override
    public @Nullable TestSum of(Trainer trainer, BooleanSupplier stop) {
        Sum sum = new Sum(trainer.spec().classes());
        try (SegmentationLoader.Epoch batches = loader.epoch(0);
                OtherSize sizes = new OtherSize(trainer)) {
            while (batches.hasNext()) {
                SegmentationBatch batch = batches.next();
                StepResult r = sizes.trainer(batch.height(), batch.width()).evaluate(batch);
                sum.add(r);
                if (stop.getAsBoolean()) {
                    return null;
                }
            }
        }
        return sum;
    }

    /** Adds up images. */
    private static final class Sum implements TestSum {
        private final int classes;
        private double loss;
        private long images;
        private PixelTally pixels = PixelTally.NONE;

        Sum(int classes) {
            this.classes = classes;
        }

        void add(StepResult r) {
            loss += r.loss() * r.labels();
            images += r.images();
            pixels = pixels.plus(r.pixels());
        }

        @Override
        public void overRanks(Ranks ranks) {
            double[] sums = {loss, images};
            ranks.sum(sums);
            loss = sums[0];
            images = (long) sums[1];
            pixels = ranks.sum(pixels, classes);
        }

        @Override
        public TestResult result() {
            return TestResult.ofPixels(images, loss, pixels);
        }
    }

    /** The trainer, or a copy of it for images of another size, made when the size changes. */
    private static final class OtherSize implements AutoCloseable {
        private final Trainer trained;
        private Trainer current;

        OtherSize(Trainer trained) {
            this.trained = trained;
            this.current = trained;
        }

        Trainer trainer(int height, int width) {
            if (!isOf(current, height, width)) {
                close();
                current = isOf(trained, height, width) ? trained : trained.forSize(height, width);
            }
            return current;
        }

        private static boolean isOf(Trainer trainer, int height, int width) {
            return trainer.spec().inputHeight() == height && trainer.spec().inputWidth() == width;
        }

        @Override
        public void close() {
            if (current != trained) {
                current.close();
                current = trained;
            }
        }
    }
}
