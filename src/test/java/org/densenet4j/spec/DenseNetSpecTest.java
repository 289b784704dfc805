package org.densenet4j.spec;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.graph.ParameterSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.List;

class DenseNetSpecTest {

    /** BC-100-12 from the authors' README; the ImageNet models from torchvision and timm. */
    @ParameterizedTest
    @CsvSource({
        "bc-100-12, 769162",
        "densenet121, 7978856",
        "densenet161, 28681000",
        "densenet169, 14149480",
        "densenet201, 20013928",
        "densenetblur121d, 7998088",
        "densenet264d, 72736216"
    })
    void parameterCountsAreTheKnownOnes(String model, long expected) {
        NetworkShape shape = NetworkShape.of(DenseNetSpec.preset(model).build());
        assertEquals(expected, shape.parameterCount());
    }

    /** Huang et al. 2017, table 2, in millions with one decimal. */
    @ParameterizedTest
    @CsvSource({
        "plain-40-12, 1.0",
        "plain-100-12, 7.0",
        "plain-100-24, 27.2",
        "bc-100-12, 0.8",
        "bc-250-24, 15.3",
        "bc-190-40, 25.6"
    })
    void parameterCountsRoundToThePapersTable(String model, double millions) {
        long count = NetworkShape.of(DenseNetSpec.preset(model).build()).parameterCount();
        assertEquals(millions, Math.round(count / 1e5) / 10.0, 0.11);
    }

    /** Convolutions and classifier only; 2.83 G is what the usual counters print for 121. */
    @ParameterizedTest
    @CsvSource({
        "densenet121, 2.83",
        "densenet169, 3.36",
        "densenet201, 4.29",
        "densenet161, 7.73",
        "bc-100-12, 0.29"
    })
    void multiplyAddsAreTheKnownOnes(String model, double billions) {
        long count = NetworkShape.of(DenseNetSpec.preset(model).build()).multiplyAdds();
        assertEquals(billions, count / 1e9, 0.006);
    }

    @ParameterizedTest
    @CsvSource({"densenetblur121d, 3073802240", "densenet264d, 13470266880"})
    void multiplyAddsBehindDeepStemsAreCountedToTheUnit(String model, long expected) {
        assertEquals(expected, DenseNetSpec.preset(model).build().graph().multiplyAdds());
    }

    @Test
    void multiplyAddsOfASmallNetworkAreThoseCountedByHand() {
        DenseNetSpec spec =
                DenseNetSpec.builder()
                        .growthRate(2)
                        .layersPerBlock(1, 1)
                        .initialChannels(3)
                        .bottleneckWidth(4)
                        .compression(0.5)
                        .inputSize(4)
                        .classes(5)
                        .build();
        long stem = 16 * 3 * 3 * 9;
        long layer1 = 16 * (3 * 8 + 8 * 2 * 9);
        long transition = 16 * 5 * 2;
        long layer2 = 4 * (2 * 8 + 8 * 2 * 9);
        long head = 4 * 5;
        NetworkShape shape = NetworkShape.of(spec);
        assertEquals(stem + layer1 + transition + layer2 + head, shape.multiplyAdds());
    }

    @Test
    void presetsHaveThePapersShapes() {
        assertEquals(List.of(16, 16, 16), DenseNetSpec.bc(100, 12).build().layersPerBlock());
        assertEquals(List.of(12, 12, 12), DenseNetSpec.plain(40, 12).build().layersPerBlock());
        assertEquals(List.of(6, 12, 64, 48), DenseNetSpec.densenet264().build().layersPerBlock());
        assertEquals(96, DenseNetSpec.densenet161().build().initialChannels());
        for (String model : List.of("bc-40-36", "bc-40-48", "bc-40-60", "plain-40-24")) {
            assertEquals(40, DenseNetSpec.preset(model).build().depth());
        }
        assertEquals(121, DenseNetSpec.densenet121().build().depth());
        NetworkShape shape = NetworkShape.of(DenseNetSpec.densenet121().build());
        assertEquals(56, shape.blocks().getFirst().height());
        assertEquals(7, shape.head().height());
        assertEquals(1024, shape.head().channels());
        assertEquals(
                "features.denseblock4.denselayer16.conv2.weight",
                shape.parameters().get(shape.parameters().size() - 5).name());
    }

    /** Pleiss et al. 2017, table 1: 33 M parameters for 264 (k = 32), 55 M for 232 (k = 48). */
    @Test
    void theDeepestImageNetModelsHaveTheReportsSizes() {
        DenseNetSpec deepest = DenseNetSpec.densenet264().build();
        DenseNetSpec widest = DenseNetSpec.densenet232().build();
        assertEquals(33, NetworkShape.of(deepest).parameterCount() / 1_000_000);
        assertEquals(55, NetworkShape.of(widest).parameterCount() / 1_000_000);
    }

