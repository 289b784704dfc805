package org.densenet4j.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.io.ParityCase;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.spec.FamilySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** Cases that describe their network as checkpoints do, and what is wrong with broken ones. */
class CaseOfSpecTest {
    private static final FamilySpec SPEC = RecordedCase.spec("fc-densenet");

    @TempDir private Path folder;

    private static RecordedCase recorded() {
        return RecordedCase.of(SPEC, 0, 7);
    }

    private String refusal(RecordedCase broken) throws IOException {
        Path path = broken.write(folder.resolve("case.safetensors"));
        IOException e =
                assertThrows(
                        IOException.class,
                        () -> {
                            try (ParityCase parity = ParityCase.open(path)) {
                                ParityCheck.of(parity);
                            }
                        });
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
        assertTrue(e.getMessage().startsWith(path.toString()), e.getMessage());
        return e.getMessage();
    }

    @Test
    void theSpecIsTheRecordedOne() throws IOException {
        Path path = recorded().write(folder.resolve("case.safetensors"));
        try (ParityCase parity = ParityCase.open(path)) {
            assertEquals(SPEC, ParityCheck.spec(parity));
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "spec.family | unet | the family 'unet' is unknown",
                "spec.upLayers | 2,x | 'spec.upLayers' is '2,x'",
                "spec.growthRate | | 'spec.growthRate' is missing",
                "spec.classes | 4 | 'eval.logits' has shape [3, 3, 8, 11], the network wants",
                "spec.classes | 2 | label 2 is not in 0..1",
                "spec.growthRate | 4 | the network wants",
                "spec.inputHeight | 9 | the tensor 'input' has shape [3, 3, 8, 11]",
                "void_label | none | void_label is 'none'",
                "void_label | | label 3 is not in 0..2",
                "lr | | the metadata lacks 'lr'"
            })
    void brokenMetadataIsNamed(String key, String value, String message) throws IOException {
        String found = refusal(recorded().metadata(key, value));
        assertTrue(found.contains(message), found);
    }

    /** The case with other labels. */
    private String refusalOfLabels(List<Integer> shape, long... labels) throws IOException {
        Path path = folder.resolve("labels.safetensors");
        SafetensorsWriter writer = recorded().writer();
        writer.longs("labels", shape, () -> labels);
        writer.write(path);
        return assertThrows(IOException.class, () -> ParityCheck.of(ParityCase.open(path)))
                .getMessage();
    }

    @Test
    void labelsThatAreNotThoseOfTheNetworkAreRefused() throws IOException {
        int pixels = 3 * SPEC.inputHeight() * SPEC.inputWidth();
        List<Integer> shape = List.of(3, SPEC.inputHeight(), SPEC.inputWidth());
        long[] labels = new long[pixels];
        labels[5] = -1;
        assertTrue(refusalOfLabels(shape, labels).contains("label -1 is no class"));
        labels[5] = 7;
        assertTrue(refusalOfLabels(shape, labels).contains("label 7 is not in 0..2"));
        String ofImages = refusalOfLabels(List.of(3), 0, 1, 2);
        assertTrue(ofImages.contains("'labels' has shape [3], the network wants"), ofImages);
        String twice = refusalOfLabels(List.of(3, pixels / 3), labels);
        assertTrue(twice.contains("labels are not one I64 for each image"), twice);
        Arrays.fill(labels, SPEC.classes());
        assertTrue(refusalOfLabels(shape, labels).contains("every label is void"));
    }
}
