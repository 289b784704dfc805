package org.densenet4j.train;

import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Node;
import org.jspecify.annotations.Nullable;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
        List<String> heads =
                trainer.spec().graph().heads().stream()
                        .filter(n -> n instanceof Classifier head && head.classes() == classes)
                        .map(Node::name)
                        .toList();
        TestResult.Sum sum = new TestResult.Sum(classes, heads);
        try (BatchLoader.Epoch batches = loader.epoch(0)) {
            while (batches.hasNext()) {
                Batch batch = batches.next();
                Map<String, float[]> logits = new LinkedHashMap<>();
                heads.forEach(head -> logits.put(head, new float[batch.size() * classes]));
                StepResult r = trainer.evaluateHeads(batch, logits);
                sum.add(r, batch.labels(), logits);
                if (stop.getAsBoolean()) {
                    return null;
                }
            }
        }
        return sum;
    }
}
