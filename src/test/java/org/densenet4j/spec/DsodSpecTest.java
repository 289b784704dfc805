package org.densenet4j.spec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.Box;
import org.densenet4j.detection.PriorGrid;
import org.densenet4j.detection.Priors;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.PixelHead;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

class DsodSpecTest {
    /** Parameters and statistics together, times four bytes, are the published files' sizes. */
    @ParameterizedTest
    @CsvSource({
        "dsod300, 14715804, 79932, 15079798528, 59.2",
        "dsod300-coco, 21700524, 83532, 18367698688, 87.1",
        "dsod300-smallest, 5833372, 38908, 5297838848, 23.5"
    })
    void countsAreThePublishedOnes(
            String model, long parameters, long statistics, long multiplyAdds, double megabytes) {
        Graph graph = DsodSpec.preset(model).build().graph();
        assertEquals(parameters, graph.parameterCount());
        long kept = graph.runningStatistics().stream().mapToLong(ParameterSpec::count).sum();
        assertEquals(statistics, kept);
        assertEquals(multiplyAdds, graph.multiplyAdds());
        assertEquals(megabytes, 4 * (parameters + statistics) / 1e6, 0.06);
    }

    @Test
    void matricesHaveTheSizesOfThePaper() {
        Map<String, Features> features =
                DsodSpec.dsod300().build().graph().features().stream()
                        .collect(Collectors.toMap(Features::name, Function.identity()));
        int[] channels = {416, 800, 1184, 1568};
        int[] sides = {75, 38, 19, 19};
        for (int block = 0; block < 4; block++) {
            Features x = features.get("block" + (block + 1));
            assertEquals(channels[block], x.channels(), x.name());
            assertEquals(sides[block], x.height(), x.name());
        }
        int[] sources = {800, 512, 512, 256, 256, 256};
        int[] cells = {38, 19, 10, 5, 3, 2};
        for (int source = 0; source < 6; source++) {
            Features x = features.get("source" + (source + 1));
            assertEquals(sources[source], x.channels(), x.name());
            assertEquals(cells[source], x.width(), x.name());
        }
    }

    @Test
    void priorsArePublishedOnes() {
        assertSamePriors(Priors.dsod300Voc(), DsodSpec.dsod300().build().priors());
        assertSamePriors(Priors.dsod300Coco(), DsodSpec.dsod300Coco().build().priors());
    }

    private static void assertSamePriors(Priors expected, Priors found) {
        assertEquals(expected.grids(), found.grids());
        assertEquals(8744, found.size());
        for (int i = 0; i < found.size(); i++) {
            Box box = found.box(i);
            assertEquals(expected.box(i), box);
        }
    }

    /** As {@link DetectionSpec} says: a background and each class, and four offsets, of a box. */
    @ParameterizedTest
    @ValueSource(strings = {"dsod300", "dsod300-coco", "dsod300-smallest", "dsod-glyphs"})
    void headsHaveOutputsForEachBoxOfTheirGrids(String model) {
        DsodSpec spec = DsodSpec.preset(model).build();
        Map<String, PixelHead> heads =
                spec.graph().heads().stream()
                        .collect(Collectors.toMap(Node::name, PixelHead.class::cast));
        List<PriorGrid> grids = spec.priors().grids();
        assertEquals(2 * grids.size(), heads.size());
        for (int g = 0; g < grids.size(); g++) {
            PriorGrid grid = grids.get(g);
            PixelHead classes = heads.get(spec.classHeads().get(g));
            PixelHead offsets = heads.get(spec.offsetHeads().get(g));
            assertEquals(grid.boxesPerCell() * (1 + spec.classes()), classes.classes());
            assertEquals(grid.boxesPerCell() * Priors.OFFSETS, offsets.classes());
            for (PixelHead head : List.of(classes, offsets)) {
                assertEquals(grid.height(), head.source().height());
                assertEquals(grid.width(), head.source().width());
            }
        }
    }

    @Test
    void gridsFollowTheSizeOfImages() {
        DsodSpec spec = DsodSpec.dsodGlyphs().inputSize(97, 64).build();
        List<PriorGrid> grids = spec.priors().grids();
        assertEquals(List.of(13, 7, 4), grids.stream().map(PriorGrid::height).toList());
        assertEquals(List.of(8, 4, 2), grids.stream().map(PriorGrid::width).toList());
        assertEquals(97, spec.priors().imageHeight());
    }

