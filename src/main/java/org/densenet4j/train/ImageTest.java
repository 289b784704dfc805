package org.densenet4j.train;

import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.jspecify.annotations.Nullable;

import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * A test on images with one label each.
 *
 * @param loader of the test images
 */
record ImageTest(BatchLoader loader) implements RunTest {
    @Override
    public RunTest read(int threads, @Nullable Consumer<String> broken) {
        BatchLoader read = loader.threads(threads);
        return new ImageTest(broken == null ? read : read.skipBroken(broken));
    }

    @Override
    public RunTest shard(int number, int count) {
        return new ImageTest(loader.shard(number, count));
    }

    @Override
    public @Nullable TestSum of(Trainer trainer, BooleanSupplier stop) {
        int classes = trainer.spec().classes();
        TestResult.Sum sum = new TestResult.Sum(classes);
        try (BatchLoader.Epoch batches = loader.epoch(0)) {
            while (batches.hasNext()) {
                Batch batch = batches.next();
                float[] logits = new float[batch.size() * classes];
                StepResult r = trainer.evaluate(batch, logits);
                sum.add(r, batch.labels(), logits);
                if (stop.getAsBoolean()) {
                    return null;
                }
            }
        }
        return sum;
    }
}
