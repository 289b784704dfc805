package org.densenet4j.spec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

class FamilySpecTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "bc-100-12",
                "plain-40-12",
                "b-40-12",
                "c-40-12",
                "densenet121",
                "densenet169",
                "densenet201",
                "densenet161",
                "densenet264",
                "densenet232",
                "densenetblur121d",
                "densenet264d",
                "fc-densenet56",
                "fc-densenet67",
                "fc-densenet103",
                "fc-densenet-3-4-12",
                "resnet18",
                "resnet34",
                "resnet50",
                "resnet101",
                "resnet152",
                "cifar-resnet-110",
                "cifar-preresnet-164",
                "condensenet-86",
                "condensenet-imagenet-74-c4",
                "condensenet-imagenet-74-c8",
                "msdnet-imagenet-7",
                "msdnet-cifar100-anytime",
                "rdnet-t",
                "rdnet-l-384",
                "dsod300",
                "dsod300-coco",
                "dsod300-smallest",
                "dsod-glyphs"
            })
    void presetsOfAllFamiliesHaveNames(String name) {
        assertEquals(name, FamilySpec.preset(" " + name.toUpperCase(Locale.ROOT)).build().name());
    }

    @Test
    void allNamesAreListedWhereOneIsWrong() {
        assertEquals(
                "no model named 'resnet51'; use bc-DEPTH-K (bc-100-12), plain-DEPTH-K, b-DEPTH-K,"
                        + " c-DEPTH-K, densenet121/169/201/161/264/232, densenetblur121d,"
                        + " densenet264d, fc-densenet56/67/103, fc-densenet-LEVELS-LAYERS-K,"
                        + " resnet18/34/50/101/152, cifar-resnet-DEPTH, cifar-preresnet-DEPTH,"
                        + " condensenet-50/74/86/98/110/122/182, condensenet-imagenet-74-c4, -c8,"
                        + " msdnet-imagenet-4/7, msdnet-cifar100-anytime/budgeted,"
                        + " rdnet-t/s/b/l, rdnet-l-384, dsod300, dsod300-coco, dsod300-smallest,"
                        + " dsod-glyphs",
                refusal("resnet51"));
        for (String name : new String[] {"", "fc-densenet-56", "cifar-resnet-", "bc-100", "mine"}) {
            assertTrue(refusal(name).startsWith("no model named '" + name + "'"), name);
        }
    }

    /** The family is known then: its own words are more use than all names. */
    @Test
    void aDepthThatDoesNotFitIsToldByItsFamily() {
        assertTrue(refusal("bc-41-12").contains("whose depth is 6n + 4"));
        assertTrue(refusal("cifar-resnet-21").contains("whose depth is 6n + 2"));
    }

    /**
     * Parameters and multiply-adds as the layers' formulas add up, by a growth rate of 12, 24 and
     * 48, and by one of 6 with 32 layers a block.
     */
    @ParameterizedTest
    @CsvSource({
        "bc-100-12, 769162, 287929692",
        "bc-100-12+doubling, 4334986, 632393628",
        "bc-100-12+width=0.5+depth=2, 647728, 221155134",
        "bc-100-12+depth=2+width=0.5, 647728, 221155134"
    })
    void aNameMayBeFollowedByChanges(String name, long parameters, long multiplyAdds) {
        FamilySpec spec = FamilySpec.preset(name.toUpperCase(Locale.ROOT)).build();
        assertEquals(name, spec.name());
        assertEquals(parameters, spec.graph().parameterCount());
        assertEquals(multiplyAdds, spec.graph().multiplyAdds());
    }

    @Test
    void growthRatesDoubleWithEachBlock() {
        DenseNetSpec spec =
                DenseNetSpec.builder()
                        .growthRate(3)
                        .layersPerBlock(2, 1, 2)
                        .growthDoubles(true)
                        .build();
        List<Integer> rates =
                NetworkShape.of(spec).blocks().stream()
                        .map(block -> block.layers().getFirst().growthRate())
                        .toList();
        assertEquals(List.of(3, 6, 12), rates);
        assertEquals(spec, SpecMetadata.read(SpecMetadata.of(spec), 100));
        DenseNetSpec even = spec.toBuilder().growthDoubles(false).build();
        assertEquals(even, SpecMetadata.read(SpecMetadata.of(even), 100));
        assertEquals(
                "growthDoubles true, not false", SpecMetadata.difference(spec, even).orElseThrow());
        int[] many = new int[12];
        Arrays.fill(many, 1);
        DenseNetSpec.Builder tooLarge =
                spec.toBuilder().growthRate(1 << 15).layersPerBlock(many).inputSize(4096);
        assertTrue(
                assertThrows(IllegalArgumentException.class, tooLarge::build)
                        .getMessage()
                        .contains("fewer layers or a smaller growthRate"));
    }

    @Test
    void scalingKeepsWhatGroupsDivide() {
        CondenseNetSpec spec =
                CondenseNetSpec.builder()
                        .groups(4)
                        .condensationFactor(6)
                        .growthRates(12, 24, 48)
                        .scaled(0.6, 0.1)
                        .build();
        assertEquals(List.of(12, 12, 24), spec.growthRates());
        assertEquals(List.of(1, 1, 1), spec.layersPerBlock());
        FcDenseNetSpec pixels = FcDenseNetSpec.fcDenseNet103().scaled(0.5, 0.5).build();
        assertEquals(8, pixels.growthRate());
        assertEquals(24, pixels.initialChannels());
        assertEquals(List.of(2, 3, 4, 5, 6), pixels.downLayers());
    }

    @Test
    void changesThatAreNoneAreRefused() {
        Map<String, String> refusals =
                Map.of(
                        "resnet18+doubling",
                        "'resnet18+doubling': '+doubling' is for DenseNets",
                        "condensenet-50+doubling",
                        "'condensenet-50+doubling': the growth rate of a CondenseNet doubles anyway",
                        "resnet18+width=2",
                        "'resnet18+width=2': '+width' and '+depth' are for DenseNets, FC-DenseNets"
                                + " and CondenseNets",
                        "bc-40-12+wide",
                        "'bc-40-12+wide': '+wide' is unknown; use +doubling, +width=FACTOR or"
                                + " +depth=FACTOR",
                        "bc-40-12+width=x",
                        "'bc-40-12+width=x': '+width=x' has no number; use +width=1.5",
                        "bc-40-12+depth=-1",
                        "'bc-40-12+depth=-1': '+depth=-1' is no factor; use one above 0",
                        "bc-40-12+depth=99",
                        "depth = 99.0: use a factor above 0 and up to 16.0");
        refusals.forEach((name, message) -> assertEquals(message, refusal(name)));
    }

    private static String refusal(String name) {
        return assertThrows(IllegalArgumentException.class, () -> FamilySpec.preset(name))
                .getMessage();
    }

    @Test
    void fieldsThatAllFamiliesHaveCanBeChangedWithoutKnowingTheFamily() {
        for (String name : new String[] {"bc-40-12", "fc-densenet56", "cifar-resnet-20"}) {
            FamilySpec.Builder builder =
                    FamilySpec.preset(name)
                            .name("mine")
                            .classes(7)
                            .inputSize(33, 47)
                            .inputChannels(1)
                            .bnEpsilon(1e-3)
                            .bnMomentum(0.2);
            FamilySpec spec = builder.build();
            assertEquals("mine", spec.name());
            assertEquals(7, spec.classes());
            assertEquals("input 33x47x1", spec.graph().input().toString());
            assertEquals(33, spec.inputHeight());
            assertEquals(1e-3, spec.bnEpsilon());
            assertEquals(spec, spec.toBuilder().build());
        }
    }
}
