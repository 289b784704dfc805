package org.densenet4j.insight;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.data.Batch;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.TransitionUp;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.reference.RandomGraph;
import org.densenet4j.reference.RandomMixers;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.ResNetSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Feature reuse of networks that are no DenseNets: skips, pools, sums, transitions up. */
class GraphReuseTest {
    @TempDir private Path folder;

    private static Map<String, float[]> weights(NetworkSpec spec, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Map<String, float[]> weights = new HashMap<>();
        for (ParameterSpec p : spec.graph().parameters()) {
            float[] values = new float[(int) p.count()];
            for (int i = 0; i < values.length; i++) {
                values[i] = random.nextInt(-1000, 1001) / 1000f;
            }
            weights.put(p.name(), values);
        }
        return weights;
    }

    /** The writer of every channel that a node reads, one channel at a time. */
    private static List<String> writers(Graph graph, Read read) {
        Map<Features, String[]> names = new IdentityHashMap<>();
        names.put(
                graph.input(),
                IntStream.range(0, graph.input().channels())
                        .mapToObj(_ -> "images")
                        .toArray(String[]::new));
        for (Node node : graph.nodes()) {
            if (node.writes().isPresent()) {
                Columns c = node.writes().get();
                String[] of = names.computeIfAbsent(c.of(), f -> new String[f.channels()]);
                for (int i = c.from(); i < c.end(); i++) {
                    of[i] = node.name();
                }
            }
        }
        List<String> writers = new ArrayList<>();
        for (Columns c : read.ranges()) {
            writers.addAll(List.of(names.get(c.of())).subList(c.from(), c.end()));
        }
        return writers;
    }

    private static ParameterSpec weight(Node node) {
        return node.parameters().stream().filter(p -> p.role().isWeight()).findFirst().get();
    }

    /** |W| summed over the input channels [from, end), and the number of its weights. */
    private static double[] sum(Node node, float[] values, int from, int end) {
        List<Integer> shape = weight(node).shape();
        boolean transposed = node instanceof TransitionUp;
        int outputs = shape.get(transposed ? 1 : 0);
        int inputs = shape.get(transposed ? 0 : 1);
        int taps = values.length / outputs / inputs;
        double sum = 0;
        long count = 0;
        for (int o = 0; o < outputs; o++) {
            for (int i = from; i < end; i++) {
                for (int tap = 0; tap < taps; tap++) {
                    int at = transposed ? i * outputs + o : o * inputs + i;
                    sum += Math.abs(values[at * taps + tap]);
                    count++;
                }
            }
        }
        return new double[] {sum, count};
    }

    /** A depthwise convolution has no weights between channels. */
    @Test
    void depthwiseLayersReadByTheConvolutionBehindTheirKernels() {
        Graph graph = RandomMixers.of(3, 1);
        Map<String, float[]> weights = weights(graph, 3);
        FeatureReuse reuse = FeatureReuse.of(graph, weights::get);
        for (Node node : graph.nodes()) {
            if (node instanceof DepthwiseLayer layer) {
                List<Connection> found =
                        reuse.connections().stream()
                                .filter(c -> c.targetName().equals(node.name()))
                                .toList();
                assertEquals(
                        layer.prefixChannels(),
                        found.stream().mapToInt(Connection::channels).sum());
                for (Connection c : found) {
                    assertEquals(layer.expansion() + ".weight", c.weightName());
                    double[] sum = new double[1];
                    float[] w = weights.get(c.weightName());
                    for (int i = 0; i < w.length; i++) {
                        int channel = i % layer.prefixChannels() - c.firstChannel();
                        sum[0] += channel >= 0 && channel < c.channels() ? Math.abs(w[i]) : 0;
                    }
                    assertEquals(sum[0] / (layer.width() * c.channels()), c.meanAbsolute(), 1e-6);
                }
            }
        }
    }

