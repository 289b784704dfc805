package org.densenet4j.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.PlannedH100;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.spec.CondenseNetSpec;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.DsodSpec;
import org.densenet4j.spec.MsdNetSpec;
import org.densenet4j.spec.NetworkShape;
import org.densenet4j.spec.RdNetSpec;
import org.densenet4j.weights.RandomSpec;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;

class MemoryPlanTest {
    private static final long MB = 1_000_000;
    private static final List<String> PRESETS =
            List.of(
                    "bc-100-12",
                    "bc-190-40",
                    "b-40-12",
                    "c-40-12",
                    "plain-40-12",
                    "bc-22-12",
                    "densenet121",
                    "densenet169",
                    "densenet201",
                    "densenet161",
                    "densenet264",
                    "densenet232");
    private static Device device;

    @BeforeAll
    static void open() {
        device = Device.open("cpu", DeviceOptions.defaults().withThreads(2));
    }

    @AfterAll
    static void close() {
        device.close();
    }

    private static MemoryPlan plan(String model, int batch, MemoryStrategy strategy) {
        DenseNetSpec spec = DenseNetSpec.preset(model).build();
        return MemoryPlan.of(spec).strategy(strategy).batch(batch).on(device);
    }

    /**
     * Activations and their gradients at the peak, as they follow from the network: pools between
     * blocks keep nothing.
     */
    @ParameterizedTest
    @CsvSource({"SHARED, 401.5", "RECOMPUTE, 146.5"})
    void aCondenseNetKeepsABottleneckForEachLayerOrItsBlocksAlone(
            MemoryStrategy strategy, double most) {
        CondenseNetSpec spec = CondenseNetSpec.imageNet74(4).build();
        MemoryPlan plan = MemoryPlan.of(spec).strategy(strategy).batch(16).on(device);
        double bytes = 0;
        for (Category category :
                List.of(
                        Category.FEATURES,
                        Category.BOTTLENECKS,
                        Category.GRADIENTS,
                        Category.WORKSPACE)) {
            bytes += plan.bytesAtPeak().get(category);
        }
        assertTrue(bytes < most * MB && bytes > (most - 1) * MB, bytes + " bytes");
    }

    /**
     * An MSDNet's batch norms belong to those who write, so its matrices are all that layers read:
     * of 1,635 MB that an autograd framework keeps, 452 are left with the bottlenecks and 160.4
     * without.
     */
    @ParameterizedTest
    @CsvSource({"SHARED, 452", "RECOMPUTE, 160.4"})
    void anMsdNetKeepsItsScalesAndABottleneckForEachBranch(MemoryStrategy strategy, double most) {
        MsdNetSpec spec = MsdNetSpec.imageNet(7).build();
        MemoryPlan plan = MemoryPlan.of(spec).strategy(strategy).batch(16).on(device);
        double bytes = 0;
        for (Category category :
                List.of(
                        Category.FEATURES,
                        Category.BOTTLENECKS,
                        Category.GRADIENTS,
                        Category.WORKSPACE)) {
            bytes += plan.bytesAtPeak().get(category);
        }
        assertTrue(bytes < most * MB && bytes > (most - 1) * MB, bytes + " bytes");
    }

    /**
     * RDNet-T with batch 16: an autograd framework keeps 2,347 MB. Of its stages alone 135 MB are
     * left, a seventeenth.
     */
    @ParameterizedTest
    @CsvSource({"NAIVE, 2449.4", "SHARED, 1037", "RECOMPUTE, 135.02"})
    void anRdNetKeepsTheMiddleOfEachLayerOrItsStagesAlone(MemoryStrategy strategy, double most) {
        MemoryPlan plan =
                MemoryPlan.of(RdNetSpec.tiny().build()).strategy(strategy).batch(16).on(device);
        double bytes = 0;
        for (Category category :
                List.of(
                        Category.FEATURES,
                        Category.BOTTLENECKS,
                        Category.COPIES,
                        Category.GRADIENTS,
                        Category.WORKSPACE)) {
            bytes += plan.bytesAtPeak().getOrDefault(category, 0L);
        }
        assertTrue(bytes < most * MB && bytes > 0.99 * most * MB, bytes + " bytes");
    }

