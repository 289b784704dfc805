package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.List;

/** Names of tensors as people's scripts give them. */
class WeightNamesTest {
    private static WeightNames of(List<String> names) {
        return WeightNames.of(names, FamilyNames.DENSENET);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "module.",
                "densenet121.",
                "module.densenet121.",
                "base.",
                "base_model.",
                "cnn.",
                "0.",
                "student.",
                "model_ft.",
                "feature_extractor.",
                "model.module._orig_mod."
            })
    void whateverIsInFrontOfANetworkIsDropped(String prefix) {
        List<String> names =
                List.of(
                        prefix + "features.conv0.weight",
                        prefix + "features.denseblock1.denselayer2.norm1.bias",
                        prefix + "classifier.weight",
                        prefix + "classifier.bias");
        WeightNames found = of(names);
        assertEquals("features.conv0.weight", found.canonical(names.get(0)));
        assertEquals("features.denseblock1.denselayer2.norm1.bias", found.canonical(names.get(1)));
        assertEquals("classifier.weight", found.canonical(names.get(2)));
        assertEquals("classifier.bias", found.canonical(names.get(3)));
    }

    @ParameterizedTest
    @CsvSource({
        "features.denseblock1.denselayer1.norm.1.weight, features.denseblock1.denselayer1.norm1.weight",
        "features.denseblock4.denselayer16.conv.2.weight, features.denseblock4.denselayer16.conv2.weight",
        "features.norm_final.weight, features.norm5.weight",
        "denseblock1.denselayer1.norm1.weight, features.denseblock1.denselayer1.norm1.weight",
        "conv0.weight, features.conv0.weight",
        "norm5.running_var, features.norm5.running_var"
    })
    void oldAndShortNamesAreBroughtToTorchvisions(String name, String expected) {
        for (String prefix : List.of("", "module.", "module.densenet121.")) {
            WeightNames found = of(List.of(prefix + name));
            assertEquals(expected, found.canonical(prefix + name));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "module.classifier.0",
                "module.classifier.1",
                "module.fc",
                "module.head.fc",
                "fc",
                "linear",
                "module.last_linear"
            })
    void theOnlyLinearLayerBehindTheFeaturesIsTheClassifier(String head) {
        WeightNames found =
                of(
                        List.of(
                                "module.features.conv0.weight",
                                "optimizer.velocity.fc.weight",
                                head + ".weight",
                                head + ".bias"));
        assertEquals("classifier.weight", found.canonical(head + ".weight"));
        assertEquals("classifier.bias", found.canonical(head + ".bias"));
    }

    @Test
    void aHeadOfSeveralLayersIsNotGuessedAt() {
        WeightNames found =
                of(List.of("features.conv0.weight", "classifier.0.weight", "classifier.3.weight"));
        assertEquals("classifier.0.weight", found.canonical("classifier.0.weight"));
        WeightNames projection = of(List.of("features.conv0.weight", "projector.weight"));
        assertEquals("projector.weight", projection.canonical("projector.weight"));
    }

    @Test
    void severalNetworksInOneFileAreNotMixed() {
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () ->
                                of(
                                        List.of(
                                                "student.features.conv0.weight",
                                                "teacher.features.conv0.weight")));
        assertTrue(e.getMessage().contains("'student.', 'teacher.'"), e.getMessage());
    }

    @Test
    void namesOfAnyLengthTakeNoTime() {
        String dots = "fc.".repeat(1_000_000);
        WeightNames found = of(List.of("features.conv0.weight", dots + "weight"));
        assertEquals(dots + "weight", found.canonical(dots + "weight"));
    }
}