    @Test
    void deepStemsHaveTwoMoreConvolutions() {
        assertEquals(123, DenseNetSpec.densenetblur121d().build().depth());
        assertEquals(Stem.DEEP_BLUR, DenseNetSpec.densenetblur121d().build().stem());
        assertEquals(Stem.DEEP, DenseNetSpec.densenet264d().build().stem());
        NetworkShape shape = NetworkShape.of(DenseNetSpec.densenet264d().build());
        assertEquals(56, shape.blocks().getFirst().height());
        assertEquals(96, shape.blocks().getFirst().inputChannels());
        assertMessage("has a stem of several convolutions", shape::stem);
    }

    @Test
    void aDepthThatDoesNotFitIsRefusedWithTheNearest() {
        assertMessage("the nearest are 94 and 100", () -> DenseNetSpec.bc(99, 12));
        assertMessage("the nearest are 40 and 43", () -> DenseNetSpec.plain(41, 12));
        assertMessage("the smallest is 10", () -> DenseNetSpec.bc(5, 12));
        assertMessage("the smallest is 10", () -> DenseNetSpec.bc(-100, 12));
    }

    @Test
    void impossibleSpecsAreRefusedNamingTheFieldAndTheFix() {
        assertMessage(
                "inputSize = 2x9 is too small: the blur pool would have no pixel to reflect",
                () -> DenseNetSpec.densenetblur121d().inputSize(2, 9).build());
        assertMessage("growthRate = 0", () -> DenseNetSpec.bc(40, 12).growthRate(0).build());
        assertMessage("compression = 1.5", () -> DenseNetSpec.bc(40, 12).compression(1.5).build());
        assertMessage("compression = NaN", () -> nan(DenseNetSpec.bc(40, 12)));
        assertMessage("dropout = 1.0", () -> DenseNetSpec.bc(40, 12).dropout(1).build());
        assertMessage(
                "stochasticDepth = 1.0", () -> DenseNetSpec.bc(40, 12).stochasticDepth(1).build());
        assertMessage("classes = -1", () -> DenseNetSpec.bc(40, 12).classes(-1).build());
        assertMessage("is too small", () -> DenseNetSpec.bc(40, 12).inputSize(3).build());
        assertMessage("layersPerBlock", () -> DenseNetSpec.builder().layersPerBlock().build());
        assertMessage("no model named", () -> DenseNetSpec.preset("resnet50"));
        assertMessage(
                "channels",
                () -> DenseNetSpec.builder().growthRate(1 << 20).layersPerBlock(4096).build());
        assertMessage(
                "adds up to 4097 layers: use at most 4096",
                () -> DenseNetSpec.builder().layersPerBlock(4000, 97).build());
        assertMessage("leaves no channels", () -> DenseNetSpec.builder().compression(1e-9).build());
    }

    private static DenseNetSpec nan(DenseNetSpec.Builder builder) {
        return builder.compression(Double.NaN).build();
    }

    private static void assertMessage(String part, Runnable action) {
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, action::run);
        assertTrue(e.getMessage().contains(part), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
    }

    @Test
    void specsAreValues() {
        assertEquals(DenseNetSpec.bc(40, 12).build(), DenseNetSpec.bc(40, 12).build());
        assertNotEquals(
                DenseNetSpec.bc(40, 12).build(), DenseNetSpec.bc(40, 12).dropout(0.1).build());
        DenseNetSpec spec = DenseNetSpec.densenet121().dropout(0.2).stochasticDepth(0.3).build();
        assertEquals(spec, spec.toBuilder().build());
    }

    @Test
    void initialValuesDependOnSeedNameAndPositionOnly() {
        ParameterSpec p = ParameterSpec.of("a.weight", ParameterSpec.Role.CONV_WEIGHT, 8, 4, 3, 3);
        float[] first = new float[288];
        float[] second = new float[288];
        Initialiser.seeded(7).fill(p, first);
        Initialiser.seeded(7).fill(p, second);
        assertArrayEquals(first, second);
        Initialiser.seeded(8).fill(p, second);
        assertNotEquals(first[0], second[0]);
    }

    @Test
    void convolutionsStartWithTheVarianceOfHeEtAl() {
        ParameterSpec p = ParameterSpec.of("w", ParameterSpec.Role.CONV_WEIGHT, 128, 64, 3, 3);
        float[] values = new float[128 * 64 * 9];
        Initialiser.seeded(3).fill(p, values);
        double sum = 0;
        double squares = 0;
        for (float v : values) {
            sum += v;
            squares += v * v;
        }
        double mean = sum / values.length;
        assertEquals(0, mean, 1e-3);
        assertEquals(2.0 / (64 * 9), squares / values.length - mean * mean, 5e-5);
    }
}
