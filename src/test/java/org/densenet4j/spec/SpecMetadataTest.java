package org.densenet4j.spec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

class SpecMetadataTest {
    private static final int ENOUGH = 10_000;

    /** Every field differs from what a builder starts with. */
    static Stream<FamilySpec> specs() {
        return Stream.of(
                DenseNetSpec.builder()
                        .name("a")
                        .growthRate(5)
                        .layersPerBlock(3, 1)
                        .initialChannels(7)
                        .bottleneckWidth(0)
                        .compression(0.3)
                        .dropout(0.1)
                        .stochasticDepth(0.2)
                        .stem(Stem.DEEP_BLUR)
                        .classes(3)
                        .inputSize(40, 41)
                        .inputChannels(2)
                        .bnEpsilon(1e-3)
                        .bnMomentum(0.3)
                        .build(),
                FcDenseNetSpec.builder()
                        .name("b, of one's own")
                        .growthRate(5)
                        .downLayers(3, 1)
                        .bottleneckLayers(4)
                        .upLayers(2, 6)
                        .initialChannels(7)
                        .dropout(0.1)
                        .classes(3)
                        .inputSize(40, 41)
                        .inputChannels(2)
                        .bnEpsilon(1e-3)
                        .bnMomentum(0.3)
                        .evaluatesWithBatchStatistics(false)
                        .build(),
                ResNetSpec.builder()
                        .name("c")
                        .unit(ResNetSpec.Unit.BOTTLENECK)
                        .preActivation(true)
                        .shortcut(ResNetSpec.Shortcut.PROJECTED)
                        .stem(Stem.IMAGENET)
                        .unitsPerStage(2, 1)
                        .initialChannels(7)
                        .classes(3)
                        .inputSize(40, 41)
                        .inputChannels(2)
                        .bnEpsilon(1e-3)
                        .bnMomentum(0.3)
                        .build(),
                FamilySpec.preset("densenet121").build(),
                FamilySpec.preset("fc-densenet103").build(),
                FamilySpec.preset("resnet152").build(),
                FamilySpec.preset("cifar-preresnet-164").build());
    }

    @ParameterizedTest
    @MethodSource("specs")
    void whatIsWrittenIsRead(FamilySpec spec) {
        Map<String, String> metadata = SpecMetadata.of(spec);
        assertTrue(SpecMetadata.isIn(metadata));
        assertEquals(spec, SpecMetadata.read(metadata, ENOUGH));
    }

    /** Files of the first release are read, and files of DenseNets are still written like them. */
    @Test
    void textOfADenseNetHasNoFamily() {
        FamilySpec spec = DenseNetSpec.bc(16, 4).dropout(0.25).build();
        Map<String, String> text = new LinkedHashMap<>();
        text.put("spec.name", "bc-16-4");
        text.put("spec.growthRate", "4");
        text.put("spec.layersPerBlock", "2,2,2");
        text.put("spec.initialChannels", "8");
        text.put("spec.bottleneckWidth", "4");
        text.put("spec.compression", "0.5");
        text.put("spec.dropout", "0.25");
        text.put("spec.stochasticDepth", "0.0");
        text.put("spec.stem", "SMALL");
        text.put("spec.classes", "10");
        text.put("spec.inputHeight", "32");
        text.put("spec.inputWidth", "32");
        text.put("spec.inputChannels", "3");
        text.put("spec.bnEpsilon", "1.0E-5");
        text.put("spec.bnMomentum", "0.1");
        assertEquals(List.copyOf(text.entrySet()), List.copyOf(SpecMetadata.of(spec).entrySet()));
        text.remove("spec.stochasticDepth");
        assertEquals(spec, SpecMetadata.read(text, ENOUGH));
        text.put("spec.family", "densenet");
        assertEquals(spec, SpecMetadata.read(text, ENOUGH));
    }

    @Test
    void otherFamiliesSayWhatTheyAre() {
        assertEquals(
                "fc-densenet",
                SpecMetadata.of(FcDenseNetSpec.fcDenseNet56().build()).get("spec.family"));
        assertEquals("resnet", SpecMetadata.of(ResNetSpec.cifar(20).build()).get("spec.family"));
        assertFalse(SpecMetadata.isIn(Map.of("format", "pt", "spec.name", "x")));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            textBlock =
                    """
                    fc-densenet56 | family | capsule | the family 'capsule' is unknown: densenet, fc-densenet, resnet, condensenet, msdnet, rdnet and dsod are known
                    fc-densenet56 | downLayers | 4,x,4,4,4 | 'spec.downLayers' is '4,x,4,4,4'
                    fc-densenet56 | bottleneckLayers | | 'spec.bottleneckLayers' is ''
                    fc-densenet56 | upLayers | 4,4 | upLayers has 2 blocks, downLayers 5
                    fc-densenet56 | upLayers | 4,4,4,4,9999999 | it has more layers than the file has tensors
                    fc-densenet56 | evaluatesWithBatchStatistics | yes | 'spec.evaluatesWithBatchStatistics' is 'yes'
                    cifar-resnet-20 | unit | WIDE | 'spec.unit' is 'WIDE'
                    cifar-resnet-20 | stem | DEEP | stem = DEEP: use SMALL or IMAGENET for a ResNet
                    cifar-resnet-20 | unitsPerStage | 20000 | it has more layers than the file has tensors
                    cifar-resnet-20 | family | densenet | 'spec.growthRate' is missing
                    bc-16-4 | growthRate | 4.5 | 'spec.growthRate' is '4.5'
                    bc-16-4 | stem | small | 'spec.stem' is 'small'
                    bc-16-4 | compression | half | 'spec.compression' is 'half'
                    bc-16-4 | classes | -1 | classes = -1
                    """)
    void brokenTextIsRefusedInOneLine(String model, String field, String value, String message) {
        Map<String, String> metadata =
                new LinkedHashMap<>(SpecMetadata.of(FamilySpec.preset(model).build()));
        metadata.put("spec." + field, value == null ? "" : value);
        String text = refusal(metadata);
        assertTrue(text.contains(message), text);
        assertEquals(1, text.lines().count());
    }

    @ParameterizedTest
    @MethodSource("specs")
    void noFieldMayBeMissing(FamilySpec spec) {
        for (String key : SpecMetadata.of(spec).keySet()) {
            Map<String, String> metadata = new LinkedHashMap<>(SpecMetadata.of(spec));
            metadata.remove(key);
            boolean optional = key.equals("spec.family") || key.equals("spec.stochasticDepth");
            if (!optional) {
                assertEquals("'" + key + "' is missing", refusal(metadata));
            }
        }
    }

    private static String refusal(Map<String, String> metadata) {
        return assertThrows(
                        IllegalArgumentException.class, () -> SpecMetadata.read(metadata, ENOUGH))
                .getMessage();
    }
}
