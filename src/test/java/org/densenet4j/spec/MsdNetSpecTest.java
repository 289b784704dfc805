package org.densenet4j.spec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.ArrayList;
import java.util.List;

class MsdNetSpecTest {
    /**
     * Parameters and multiply-adds up to each exit. Those of the step-7 network, 8.76 to 62.31
     * million, are those that the authors' counter gives for their released weights.
     */
    @ParameterizedTest
    @CsvSource({
        "msdnet-imagenet-7, 8759240 20154896 31730040 41860288 62314472,"
                + " 612030976 1430810112 2276388096 2959942016 3246180864",
        "msdnet-imagenet-4, 4238504 8772240 13073272 16748416 23958440,"
                + " 337214464 681654272 1003659008 1249626240 1355606016",
        "msdnet-cifar100-budgeted, 299704 649740 1018308 1492424 2078924,"
                + " 6792704 14209024 27278848 41373696 58087936",
        "msdnet-cifar100-anytime, 433876 876792 1274952 1695548 2178352 2603252 3067960,",
    })
    void countsOfEveryExitAreTheKnownOnes(String model, String parameters, String multiplyAdds) {
        Graph graph = MsdNetSpec.preset(model).build().graph();
        List<String> counts = new ArrayList<>();
        List<String> products = new ArrayList<>();
        long count = 0;
        long madds = 0;
        for (Node node : graph.nodes()) {
            count += node.parameters().stream().mapToLong(ParameterSpec::count).sum();
            madds += node.multiplyAdds();
            if (node.writes().isEmpty()) {
                counts.add(String.valueOf(count));
                products.add(String.valueOf(madds));
            }
        }
        assertEquals(parameters, String.join(" ", counts));
        if (multiplyAdds != null) {
            assertEquals(multiplyAdds, String.join(" ", products));
        }
    }

    /** Per image, of the matrices alone, as follows from the paper's layers. */
    @Test
    void everyScaleHasAMatrixFromOneReductionToTheNext() {
        Graph graph = MsdNetSpec.cifar100Budgeted().build().graph();
        List<String> features =
                graph.features().stream()
                        .map(Features::toString)
                        .filter(name -> name.startsWith("scale"))
                        .toList();
        List<String> expected =
                List.of(
                        "scale1 32x32x46",
                        "scale2 16x16x104",
                        "scale3 8x8x208",
                        "scale2-reduced1 16x16x100",
                        "scale3-reduced1 8x8x224",
                        "scale3-reduced2 8x8x208");
        assertEquals(expected, features);
        Graph imageNet = MsdNetSpec.imageNet(7).build().graph();
        long floats = 0;
        for (Features f : imageNet.features()) {
            floats += (long) f.pixels() * f.channels();
        }
        assertEquals(1_988_144, floats);
    }

    @Test
    void scalesMayBeDroppedAtTheEndToo() {
        MsdNetSpec spec =
                MsdNetSpec.builder()
                        .layersPerExit(3, 3)
                        .dropping(MsdNetSpec.Dropping.AT_THE_END)
                        .build();
        List<String> names = spec.graph().nodes().stream().map(Node::name).toList();
        assertEquals(
                List.of("layer2-scale3-normal", "reduction1-scale1", "reduction1-scale2"),
                names.subList(
                        names.indexOf("reduction1-scale1") - 1,
                        names.indexOf("reduction1-scale1") + 2));
        assertEquals(
                List.of("layer6-scale3-down", "layer6-scale3-normal", "exit2-conv1"),
                names.subList(names.indexOf("exit2-conv1") - 2, names.indexOf("exit2-conv1") + 1));
    }

    @Test
    void aSpecIsEqualToOneWithTheSameFields() {
        MsdNetSpec spec = MsdNetSpec.imageNet(4).build();
        assertEquals(spec, spec.toBuilder().build());
        assertEquals(spec.hashCode(), spec.toBuilder().build().hashCode());
        assertNotEquals(spec, spec.toBuilder().exitChannels(64).build());
        assertNotEquals(spec, spec.toBuilder().reduction(0.25).build());
        assertEquals(spec, SpecMetadata.read(SpecMetadata.of(spec), 1000));
        assertEquals(5, spec.exits());
        assertEquals(
                "MSDNet msdnet-imagenet-4 (k 16, scales 1, 2, 4, 4, layers 4, 4, 4, 4, 4, input"
                        + " 224x224x3, classes 1000)",
                spec.toString());
    }

    @Test
    void impossibleSpecsAreRefusedNamingTheFieldAndTheFix() {
        MsdNetSpec.Builder b = MsdNetSpec.builder();
        refused(
                "layersPerExit is empty: give one number for each exit",
                () -> b.layersPerExit().build());
        refused(
                "4 layers leave more than one of 3 scales, whose last features nobody would read:"
                        + " use more layers or fewer scales",
                () -> b.layersPerExit(2, 2).build());
        refused(
                "growthRate = 3 of scale 2: half of what a layer adds comes from the finer scale,"
                        + " so 3·1 has to be even",
                () -> MsdNetSpec.builder().growthRate(3).growthFactors(1, 1, 1).build());
        refused(
                "bottleneckFactors = [1, 2, 4]: give one for each scale, as growthFactors = [1, 2]",
                () -> MsdNetSpec.builder().growthFactors(1, 2).build());
        refused(
                "reduction = 0.0: use a number above 0 and up to 1",
                () -> MsdNetSpec.builder().reduction(0).build());
        refused(
                "stem = DEEP: MSDNets have SMALL or IMAGENET",
                () -> MsdNetSpec.builder().stem(Stem.DEEP).build());
        refused(
                "no model named 'msdnet-imagenet-0'; use msdnet-imagenet-4/7,"
                        + " msdnet-cifar100-anytime/budgeted",
                () -> MsdNetSpec.preset("msdnet-imagenet-0"));
    }

    private static void refused(String message, Executable call) {
        assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
    }
}
