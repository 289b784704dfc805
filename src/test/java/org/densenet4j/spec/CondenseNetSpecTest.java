package org.densenet4j.spec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.ParameterSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.List;

class CondenseNetSpecTest {
    /**
     * Parameters in training and, as the paper counts them, with what condensation leaves of the
     * 1x1 convolutions: 0.22, 0.41, 0.52, 0.65, 0.79, 0.95 and 4.2 million, and 4.8 and 2.9 million
     * for ImageNet when half of the classifier is taken away, too.
     */
    @ParameterizedTest
    @CsvSource({
        "condensenet-50, 50, 522938, 216506",
        "condensenet-74, 74, 1090906, 405466",
        "condensenet-86, 86, 1451594, 520202",
        "condensenet-98, 98, 1863418, 648442",
        "condensenet-110, 110, 2326378, 790186",
        "condensenet-122, 122, 2840474, 945434",
        "condensenet-182, 182, 13792906, 4221946",
        "condensenet-imagenet-74-c4, 74, 11922680, 5805944",
        "condensenet-imagenet-74-c8, 74, 11103608, 3967416",
    })
    void countsAreTheKnownOnes(String model, int depth, long parameters, long condensed) {
        CondenseNetSpec spec = CondenseNetSpec.preset(model).build();
        Graph graph = spec.graph();
        assertEquals(depth, spec.depth());
        assertEquals(parameters, graph.parameterCount());
        assertEquals(condensed, graph.condensedParameterCount());
    }

    /** Those of the converted networks with half of the classifier of 2064 features. */
    @ParameterizedTest
    @CsvSource({
        "condensenet-imagenet-74-c4, 516640576",
        "condensenet-imagenet-74-c8, 261545792",
    })
    void multiplyAddsAreTheKnownOnesWhenItIsCondensed(String model, long converted) {
        Graph graph = CondenseNetSpec.preset(model).build().graph();
        long halfClassifier = 2064 / 2 * 1000;
        assertEquals(converted, graph.condensedMultiplyAdds() - halfClassifier);
    }

    @Test
    void everyBlockBeginsWithTheOneBeforeAndGrowsFaster() {
        List<String> features =
                CondenseNetSpec.imageNet74(4).build().graph().features().stream()
                        .map(Features::toString)
                        .toList();
        List<String> expected =
                List.of(
                        new Features("block1", 112, 112, 48).toString(),
                        new Features("block2", 56, 56, 144).toString(),
                        new Features("block3", 28, 28, 400).toString(),
                        new Features("block4", 14, 14, 1040).toString(),
                        new Features("block5", 7, 7, 2064).toString());
        assertEquals(expected, features);
    }

    @Test
    void tensorsHaveTheAuthorsNames() {
        Graph graph = CondenseNetSpec.cifar(50).build().graph();
        List<String> names = graph.parameters().stream().map(ParameterSpec::name).toList();
        String layer = "features.denseblock_1.denselayer_1.";
        assertEquals(
                List.of(
                        "features.init_conv.weight",
                        layer + "conv_1.norm.weight",
                        layer + "conv_1.norm.bias",
                        layer + "conv_1.conv.weight",
                        layer + "conv_2.norm.weight",
                        layer + "conv_2.norm.bias",
                        layer + "conv_2.conv.weight"),
                names.subList(0, 7));
        assertEquals(
                List.of(
                        "features.norm_last.weight",
                        "features.norm_last.bias",
                        "classifier.weight",
                        "classifier.bias"),
                names.subList(names.size() - 4, names.size()));
        LearnedGroups first = graph.learnedGroups().getFirst();
        assertEquals(new LearnedGroups(layer + "conv_1.conv.weight", 4, 4), first);
        assertEquals(layer + "conv_1._mask", first.mask());
        assertEquals(24, graph.learnedGroups().size());
    }

    @Test
    void aSpecIsEqualToOneWithTheSameFields() {
        CondenseNetSpec spec = CondenseNetSpec.cifar(86).build();
        assertEquals(spec, spec.toBuilder().build());
        assertEquals(spec.hashCode(), spec.toBuilder().build().hashCode());
        assertNotEquals(spec, spec.toBuilder().condensationFactor(2).build());
        assertNotEquals(spec, spec.toBuilder().initialStride(2).build());
        assertEquals(spec, SpecMetadata.read(SpecMetadata.of(spec), 1000));
        assertEquals(
                "CondenseNet condensenet-86 (k 8, 16, 32, blocks 14, 14, 14, bottleneck 4k, 4"
                        + " groups, condensation 4, input 32x32x3, classes 10)",
                spec.toString());
    }

    @Test
    void impossibleSpecsAreRefusedNamingTheFieldAndTheFix() {
        refused(
                "depth 51 does not fit a CondenseNet for small images, whose depth is 6n + 2; the"
                        + " authors' are 50, 74, 86, 98, 110, 122 and 182",
                () -> FamilySpec.preset("condensenet-51"));
        CondenseNetSpec.Builder b = CondenseNetSpec.builder();
        refused(
                "growthRates = [8, 16]: give one for each block of layersPerBlock = [8, 8, 8]",
                () -> b.growthRates(8, 16).build());
        refused(
                "growthRates has 6: groups = 4 and condensationFactor = 4 have to divide it",
                () -> b.growthRates(8, 6, 8).build());
        refused(
                "growthRates has 8: groups = 4 and condensationFactor = 3 have to divide it",
                () -> b.growthRates(8, 8, 8).initialChannels(12).condensationFactor(3).build());
        refused(
                "initialChannels has 10: groups = 4 and condensationFactor = 4 have to divide it",
                () -> b.condensationFactor(4).initialChannels(10).build());
        refused(
                "groups = 0: use a number from 1 to 1048576",
                () -> b.initialChannels(0).groups(0).build());
    }

    private static void refused(String message, Executable call) {
        assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
    }
}
