package org.densenet4j.profile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.graph.Addition;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.L2Norm;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.PixelLogits;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Transition;
import org.densenet4j.graph.TransitionDown;
import org.densenet4j.graph.TransitionUp;
import org.densenet4j.graph.Window;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.Operation;
import org.densenet4j.plan.Phase;
import org.densenet4j.spec.FamilySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What every kind of node takes, against numbers that were counted by hand for two graphs. */
class CostOfKindsTest {
    private static final int BATCH = 2;
    private static final Window HALVING = new Window(2, 2, 0);

    /** Rows of a batch of 8x8, 4x4, 2x2 pixels. */
    private static final long M = BATCH * 64;

    private static final long M4 = BATCH * 16;
    private static final long M2 = BATCH * 4;

    private int norms;

    private Norm norm() {
        return new Norm("norm" + norms++, 1e-5, 0.1);
    }

    /**
     * Two layers of a dense block, both ways down, a residual sum, the way up, pixels. Backwards
     * the head is the first to write all gradients of x; those of below are first written by the
     * sum, and of what the sum reads nothing normalises below.
     */
    private Graph segmentation() {
        Graph.Builder graph = Graph.builder("costs", 8, 8, 3);
        Features x = new Features("x", 8, 8, 10);
        Features below = new Features("below", 4, 4, 8);
        Features z = new Features("z", 4, 4, 8);
        Features sum = new Features("sum", 4, 4, 8);
        Features above = new Features("above", 8, 8, 3);
        graph.add(
                new ConvolutionLayer(
                        "stem",
                        Read.raw(graph.input().all()),
                        Window.THREE,
                        "stem",
                        false,
                        Drops.NOTHING,
                        x.prefix(4)));
        graph.add(
                new ConvolutionLayer(
                        "layer1",
                        Read.normalisedRelu(norm(), x.prefix(4)),
                        Window.THREE,
                        "layer1",
                        true,
                        Drops.NOTHING,
                        x.columns(4, 3)));
        graph.add(
                new BottleneckLayer(
                        "layer2",
                        Read.normalisedRelu(norm(), x.prefix(7)),
                        5,
                        "layer2.conv1",
                        norm(),
                        "layer2.conv2",
                        Drops.NOTHING,
                        x.columns(7, 3)));
        graph.add(
                new TransitionDown(
                        "down",
                        Read.normalisedRelu(norm(), x.all()),
                        "down",
                        Drops.NOTHING,
                        below.prefix(6)));
        graph.add(
                new Pooling(
                        "pool",
                        Read.raw(x.prefix(2)),
                        Pooling.Kind.MAX,
                        HALVING,
                        below.columns(6, 2)));
        graph.add(
                new ConvolutionLayer(
                        "branch",
                        Read.raw(below.all()),
                        Window.POINT,
                        "branch",
                        false,
                        Drops.NOTHING,
                        z.all()));
        graph.add(
                new Addition(
                        "add",
                        Read.normalised(norm(), z.all()),
                        Read.raw(below.all()),
                        true,
                        sum.all()));
        graph.add(new TransitionUp("up", Read.raw(sum.all()), "up", above.all()));
        graph.add(
                new PixelClassifier(
                        "head",
                        new Read.Normalised(List.of(above.all(), x.all()), norm(), true),
                        "head",
                        2));
        return graph.build();
    }

    /** A stem with its pool, a transition, an early head, and a head behind an average pool. */
    private Graph images() {
        Graph.Builder graph = Graph.builder("costs", 16, 16, 3);
        Features f = new Features("f", 4, 4, 5);
        Features t = new Features("t", 2, 2, 3);
        Features p = new Features("p", 1, 1, 3);
        graph.add(
                new PooledConvolution(
                        "stem",
                        Read.raw(graph.input().all()),
                        new Window(3, 2, 1),
                        "conv0",
                        norm(),
                        f.all()));
        graph.add(
                new Transition(
                        "transition", Read.normalisedRelu(norm(), f.all()), "conv1", t.all()));
        graph.add(new Classifier("early", Read.normalisedRelu(norm(), t.all()), "early", 2));
        graph.add(new Pooling("pool", Read.raw(t.all()), Pooling.Kind.AVERAGE, HALVING, p.all()));
        graph.add(new Classifier("head", Read.raw(p.all()), "classifier", 2));
        return graph.build();
    }

