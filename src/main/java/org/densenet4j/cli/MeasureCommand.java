package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.data.Batch;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Callable;

/**
 * {@code densenet4j measure}: a few training steps of one strategy in this process, reported as one
 * line of {@code key=value}. Other commands run it in a process of its own, so that resident memory
 * is honest.
 */
@Command(
        name = "measure",
        hidden = true,
        description = "Measures training steps of one strategy in this process.",
        mixinStandardHelpOptions = true)
final class MeasureCommand implements Callable<Integer> {
    @Mixin private ModelOption model;
    @Mixin private DeviceOption device;

    @Option(names = "--strategy", defaultValue = "SHARED", description = "what is kept")
    private MemoryStrategy strategy;

    @Option(names = "--batch", defaultValue = "64", description = "images per step")
    private int batch;

    @Option(names = "--steps", defaultValue = "10", description = "steps, the first half warm-up")
    private int steps;

    /** For picocli. */
    MeasureCommand() {}

    @Override
    public Integer call() throws IOException {
        if (steps < 1) {
            throw new IllegalArgumentException("steps = " + steps + ": use 1 or more");
        }
        DenseNetSpec spec = model.builder("bc-100-12").build();
        Batch data = new RandomImages(spec, batch, 1).next();
        try (Device d = device.open()) {
            long before = ResidentMemory.current();
            try (Trainer trainer =
                    Trainer.of(spec, d)
                            .strategy(strategy)
                            .batch(batch)
                            .optimizer(Sgd.nesterov(0.01))
                            .open()) {
                double[] seconds = new double[steps];
                for (int s = 0; s < steps; s++) {
                    long start = System.nanoTime();
                    trainer.step(data);
                    seconds[s] = (System.nanoTime() - start) / 1e9;
                }
                double[] warm = Arrays.copyOfRange(seconds, steps / 2, steps);
                Arrays.sort(warm);
                System.out.printf(
                        Locale.ROOT,
                        "strategy=%s predicted=%d allocated=%d resident=%d medianSeconds=%.4f"
                                + " imagesPerSecond=%.1f%n",
                        strategy,
                        trainer.plan().peakBytes(),
                        trainer.network().allocatedBytes(),
                        ResidentMemory.current() - before,
                        warm[warm.length / 2],
                        batch / warm[warm.length / 2]);
            }
        }
        return 0;
    }
}
