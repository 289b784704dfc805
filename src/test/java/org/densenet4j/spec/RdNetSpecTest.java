package org.densenet4j.spec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.ParameterSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.List;
import java.util.Map;

class RdNetSpecTest {
    /** 23.86, 50.44, 87.45 and 186.27 million in the paper and in timm; 5.0, 8.7, 15.4, 34.7 G. */
    @ParameterizedTest
    @CsvSource({
        "rdnet-t, 23863008, 5032673424",
        "rdnet-s, 50436448, 8706216840",
        "rdnet-b, 87451096, 15358159296",
        "rdnet-l, 186269632, 34675293792",
        "rdnet-l-384, 186269632, 0",
    })
    void countsAreTheKnownOnes(String model, long parameters, long multiplyAdds) {
        Graph graph = RdNetSpec.preset(model).build().graph();
        assertEquals(parameters, graph.parameterCount());
        if (multiplyAdds > 0) {
            assertEquals(multiplyAdds, graph.multiplyAdds());
        } else { // known to the million, for images of 384x384
            assertEquals(101_894, Math.round(graph.multiplyAdds() / 1e6));
        }
    }

    @Test
    void stagesHaveTheChannelsOfThePaper() {
        List<Features> features = RdNetSpec.tiny().build().graph().features();
        assertEquals(
                List.of(256, 440, 600, 680, 720, 744, 1040),
                features.stream().map(Features::channels).toList());
        assertEquals(
                List.of(56, 28, 14, 14, 14, 14, 7),
                features.stream().map(Features::height).toList());
        Map<String, Integer> last = Map.of("rdnet-s", 1264, "rdnet-b", 1760, "rdnet-l", 2000);
        last.forEach(
                (name, channels) ->
                        assertEquals(
                                channels,
                                RdNetSpec.preset(name)
                                        .build()
                                        .graph()
                                        .features()
                                        .getLast()
                                        .channels()));
    }

    @Test
    void middlesAreFourTimesAsWideAndGatesStartInTheThirdStage() {
        List<DepthwiseLayer> layers =
                RdNetSpec.tiny().build().graph().nodes().stream()
                        .filter(DepthwiseLayer.class::isInstance)
                        .map(DepthwiseLayer.class::cast)
                        .toList();
        assertEquals(21, layers.size());
        assertEquals(
                List.of(1472, 2368, 3264),
                layers.subList(18, 21).stream().map(DepthwiseLayer::width).toList());
        assertEquals(15, layers.stream().filter(layer -> layer.gate().isPresent()).count());
        assertEquals(6, layers.stream().takeWhile(layer -> layer.gate().isEmpty()).count());
    }

    @Test
    void dropPathRisesLinearly() {
        List<Double> survivals =
                RdNetSpec.tiny().stochasticDepth(0.2).build().graph().nodes().stream()
                        .filter(DepthwiseLayer.class::isInstance)
                        .map(node -> node.drops().survival())
                        .toList();
        assertEquals(1, survivals.getFirst());
        assertEquals(0.9, survivals.get(10), 1e-12);
        assertEquals(0.8, survivals.getLast(), 1e-12);
    }

    @Test
    void namesAreTimms() {
        List<String> names =
                RdNetSpec.tiny().build().graph().parameters().stream()
                        .map(ParameterSpec::name)
                        .toList();
        assertEquals(
                List.of("stem.0.weight", "stem.0.bias", "stem.1.weight", "stem.1.bias"),
                names.subList(0, 4));
        assertEquals("dense_stages.0.0.dense_block0.gamma", names.get(4));
        int third = names.indexOf("dense_stages.2.0.weight");
        assertEquals(
                List.of(
                        "dense_stages.2.0.bias",
                        "dense_stages.2.1.weight",
                        "dense_stages.2.1.bias",
                        "dense_stages.2.2.dense_block0.gamma",
                        "dense_stages.2.2.dense_block0.layers.layers.0.weight"),
                names.subList(third + 1, third + 6));
        assertEquals("head.fc.bias", names.getLast());
    }

    @Test
    void timmsNamesOfNetworksAreKnown() {
        assertEquals(RdNetSpec.base().build(), FamilySpec.preset("rdnet_base").build());
        assertEquals(384, FamilySpec.preset("rdnet-l-384").build().inputHeight());
    }

    @Test
    void everyFieldIsPartOfTheText() {
        RdNetSpec spec =
                RdNetSpec.builder()
                        .growthRates(8, 16)
                        .layersPerStage(1, 2)
                        .halvingStages()
                        .gatedFrom(3)
                        .initialChannels(24)
                        .patch(2)
                        .kernel(3)
                        .expansion(2)
                        .stochasticDepth(0.1)
                        .inputSize(20, 12)
                        .build();
        assertEquals(spec, SpecMetadata.read(SpecMetadata.of(spec), 100));
        assertEquals(spec, spec.toBuilder().build());
        assertEquals(
                "RDNet custom (k 8, 16, stages 1, 2, halved at , gates from 3, stem 24, input"
                        + " 20x12x3, classes 1000)",
                spec.toString());
    }

    private static void refused(String message, Executable build) {
        assertEquals(message, assertThrows(IllegalArgumentException.class, build).getMessage());
    }

    @Test
    void whatIsNoNetworkIsRefused() {
        refused(
                "inputSize = 16x64 is too small: stage 7 would have no pixels",
                () -> RdNetSpec.tiny().inputSize(16, 64).build());
        refused("kernel = 4: use an odd size", () -> RdNetSpec.tiny().kernel(4).build());
        refused(
                "halvingStages has 1: use 2 to 7, the stages behind the first",
                () -> RdNetSpec.tiny().halvingStages(1).build());
        refused(
                "layersPerStage = [3]: give one for each of growthRates = [64, 104, 128, 128, 128,"
                        + " 128, 224]",
                () -> RdNetSpec.tiny().layersPerStage(3).build());
        refused(
                "stochasticDepth = 1.0: use 0 to below 1",
                () -> RdNetSpec.tiny().stochasticDepth(1).build());
        refused(
                "stage 2 would have no channels; use more initialChannels or growthRates",
                () ->
                        RdNetSpec.builder()
                                .initialChannels(8)
                                .growthRates(1, 1)
                                .halvingStages()
                                .build());
    }
}
