package org.densenet4j.train;

import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.OutputScores;
import org.jspecify.annotations.Nullable;

import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * A test on images that are labelled with vectors: several labels, or numbers.
 *
 * @param loader of the test images
 */
record VectorTest(BatchLoader loader) implements RunTest {
    @Override
    public RunTest read(int threads, @Nullable Consumer<String> broken) {
        BatchLoader read = loader.threads(threads);
        return new VectorTest(broken == null ? read : read.skipBroken(broken));
    }

    @Override
    public RunTest shard(int number, int count) {
        return new VectorTest(loader.shard(number, count));
    }

    @Override
    public @Nullable TestSum of(Trainer trainer, BooleanSupplier stop) {
        int outputs = trainer.spec().classes();
        Sum sum = new Sum(outputs);
        try (BatchLoader.Epoch batches = loader.epoch(0)) {
            while (batches.hasNext()) {
                Batch batch = batches.next();
                float[] logits = new float[batch.size() * outputs];
                sum.add(trainer.evaluate(batch, logits), batch.targets(), logits);
                if (stop.getAsBoolean()) {
                    return null;
                }
            }
        }
        return sum;
    }

    /** Adds up batches. */
    private static final class Sum implements TestSum {
        private final int outputs;
        private OutputScores scores;
        private double loss;
        private double weight;
        private long correct;
        private long images;

        Sum(int outputs) {
            this.outputs = outputs;
            this.scores = new OutputScores(outputs);
        }

        void add(StepResult step, float[] targets, float[] logits) {
            if (step.meanOver() > 0) {
                loss += step.loss() * step.meanOver();
                weight += step.meanOver();
            }
            correct += step.correct();
            images += step.images();
            scores.add(logits, targets);
        }

        /** The order of images is another then, on which no score depends. */
        @Override
        public void overRanks(Ranks ranks) {
            double[] sums = {loss, weight, correct, images};
            ranks.sum(sums);
            loss = sums[0];
            weight = sums[1];
            correct = (long) sums[2];
            images = (long) sums[3];
            OutputScores all = new OutputScores(outputs);
            all.add(ranks.gather(scores.values()), ranks.gather(scores.targets()));
            scores = all;
        }

        @Override
        public TestResult result() {
            double n = Double.isFinite(loss) ? Math.max(1, images) : Double.NaN;
            double mean = Double.isFinite(loss) && weight > 0 ? loss / weight : Double.NaN;
            return TestResult.ofVectors(images, mean, correct / n, scores.scores());
        }
    }
}
