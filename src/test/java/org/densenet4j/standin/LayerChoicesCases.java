package org.densenet4j.standin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.plan.BottleneckConvolutionMemory;
import org.densenet4j.plan.BottleneckLayerMemory;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.NodeMemory;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * How halves of dense layers are chosen, in bf16, where kernels and libraries take as long as a
 * test says. Run by {@link LayerChoicesOnStandInTest} in a process that has the stand-in driver.
 */
class LayerChoicesCases {
    static final DenseNetSpec SPEC = DenseNetSpec.preset("bc-16-4").inputSize(8).build();

    private static final String FUSED_SLOW = "pointwise_=5,appended_=5";
    private static final String LIBRARIES_SLOW = "cublas=5,cudnn=5";
    private static final int IMAGES = 4;
    private static final int STEPS = 3;

    private final StandInControl control = StandInControl.ofThisProcess();
    private final Path cache = Path.of(System.getenv("DENSENET4J_CACHE"), "layer-times");

    /**
     * How a plan's layers run.
     *
     * @param bottlenecks how many 1x1 halves are fused
     * @param newFeatures how many 3x3 halves are fused
     * @param choice the device's word for how that came
     * @param trials recordings that were replayed to measure
     * @param peak bytes of the plan
     */
    record Chosen(int bottlenecks, int newFeatures, String choice, long trials, long peak) {
        static final int LAYERS = 6;

        boolean allFused() {
            return bottlenecks == LAYERS && newFeatures == LAYERS;
        }

        boolean noneFused() {
            return bottlenecks + newFeatures == 0;
        }

        static Chosen of(MemoryPlan plan, Device device, long trials) {
            int bottlenecks = 0;
            int newFeatures = 0;
            for (NodeMemory node : plan.memory().nodes()) {
                if (node instanceof BottleneckLayerMemory layer) {
                    bottlenecks += device.takesWholeBatch(layer.pointwise()) ? 1 : 0;
                    newFeatures +=
                            layer.convolution() instanceof BottleneckConvolutionMemory.Appended
                                    ? 1
                                    : 0;
                }
            }
            String choice = device.facts().get("choice");
            return new Chosen(bottlenecks, newFeatures, choice, trials, plan.peakBytes());
        }
    }

    static DeviceOptions options() {
        return DeviceOptions.defaults().withPrecision(DataType.BFLOAT16);
    }

    @BeforeEach
    void onlyCountOperations() {
        control.set("STANDIN_DRY", "1");
    }

