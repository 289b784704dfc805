package org.densenet4j.io.pth;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.io.TensorFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;

/** Checkpoints as PyTorch wrote them, with all that training scripts save beside the weights. */
class RealCheckpointsTest {
    private static Path path(String name) {
        try {
            return Path.of(RealCheckpointsTest.class.getResource("/checkpoints/" + name).toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static void assertRefused(String name, String... words) {
        IOException e =
                assertThrows(
                        IOException.class,
                        () -> PthFile.open(path(name), Optional.empty()).close());
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
        for (String word : words) {
            assertTrue(e.getMessage().contains(word), e.getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "counter",
                "namespace",
                "numpy",
                "attribute_dict",
                "containers",
                "objects",
                "odd_keys",
                "protocol4",
                "legacy",
                "optimiser",
                "dict_of_a_class",
                "any_key",
                "averaged",
                "parameters"
            })
    void theWeightsAreReadWhateverLiesBesideThem(String name) throws IOException {
        try (TensorFile file = PthFile.open(path(name + ".pth"), Optional.empty())) {
            assertEquals(Set.of("features.conv0.weight", "classifier.bias"), file.names());
            float[] expected = new float[24];
            for (int i = 0; i < expected.length; i++) {
                expected[i] = i;
            }
            assertArrayEquals(expected, file.tensor("features.conv0.weight").toFloats());
            assertArrayEquals(
                    new float[] {0.5f, -0.25f}, file.tensor("classifier.bias").toFloats());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "whole_model.pth, torch.nn.modules.container.Sequential, state_dict()",
        "script.pt, TorchScript, state_dict()",
        "two_keys.pth, 'generator, critic', alone",
        "student_teacher.pth, 'student, teacher', --weights-key",
        "numpy_tensors.pth, numpy.ndarray, not a tensor"
    })
    void whatCannotBeReadIsToldWithTheMend(String name, String what, String mend) {
        assertRefused(name, what, mend);
    }

    @ParameterizedTest
    @CsvSource({
        "student_teacher.pth, student, 0, ''",
        "student_teacher.pth, teacher, 1, ''",
        "model_and_ema.pth, , 0, 'the weights under ''model'' are read, not those under model_ema'",
        "model_and_ema.pth, model_ema, 1, ''",
        "averaged.pth, , 0, 'the weights under ''state_dict'' are read'",
        "averaged.pth, state_dict, 0, ''",
        "prefixes.pth, teacher, 1, ''"
    })
    void ofSeveralNetworksTheOneThatIsMeantIsRead(String name, String key, float first, String note)
            throws IOException {
        try (PthFile file = PthFile.open(path(name), Optional.ofNullable(key))) {
            assertEquals(2, file.names().size());
            String weight = file.names().iterator().next();
            assertTrue(weight.endsWith("features.conv0.weight"), weight);
            assertEquals(first, file.tensor(weight).toFloats()[0]);
            String told = file.leftOut().orElse("");
            assertTrue(note.isEmpty() ? told.isEmpty() : told.startsWith(note), told);
        }
    }

    @Test
    void anObjectIsRefusedWhereItIsWantedAsATensorAndNotBefore() throws IOException {
        try (TensorFile file = PthFile.open(path("numpy_among_tensors.pth"), Optional.empty())) {
            assertEquals(24, file.tensor("features.conv0.weight").toFloats().length);
            IOException e = assertThrows(IOException.class, () -> file.tensor("classifier.bias"));
            assertTrue(e.getMessage().contains("'classifier.bias' is an object of"));
            assertTrue(e.getMessage().contains("not a tensor"), e.getMessage());
        }
    }
}
