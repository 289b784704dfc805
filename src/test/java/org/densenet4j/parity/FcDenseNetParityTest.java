package org.densenet4j.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.OptimiserStep.Decayed;
import org.densenet4j.inference.InferenceNetwork;
import org.densenet4j.io.ParityCase;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.reference.ReferenceNetwork;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.train.Rmsprop;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * What PyTorch recorded of a small FC-DenseNet beside what {@link NetworkParityTest} compares: its
 * authors' optimiser, and the logits with running averages, as the PyTorch port evaluates.
 */
class FcDenseNetParityTest {
    private static final int STEPS = 3;

    /** Of the reference: what the record's float32 rounds. */
    private static final double ROUNDING = 1e-6;

    private ParityCase parity;
    private FcDenseNetSpec spec;
    private Map<String, double[]> weights;
    private CaseBatch batch;

    @BeforeEach
    void opens() throws IOException {
        parity =
                ParityCase.open(
                        Path.of(
                                "src/test/resources/golden/networks/fc-densenet-small.safetensors"));
        spec = (FcDenseNetSpec) ParityCheck.spec(parity);
        weights = CaseTensors.of(parity, spec).weights();
        batch = CaseBatch.of(parity, spec);
    }

    @AfterEach
    void closes() {
        parity.close();
    }

    private double number(String key) {
        return Double.parseDouble(parity.metadata().get("rmsprop." + key));
    }

    /** As its authors have it, with the record's settings. */
    private Rmsprop rmsprop() {
        return new Rmsprop(
                number("lr"),
                number("rho"),
                number("epsilon"),
                true,
                number("weight_decay"),
                Decayed.WEIGHTS_AND_SCALES);
    }

    private FcDenseNetSpec withRunningAverages() {
        return spec.toBuilder().evaluatesWithBatchStatistics(false).build();
    }

    private static Device[] devices() {
        return new Device[] {
            Device.open("cpu", new DeviceOptions(2, false, true).withWinograd(false)),
            new EmulatedDevice(DeviceOptions.defaults())
        };
    }

    @Test
    void theAuthorsOptimiserTakesTheRecordedStepsOnBothBackends() {
        for (Device device : devices()) {
            try (device) {
                for (MemoryStrategy strategy : MemoryStrategy.values()) {
                    EngineResults ours =
                            EngineResults.of(
                                    spec, weights, batch, rmsprop(), STEPS, device, strategy);
                    double[] losses = new double[STEPS];
                    for (int step = 1; step <= STEPS; step++) {
                        EngineResults.Step taken = ours.steps().get(step - 1);
                        losses[step - 1] = taken.loss();
                        assertParameters(
                                step,
                                taken.parameters(),
                                ParityCheck.GRADIENT_TOLERANCE,
                                strategy + " on " + device.name());
                    }
                    assertClose("rmsprop.losses", losses, ParityCheck.OUTPUT_TOLERANCE, strategy);
                }
            }
        }
    }

    @Test
    void theReferenceTakesThem() {
        ReferenceNetwork reference = reference(spec);
        double[] losses = new double[STEPS];
        for (int step = 1; step <= STEPS; step++) {
            reference.forward(batch.values(), Mode.TRAIN, ReferenceNetwork.Dropout.NONE);
            losses[step - 1] = reference.loss(batch.labels(), 0);
            reference.backward();
            Rmsprop r = rmsprop();
            reference.rmsprop(
                    r.learningRate(),
                    r.rho(),
                    r.epsilon(),
                    r.epsilonInside(),
                    r.weightDecay(),
                    r.decayed());
            Map<String, double[]> parameters = new HashMap<>();
            spec.graph()
                    .parameters()
                    .forEach(p -> parameters.put(p.name(), reference.parameter(p.name())));
            assertParameters(step, parameters, ROUNDING, "the reference");
        }
        assertClose("rmsprop.losses", losses, ROUNDING, "the reference");
    }

    /** Of the steps that are recorded: the first and the last. */
    private void assertParameters(
            int step, Map<String, double[]> ours, double tolerance, String what) {
        Set<String> recorded = parity.group("rmsprop" + step + ".").keySet();
        assertEquals(step == 2 ? Set.of() : ours.keySet(), recorded);
        for (String name : recorded) {
            assertClose("rmsprop" + step + "." + name, ours.get(name), tolerance, what);
        }
    }

    @Test
    void runningAveragesEvaluateAsRecordedOnBothBackends() throws IOException {
        FcDenseNetSpec running = withRunningAverages();
        ReferenceNetwork reference = reference(running);
        double[] exact =
                reference.forward(batch.values(), Mode.EVALUATE, ReferenceNetwork.Dropout.NONE);
        assertLogits(exact, ROUNDING, "the reference");
        for (Device device : devices()) {
            try (device) {
                for (MemoryStrategy strategy : MemoryStrategy.values()) {
                    EngineResults ours =
                            EngineResults.of(
                                    running, weights, batch, rmsprop(), 0, device, strategy);
                    assertLogits(ours.evalLogits(), ParityCheck.OUTPUT_TOLERANCE, strategy);
                }
                InferencePlan plan = InferencePlan.of(running).batch(batch.images()).on(device);
                try (InferenceNetwork network =
                        InferenceNetwork.open(
                                plan, device, name -> Difference.toFloats(weights.get(name)))) {
                    network.forward(batch.pixels(), 0, batch.images());
                    float[] logits =
                            new float[Math.toIntExact(parity.tensor("eval.logits").count())];
                    network.logits(batch.images(), logits, 0);
                    assertLogits(
                            Difference.toDoubles(logits),
                            ParityCheck.OUTPUT_TOLERANCE,
                            "inference");
                }
            }
        }
    }

    private ReferenceNetwork reference(FcDenseNetSpec of) {
        return DoublePrecision.network(of, weights, DoublePrecision.ALL_BITS);
    }

    private void assertLogits(double[] channelsLast, double tolerance, Object what) {
        double[] ours = PixelOrder.ofLogits(spec).channelsFirst(channelsLast);
        assertClose("eval.running.logits", ours, tolerance, what);
    }

    private void assertClose(String name, double[] ours, double tolerance, Object what) {
        double error = Difference.relative(ours, parity.tensor(name).toDoubles());
        assertTrue(error <= tolerance, name + " of " + what + " is off by " + error);
    }
}