    @AfterEach
    void restore() throws IOException {
        control.failAt(0, 0, false);
        for (String name :
                List.of("DRY", "TIMES", "NAME", "DRIVER", "SMS", "MEMORY", "NO_CAPTURE")) {
            control.set("STANDIN_" + name, "");
        }
        if (Files.exists(cache)) {
            try (Stream<Path> files = Files.walk(cache)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
        assertEquals(0, control.violations());
        assertEquals("", control.live());
    }

    private long replays() {
        return control.calls().getOrDefault("graph launches", 0L);
    }

    private Chosen plan(String times, UnaryOperator<DeviceOptions> change) {
        control.set("STANDIN_TIMES", times);
        try (Device device = Device.open("cuda", change.apply(options()))) {
            long before = replays();
            MemoryPlan plan = MemoryPlan.of(SPEC).batch(IMAGES).on(device);
            return Chosen.of(plan, device, replays() - before);
        }
    }

    private Chosen plan(String times) {
        return plan(times, o -> o);
    }

    private Path file() throws IOException {
        return files().getFirst();
    }

    private List<Path> files() throws IOException {
        if (!Files.isDirectory(cache)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(cache)) {
            return files.sorted().toList();
        }
    }

    // ---------------------------------------------------------------- what is chosen

    private double[] train(String times, boolean fused) {
        control.set("STANDIN_DRY", "");
        control.set("STANDIN_TIMES", times);
        try (Device device = Device.open("cuda", options())) {
            assertEquals("measured", device.facts().get("choice"));
            try (Trainer trainer =
                    Trainer.of(SPEC, device)
                            .batch(IMAGES)
                            .optimizer(Sgd.nesterov(0.01))
                            .seed(5)
                            .open()) {
                Chosen chosen = Chosen.of(trainer.plan(), device, 0);
                assertTrue(fused ? chosen.allFused() : chosen.noneFused(), chosen.toString());
                assertEquals("measured", chosen.choice());
                assertEquals(chosen.peak(), trainer.network().allocatedBytes());
                // Nothing of the trials is left beside the arena.
                assertTrue(control.live().contains("device-blocks=1 "), control.live());
                List<Double> losses = TrainingRun.losses(trainer, SPEC, IMAGES, STEPS);
                assertEquals("replayed", trainer.network().recording());
                return losses.stream().mapToDouble(Double::doubleValue).toArray();
            }
        }
    }

    @Test
    void whatIsFasterRunsAndResultsAgreeAndThePlanIsWhatIsAllocated() throws IOException {
        double[] expected = train(LIBRARIES_SLOW, true);
        Files.delete(file());
        double[] actual = train(FUSED_SLOW, false);
        for (int step = 0; step < STEPS; step++) {
            assertEquals(expected[step], actual[step], 0.02 * expected[step]);
        }
    }

    @Test
    void eachHalfIsChosenByItself() throws IOException {
        Chosen threeByThree = plan("pointwise_=5");
        assertEquals(0, threeByThree.bottlenecks());
        assertEquals(Chosen.LAYERS, threeByThree.newFeatures());
        Files.delete(file());
        Chosen oneByOne = plan("appended_=5");
        assertEquals(Chosen.LAYERS, oneByOne.bottlenecks());
        assertEquals(0, oneByOne.newFeatures());
        assertNotEquals(threeByThree.peak(), oneByOne.peak());
    }

    @Test
    void aDriverThatDoesNotRecordIsMeasuredLaunchByLaunch() {
        control.set("STANDIN_NO_CAPTURE", "1");
        assertTrue(plan(FUSED_SLOW).noneFused());
    }

    @Test
    void whatWasChosenOnceStaysSoWhileTheDeviceIsOpen() throws IOException {
        control.set("STANDIN_MEMORY", String.valueOf((256L << 20) + (64L << 10)));
        control.set("STANDIN_TIMES", FUSED_SLOW);
        try (Device device = Device.open("cuda", options())) {
            MemoryPlan.Builder plan = MemoryPlan.of(SPEC).batch(IMAGES);
            long peak = plan.on(device).peakBytes();
            assertEquals("rule:no-memory", device.facts().get("choice"));
            control.set("STANDIN_MEMORY", "");
            MemoryPlan again = plan.on(device);
            assertEquals(peak, again.peakBytes());
            assertTrue(Chosen.of(again, device, 0).allFused());
            assertEquals(List.of(), files());
            // Another batch is another question.
            MemoryPlan other = MemoryPlan.of(SPEC).batch(IMAGES + 1).on(device);
            assertTrue(Chosen.of(other, device, 0).noneFused());
            assertEquals("measured+rule:no-memory", device.facts().get("choice"));
        }
    }

    @Test
    void theLargestBatchFitsThoughItIsSearchedByTheRule() {
        control.set("STANDIN_TIMES", FUSED_SLOW);
        try (Device device = Device.open("cuda", options())) {
            long start = replays();
            long budget = MemoryPlan.of(SPEC).batch(64).on(device).peakBytes() - 1;
            long before = replays();
            long ofPlan = before - start;
            int largest = MemoryPlan.of(SPEC).largestBatch(device, budget).orElseThrow();
            assertTrue(largest > 48 && largest < 64, "batch " + largest);
            MemoryPlan plan = MemoryPlan.of(SPEC).batch(largest).on(device);
            assertTrue(plan.peakBytes() <= budget);
            assertTrue(Chosen.of(plan, device, 0).noneFused());
            long plans = (replays() - before) / ofPlan;
            assertTrue(plans <= 3, "measured for " + plans + " plans");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void theRuleDecidesWhereNothingIsToBeMeasured(boolean clock) throws IOException {
        String times = clock ? FUSED_SLOW : "";
        Map<String, UnaryOperator<DeviceOptions>> changes =
                Map.of(
                        "rule", o -> o.withMeasuredLayers(false),
                        "rule:deterministic", o -> o.withDeterministic(true),
                        "rule:traced", o -> o.withTrace(true),
                        "rule:synchronous", o -> o.withSynchronous(true));
        if (clock) {
            changes.forEach((choice, change) -> assertRule(choice, plan(times, change)));
        } else {
            assertRule("rule:no-clock", plan(times));
        }
        assertEquals(List.of(), files());
    }

    private static void assertRule(String choice, Chosen chosen) {
        assertEquals(choice, chosen.choice());
        assertTrue(chosen.allFused(), choice);
        assertEquals(0, chosen.trials(), choice);
    }

    @Test
    void withoutFusedLayersThereIsNothingToChoose() throws IOException {
        Chosen chosen = plan(LIBRARIES_SLOW, o -> o.withFusedLayers(false));
        assertTrue(chosen.noneFused());
        assertEquals(null, chosen.choice());
        assertEquals(List.of(), files());
    }

    // ---------------------------------------------------------------- what is kept

    @Test
    void theSecondDeviceDoesNotMeasure() throws IOException {
        plan(FUSED_SLOW);
        String text = Files.readString(file());
        assertEquals(1, files().size());
        assertTrue(
                text.contains("Stand-in H100, 132 multiprocessors, driver 13.0, cuDNN 9."), text);
        assertTrue(text.contains("\n1x1 256x8 of 32 to 16 in bf16, chunks of 256\t"), text);
        assertTrue(text.contains("\n3x3 4x8x8x16 to 4 of 32 in bf16, chunks of 4\t"), text);
        Chosen second = plan(LIBRARIES_SLOW);
        assertTrue(second.noneFused());
        assertEquals(0, second.trials());
        assertEquals("measured", second.choice());
        assertEquals(text, Files.readString(file()));
        // What is looked into is what runs.
        assertTrue(plan(LIBRARIES_SLOW, o -> o.withTrace(true)).noneFused());
        assertTrue(plan(LIBRARIES_SLOW, o -> o.withSynchronous(true)).noneFused());
        assertTrue(plan("").noneFused());
        // A rule is a rule.
        assertTrue(plan("", o -> o.withDeterministic(true)).allFused());
        assertTrue(plan("", o -> o.withMeasuredLayers(false)).allFused());
    }

    @ParameterizedTest
    @CsvSource({"NAME, Another card", "DRIVER, 13010", "SMS, 64"})
    void anotherDeviceOrDriverMeasuresAnew(String setting, String value) throws IOException {
        plan(FUSED_SLOW);
        control.set("STANDIN_" + setting, value);
        Chosen other = plan(LIBRARIES_SLOW);
        assertTrue(other.allFused());
        assertTrue(other.trials() > 0);
        assertEquals(2, files().size());
        control.set("STANDIN_" + setting, "");
        assertTrue(plan(LIBRARIES_SLOW).noneFused());
    }

    @Test
    void tf32AndOwnConvolutionsAreOtherQuestions() throws IOException {
        plan(FUSED_SLOW);
        assertTrue(plan(LIBRARIES_SLOW, o -> o.withTensorFloat32(true)).allFused());
        assertTrue(plan("convolution=5,cublas=5", o -> o.withOwnConvolutions(true)).trials() > 0);
        assertEquals(3, files().size());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "\u0000\u0001", "nothing of the kind\n", "half", "other", "NaN"})
    void aBrokenFileCostsAMeasurement(String content) throws IOException {
        plan(FUSED_SLOW);
        Path file = file();
        String text = Files.readString(file);
        String broken =
                switch (content) {
                    case "half" -> text.substring(0, text.lastIndexOf('\t'));
                    case "other" -> text.replace("Stand-in", "Another");
                    case "NaN" -> text.replaceAll("\t[^\t]*\n", "\tNaN\n");
                    default -> content;
                };
        Files.writeString(file, broken);
        Chosen again = plan(FUSED_SLOW);
        assertTrue(again.noneFused());
        assertTrue(again.trials() > 0);
        assertEquals(text, Files.readString(file));
        assertEquals(List.of(file), files());
    }

    /** The user who runs tests may write anywhere; a file in the folder's place refuses anyone. */
    @Test
    void aFolderThatTakesNoFilesCostsAMeasurementEachTime() throws IOException {
        Files.writeString(cache, "in the folder's place");
        for (int i = 0; i < 2; i++) {
            Chosen chosen = plan(FUSED_SLOW);
            assertTrue(chosen.noneFused());
            assertTrue(chosen.trials() > 0);
        }
    }

    // ---------------------------------------------------------------- what fails

    /** Here and there among the calls of a plan; those outside of trials may end it. */
    @Test
    void aCallThatFailsLeavesTheRuleAndNothingBehind() throws IOException {
        control.set("STANDIN_TIMES", FUSED_SLOW);
        int failed = 0;
        int others = 0;
        int ended = 0;
        for (long call = 1; ended == 0; call += 1 + call / 5) {
            try (Device device = Device.open("cuda", options())) {
                control.failAt(call, 0, false);
                MemoryPlan plan = MemoryPlan.of(SPEC).batch(IMAGES).on(device);
                String choice = device.facts().get("choice");
                ended = control.failed().isEmpty() ? 1 : 0;
                control.failAt(0, 0, false);
                assertTrue(
                        List.of("measured", "rule:failed", "measured+rule:failed").contains(choice),
                        choice);
                failed += choice.contains("failed") ? 1 : 0;
                assertEquals(
                        plan.peakBytes(), MemoryPlan.of(SPEC).batch(IMAGES).on(device).peakBytes());
            } catch (DeviceException e) {
                control.failAt(0, 0, false);
                others++;
            }
            Files.deleteIfExists(files().isEmpty() ? cache : file());
        }
        assertTrue(failed > 12, failed + " calls of trials failed, others " + others);
    }

    @Test
    void aDeviceThatIsLostInATrialIsReported() {
        control.set("STANDIN_TIMES", FUSED_SLOW);
        try (Device device = Device.open("cuda", options())) {
            control.failAt(200, 700, true);
            try {
                MemoryPlan.of(SPEC).batch(IMAGES).on(device);
            } catch (DeviceException e) {
                assertTrue(e.getMessage().contains("700") || e.getMessage().contains("ILLEGAL"));
                return;
            } finally {
                control.failAt(0, 0, false);
            }
        } catch (DeviceException e) {
            return; // closing says so, too
        }
        throw new AssertionError("a lost device made a plan");
    }
}
