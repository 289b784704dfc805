package org.densenet4j.spec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Locale;

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
                "condensenet-imagenet-74-c8"
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
                        + " condensenet-50/74/86/98/110/122/182, condensenet-imagenet-74-c4, -c8",
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
