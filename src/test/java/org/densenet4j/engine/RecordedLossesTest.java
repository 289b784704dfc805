package org.densenet4j.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.io.Safetensors;
import org.densenet4j.plan.LossMemory;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.TargetKind;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Losses as a step takes them against what PyTorch recorded (scripts/record_losses.py). */
class RecordedLossesTest {
    private static final Path RECORDED = Path.of("src/test/resources/golden/losses.safetensors");
    private static final int IMAGES = 6;
    private static final int OUTPUTS = 5;
    private static final double TOLERANCE = 2e-6;

    private static Map<String, LossFunction> losses(List<Double> weights) {
        Map<String, LossFunction> losses = new LinkedHashMap<>();
        LossFunction.CrossEntropy softmax = LossFunction.crossEntropy();
        losses.put("cross-entropy", softmax);
        losses.put("cross-entropy-smoothed", softmax.withSmoothing(0.1));
        losses.put("cross-entropy-weighted", softmax.withClassWeights(weights));
        losses.put(
                "cross-entropy-weighted-smoothed",
                softmax.withClassWeights(weights).withSmoothing(0.2));
        losses.put("cross-entropy-shares", softmax);
        losses.put("cross-entropy-shares-smoothed", softmax.withSmoothing(0.1));
        LossFunction.BinaryCrossEntropy sigmoid = LossFunction.binaryCrossEntropy();
        losses.put("binary", sigmoid);
        losses.put("binary-positive", sigmoid.withPositiveWeights(weights));
        losses.put("binary-missing", sigmoid);
        losses.put("binary-missing-positive", sigmoid.withPositiveWeights(weights));
        losses.put("binary-smoothed", sigmoid.withSmoothing(0.1));
        losses.put("by-label", sigmoid.withMeanByLabel(weights));
        losses.put("focal", sigmoid.withFocus(2, 0.25));
        losses.put("focal-unbalanced", sigmoid.withFocus(1.5, -1));
        losses.put("squared", LossFunction.meanSquaredError());
        losses.put("squared-missing", LossFunction.meanSquaredError());
        losses.put("huber", LossFunction.huber(1.5));
        losses.put("huber-missing", LossFunction.huber(0.5));
        return losses;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void lossesAndGradientsAreThoseOfPyTorch(boolean cuda) throws IOException {
        DenseNetSpec spec = DenseNetSpec.bc(16, 4).inputSize(8).classes(OUTPUTS).build();
        try (Safetensors recorded = Safetensors.open(RECORDED);
                Device device =
                        cuda
                                ? new EmulatedDevice(DeviceOptions.defaults())
                                : Device.open("cpu", DeviceOptions.defaults().withThreads(2))) {
            MemoryPlan plan =
                    MemoryPlan.of(spec).batch(IMAGES).targets(TargetKind.VECTOR).on(device);
            try (DeviceArena arena =
                    device.allocate(
                            plan.peakBytes(),
                            plan.memory().libraryScratchOffset(),
                            plan.memory().libraryScratchBytesPerLane())) {
                Loss loss =
                        Loss.of(new Compute(device, arena, plan.memory()), plan.memory().loss());
                List<Double> weights =
                        Arrays.stream(recorded.tensor("weights").toDoubles()).boxed().toList();
                for (var named : losses(weights).entrySet()) {
                    check(named.getKey(), named.getValue(), loss, arena, recorded);
                }
            }
        }
    }

    private static void check(
            String name,
            LossFunction function,
            Loss loss,
            DeviceArena arena,
            Safetensors recorded) {
        LossMemory memory = loss.memory();
        Pass pass = new Pass(IMAGES, Mode.TRAIN, 1, 0);
        float[] targets = recorded.tensor(name + ".targets").toFloats();
        arena.upload(recorded.tensor(name + ".logits").toFloats(), 0, memory.logits());
        Targets.Vectors vectors = Targets.Vectors.of(function, targets, OUTPUTS);
        loss.check(pass, vectors);
        loss.upload(pass, vectors);
        loss.run(pass, vectors);
        float[] values = new float[memory.outcome().columns()];
        arena.download(memory.outcome(), values, 0);
        float[] gradient = new float[IMAGES * OUTPUTS];
        arena.download(memory.logitsGradient(), gradient, 0);
        assertEquals(
                recorded.tensor(name + ".loss").toDoubles()[0],
                loss.outcome(pass, values, 1).loss(),
                5 * TOLERANCE,
                name);
        double[] wanted = recorded.tensor(name + ".gradient").toDoubles();
        for (int i = 0; i < wanted.length; i++) {
            assertEquals(wanted[i], gradient[i], TOLERANCE, name + ", gradient " + i);
        }
    }
}