    /**
     * What a node takes.
     *
     * @param multiplyAdds of its forward pass
     * @param times that, its backward pass
     * @param forward elements that its forward pass moves
     * @param backward elements that its backward pass moves
     * @param floats that either moves beside parameters: logits
     * @param parameters of the node
     * @param operands those among them that are read as activations are stored
     */
    private record Counted(
            long multiplyAdds,
            int times,
            long forward,
            long backward,
            long floats,
            long parameters,
            long operands) {
        Counted moreElements(long inForward, long inBackward) {
            return new Counted(
                    multiplyAdds,
                    times,
                    forward + inForward,
                    backward + inBackward,
                    floats,
                    parameters,
                    operands);
        }
    }

    private static Counted counted(
            long multiplyAdds, int times, long forward, long backward, long parameters) {
        return new Counted(multiplyAdds, times, forward, backward, 0, parameters, 0);
    }

    private static Counted segmentation(String node, MemoryStrategy strategy) {
        boolean naive = strategy == MemoryStrategy.NAIVE;
        return switch (node) {
            // The images, which want no gradient, and x with its gradient.
            case "stem" -> counted(M * 108, 1, M * (3 + 4), M * (3 + 4 + 4), 108);
            case "layer1" -> {
                Counted c = counted(M * 108, 2, M * (4 + 3), M * (4 + 2 * 4 + 2 * 3), 8 + 108 + 3);
                // Copied, normalised from the copy; then the gradient masked and corrected there.
                yield naive ? c.moreElements(M * 3 * 4, M * 6 * 4) : c;
            }
            case "layer2" -> {
                boolean again = strategy == MemoryStrategy.RECOMPUTE;
                Counted c =
                        new Counted(
                                M * (35 + 135),
                                2,
                                M * (7 + 2 * 5 + 3),
                                M * (7 + 2 * 7 + 5 * 5 + 2 * 3),
                                0,
                                14 + 35 + 10 + 135,
                                35);
                yield naive
                        ? c.moreElements(M * (3 * 7 + 2 * 5), M * (6 * 7 + 4 * 5))
                        : again ? c.moreElements(0, M * (7 + 5)) : c;
            }
            case "down" -> {
                Counted c =
                        new Counted(
                                M * 60,
                                3,
                                M * 10 + M4 * 6,
                                M * (10 + 2 * 10) + M4 * 6,
                                0,
                                20 + 60 + 6,
                                60);
                yield naive ? c.moreElements(M * (10 + 6), M * 3 * 10) : c;
            }
            case "pool" -> counted(0, 0, M * 2 + M4 * 2, M * (2 + 2 * 2) + M4 * 2, 0);
            // Its gradient is added to what the sum has written; readers normalise z.
            case "branch" -> counted(M4 * 64, 2, M4 * (8 + 8), M4 * (8 + 2 * 8 + 2 * 8), 64);
            // z, the first gradients of z and below, the sum's, and the sum for the mask.
            case "add" -> {
                Counted c = counted(0, 0, M4 * (8 + 8 + 8), M4 * (8 + 8 + 8 + 8 + 8), 16);
                yield naive ? c.moreElements(0, M4 * 3 * 8) : c;
            }
            case "up" -> counted(M4 * 216, 2, M4 * 8 + M * 3, M4 * (8 + 8) + M * 2 * 3, 216 + 3);
            case "head" -> {
                Counted c = new Counted(M * 26, 2, M * 13, M * (13 + 13), M * 2, 26 + 26 + 2, 0);
                yield naive ? c.moreElements(0, M * 3 * 13) : c;
            }
            default -> throw new IllegalArgumentException(node);
        };
    }

