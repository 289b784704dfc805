package org.densenet4j.inference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.spec.CondenseNetSpec;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.weights.WeightSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Networks of which inference multiplies only what condensation has left. */
class CondensedInferenceTest {
    private static final int IMAGES = 3;

    private static CondenseNetSpec spec(int groups, int factor, int firstGrowth) {
        return CondenseNetSpec.builder()
                .layersPerBlock(3, 2)
                .growthRates(firstGrowth, 2 * firstGrowth)
                .groups(groups)
                .condensationFactor(factor)
                .inputSize(12, 10)
                .classes(7)
                .build();
    }

    /** Random weights of which each group keeps inputs of its own, as many as are left. */
    private static Map<String, float[]> condensed(CondenseNetSpec spec, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Map<String, float[]> weights = new HashMap<>();
        for (ParameterSpec p :
                Stream.concat(
                                spec.graph().parameters().stream(),
                                spec.graph().runningStatistics().stream())
                        .toList()) {
            boolean scale = p.shape().size() == 1 && !p.name().endsWith("bias");
            float[] values = new float[Math.toIntExact(p.count())];
            double size = scale ? 1 : 1 / Math.sqrt((double) p.count() / p.shape().get(0));
            for (int i = 0; i < values.length; i++) {
                values[i] =
                        (float) (scale ? 0.5 + random.nextDouble() : size * random.nextGaussian());
            }
            weights.put(p.name(), values);
        }
        for (LearnedGroups learned : spec.graph().learnedGroups()) {
            int inputs = spec.graph().parameter(learned.weight()).shape().get(1);
            float[] values = weights.get(learned.weight());
            for (int group = 0; group < learned.groups(); group++) {
                boolean[] kept = new boolean[inputs];
                random.ints(0, inputs)
                        .distinct()
                        .limit(learned.left(inputs))
                        .forEach(i -> kept[i] = true);
                for (int i = group * inputs; i < values.length; i += learned.groups() * inputs) {
                    for (int in = 0; in < inputs; in++) {
                        values[i + in] = kept[in] ? values[i + in] : 0;
                    }
                }
            }
        }
        return weights;
    }

    private static float[] logits(
            CondenseNetSpec spec, boolean condensed, Device device, WeightSource weights)
            throws IOException {
        InferencePlan plan = InferencePlan.of(spec).batch(IMAGES).condensed(condensed).on(device);
        try (InferenceNetwork network = InferenceNetwork.open(plan, device, weights)) {
            SplittableRandom random = new SplittableRandom(5);
            float[] images = new float[IMAGES * 12 * 10 * 3];
            IntStream.range(0, images.length)
                    .forEach(i -> images[i] = (float) random.nextGaussian());
            network.forward(images, 0, IMAGES);
            float[] logits = new float[IMAGES * network.logitsPerImage()];
            network.logits(IMAGES, logits, 0);
            return logits;
        }
    }

    private static void compare(Device device, double tolerance) throws IOException {
        int[][] forms = {{2, 2, 4}, {4, 4, 8}, {4, 2, 16}, {3, 6, 12}, {1, 2, 8}, {8, 8, 32}};
        for (int[] form : forms) {
            CondenseNetSpec spec = spec(form[0], form[1], form[2]);
            Map<String, float[]> weights = condensed(spec, form[0]);
            float[] expected = logits(spec, false, device, weights::get);
            float[] found = logits(spec, true, device, weights::get);
            float largest = 0;
            for (float v : expected) {
                largest = Math.max(largest, Math.abs(v));
            }
            assertTrue(largest > 0.01, () -> spec + " has logits of nothing");
            assertArrayEquals(expected, found, (float) (tolerance * largest), spec.toString());
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"BEST", "AVX2", "NONE"})
    void nothingChangesButWhatIsMultiplied(CpuIsa isa) throws IOException {
        for (int threads = 1; threads <= 4; threads += 3) {
            DeviceOptions options = DeviceOptions.defaults().withThreads(threads).withIsa(isa);
            try (Device device = Device.open("cpu", options)) {
                compare(device, 1e-5);
            }
        }
    }

    /** A source may hand out arrays of its own: they are read, and not folded into. */
    @Test
    void theSourcesArraysStayAsTheyAre() throws IOException {
        CondenseNetSpec spec = spec(2, 2, 4);
        Map<String, float[]> weights = condensed(spec, 1);
        Map<String, float[]> before = new HashMap<>();
        weights.forEach((name, values) -> before.put(name, values.clone()));
        try (Device device = Device.open("cpu", DeviceOptions.defaults())) {
            for (boolean condensed : new boolean[] {false, true}) {
                logits(spec, condensed, device, weights::get);
                weights.forEach(
                        (name, values) -> assertArrayEquals(before.get(name), values, name));
            }
        }
    }

    @Test
    void norInBFloat16() throws IOException {
        for (CpuIsa isa : new CpuIsa[] {CpuIsa.BEST, CpuIsa.AVX2}) {
            DeviceOptions options =
                    DeviceOptions.defaults()
                            .withThreads(2)
                            .withIsa(isa)
                            .withPrecision(DataType.BFLOAT16);
            try (Device device = Device.open("cpu", options)) {
                assumeTrue(device.supports(DataType.BFLOAT16), device.description());
                compare(device, 2e-2);
            }
        }
    }

    @Test
    void norOnEmulatedCudaKernels() throws IOException {
        try (Device device = new EmulatedDevice(DeviceOptions.defaults())) {
            compare(device, 1e-5);
        }
    }

    @Test
    void weightsThatAreNotCondensedAreRefused() throws IOException {
        CondenseNetSpec spec = spec(2, 2, 4);
        Map<String, float[]> weights = condensed(spec, 1);
        String first = spec.graph().learnedGroups().getFirst().weight();
        Arrays.fill(weights.get(first), 1);
        for (String name : new String[] {"cpu", "emulated"}) {
            try (Device device =
                    name.equals("cpu")
                            ? Device.open("cpu", DeviceOptions.defaults())
                            : new EmulatedDevice(DeviceOptions.defaults())) {
                String message =
                        assertThrows(
                                        IllegalArgumentException.class,
                                        () -> logits(spec, true, device, weights::get))
                                .getMessage();
                assertEquals(
                        "the weights '"
                                + first
                                + "' are not condensed: group 0 reads 8 inputs, of which"
                                + " condensation leaves 4; train to the end, or plan without"
                                + " condensed(true)",
                        message);
            }
        }
    }

    @Test
    void aNetworkWithoutLearnedGroupsCannotBeCondensed() {
        InferencePlan.Builder plan =
                InferencePlan.of(DenseNetSpec.builder().name("plain").build()).condensed(false);
        assertEquals(
                "the network 'plain' has no learned groups to be condensed",
                assertThrows(IllegalArgumentException.class, () -> plan.condensed(true))
                        .getMessage());
    }
}
