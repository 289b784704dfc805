package org.densenet4j.backend.cuda;

import org.densenet4j.backend.TracedCall;
import org.densenet4j.data.Batch;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.Test;

import java.util.List;

class StepCountsTest {
    @Test
    void counts() {
        run(DenseNetSpec.bc(100, 12).build(), 64);
        run(DenseNetSpec.densenet121().build(), 256);
    }

    private static void run(DenseNetSpec spec, int images) {
        CountingDevice device = new CountingDevice(0.5);
        try (Trainer trainer =
                Trainer.of(spec, device).strategy(MemoryStrategy.SHARED).batch(images).open()) {
            int side = spec.inputHeight();
            Batch batch =
                    new Batch(new float[images * side * side * 3], new int[images], side, side, 3);
            trainer.step(batch, batch);
            device.takeTrace();
            trainer.step(batch, batch);
            List<TracedCall> trace = device.takeTrace();
            System.out.println(spec.name());
            long calls = 0;
            long bytes = 0;
            long flops = 0;
            for (TracedCall c : trace) {
                System.out.printf(
                        "%-40s %6d %8.3f GB %10.3f GFLOP%n",
                        c.name(), c.calls(), c.bytes() / 1e9, c.flops() / 1e9);
                calls += c.calls();
                bytes += c.bytes();
                flops += c.flops();
            }
            System.out.printf("%d %d %d%n", calls, bytes, flops);
        }
    }
}