    /**
     * DSOD300 with batch 8: its matrices, all of which live until the loss, are 464 MB, and NAIVE
     * keeps as much again six times. What the L2 norms before the heads make is kept by NAIVE
     * alone: 38²·800 + 19²·512 + 10²·512 + 5²·256 + 3²·256 + 2²·256 floats of each image.
     */
    @ParameterizedTest
    @CsvSource({"NAIVE, 3164", "SHARED, 810", "RECOMPUTE, 507"})
    void aDsodKeepsItsBlocksAndSources(MemoryStrategy strategy, double most) {
        MemoryPlan plan =
                MemoryPlan.of(DsodSpec.dsod300().build()).strategy(strategy).batch(8).on(device);
        double bytes = 0;
        for (Category category :
                List.of(
                        Category.FEATURES,
                        Category.BOTTLENECKS,
                        Category.COPIES,
                        Category.GRADIENTS,
                        Category.WORKSPACE)) {
            bytes += plan.bytesAtPeak().getOrDefault(category, 0L);
        }
        assertTrue(bytes < most * MB && bytes > (most - 2) * MB, bytes + " bytes");
        long normalised =
                plan.buffers().stream()
                        .filter(b -> b.name().matches("head\\d\\.normalised"))
                        .mapToLong(Buffer::bytes)
                        .sum();
        long floats = 38 * 38 * 800 + 19 * 19 * 512 + 10 * 10 * 512 + (25 + 9 + 4) * 256;
        assertEquals(strategy == MemoryStrategy.NAIVE ? 8 * 4 * floats : 0, normalised, 4096);
    }

    /** A head on a network that is done: nothing but a forward pass is left of that. */
    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void whatIsFrozenAtTheStartKeepsNothingForABackwardPass(MemoryStrategy strategy) {
        DenseNetSpec spec = DenseNetSpec.preset("densenet121").build();
        List<String> start =
                spec.graph().parameters().stream()
                        .map(ParameterSpec::name)
                        .filter(name -> !name.startsWith("classifier."))
                        .filter(name -> !name.startsWith("features.norm5."))
                        .toList();
        MemoryPlan.Builder request = MemoryPlan.of(spec).strategy(strategy).batch(16);
        MemoryPlan all = request.on(device);
        MemoryPlan head = request.frozen(start).on(device);
        assertEquals(all.modelBytes(), head.modelBytes());
        int nodes = spec.graph().nodes().size();
        assertEquals(nodes - 1, head.schedule().frozenNodes());
        Set<String> inBackward =
                head.buffers().stream()
                        .filter(b -> b.last() > nodes && b.first() > 0)
                        .map(Buffer::name)
                        .collect(Collectors.toSet());
        // the head's own, and the matrix that it reads
        inBackward.forEach(name -> assertTrue(name.matches("(head|block4)\\..*"), name));
        double times = (double) all.activationBytes() / head.activationBytes();
        double least =
                switch (strategy) {
                    case NAIVE -> 8;
                    case SHARED -> 3;
                    case RECOMPUTE -> 1.5;
                };
        assertTrue(times > least, strategy + ": " + times);
        assertEquals(
                request.frozen(Set.of()).inputGradient(true).on(device).peakBytes(),
                request.frozen(start).on(device).peakBytes(),
                "the gradient of the images needs all");
    }

