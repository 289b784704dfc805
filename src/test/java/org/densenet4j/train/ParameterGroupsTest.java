package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.data.Batch;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.OperationListener;
import org.densenet4j.engine.ParameterRule;
import org.densenet4j.engine.Pass;
import org.densenet4j.engine.SgdStep;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;

/** Groups of parameters, rates by layer and frozen parts. */
class ParameterGroupsTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.builder()
                    .growthRate(3)
                    .initialChannels(5)
                    .layersPerBlock(2, 2)
                    .classes(3)
                    .inputSize(8)
                    .build();

    private static final float RATE = 0.05f;
    private static final float DECAY = 0.1f;

    private static Device[] devices() {
        return new Device[] {
            Device.open("cpu", DeviceOptions.defaults().withThreads(1)),
            new EmulatedDevice(DeviceOptions.defaults())
        };
    }

    private static Batch batch(long seed) {
        Random random = new Random(seed);
        float[] images = new float[4 * 8 * 8 * 3];
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) random.nextGaussian();
        }
        return new Batch(images, random.ints(4, 0, 3).toArray(), 8, 8, 3);
    }

    private static Trainer.Builder trainer(Device device, ParameterGroups groups) {
        return Trainer.of(SPEC, device)
                .batch(4)
                .optimizer(Sgd.plain(RATE).withWeightDecay(DECAY))
                .parameterGroups(groups);
    }

    private static Map<String, float[]> values(Network network) {
        Map<String, float[]> all = new LinkedHashMap<>();
        network.parameters().forEach(p -> all.put(p.name(), network.parameter(p.name())));
        network.runningStatistics()
                .forEach(p -> all.put(p.name(), network.runningStatistic(p.name())));
        return all;
    }

    @Test
    void eachGroupHasItsOwnRateAndDecayOnBothBackends() {
        ParameterGroups groups =
                ParameterGroups.parse("*norm*: weight-decay=0; classifier.*: rate-scale=10")
                        .with(ParameterGroup.of("classifier.bias").weightDecay(0.5).rateScale(0.5))
                        .with(ParameterGroup.of("features.denseblock2.*.conv?.weight*").freeze())
                        .with(ParameterGroup.of("features.denseblock2.*conv1.weight").freeze());
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> groups.rules(SPEC.graph()));
        assertTrue(e.getMessage().contains("conv?.weight*: matches no parameter"), e.getMessage());
        ParameterGroups right =
                ParameterGroups.parse(
                        "*norm*: weight-decay=0; classifier.*: rate-scale=10;"
                                + " classifier.bias: weight-decay=0.5, rate-scale=0.5;"
                                + " features.denseblock2.*conv1.weight: frozen");
        for (Device device : devices()) {
            try (device;
                    Trainer trainer = trainer(device, right).open()) {
                Network network = trainer.network();
                Map<String, float[]> before = values(network);
                trainer.step(batch(1));
                double squares = 0;
                for (ParameterSpec p : network.parameters()) {
                    String name = p.name();
                    float[] gradient = network.gradient(name);
                    boolean frozen =
                            name.startsWith("features.denseblock2")
                                    && name.endsWith("conv1.weight");
                    double rate =
                            name.equals("classifier.bias")
                                    ? 5 * RATE
                                    : name.startsWith("classifier") ? 10 * RATE : RATE;
                    double decay =
                            name.equals("classifier.bias")
                                    ? 0.5
                                    : name.contains("norm") ? 0 : DECAY;
                    float[] expected = before.get(name).clone();
                    for (int i = 0; i < expected.length && !frozen; i++) {
                        expected[i] -= (float) (rate * (gradient[i] + decay * expected[i]));
                    }
                    assertArrayEquals(expected, network.parameter(name), 1e-6f, name);
                    for (float g : gradient) {
                        squares += (double) g * g;
                        assertTrue(!frozen || g == 0, name);
                    }
                }
                assertEquals(Math.sqrt(squares), network.gradientNorm(), 1e-4);
            }
        }
    }

    @Test
    void ratesFallFromTheHeadToTheStem() {
        Map<String, ParameterRule> rules = ParameterGroups.NONE.layerDecay(0.5).rules(SPEC.graph());
        // stem, two layers with a transition that belongs to the second, two layers, head
        assertEquals(1.0 / 32, rules.get("features.conv0.weight").rateScale());
        String layer = "features.denseblock%d.denselayer%d.conv1.weight";
        assertEquals(1.0 / 16, rules.get(layer.formatted(1, 1)).rateScale());
        assertEquals(1.0 / 8, rules.get(layer.formatted(1, 2)).rateScale());
        assertEquals(1.0 / 8, rules.get("features.transition1.conv.weight").rateScale());
        assertEquals(1.0 / 4, rules.get(layer.formatted(2, 1)).rateScale());
        assertEquals(1.0 / 2, rules.get(layer.formatted(2, 2)).rateScale());
        assertFalse(rules.containsKey("classifier.weight"), "the head has the whole rate");
        assertFalse(rules.containsKey("features.norm5.weight"), "timm counts it to the head");
    }

    /** With batch normalisations as constants, nothing else of a step depends on what is frozen. */
    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void whatIsNotFrozenHasTheGradientsThatItHasWithoutThat(MemoryStrategy strategy) {
        ParameterGroups frozen =
                ParameterGroups.NONE.freezing("features.conv0", "features.denseblock1.denselayer1");
        for (Device device : devices()) {
            try (device;
                    Trainer all =
                            trainer(device, ParameterGroups.NONE)
                                    .strategy(strategy)
                                    .freezeBatchNorm(true)
                                    .open();
                    Trainer some =
                            trainer(device, frozen)
                                    .strategy(strategy)
                                    .freezeBatchNorm(true)
                                    .open()) {
                assertEquals(some.plan().peakBytes(), some.network().allocatedBytes());
                Map<String, float[]> before = values(some.network());
                all.step(batch(1));
                some.step(batch(1));
                for (ParameterSpec p : SPEC.graph().parameters()) {
                    boolean isFrozen =
                            p.name().startsWith("features.conv0.")
                                    || p.name().startsWith("features.denseblock1.denselayer1.");
                    float[] expected = all.network().gradient(p.name());
                    assertArrayEquals(
                            isFrozen ? new float[expected.length] : expected,
                            some.network().gradient(p.name()),
                            p.name());
                    if (isFrozen) {
                        assertArrayEquals(
                                before.get(p.name()), some.network().parameter(p.name()), p.name());
                    }
                }
            }
        }
    }

    @Test
    void nothingIsComputedBackwardsInFrozenLeadingLayersAndTheirStatisticsStay() {
        ParameterGroups frozen =
                ParameterGroups.NONE
                        .freezing("features.conv0", "features.denseblock1")
                        .with(ParameterGroup.of("features.denseblock2.denselayer1.*").freeze());
        for (Device device : devices()) {
            try (device;
                    Trainer trainer = trainer(device, frozen).open()) {
                Network network = trainer.network();
                List<String> ran = new ArrayList<>();
                network.listen(
                        new OperationListener() {
                            @Override
                            public void before(int operation) {
                                ran.add(trainer.plan().operations().get(operation).toString());
                            }

                            @Override
                            public void after(int operation) {}
                        });
                Map<String, float[]> before = values(network);
                trainer.step(batch(1));
                network.listen(OperationListener.NONE);
                int nodes = SPEC.graph().nodes().size();
                // stem and two dense layers have no backward operation
                assertEquals(2 * nodes + 2 - 3, ran.size(), ran.toString());
                for (ParameterSpec p : network.runningStatistics()) {
                    boolean still = p.name().contains("denseblock1.");
                    assertEquals(
                            still,
                            Arrays.equals(before.get(p.name()), network.runningStatistic(p.name())),
                            p.name());
                }
            }
        }
    }

    private static Network.Outcome step(Network network, long seed) {
        Batch batch = batch(seed);
        Pass pass = new Pass(batch.size(), Mode.TRAIN, seed, 1);
        network.zeroGradients();
        network.input(batch.images(), batch.size());
        network.trainingPass(pass, batch.labels(), 0, batch.size());
        Network.Outcome outcome = network.outcome(pass, batch.size());
        network.sgd(SgdStep.of(RATE).withMomentum(0.9, true).withWeightDecay(DECAY, true));
        return outcome;
    }

    /** Memory that a frozen start does not have is memory that its steps do not use. */
    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void aPlanWithAFrozenStartIsSmallerAndStepsAreTheSameBitForBit(MemoryStrategy strategy) {
        List<String[]> starts =
                List.of(
                        new String[] {"features.conv0", "features.denseblock1.denselayer1"},
                        new String[] {
                            "features.conv0", "features.denseblock1", "features.transition1"
                        },
                        new String[] {"features"});
        for (String[] start : starts) {
            Map<String, ParameterRule> rules =
                    ParameterGroups.NONE.freezing(start).rules(SPEC.graph());
            for (Device device : devices()) {
                MemoryPlan.Builder plan = MemoryPlan.of(SPEC).strategy(strategy).batch(4);
                MemoryPlan all = plan.on(device);
                MemoryPlan frozen = plan.frozen(rules.keySet()).on(device);
                assertTrue(frozen.peakBytes() < all.peakBytes(), String.join(",", start));
                try (device;
                        Network expected = Network.open(all, device, 1);
                        Network network = Network.open(frozen, device, 1)) {
                    expected.parameterRules(rules);
                    for (int s = 1; s <= 3; s++) {
                        assertEquals(step(expected, s), step(network, s));
                    }
                    Map<String, float[]> values = values(expected);
                    values(network).forEach((n, v) -> assertArrayEquals(values.get(n), v, n));
                    IllegalArgumentException e =
                            assertThrows(
                                    IllegalArgumentException.class,
                                    () -> network.parameterRules(Map.of()));
                    assertEquals(
                            "the plan was made with "
                                    + SPEC.graph().nodes().getFirst().name()
                                    + " frozen and has no memory to train it; freeze it, or plan"
                                    + " without frozen()",
                            e.getMessage());
                }
            }
        }
    }

    @Test
    void rulesThatChangeAreFollowedByRecordedSteps() {
        try (Device device = new EmulatedDevice(DeviceOptions.defaults());
                Trainer trainer = trainer(device, ParameterGroups.NONE).open()) {
            Network network = trainer.network();
            trainer.step(batch(1));
            trainer.step(batch(2));
            network.parameterRules(
                    ParameterGroups.NONE.freezing("features.conv0").rules(SPEC.graph()));
            float[] before = network.parameter("features.conv0.weight");
            trainer.step(batch(3));
            assertArrayEquals(before, network.parameter("features.conv0.weight"));
            network.parameterRules(Map.of());
            trainer.step(batch(4));
            assertFalse(Arrays.equals(before, network.parameter("features.conv0.weight")));
        }
    }

    @Test
    void groupsThatMeanNothingAreRefusedInOneLine() {
        assertMessage(
                "freeze = features.denseblok1: no parameter of the network is under this name; did"
                        + " you mean 'features.denseblock1'?",
                ParameterGroups.NONE.freezing("features.denseblok1"));
        assertMessage(
                "param-groups = clasifier.weight: matches no parameter of the network; did you"
                        + " mean 'classifier.weight'?",
                ParameterGroups.parse("clasifier.weight: frozen"));
        assertMessage(
                "all parameters are frozen, so that nothing would be trained; freeze fewer",
                ParameterGroups.parse("*: frozen"));
        for (String wrong :
                new TreeSet<>(
                        List.of(
                                "classifier",
                                "a: b",
                                "a: rate-scale",
                                "a: frozen=1",
                                ": frozen"))) {
            IllegalArgumentException e =
                    assertThrows(
                            IllegalArgumentException.class, () -> ParameterGroups.parse(wrong));
            assertTrue(
                    e.getMessage().startsWith("param-groups = " + wrong + ": use PATTERN: SETTING"),
                    e.getMessage());
        }
        for (String wrong : List.of("a: rate-scale=x", "a: rate-scale=-1", "a: weight-decay=2")) {
            assertThrows(IllegalArgumentException.class, () -> ParameterGroups.parse(wrong));
        }
        for (double wrong : new double[] {0, -1, 1.5, Double.NaN}) {
            assertThrows(
                    IllegalArgumentException.class, () -> ParameterGroups.NONE.layerDecay(wrong));
        }
    }

    private static void assertMessage(String message, ParameterGroups groups) {
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1))) {
            IllegalArgumentException e =
                    assertThrows(
                            IllegalArgumentException.class, () -> trainer(device, groups).open());
            assertEquals(message, e.getMessage());
        }
    }
}