    /** A convolution behind an L2 norm, of whose columns two heads read a part each. */
    private Graph detector() {
        Graph.Builder graph = Graph.builder("costs", 8, 8, 3);
        Features x = new Features("x", 8, 8, 5);
        Features y = new Features("y", 8, 8, 6);
        Read images = Read.raw(graph.input().all());
        graph.add(ConvolutionLayer.of("stem", images, Window.THREE, x.all()));
        Read normalised = Read.l2Normalised(L2Norm.of("l2norm"), x.all());
        graph.add(ConvolutionLayer.of("heads", normalised, Window.THREE, y.all()));
        graph.add(new PixelLogits("offsets", Read.normalised(norm(), y.prefix(4))));
        graph.add(new PixelLogits("classes", Read.raw(y.columns(4, 2))));
        return graph.build();
    }

    private static Counted detector(String node, MemoryStrategy strategy) {
        boolean naive = strategy == MemoryStrategy.NAIVE;
        return switch (node) {
            case "stem" -> counted(M * 135, 1, M * (3 + 5), M * (3 + 5), 135);
            // NAIVE writes what it normalised, and reads it again; heads normalise y.
            case "heads" -> {
                Counted c = counted(M * 270, 2, M * (5 + 6), M * (5 + 5 + 2 * 6), 270 + 5);
                yield naive ? c.moreElements(M * 5, M * 5) : c;
            }
            case "offsets" -> {
                Counted c = new Counted(0, 0, M * 4, M * (4 + 4), M * 4, 8, 0);
                yield naive ? c.moreElements(0, M * 3 * 4) : c;
            }
            case "classes" -> new Counted(0, 0, M * 2, M * 2, M * 2, 0, 0);
            default -> throw new IllegalArgumentException(node);
        };
    }

