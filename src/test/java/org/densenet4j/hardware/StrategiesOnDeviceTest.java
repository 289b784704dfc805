package org.densenet4j.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.data.Batch;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.ParameterSpec;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.ArrayList;
import java.util.List;

/** The same steps under every strategy, and on a GPU also those of the CPU. */
class StrategiesOnDeviceTest {
    private static final int STEPS = 3;
    private static final int IMAGES = 5;

    /** Relative in norm; the strategies may sum in different orders. */
    private static final double TOLERANCE = 1e-4;

    /** Between devices, whose convolutions are different programs. */
    private static final double DEVICE_TOLERANCE = 1e-3;

    /**
     * What some steps gave.
     *
     * @param losses of each step
     * @param parameters after the last
     */
    private record Run(List<Double> losses, List<float[]> parameters) {}

    @ParameterizedTest
    @CsvSource({
        "bc-22-12, true",
        "bc-22-12, false",
        "plain-10-5, true",
        "c-13-7, true",
        "densenet121, false"
    })
    void everyStrategyTakesTheSameSteps(String model, boolean machineCode) {
        DenseNetSpec spec = DenseNetSpec.preset(model).classes(7).inputSize(33).build();
        // Rounding grows from step to step where batch norm sees five values: in densenet121 at
        // this
        // size images that differ by 1e-7 give a third loss that differs by 2 %. There all
        // strategies must multiply by the same program, and nowhere by Winograd's.
        try (Device device = DeviceUnderTest.openDirect(machineCode)) {
            Run shared = run(spec, MemoryStrategy.SHARED, device);
            for (MemoryStrategy strategy : MemoryStrategy.values()) {
                Run other = run(spec, strategy, device);
                assertClose(shared, other, TOLERANCE, model + " " + strategy);
            }
            if (DeviceUnderTest.isCuda()) {
                try (Device cpu = Device.cpu()) {
                    Run expected = run(spec, MemoryStrategy.SHARED, cpu);
                    assertClose(expected, shared, DEVICE_TOLERANCE, model + " on the CPU");
                }
            }
        }
    }

    private static Run run(DenseNetSpec spec, MemoryStrategy strategy, Device device) {
        Batch batch = DeviceUnderTest.batch(spec, IMAGES, 3);
        try (Trainer trainer =
                Trainer.of(spec, device)
                        .strategy(strategy)
                        .batch(IMAGES)
                        .optimizer(Sgd.nesterov(0.01))
                        .seed(4)
                        .open()) {
            assertEquals(trainer.plan().peakBytes(), trainer.network().allocatedBytes());
            List<Double> losses = new ArrayList<>();
            for (int step = 0; step < STEPS; step++) {
                losses.add(trainer.step(batch).loss());
            }
            List<float[]> parameters = new ArrayList<>();
            for (ParameterSpec p : trainer.network().parameters()) {
                parameters.add(trainer.network().parameter(p.name()));
            }
            return new Run(losses, parameters);
        }
    }

    private static void assertClose(Run expected, Run actual, double tolerance, String what) {
        for (int step = 0; step < STEPS; step++) {
            double loss = expected.losses().get(step);
            assertEquals(loss, actual.losses().get(step), tolerance * loss, what + " loss");
        }
        double difference = 0;
        double norm = 0;
        for (int p = 0; p < expected.parameters().size(); p++) {
            float[] a = expected.parameters().get(p);
            float[] b = actual.parameters().get(p);
            for (int i = 0; i < a.length; i++) {
                difference += (a[i] - b[i]) * (double) (a[i] - b[i]);
                norm += a[i] * (double) a[i];
            }
        }
        double error = Math.sqrt(difference / norm);
        assertTrue(error <= tolerance, what + ": parameters differ by " + error);
    }
}