    @Test
    void everyConnectionIsTheMeanOfTheWeightsOfItsWritersChannels() {
        int connections = 0;
        for (long seed = 1; seed <= 30; seed++) {
            Graph graph = RandomGraph.of(seed, 0);
            Map<String, float[]> weights = weights(graph, seed);
            FeatureReuse reuse = FeatureReuse.of(graph, weights::get);
            for (Node node : graph.nodes()) {
                List<Connection> found =
                        reuse.connections().stream()
                                .filter(c -> c.targetName().equals(node.name()))
                                .toList();
                if (found.isEmpty()) {
                    continue;
                }
                List<String> writers = writers(graph, node.reads().getFirst());
                boolean[] seen = new boolean[writers.size()];
                double strongest = 0;
                for (Connection c : found) {
                    int end = c.firstChannel() + c.channels();
                    for (int i = c.firstChannel(); i < end; i++) {
                        assertEquals(c.sourceName(), writers.get(i), graph.name());
                        assertTrue(!seen[i], "channel " + i + " of " + c);
                        seen[i] = true;
                    }
                    float[] values = weights.get(weight(node).name());
                    double[] sum = sum(node, values, c.firstChannel(), end);
                    assertEquals(weight(node).name(), c.weightName());
                    assertEquals(sum[0] / sum[1], c.meanAbsolute(), 1e-9);
                    assertEquals((long) sum[1], c.weights());
                    strongest = Math.max(strongest, c.meanAbsolute());
                    connections++;
                }
                for (boolean channel : seen) {
                    assertTrue(channel, "a channel of " + node.name() + " is missing");
                }
                for (Connection c : found) {
                    assertEquals(c.meanAbsolute() / strongest, c.shareOfTarget(), 1e-9);
                }
            }
        }
        assertTrue(connections > 600, connections + " connections");
    }

    private static FcDenseNetSpec fc() {
        return FcDenseNetSpec.builder()
                .growthRate(3)
                .downLayers(2, 1)
                .bottleneckLayers(2)
                .upLayers(1, 2)
                .initialChannels(5)
                .classes(4)
                .inputSize(16)
                .build();
    }

    @Test
    void aWayUpReadsTheLayersOfItsSkipConnection() throws IOException {
        FeatureReuse reuse = FeatureReuse.of(fc(), weights(fc(), 1)::get);
        assertEquals(
                List.of("down1", "down2", "bottleneck", "up1", "up2"),
                reuse.blocks().stream().map(BlockReuse::name).toList());
        BlockReuse up = reuse.blocks().getLast();
        assertEquals(
                List.of(
                        "transitionup2",
                        "stem",
                        "down1.layer1",
                        "down1.layer2",
                        "up2.layer1",
                        "up2.layer2"),
                up.sources().stream().map(BlockReuse.Source::name).toList());
        assertEquals(
                List.of("up2.layer1", "up2.layer2", "head"),
                up.targets().stream().map(BlockReuse.Target::name).toList());
        assertEquals(
                List.of("4", "5", "A"),
                up.targets().stream().map(BlockReuse.Target::label).toList());
        assertEquals(4 + 5 + 6, up.connections().size());
        assertEquals(2, up.layers());
        // The transition up reads the new features of the coarser level alone.
        assertEquals(
                List.of("up1.layer1"),
                reuse.connections().stream()
                        .filter(c -> c.targetName().equals("transitionup2"))
                        .map(Connection::sourceName)
                        .toList());
        List<Path> files = new FeatureReuseReport(reuse, Scale.TARGET).write(folder);
        assertEquals(5 + 2, files.size());
        String csv = Files.readString(folder.resolve("feature-reuse.csv"));
        assertTrue(csv.contains("\n5,1,2,stem,up2.layer2,"), csv);
        String page = Files.readString(folder.resolve("feature-reuse.html"));
        assertTrue(page.contains("down1.layer2 → up2.layer1"));
    }