    private static Counted images(String node, MemoryStrategy strategy) {
        boolean naive = strategy == MemoryStrategy.NAIVE;
        long input = BATCH * 256 * 3;
        long convolved = M * 5;
        return switch (node) {
            case "stem" ->
                    strategy == MemoryStrategy.RECOMPUTE
                            ? counted(
                                    2 * M * 135,
                                    0, // counted below
                                    2 * input + M4 * 5,
                                    2 * input + 2 * 2 * M4 * 5,
                                    135 + 10)
                            : counted(
                                    M * 135,
                                    1,
                                    input + (naive ? 3 : 2) * convolved + M4 * 5,
                                    input + 2 * convolved + 2 * 2 * M4 * 5,
                                    135 + 10);
            case "transition" -> {
                Counted c =
                        new Counted(
                                M2 * 15,
                                2,
                                M4 * 5 + M2 * 3,
                                M4 * (5 + 5) + M2 * 2 * 3,
                                0,
                                10 + 15,
                                15);
                yield naive ? c.moreElements(M4 * 5, M4 * 3 * 5) : c;
            }
            // Its gradient is added to the pool's.
            case "early" -> {
                Counted c = counted(BATCH * 6, 2, M2 * 3, M2 * (3 + 2 * 3), 6 + 8);
                yield naive ? c.moreElements(M2 * 3, M2 * 3 * 3) : c;
            }
            case "pool" -> counted(0, 0, M2 * 3 + BATCH * 3, M2 * 3 + BATCH * 3, 0);
            case "head" -> counted(BATCH * 6, 2, BATCH * 3, BATCH * 3, 8);
            default -> throw new IllegalArgumentException(node);
        };
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyKindMovesWhatWasCountedByHand(MemoryStrategy strategy) {
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(2))) {
            for (DataType type : new DataType[] {DataType.FLOAT32, DataType.BFLOAT16}) {
                assumeTrue(device.supports(type));
                check(segmentation(), strategy, type, device);
                check(images(), strategy, type, device);
                check(detector(), strategy, type, device);
            }
        }
    }

    private static void check(Graph graph, MemoryStrategy strategy, DataType type, Device device) {
        MemoryPlan plan =
                MemoryPlan.of(graph).strategy(strategy).batch(BATCH).precision(type).on(device);
        List<OperationCost> costs = OperationCost.of(plan);
        for (Operation o : plan.operations()) {
            if (o.name().equals("loss") || o.name().equals("optimiser")) {
                continue;
            }
            Counted c =
                    graph.heads().getLast() instanceof PixelLogits
                            ? detector(o.name(), strategy)
                            : graph.classifiesPixels()
                                    ? segmentation(o.name(), strategy)
                                    : images(o.name(), strategy);
            OperationCost cost = costs.get(o.index());
            String what = o.phase() + " " + o.name() + " under " + strategy + " in " + type;
            boolean forward = o.phase() == Phase.FORWARD;
            long parameters =
                    4 * (c.parameters() - c.operands())
                            + type.bytes() * c.operands()
                            + (forward ? 0 : 2 * 4 * c.parameters());
            long elements = forward ? c.forward() : c.backward();
            assertEquals(type.bytes() * elements + 4 * c.floats() + parameters, cost.bytes(), what);
            long multiplyAdds = forward ? c.multiplyAdds() : c.times() * c.multiplyAdds();
            if (strategy == MemoryStrategy.RECOMPUTE && !forward) {
                multiplyAdds +=
                        switch (o.name()) {
                            case "layer2" -> M * 35;
                            case "stem" -> graph.classifiesPixels() ? 0 : 3 * M * 135;
                            default -> 0;
                        };
            }
            assertEquals(2 * multiplyAdds, cost.flops(), what);
        }
    }

    /** Every weight, once for each pixel that it is applied to. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "bc-100-12",
                "densenet121",
                "densenetblur121d",
                "fc-densenet56",
                "resnet50",
                "cifar-resnet-20",
                "cifar-preresnet-164",
                "condensenet-50",
                "msdnet-cifar100-budgeted",
                "rdnet-t"
            })
    void presetsTakeTheMultiplyAddsOfTheirWeights(String name) {
        FamilySpec spec = FamilySpec.preset(name).build();
        Graph graph = spec.graph();
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1))) {
            for (MemoryStrategy strategy : MemoryStrategy.values()) {
                MemoryPlan plan = MemoryPlan.of(spec).strategy(strategy).batch(BATCH).on(device);
                Map<String, Long> weights = new HashMap<>();
                long behindPools = 0;
                long all = 0;
                for (Node node : graph.nodes()) {
                    long applied =
                            node.parameters().stream()
                                    .filter(p -> p.role().isWeight())
                                    .mapToLong(p -> p.count() * pixels(node, p.name()))
                                    .sum();
                    weights.put(node.name(), applied);
                    all += applied;
                    if (node instanceof Transition t) {
                        Read read = t.source();
                        long before = (long) read.height() * read.width();
                        long behind = t.target().of().pixels();
                        behindPools += applied / behind * (before - behind);
                    }
                }
                assertEquals(graph.multiplyAdds(), all + behindPools);
                List<OperationCost> costs = OperationCost.of(plan);
                for (Operation o : plan.operations()) {
                    OperationCost cost = costs.get(o.index());
                    if (o.phase() == Phase.FORWARD && weights.containsKey(o.name())) {
                        assertEquals(
                                2 * BATCH * weights.get(o.name()),
                                cost.flops() - cost.recomputedFlops(),
                                o.name());
                    }
                }
            }
        }
    }

    /** Pixels that a weight of a node is applied to. */
    private static long pixels(Node node, String weight) {
        return switch (node) {
            case Classifier _ -> 1;
            case DepthwiseLayer n when weight.equals(n.gate().orElse("") + ".weight") -> 1;
            case BottleneckLayer n when weight.equals(n.conv1() + ".weight") ->
                    (long) n.source().height() * n.source().width();
            case PooledConvolution n -> (long) n.convolvedHeight() * n.convolvedWidth();
            case TransitionDown n -> (long) n.source().height() * n.source().width();
            case TransitionUp n -> (long) n.source().height() * n.source().width();
            case PixelClassifier n -> (long) n.source().height() * n.source().width();
            default -> node.writes().orElseThrow().of().pixels();
        };
    }

    /** Loss and optimiser: 2 floats a logit of every head, and 5 a parameter. */
    @Test
    void lossesOfSeveralHeadsAreOneOperation() {
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1))) {
            MemoryPlan plan = MemoryPlan.of(images()).batch(BATCH).on(device);
            OperationCost loss = OperationCost.of(plan).get(plan.schedule().loss());
            assertEquals(2 * 4 * 2 * BATCH * 2, loss.bytes());
        }
    }
}