    @Test
    void everyFieldIsPartOfTheText() {
        DsodSpec spec =
                DsodSpec.builder()
                        .stemChannels(4)
                        .layersPerBlock(1, 2, 1, 3)
                        .growthRate(5)
                        .bottleneckWidth(7)
                        .secondChannels(6)
                        .stepChannels()
                        .boxes(
                                List.of(
                                        new DsodSpec.Boxes(8, 12, 17.5, List.of()),
                                        new DsodSpec.Boxes(16, 20, 30, List.of(1.5, 3.0))))
                        .classes(2)
                        .inputSize(64, 48)
                        .build();
        assertEquals(spec, SpecMetadata.read(SpecMetadata.of(spec), 100));
        assertEquals(spec, spec.toBuilder().build());
        assertEquals(
                "DSOD custom (DS/4-7-5-1, blocks 1, 2, 1, 3, sources 2, boxes 168, input 64x48x3,"
                        + " classes 2)",
                spec.toString());
        DsodSpec published = DsodSpec.dsod300Coco().build();
        assertEquals(published, SpecMetadata.read(SpecMetadata.of(published), 100));
    }

    private static void refused(String message, Executable build) {
        assertEquals(message, assertThrows(IllegalArgumentException.class, build).getMessage());
    }

    @Test
    void whatIsNoNetworkIsRefused() {
        refused(
                "layersPerBlock = [6, 8]: give one number for each of 4 blocks",
                () -> DsodSpec.dsod300().layersPerBlock(6, 8).build());
        refused(
                "boxes of 6 sources: there are 3, two and one for each of stepChannels = [64]",
                () -> DsodSpec.dsod300().stepChannels(64).build());
        refused(
                "growthRate = 0: use a number from 1 to 1048576",
                () -> DsodSpec.dsod300().growthRate(0).build());
        refused(
                "step 8.0, sides 30.0 to 20.0: use numbers above 0, the smaller side first",
                () -> new DsodSpec.Boxes(8, 30, 20, List.of()));
        refused(
                "inputSize = 1000000x1000000 has 20,828,260,743 cells of default boxes: use smaller"
                        + " images",
                () -> DsodSpec.dsod300().inputSize(1_000_000).build());
        assertTrue(DsodSpec.dsod300().inputSize(1).build().graph().multiplyAdds() > 0);
    }

    @ParameterizedTest
    @CsvSource({
        "boxSteps, '8.0,16.0'",
        "boxLeast, '30,60,x,1,1,1'",
        "boxRatios, '2.0,2.0/y,,,,'",
        "boxRatios, ''"
    })
    void brokenTextOfBoxesIsRefusedInOneLine(String field, String value) {
        Map<String, String> text = SpecMetadata.of(DsodSpec.dsod300().build());
        text.put("spec." + field, value);
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> SpecMetadata.read(text, 1000));
        assertTrue(e.getMessage().startsWith("'spec.box"), e.getMessage());
    }

    @Test
    void headsStartSmallAndScalesAtTwenty() {
        Graph graph = DsodSpec.dsodGlyphs().build().graph();
        Initialiser initialiser = Initialiser.of(graph, 3);
        float[] scales = filled(initialiser, graph.parameter("head2.norm.weight"));
        for (float scale : scales) {
            assertEquals(20, scale);
        }
        float[] head = filled(initialiser, graph.parameter("head1.conv.weight"));
        assertEquals(1e-4, meanSquare(head), 3e-6);
        assertTrue(largest(head) > 0.035, "no uniform distribution");
        ParameterSpec inner = graph.parameter("block3.layer2.conv2.weight");
        float[] xavier = filled(initialiser, inner);
        double bound = Math.sqrt(3.0 / (64 * 9));
        assertTrue(largest(xavier) <= bound && largest(xavier) > 0.99 * bound);
        assertEquals(1.0 / (64 * 9), meanSquare(xavier), 0.03 / (64 * 9));
    }

    private static float[] filled(Initialiser initialiser, ParameterSpec p) {
        float[] values = new float[(int) p.count()];
        initialiser.fill(p, values);
        return values;
    }

    private static double meanSquare(float[] values) {
        double sum = 0;
        for (float v : values) {
            sum += (double) v * v;
        }
        return sum / values.length;
    }

    private static double largest(float[] values) {
        double largest = 0;
        for (float v : values) {
            largest = Math.max(largest, Math.abs(v));
        }
        return largest;
    }

    @Test
    void depthCountsTheLongestWay() {
        assertEquals(3 + 2 * 30 + 4 + 2 * 4 + 1, DsodSpec.dsod300().build().depth());
        assertEquals(Arrays.asList(6, 8, 8, 8), DsodSpec.dsod300().build().layersPerBlock());
    }
}
