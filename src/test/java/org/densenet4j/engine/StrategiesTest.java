package org.densenet4j.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;
import org.densenet4j.testing.Isas;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;
import java.util.List;

/** Every strategy, mode and kernel implementation against the double-precision reference. */
class StrategiesTest {
    /** Largest difference in the Euclidean norm, relative; single against double precision. */
    private static final double OUTPUT_TOLERANCE = 1e-4;

    private static final double GRADIENT_TOLERANCE = 1e-3;

    /** With 8 bits per activation and no ReLU that flips. */
    private static final double BFLOAT16_OUTPUT_TOLERANCE = 2e-2;

    /** Operands are rounded to ten bits behind the point, seven in bfloat16. */
    private static final double TENSOR_FLOAT32_OUTPUT_TOLERANCE = BFLOAT16_OUTPUT_TOLERANCE / 8;

    private static final double TENSOR_FLOAT32_GRADIENT_TOLERANCE = 1.5e-1 / 8;

    private static final double BFLOAT16_GRADIENT_TOLERANCE = 1.5e-1;

    /** With ReLUs that do; anything wrong is off by 1. */
    private static final double FLIPPED_GRADIENT_TOLERANCE = 0.4;

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyStrategyAgreesWithTheReferenceOnRandomNetworks(MemoryStrategy strategy) {
        for (boolean vectorApi : new boolean[] {true, false}) {
            try (Device device = Device.open("cpu", new DeviceOptions(2, false, vectorApi))) {
                for (long seed = 1; seed <= 12; seed++) {
                    check(RandomCase.random(seed), strategy, Mode.TRAIN, device, 0);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyStrategyAgreesWithTheReferenceWithDirectConvolutions(MemoryStrategy strategy) {
        for (boolean vectorApi : new boolean[] {true, false}) {
            DeviceOptions options = new DeviceOptions(2, false, vectorApi).withWinograd(false);
            try (Device device = Device.open("cpu", options)) {
                for (long seed = 1; seed <= 6; seed++) {
                    check(RandomCase.random(seed), strategy, Mode.TRAIN, device, 0);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyStrategyAgreesWithTheReferenceWithoutMachineCode(MemoryStrategy strategy) {
        for (boolean vectorApi : new boolean[] {true, false}) {
            DeviceOptions options = new DeviceOptions(2, false, vectorApi).withIsa(CpuIsa.NONE);
            try (Device device = Device.open("cpu", options)) {
                for (long seed = 1; seed <= 6; seed++) {
                    check(RandomCase.random(seed), strategy, Mode.TRAIN, device, 0);
                }
            }
        }
    }

    /** Bottlenecks of one and of several panels of vectors, whole ones and parts. */
    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyStrategyAgreesWithTheReferenceOnBottlenecksOfManyVectors(MemoryStrategy strategy) {
        for (CpuIsa isa : Isas.ofFloats()) {
            DeviceOptions options = new DeviceOptions(2, false, true).withIsa(isa);
            try (Device device = Device.open("cpu", options)) {
                for (int growthRate : new int[] {12, 16, 19, 32}) {
                    DenseNetSpec spec =
                            DenseNetSpec.builder()
                                    .growthRate(growthRate)
                                    .layersPerBlock(3, 2)
                                    .classes(4)
                                    .inputSize(6, 7)
                                    .build();
                    RandomCase c = RandomCase.of(spec, 3, 80 + growthRate);
                    check(c, strategy, Mode.TRAIN, device, 0);
                }
            }
        }
    }

    /** Images of whole tiles, of parts of them and of less than one. */
    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyStrategyAgreesWithTheReferenceOnImagesOfEveryNumberOfTiles(MemoryStrategy strategy) {
        for (boolean winograd : new boolean[] {true, false}) {
            DeviceOptions options = new DeviceOptions(2, false, true).withWinograd(winograd);
            try (Device device = Device.open("cpu", options)) {
                for (int size : new int[] {8, 11, 13}) {
                    DenseNetSpec spec =
                            DenseNetSpec.bc(16, 7).classes(4).inputSize(size, size + 3).build();
                    check(RandomCase.of(spec, 3, 60 + size), strategy, Mode.TRAIN, device, 0);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void bfloat16StorageIsCloseToTheReferenceWhereNoReluFlips(MemoryStrategy strategy) {
        for (boolean vectorApi : new boolean[] {true, false}) {
            try (Device device = bfloat16(false, vectorApi)) {
                for (long seed = 1; seed <= 12; seed++) {
                    RandomCase c = RandomCase.random(seed).withoutKinks();
                    if (DenseNetSpec.of(c.spec).stem()
                            == Stem.SMALL) { // no max pool, whose maxima would flip
                        check(c, strategy, Mode.TRAIN, device, 0);
                        check(c, strategy, Mode.FROZEN, device, 0);
                        DenseNetSpec dropping =
                                DenseNetSpec.of(c.spec).toBuilder().dropout(0.3).build();
                        RandomCase d = RandomCase.of(dropping, c.images, seed).withoutKinks();
                        check(d, strategy, Mode.TRAIN, device, 0.3);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void bfloat16StorageStaysNearTheReferenceWhereSomeFlip(MemoryStrategy strategy) {
        DenseNetSpec small = DenseNetSpec.bc(16, 9).classes(5).inputSize(13, 16).build();
        DenseNetSpec imageNet =
                small.toBuilder().stem(Stem.IMAGENET).layersPerBlock(2, 2).inputSize(37).build();
        for (boolean vectorApi : new boolean[] {true, false}) {
            try (Device device = bfloat16(false, vectorApi)) {
                check(RandomCase.of(small, 12, 71), strategy, Mode.TRAIN, device, 0);
                check(RandomCase.of(small, 12, 72), strategy, Mode.FROZEN, device, 0);
                check(RandomCase.of(imageNet, 8, 73), strategy, Mode.TRAIN, device, 0);
                check(RandomCase.of(imageNet, 8, 74), strategy, Mode.FROZEN, device, 0);
            }
        }
    }

    /** A CPU that stores activations in bfloat16; the test is skipped where none can. */
    private static Device bfloat16(boolean deterministic, boolean vectorApi) {
        return bfloat16(new DeviceOptions(2, deterministic, vectorApi));
    }

    private static Device bfloat16(DeviceOptions options) {
        Device device = Device.open("cpu", options.withPrecision(DataType.BFLOAT16));
        if (!device.supports(DataType.BFLOAT16)) {
            device.close();
        }
        assumeTrue(device.supports(DataType.BFLOAT16), () -> "no bf16 on " + device.description());
        return device;
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void frozenBatchNormUsesEachLayersOwnStatisticsAndLeavesThemAlone(MemoryStrategy strategy) {
        try (Device device = Device.open("cpu", new DeviceOptions(2, false, true))) {
            for (long seed = 21; seed <= 28; seed++) {
                check(RandomCase.random(seed), strategy, Mode.FROZEN, device, 0);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void dropoutDrawsTheSameElementsInBothPassesUnderEveryStrategy(MemoryStrategy strategy) {
        try (Device device = Device.open("cpu", new DeviceOptions(2, false, true))) {
            for (long seed = 31; seed <= 36; seed++) {
                RandomCase plain = RandomCase.random(seed);
                DenseNetSpec spec = DenseNetSpec.of(plain.spec).toBuilder().dropout(0.3).build();
                check(RandomCase.of(spec, plain.images, seed), strategy, Mode.TRAIN, device, 0.3);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void stochasticDepthDropsTheSameLayersInBothPassesUnderEveryStrategy(MemoryStrategy strategy) {
        try (Device device = Device.open("cpu", new DeviceOptions(2, false, true))) {
            for (long seed = 51; seed <= 58; seed++) {
                RandomCase plain = RandomCase.random(seed);
                double dropout = seed % 2 == 0 ? 0 : 0.3;
                DenseNetSpec spec =
                        DenseNetSpec.of(plain.spec).toBuilder()
                                .dropout(dropout)
                                .stochasticDepth(0.8)
                                .build();
                RandomCase c = RandomCase.of(spec, plain.images, seed);
                check(c, strategy, Mode.TRAIN, device, dropout);
                check(c, strategy, Mode.FROZEN, device, dropout);
            }
        }
    }

    @Test
    void layersAreDroppedAsOftenAsTheLinearDecaySays() {
        DenseNetSpec spec =
                DenseNetSpec.builder().layersPerBlock(2, 3).stochasticDepth(0.5).build();
        assertEquals(0.9, spec.survivalProbability(1, 1), 1e-12);
        assertEquals(0.5, spec.survivalProbability(2, 3), 1e-12);
        int steps = 20_000;
        for (int block = 1; block <= 2; block++) {
            for (int layer = 1; layer <= spec.layersPerBlock().get(block - 1); layer++) {
                double survival = spec.survivalProbability(block, layer);
                int kept = 0;
                for (int step = 0; step < steps; step++) {
                    kept +=
                            ReferenceAnswer.layerFactor(
                                                    (float) spec.survivalProbability(block, layer),
                                                    1000 * block + layer,
                                                    step)
                                            > 0
                                    ? 1
                                    : 0;
                }
                assertEquals(survival, (double) kept / steps, 0.02, block + "." + layer);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 7})
    void aBatchSmallerThanThePlanGivesTheSameAsAPlanOfItsSize(int images) {
        DenseNetSpec spec =
                DenseNetSpec.builder()
                        .growthRate(6)
                        .layersPerBlock(3, 3)
                        .initialChannels(10)
                        .inputSize(9)
                        .classes(4)
                        .build();
        RandomCase c = RandomCase.of(spec, images, 5);
        try (Device device = Device.open("cpu", new DeviceOptions(2, true, true))) {
            for (MemoryStrategy strategy : MemoryStrategy.values()) {
                check(
                        c,
                        MemoryPlan.of(spec)
                                .strategy(strategy)
                                .batch(37)
                                .inputGradient(true)
                                .on(device),
                        Mode.TRAIN,
                        device,
                        0);
            }
        }
    }

    static void check(
            RandomCase c, MemoryStrategy strategy, Mode mode, Device device, double dropout) {
        check(c, withInputGradient(c, strategy, device), mode, device, dropout);
    }

    static MemoryPlan withInputGradient(RandomCase c, MemoryStrategy strategy, Device device) {
        return MemoryPlan.of(c.spec)
                .strategy(strategy)
                .batch(c.images)
                .inputGradient(true)
                .on(device);
    }

    /** A plan for at least as many images as the case has. */
    static void check(RandomCase drawn, MemoryPlan plan, Mode mode, Device device, double dropout) {
        boolean floats = device.precision() == DataType.FLOAT32;
        boolean ofPixels = plan.memory().loss().labelsPerImage() > 1;
        float smoothing = ofPixels ? 0 : 0.1f;
        ReferenceAnswer reference =
                ReferenceAnswer.to(drawn, floats && drawn.kinks(), mode, dropout, smoothing);
        RandomCase c = reference.of();
        String what = plan.strategy() + " " + mode + " on " + c + ", " + device.description();
        boolean tensorFloat32 = "tf32".equals(device.facts().get("math"));
        double outputTolerance =
                tensorFloat32
                        ? TENSOR_FLOAT32_OUTPUT_TOLERANCE
                        : floats ? OUTPUT_TOLERANCE : BFLOAT16_OUTPUT_TOLERANCE;
        double gradientTolerance =
                tensorFloat32
                        ? TENSOR_FLOAT32_GRADIENT_TOLERANCE
                        : floats
                                ? GRADIENT_TOLERANCE
                                : c.kinks()
                                        ? FLIPPED_GRADIENT_TOLERANCE
                                        : BFLOAT16_GRADIENT_TOLERANCE;
        // A gradient far smaller than the largest is a sum that cancelled.
        double share = floats ? 1e-3 : 1e-1;
        double biasShare = floats ? 3e-2 : 30;
        try (Network network = Network.open(plan, device, 0)) {
            assertEquals(plan.peakBytes(), network.allocatedBytes(), what);
            c.load(network);
            network.input(c.pixels, c.images);
            network.forward(new Pass(c.images, Mode.EVALUATE, 0, 0));
            float[] evaluated = network.logits(c.images);
            assertClose(reference.evaluated(), evaluated, outputTolerance, what + " evaluation");

            Pass pass = new Pass(c.images, mode, ReferenceAnswer.SEED, ReferenceAnswer.STEP);
            network.forward(pass);
            float[] logits = network.logits(c.images);
            assertClose(reference.logits(), logits, outputTolerance, what + " logits");
            double loss = network.loss(pass, c.labels, smoothing, c.counted);
            double lossTolerance = outputTolerance * Math.abs(reference.loss());
            assertEquals(reference.loss(), loss, lossTolerance, what);
            network.zeroGradients();
            network.backward(pass);
            double scale = 0;
            for (ParameterSpec p : network.parameters()) {
                scale = Math.max(scale, norm(reference.gradient(p.name())));
            }
            for (ParameterSpec p : network.parameters()) {
                double floor = share * scale;
                if (p.role() == ParameterSpec.Role.CONV_BIAS) {
                    // Behind a bias that only batch norms read, what it sums adds up to zero.
                    String weight = p.name().replace(".bias", ".weight");
                    floor = Math.max(floor, biasShare * norm(reference.gradient(weight)));
                }
                assertCloseTo(
                        reference.gradient(p.name()),
                        network.gradient(p.name()),
                        gradientTolerance,
                        floor,
                        what + " gradient of " + p.name());
            }
            if (plan.memory().inputGradient() != null) {
                assertCloseTo(
                        reference.inputGradient(),
                        network.inputGradient(c.images),
                        gradientTolerance,
                        share * scale,
                        what + " gradient of the input");
            }
            for (ParameterSpec p : network.runningStatistics()) {
                assertCloseTo(
                        reference.runningStatistic(p.name()),
                        network.runningStatistic(p.name()),
                        outputTolerance,
                        floor(reference, p.name()),
                        what + " " + p.name());
            }
        }
    }

    /** A mean of what another normalisation centred is zero but for rounding. */
    private static double floor(ReferenceAnswer reference, String statistic) {
        if (!statistic.endsWith(".running_mean")) {
            return 1e-6;
        }
        String variance = statistic.replace(".running_mean", ".running_var");
        return 0.1 * Math.sqrt(Arrays.stream(reference.runningStatistic(variance)).sum());
    }

    static double norm(double[] values) {
        double sum = 0;
        for (double v : values) {
            sum += v * v;
        }
        return Math.sqrt(sum);
    }

    static double distance(double[] expected, float[] actual) {
        double sum = 0;
        for (int i = 0; i < expected.length; i++) {
            sum += Math.pow(expected[i] - actual[i], 2);
        }
        return Math.sqrt(sum);
    }

    private static void assertClose(
            double[] expected, float[] actual, double tolerance, String what) {
        assertCloseTo(expected, actual, tolerance, 1e-6, what);
    }

    private static void assertCloseTo(
            double[] expected, float[] actual, double tolerance, double floor, String what) {
        assertEquals(expected.length, actual.length, what);
        double error = distance(expected, actual) / Math.max(norm(expected), floor);
        assertTrue(error <= tolerance, what + ": relative difference " + error);
    }

    static List<CpuIsa> isas() {
        return Isas.ofFloats();
    }

    @ParameterizedTest
    @MethodSource("isas")
    void sharedAndRecomputeAreBitIdenticalWhenDeterministic(CpuIsa isa) {
        DenseNetSpec spec = DenseNetSpec.bc(22, 12).build();
        RandomCase c = RandomCase.of(spec, 9, 11);
        DeviceOptions options = new DeviceOptions(2, true, true).withIsa(isa);
        try (Device device = Device.open("cpu", options)) {
            float[] shared = gradients(c, MemoryStrategy.SHARED, device);
            assertArrayEquals(shared, gradients(c, MemoryStrategy.RECOMPUTE, device));
            assertArrayEquals(shared, gradients(c, MemoryStrategy.SHARED, device));
        }
    }

    @Test
    void sharedAndRecomputeAreBitIdenticalInBFloat16() {
        RandomCase c = RandomCase.of(DenseNetSpec.bc(22, 12).build(), 9, 11);
        for (CpuIsa isa : Isas.ofHalves()) {
            try (Device device = bfloat16(new DeviceOptions(2, true, true).withIsa(isa))) {
                float[] shared = gradients(c, MemoryStrategy.SHARED, device);
                assertArrayEquals(shared, gradients(c, MemoryStrategy.RECOMPUTE, device));
                assertArrayEquals(shared, gradients(c, MemoryStrategy.SHARED, device));
            }
        }
    }

    /**
     * NAIVE finishes gradients earlier and stores them in between: they round once more. Machine
     * code off, because it does not even round what NAIVE stores.
     */
    @Test
    void naiveAgreesWithTheOthersInBFloat16() {
        RandomCase c = RandomCase.of(DenseNetSpec.bc(22, 12).build(), 9, 11);
        try (Device device = bfloat16(new DeviceOptions(2, true, true).withIsa(CpuIsa.NONE))) {
            float[] shared = gradients(c, MemoryStrategy.SHARED, device);
            float[] naive = gradients(c, MemoryStrategy.NAIVE, device);
            assertClose(doubles(shared), naive, 1e-2, "NAIVE");
        }
    }

    /** Both are about 0.107 away: activations of an untrained network pass many kinks. */
    @Test
    void sharedRoundsNoMoreInBFloat16ThanNaive() {
        RandomCase c = RandomCase.of(DenseNetSpec.bc(22, 12).build(), 9, 11);
        double[] exact;
        try (Device device = Device.open("cpu", new DeviceOptions(2, true, true))) {
            exact = doubles(gradients(c, MemoryStrategy.NAIVE, device));
        }
        try (Device device = bfloat16(true, true)) {
            double shared = distance(exact, gradients(c, MemoryStrategy.SHARED, device));
            double naive = distance(exact, gradients(c, MemoryStrategy.NAIVE, device));
            assertTrue(shared <= 1.1 * naive, () -> shared + " against " + naive);
        }
    }

    private static double[] doubles(float[] values) {
        double[] all = new double[values.length];
        for (int i = 0; i < all.length; i++) {
            all[i] = values[i];
        }
        return all;
    }

    @ParameterizedTest
    @MethodSource("isas")
    void theNumberOfThreadsLeavesLossesAsTheyAreAndRoundsGradients(CpuIsa isa) {
        RandomCase c = RandomCase.of(DenseNetSpec.bc(22, 12).build(), 12, 13);
        DeviceOptions options = new DeviceOptions(1, false, true).withIsa(isa);
        float[] one;
        try (Device device = Device.open("cpu", options)) {
            one = gradients(c, MemoryStrategy.SHARED, device);
        }
        for (int threads : new int[] {2, 3, 5}) {
            try (Device device = Device.open("cpu", options.withThreads(threads))) {
                float[] several = gradients(c, MemoryStrategy.SHARED, device);
                assertClose(doubles(one), several, 1e-5, threads + " threads");
            }
        }
    }

    private static float[] gradients(RandomCase c, MemoryStrategy strategy, Device device) {
        MemoryPlan plan = MemoryPlan.of(c.spec).strategy(strategy).batch(c.images).on(device);
        try (Network network = Network.open(plan, device, 1)) {
            Pass pass = new Pass(c.images, Mode.TRAIN, 0, 0);
            c.load(network);
            network.input(c.pixels, c.images);
            network.forward(pass);
            network.loss(pass, c.labels, 0, c.images);
            network.zeroGradients();
            network.backward(pass);
            float[] all = new float[0];
            for (ParameterSpec p : network.parameters()) {
                float[] g = network.gradient(p.name());
                int end = all.length;
                all = Arrays.copyOf(all, end + g.length);
                System.arraycopy(g, 0, all, end, g.length);
            }
            return all;
        }
    }
}
