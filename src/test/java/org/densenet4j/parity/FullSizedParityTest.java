package org.densenet4j.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.engine.SgdStep;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.plan.MemoryPlan;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Full-sized networks in single precision, against what PyTorch computed of them in double
 * precision: a training pass and three steps.
 *
 * <p>Networks of this depth have ReLUs whose input is within rounding of zero. One that goes the
 * other way moves gradients of a tensor by 1 % of their norm, PyTorch's own in single precision too
 * ({@code noise} in the records), and single elements by more. Something that is wrong is off by
 * more than that, or in many tensors.
 */
class FullSizedParityTest {
    private static final int STEPS = 3;

    /** Of logits and losses, which are continuous: relative. */
    private static final double OUTPUT_TOLERANCE = 1e-4;

    /**
     * How far tensors may be off.
     *
     * @param norm relative, of the norm of a tensor
     * @param element of an element, in units of the root mean square of its tensor
     * @param mean root mean square of that over all recorded elements
     */
    private record Tolerance(double norm, double element, double mean) {
        /**
         * More where PyTorch's own single precision is off by more than half of that: in the median
         * of tensors, and for the root mean square in that of tensors.
         */
        Tolerance timesNoise(double[] noise) {
            double[] sorted = noise.clone();
            Arrays.sort(sorted);
            double factor = Math.max(1, 2 * sorted[sorted.length / 2] / norm);
            double squares = Arrays.stream(noise).map(n -> n * n).sum();
            double root = Math.sqrt(squares / noise.length);
            return new Tolerance(factor * norm, factor * element, Math.max(mean, 2 * root));
        }
    }

    /** Of running statistics, which are continuous. */
    private static final Tolerance STATISTICS = new Tolerance(1e-4, 1e-3, 1e-4);

    /** Of gradients, and of what steps changed. */
    private static final Tolerance GRADIENTS = new Tolerance(1e-2, 0.1, 1e-2);

    /**
     * Tensors whose root mean square is a smaller part of all tensors' are zero but for rounding:
     * gradients of biases that only batch normalisations read.
     */
    private static final double ZERO = 1e-5;

    /** One of each family that is no DenseNet. Others are recorded and take as long again. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "resnet50",
                "fc-densenet103",
                "condensenet-imagenet-74-c4",
                "msdnet-imagenet-4",
                "rdnet-t",
                "dsod300"
            })
    void aPassAndThreeStepsAgree(String name) throws IOException {
        DeviceOptions direct = new DeviceOptions(2, false, true).withWinograd(false);
        try (RecordedSummary recorded = RecordedSummary.open(name);
                Device device = Device.open("cpu", direct)) {
            MemoryPlan plan = MemoryPlan.of(recorded.spec()).batch(recorded.batch()).on(device);
            try (Network network = Network.open(plan, device, 0)) {
                check(recorded, network);
            }
        }
    }

    private static void check(RecordedSummary recorded, Network network) throws IOException {
        List<String> trained = recorded.names(true);
        List<String> statistics = recorded.names(false);
        assertEquals(Set.copyOf(trained), names(network.parameters()));
        assertEquals(Set.copyOf(statistics), names(network.runningStatistics()));
        Map<String, float[]> start = new LinkedHashMap<>();
        network.parameters().forEach(p -> start.put(p.name(), recorded.parameter(p)));
        start.forEach(network::parameter);
        CaseBatch batch = recorded.images();
        float[] images = batch.pixels();
        Pass pass = new Pass(batch.images(), Mode.TRAIN, 0, 0);
        RecordedObjective objective = recorded.objective();
        SgdStep sgd = recorded.sgd();
        double[] losses = new double[STEPS];
        for (int step = 0; step < STEPS; step++) {
            network.zeroGradients();
            network.input(images, batch.images());
            network.forward(pass);
            if (step == 0) {
                double[] logits = objective.logits(network);
                assertClose(recorded, "train.logits", logits, OUTPUT_TOLERANCE);
            }
            losses[step] = objective.loss(network, pass);
            network.backward(pass);
            if (step == 0) {
                assertClose(recorded, "train.loss", new double[] {losses[0]}, OUTPUT_TOLERANCE);
                if (!statistics.isEmpty()) {
                    sampled(statistics, network::runningStatistic, Map.of())
                            .check(
                                    "statistic",
                                    recorded.values("train.running.norm"),
                                    recorded.values("train.running.samples"),
                                    STATISTICS);
                }
                sampled(trained, network::gradient, Map.of())
                        .check(
                                "gradient",
                                recorded.values("train.grad.norm"),
                                recorded.values("train.grad.samples"),
                                GRADIENTS);
            }
            network.update(sgd);
        }
        assertClose(recorded, "sgd.losses", losses, 10 * OUTPUT_TOLERANCE);
        double[] moved = recorded.values("sgd3.samples");
        for (int i = 0; i < trained.size(); i++) {
            double[] before =
                    RecordedSummary.samples(
                            Difference.toDoubles(start.get(trained.get(i))),
                            RecordedSummary.ELEMENTS);
            for (int j = 0; j < before.length; j++) {
                moved[i * before.length + j] -= before[j];
            }
        }
        sampled(trained, network::parameter, start)
                .check(
                        "change of steps",
                        recorded.values("sgd3.change.norm"),
                        moved,
                        GRADIENTS.timesNoise(recorded.values("noise.sgd3.change")));
    }

    private static Set<String> names(List<ParameterSpec> tensors) {
        return tensors.stream().map(ParameterSpec::name).collect(Collectors.toSet());
    }

    /** Compares as many elements as were recorded. */
    private static void assertClose(
            RecordedSummary recorded, String name, double[] ours, double tolerance) {
        double[] theirs = recorded.values(name);
        double error =
                Difference.relative(
                        ours.length == theirs.length
                                ? ours
                                : RecordedSummary.samples(ours, theirs.length),
                        theirs);
        assertTrue(error <= tolerance, name + " is off by " + error);
    }