    @Test
    void aNetworkWhoseNodesReadOneOtherHasNoConnections() {
        ResNetSpec spec = ResNetSpec.cifar(8).build();
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> FeatureReuse.of(spec, weights(spec, 1)::get));
        assertTrue(e.getMessage().startsWith("no node of the network 'cifar-resnet-8'"), "" + e);
    }

    /** Numbers and texts of a DenseNet, as they were when its blocks were walked by hand. */
    @Test
    void tablesOfDenseNetsStayAsTheyAre() throws NoSuchAlgorithmException {
        DenseNetSpec spec = DenseNetSpec.bc(16, 3).inputSize(8).build();
        FeatureReuse reuse = FeatureReuse.of(spec, weights(spec, 2)::get);
        FeatureReuseReport report = new FeatureReuseReport(reuse, Scale.BLOCK);
        PruneReportFiles pruned =
                new PruneReportFiles(
                        new PruneReport(
                                Ranking.TARGET,
                                reuse.connections(),
                                List.of(new PruneReport.Row(0, 0, 0, 1, 1, 1, 1))));
        String text = report.csv() + report.summary().text() + pruned.weakest(99).text();
        MessageDigest sha = MessageDigest.getInstance("SHA-256");
        assertEquals(
                "41e27aadc4f0a88b475c4582d064304401a65a036965684928aff02fd05dcd36",
                HexFormat.of().formatHex(sha.digest(text.getBytes(StandardCharsets.UTF_8))));
    }

    @Test
    void maskedConnectionsOfAnyGraphAreZeroAndComeBack() {
        try (Device device = Device.cpu()) {
            int graphs = 0;
            for (long seed = 1; graphs < 4; seed++) {
                Graph graph = RandomGraph.of(seed, 0);
                if (!(graph.heads().getLast() instanceof Classifier)) {
                    continue;
                }
                graphs++;
                checkMasks(RandomCase.of(graph, 3, seed), device);
            }
        }
    }

    private static void checkMasks(RandomCase c, Device device) {
        Batch batch =
                new Batch(
                        c.pixels,
                        c.labels,
                        c.spec.inputHeight(),
                        c.spec.inputWidth(),
                        c.spec.inputChannels());
        MemoryPlan plan = MemoryPlan.of(c.spec).batch(3).on(device);
        try (Network network = Network.open(plan, device, 1)) {
            c.load(network);
            PruneReport report =
                    PruneReport.of(network, Ranking.TARGET, List.of(0.6), () -> List.of(batch));
            PruneReport.Row row = report.rows().getLast();
            for (Node node : c.spec.graph().nodes()) {
                List<Connection> masked =
                        report.connections().subList(0, row.masked()).stream()
                                .filter(m -> m.targetName().equals(node.name()))
                                .toList();
                if (!masked.isEmpty()) {
                    String name = weight(node).name();
                    network.parameter(name, masked(node, masked, network.parameter(name)));
                }
            }
            PruneReport byHand =
                    PruneReport.of(network, Ranking.TARGET, List.of(), () -> List.of(batch));
            assertEquals(byHand.rows().getFirst().loss(), row.loss(), 1e-6);
            assertTrue(Math.abs(report.rows().getFirst().loss() - row.loss()) > 1e-4);
        }
    }

    private static float[] masked(Node node, List<Connection> masked, float[] values) {
        List<Integer> shape = weight(node).shape();
        boolean transposed = node instanceof TransitionUp;
        int taps = values.length / shape.get(0) / shape.get(1);
        for (int i = 0; i < values.length; i++) {
            int first = i / taps / shape.get(1);
            int channel = transposed ? first : i / taps % shape.get(1);
            for (Connection m : masked) {
                int from = m.firstChannel();
                values[i] = channel >= from && channel < from + m.channels() ? 0 : values[i];
            }
        }
        return values;
    }

    @Test
    void aPruneReportOfPixelsIsRefused() {
        try (Device device = Device.cpu();
                Network network =
                        Network.open(MemoryPlan.of(fc()).batch(1).on(device), device, 1)) {
            IllegalArgumentException e =
                    assertThrows(
                            IllegalArgumentException.class,
                            () -> PruneReport.of(network, Ranking.WEIGHT, List.of(0.1), List::of));
            assertTrue(e.getMessage().startsWith("'head' labels pixels"), e.getMessage());
        }
    }
}