    @Test
    void onlyParametersOfTheNetworkAreFrozenAndNeverAll() {
        DenseNetSpec spec = DenseNetSpec.preset("bc-22-12").build();
        MemoryPlan.Builder plan = MemoryPlan.of(spec);
        assertEquals(
                "frozen: the network '" + spec.name() + "' has no parameter conv0.weight",
                assertThrows(
                                IllegalArgumentException.class,
                                () -> plan.frozen(List.of("conv0.weight")))
                        .getMessage());
        List<String> all = spec.graph().parameters().stream().map(ParameterSpec::name).toList();
        assertEquals(
                "all parameters are frozen, so that nothing would be trained; freeze fewer",
                assertThrows(IllegalArgumentException.class, () -> plan.frozen(all)).getMessage());
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void buffersThatLiveAtTheSameTimeNeverOverlap(MemoryStrategy strategy) {
        for (long seed = 1; seed <= 20; seed++) {
            RandomCase c = RandomCase.random(seed);
            MemoryPlan plan = MemoryPlan.of(c.spec).strategy(strategy).batch(c.images).on(device);
            List<Buffer> buffers = plan.buffers();
            for (int i = 0; i < buffers.size(); i++) {
                Buffer a = buffers.get(i);
                assertTrue(a.offset() >= 0 && a.offset() + a.bytes() <= plan.peakBytes());
                assertEquals(0, a.offset() % Allocator.ALIGNMENT, a.name());
                for (Buffer b : buffers.subList(i + 1, buffers.size())) {
                    boolean apart =
                            a.offset() + a.bytes() <= b.offset()
                                    || b.offset() + b.bytes() <= a.offset();
                    assertTrue(apart || !a.overlapsInTime(b), a + " and " + b);
                }
            }
        }
    }

    /** cuBLAS takes a workspace on 256 bytes and on no other boundary. */
    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void scratchOfLibrariesStartsOn256BytesAndStaysInside(MemoryStrategy strategy) {
        try (Device gpu = new PlannedH100()) {
            for (String model : PRESETS) {
                DenseNetSpec spec = DenseNetSpec.preset(model).build();
                // Layouts of the deepest networks take long to find.
                int[] batches = spec.depth() > 130 ? new int[] {3} : new int[] {1, 3, 5, 32, 100};
                for (int batch : batches) {
                    checkScratch(spec, strategy, batch, gpu);
                }
            }
            SplittableRandom random = new SplittableRandom(11);
            for (int i = 0; i < 60; i++) {
                checkScratch(RandomSpec.draw(random), strategy, random.nextInt(1, 40), gpu);
            }
        }
    }

    private static void checkScratch(
            DenseNetSpec spec, MemoryStrategy strategy, int batch, Device gpu) {
        String what = spec.name() + " " + strategy + " batch " + batch;
        MemoryPlan plan = MemoryPlan.of(spec).strategy(strategy).batch(batch).on(gpu);
        NetworkMemory memory = plan.memory();
        long offset = memory.libraryScratchOffset();
        long end = offset + memory.libraryScratchBytesPerLane() * gpu.lanes();
        assertEquals(0, offset % 256, what);
        Buffer scratch =
                plan.buffers().stream()
                        .filter(b -> b.name().equals("scratch.library"))
                        .findFirst()
                        .orElseThrow();
        assertTrue(offset >= scratch.offset(), what);
        assertTrue(end <= scratch.offset() + scratch.bytes(), what);
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void theArenaIsHardlyLargerThanWhatLivesInItAtOnce(MemoryStrategy strategy) {
        for (String model : List.of("bc-100-12", "plain-40-12", "bc-40-12", "densenet121")) {
            MemoryPlan plan = plan(model, 16, strategy);
            long live = plan.liveBytes(plan.peakOperation().index());
            assertTrue(live <= plan.peakBytes());
            assertTrue(plan.peakBytes() <= 1.02 * live, model + " " + plan.peakBytes() / live);
            assertEquals(plan.isTight(), live == plan.peakBytes());
        }
    }

    @Test
    void categoriesSumToTheLiveBytesAtEveryOperation() {
        MemoryPlan plan = plan("bc-40-12", 8, MemoryStrategy.SHARED);
        for (Operation o : plan.operations()) {
            long sum = plan.bytesAt(o.index()).values().stream().mapToLong(b -> b).sum();
            long live =
                    plan.buffers().stream()
                            .filter(b -> b.liveAt(o.index()))
                            .mapToLong(Buffer::bytes)
                            .sum();
            assertEquals(live, sum);
        }
    }

    /** libtorch's naive peak for this step, measured on two cores, is 2,400 MB. */
    @Test
    void bc100NeedsAFractionOfWhatFrameworksNeed() {
        assertTrue(plan("bc-100-12", 64, MemoryStrategy.SHARED).peakBytes() <= 450 * MB);
        assertTrue(plan("bc-100-12", 64, MemoryStrategy.RECOMPUTE).peakBytes() <= 200 * MB);
        long naive = plan("bc-100-12", 64, MemoryStrategy.NAIVE).peakBytes();
        assertEquals(2400.0 * MB, naive, 0.25 * 2400 * MB);
    }

    @Test
    void naiveMemoryGrowsWithTheSquareOfTheDepthAndOursLinearly() {
        for (MemoryStrategy strategy : MemoryStrategy.values()) {
            double[] bytes = new double[5];
            for (int i = 0; i < bytes.length; i++) {
                bytes[i] = plan("bc-" + (40 + 60 * i) + "-12", 64, strategy).activationBytes();
            }
            // Second differences of equidistant depths are constant for a square and zero for a
            // line.
            double curvature = bytes[4] - 2 * bytes[2] + bytes[0];
            double slope = bytes[4] - bytes[0];
            if (strategy == MemoryStrategy.NAIVE) {
                assertTrue(curvature > 0.3 * slope, strategy + " " + curvature / slope);
            } else {
                assertTrue(Math.abs(curvature) < 0.05 * slope, strategy + " " + curvature / slope);
            }
        }
    }

    @Test
    void theLargestBatchFitsAndTheNextDoesNot() {
        MemoryPlan.Builder request = MemoryPlan.of(DenseNetSpec.bc(40, 12).build());
        long budget = 100 * MB;
        int largest = request.largestBatch(device, budget).orElseThrow();
        assertTrue(request.batch(largest).on(device).peakBytes() <= budget);
        assertTrue(request.batch(largest + 1).on(device).peakBytes() > budget);
        assertEquals(Optional.empty(), request.largestBatch(device, 1 * MB));
    }

    @Test
    void theCheapestStrategyIsTheFastestThatFits() {
        MemoryPlan.Builder request = MemoryPlan.of(DenseNetSpec.bc(100, 12).build()).batch(64);
        assertEquals(
                Optional.of(MemoryStrategy.SHARED), request.cheapestStrategy(device, 450 * MB));
        assertEquals(
                Optional.of(MemoryStrategy.RECOMPUTE), request.cheapestStrategy(device, 200 * MB));
        assertEquals(Optional.empty(), request.cheapestStrategy(device, 20 * MB));
    }

    @Test
    void aPlanOverBudgetIsRefusedWithNumbersAndAlternatives() {
        MemoryPlan.Builder request = MemoryPlan.of(DenseNetSpec.bc(100, 12).build()).batch(64);
        PlanException e = assertThrows(PlanException.class, () -> request.within(device, 200 * MB));
        assertTrue(e.getMessage().contains("strategy RECOMPUTE fits"), e.getMessage());
        assertTrue(e.getMessage().contains("200.0 MB"), e.getMessage());
        assertTrue(e.getMessage().matches(".*largest batch that fits with SHARED is \\d+"));
        assertEquals(1, e.getMessage().lines().count());
    }

    @Test
    void absurdBatchesAreRefused() {
        MemoryPlan.Builder request = MemoryPlan.of(DenseNetSpec.densenet121().build());
        assertThrows(IllegalArgumentException.class, () -> request.batch(0));
        assertThrows(PlanException.class, () -> request.batch(60_000).on(device));
    }

    @Test
    void planningADeepNetworkTakesNoMemoryOfItsOwn() {
        MemoryPlan plan = plan("bc-1000-12", 64, MemoryStrategy.SHARED);
        assertTrue(plan.peakBytes() > 2_500 * MB, "larger than the test's heap");
    }

    @Test
    void theSummaryListsEveryStageAndItsTotalsAreTheNetworks() {
        DenseNetSpec spec = DenseNetSpec.bc(22, 12).build();
        String summary = Summary.of(spec, 8, device);
        assertEquals(2 + 1 + 9 + 2 + 1 + 1, summary.lines().count());
        assertTrue(summary.contains("block3.layer3"));
        String total = summary.lines().toList().getLast();
        assertTrue(
                total.contains(
                        String.format(Locale.ROOT, "%,d", NetworkShape.of(spec).parameterCount())),
                total);
        assertTrue(
                total.contains(
                        String.format(Locale.ROOT, "%,d", NetworkShape.of(spec).multiplyAdds())),
                total);
        assertFalse(summary.contains("NaN"));
    }

    @Test
    void sizesAreReadAsPeopleWriteThem() {
        assertEquals(450 * MB, Bytes.parse("450MB"));
        assertEquals(2L << 30, Bytes.parse("2 GiB"));
        assertEquals(1_500_000_000L, Bytes.parse("1.5g"));
        for (String wrong : List.of("", "MB", "-1MB", "1e9", "12XB", "0")) {
            assertThrows(IllegalArgumentException.class, () -> Bytes.parse(wrong), wrong);
        }
    }
}