    private static Sampled sampled(
            List<String> names, Function<String, float[]> tensor, Map<String, float[]> before) {
        int k = RecordedSummary.ELEMENTS;
        Sampled sampled =
                new Sampled(
                        names,
                        new long[names.size()],
                        new double[names.size()],
                        new double[k * names.size()]);
        for (int i = 0; i < names.size(); i++) {
            double[] values = Difference.toDoubles(tensor.apply(names.get(i)));
            float[] from = before.getOrDefault(names.get(i), new float[values.length]);
            double sum = 0;
            for (int j = 0; j < values.length; j++) {
                values[j] -= from[j];
                sum += values[j] * values[j];
            }
            sampled.counts()[i] = values.length;
            sampled.norms()[i] = Math.sqrt(sum);
            System.arraycopy(RecordedSummary.samples(values, k), 0, sampled.elements(), i * k, k);
        }
        return sampled;
    }

    /**
     * Norms of tensors and some of their elements, as records have them.
     *
     * @param counts elements that each tensor has
     */
    private record Sampled(List<String> names, long[] counts, double[] norms, double[] elements) {
        void check(String what, double[] theirNorms, double[] theirElements, Tolerance allowed) {
            double squares = Arrays.stream(theirNorms).map(n -> n * n).sum();
            double zero = ZERO * Math.sqrt(squares / Arrays.stream(counts).sum());
            double deviations = 0;
            int compared = 0;
            int k = RecordedSummary.ELEMENTS;
            for (int i = 0; i < names.size(); i++) {
                String tensor = what + " of " + names.get(i);
                double root = Math.sqrt(counts[i]);
                double theirs = theirNorms[i] / root;
                if (theirs < zero) {
                    // In single precision sums over all pixels leave more than nothing.
                    assertTrue(
                            norms[i] / root < 10 * zero, tensor + ": " + norms[i] + " is not zero");
                    continue;
                }
                double error = Math.abs(norms[i] - theirNorms[i]) / theirNorms[i];
                assertTrue(error <= allowed.norm(), tensor + ": the norm is off by " + error);
                for (int j = i * k; j < i * k + Math.min(k, counts[i]); j++) {
                    double off = Math.abs(elements[j] - theirElements[j]) / theirs;
                    assertTrue(off <= allowed.element(), tensor + ": an element is off by " + off);
                    deviations += off * off;
                    compared++;
                }
            }
            double mean = Math.sqrt(deviations / compared);
            assertTrue(mean <= allowed.mean(), what + ": elements are off by " + mean);
        }
    }
}
