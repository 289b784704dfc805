package org.densenet4j.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Node;
import org.densenet4j.reference.RandomGraph;
import org.densenet4j.reference.RandomScales;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.ResNetSpec;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import java.util.List;
import java.util.Locale;

class InferencePlanTest {
    private static final long MB = 1_000_000;
    private static Device device;

    @BeforeAll
    static void open() {
        device = Device.open("cpu", DeviceOptions.defaults().withThreads(2));
    }

    @AfterAll
    static void close() {
        device.close();
    }

    @Test
    void buffersThatLiveAtTheSameTimeNeverOverlap() {
        for (long seed = 1; seed <= 20; seed++) {
            Graph graph =
                    switch ((int) seed % 4) {
                        case 0 -> RandomGraph.ofBatchStatistics(12, seed);
                        case 1 -> RandomScales.of(seed, 0);
                        default -> RandomGraph.of(seed, 0);
                    };
            InferencePlan plan = InferencePlan.of(graph).batch(1 + (int) seed % 4).on(device);
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

    /** Said again as the definition has it: who writes a matrix first, who reads it last. */
    @Test
    void valuesLiveToTheirLastReaderOrWhereAClassifierReadsThemToTheEnd() {
        for (long seed = 1; seed <= 20; seed++) {
            Graph graph = RandomGraph.of(seed, 0);
            InferencePlan plan = InferencePlan.of(graph).batch(2).on(device);
            for (Features f : graph.features()) {
                List<Integer> writers = indices(graph, f, true);
                List<Integer> readers = indices(graph, f, false);
                Buffer buffer = buffer(plan, f.name() + ".features");
                assertEquals(writers.getFirst(), buffer.first(), f.name());
                boolean classified =
                        graph.nodes().stream()
                                .anyMatch(node -> node instanceof Classifier && reads(node, f));
                int last = classified ? graph.nodes().size() - 1 : readers.getLast();
                assertEquals(last, buffer.last(), f.name());
            }
            assertEquals(0, buffer(plan, "input").first());
        }
    }

    private static List<Integer> indices(Graph graph, Features of, boolean writers) {
        return graph.nodes().stream()
                .filter(
                        node ->
                                writers
                                        ? node.writes()
                                                .map(Columns::of)
                                                .filter(of::equals)
                                                .isPresent()
                                        : reads(node, of))
                .map(graph.nodes()::indexOf)
                .toList();
    }

    private static boolean reads(Node node, Features of) {
        return node.reads().stream()
                .flatMap(read -> read.ranges().stream())
                .anyMatch(c -> c.of() == of);
    }

    private static Buffer buffer(InferencePlan plan, String name) {
        return plan.buffers().stream()
                .filter(b -> b.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError(name));
    }

    @Test
    void aNormalisationBetweenTwoConvolutionsIsInTheFirst() {
        int folded = 0;
        int normalised = 0;
        NetworkSpec spec = ResNetSpec.resnet50().inputSize(64).build();
        for (NodeInference node : InferencePlan.of(spec).batch(1).on(device).memory().nodes()) {
            if (node instanceof ConvolutionLayerInference layer) {
                folded += layer.weights().folded().isPresent() ? 1 : 0;
                normalised += layer.source().norm().isPresent() ? 1 : 0;
            }
        }
        assertEquals(2 * (3 + 4 + 6 + 3), folded, "two of the three of every unit");
        assertEquals(0, normalised, "none is left to convolutions");
    }

    @Test
    void whatSeveralReadersNormaliseIsNotFoldedNorAnythingOfTheBatch() {
        for (NetworkSpec spec :
                List.of(
                        DenseNetSpec.preset("plain-40-12").build(),
                        FcDenseNetSpec.fcDenseNet56().inputSize(32).build())) {
            for (NodeInference node : InferencePlan.of(spec).batch(1).on(device).memory().nodes()) {
                if (node instanceof ConvolutionLayerInference layer) {
                    assertTrue(layer.weights().folded().isEmpty(), layer.node().name());
                }
            }
        }
    }

    /** Peaks beside the weights, of fp32 and two lanes. */
    @Test
    void skipConnectionsKeepNoCopies() {
        NetworkSpec spec = FcDenseNetSpec.fcDenseNet103().inputSize(224).build();
        InferencePlan plan = InferencePlan.of(spec).batch(3).on(device);
        long values = 0;
        for (Features f : spec.graph().features()) {
            values += 3L * f.pixels() * f.channels() * Float.BYTES;
        }
        long found = plan.activationBytes();
        assertTrue(found < values, String.format(Locale.ROOT, "%,d of %,d bytes", found, values));
        assertTrue(found < 200 * MB, String.format(Locale.ROOT, "%,d bytes", found));
    }
}
