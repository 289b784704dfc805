package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.io.pth.PthWriter;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Weights in several files with an index. */
class ShardedFileTest {
    private static final String ONE = "model-00001-of-00002.safetensors";
    private static final String TWO = "model-00002-of-00002.safetensors";
    private static final DenseNetSpec SPEC = DenseNetSpec.preset("bc-10-4").classes(2).build();

    @TempDir private Path folder;
    private final RandomModel random = new RandomModel(SPEC, 1);
    private final Map<String, String> places = new LinkedHashMap<>();
    private Path index;

    @BeforeEach
    void write() throws IOException {
        index = folder.resolve("model.safetensors.index.json");
        SafetensorsWriter one = new SafetensorsWriter();
        SafetensorsWriter two = new SafetensorsWriter();
        List<ParameterSpec> tensors = random.tensors();
        for (int i = 0; i < tensors.size(); i++) {
            ParameterSpec p = tensors.get(i);
            boolean first = i < 20;
            (first ? one : two).floats(p.name(), p.shape(), () -> random.values(p.name()));
            places.put(p.name(), first ? ONE : TWO);
        }
        one.write(folder.resolve(ONE));
        two.write(folder.resolve(TWO));
        writeIndex(places);
    }

    private void writeIndex(Map<String, String> map) throws IOException {
        Files.writeString(
                index,
                map.entrySet().stream()
                        .map(e -> "\"" + e.getKey() + "\": \"" + e.getValue() + "\"")
                        .collect(
                                Collectors.joining(
                                        ",\n",
                                        "{\n \"metadata\": {\"total_size\": 1},"
                                                + " \"weight_map\": {\n",
                                        "}}\n")));
    }

    private void assertRefused(Path path, String... parts) {
        IOException e = assertThrows(IOException.class, () -> Model.open(path).close());
        assertTrue(e.getMessage().startsWith(folder.toString()), e.getMessage());
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
        for (String part : parts) {
            assertTrue(e.getMessage().contains(part), e.getMessage());
        }
    }

    @Test
    void anIndexIsReadWithItsFiles() throws IOException {
        try (Model model = Model.open(index)) {
            assertEquals("bc-10-4", model.spec().name());
            for (ParameterSpec p : random.tensors()) {
                assertArrayEquals(random.values(p.name()), model.values(p.name()));
            }
        }
    }

    @Test
    void filesOfPyTorchMayBeInSeveralToo() throws IOException {
        PthWriter writer = random.pth(new PthWriter(), n -> n);
        writer.writeZip(folder.resolve("pytorch_model-00001-of-00001.bin"));
        places.replaceAll((name, file) -> "pytorch_model-00001-of-00001.bin");
        writeIndex(places);
        Model.open(index).close();
    }

    @Test
    void onePartAloneSaysThatItIsOne() throws IOException {
        assertRefused(
                folder.resolve(ONE), "; it is one of 2 files", index.getFileName().toString());
        Files.delete(index);
        IOException e =
                assertThrows(
                        IOException.class,
                        () -> Model.open(folder.resolve(TWO), SPEC, LoadOptions.strict()).close());
        assertTrue(e.getMessage().contains("one of 2 files"), e.getMessage());
    }

    @Test
    void onlyFilesBesideTheIndexAreOpened() throws IOException {
        Path elsewhere = folder.resolve("elsewhere");
        Files.createDirectory(elsewhere);
        Files.copy(folder.resolve(TWO), elsewhere.resolve("two"));
        for (String name :
                List.of(
                        "elsewhere/two",
                        "./" + TWO,
                        "../" + TWO,
                        elsewhere.resolve("two").toString(),
                        "..",
                        ".",
                        "",
                        "C:\\\\\\\\two",
                        "a\\u0000b",
                        "a\\nb")) {
            places.replaceAll((tensor, file) -> file.equals(ONE) ? ONE : name);
            writeIndex(places);
            assertRefused(index, "not the name of a file beside it");
            places.replaceAll((tensor, file) -> file.equals(ONE) ? ONE : TWO);
        }
    }

    @Test
    void anIndexThatDoesNotFitItsFilesIsNamed() throws IOException {
        places.put("features.conv0.weight", TWO);
        writeIndex(places);
        assertRefused(index, "'features.conv0.weight' is in " + TWO + ", but it is not");
        places.put("features.conv0.weight", "model-00003-of-00003.safetensors");
        writeIndex(places);
        assertRefused(index, "model-00003-of-00003.safetensors, which is not beside it");
        Files.createDirectory(folder.resolve("d"));
        places.put("features.conv0.weight", "d");
        writeIndex(places);
        assertRefused(index, "folder");
        places.put("features.conv0.weight", index.getFileName().toString());
        writeIndex(places);
        assertRefused(index, "JSON");
    }

    @Test
    void whatIsNoIndexIsNamed() throws IOException {
        for (String json :
                List.of(
                        "{}",
                        "{\"architectures\": [\"DenseNet\"]}",
                        "{\"weight_map\": {}}",
                        "{\"weight_map\": []}",
                        "{\"weight_map\": {\"a\": 1}}",
                        "{\"weight_map\": {\"a\": \"" + ONE + "\", \"a\": \"" + TWO + "\"}}",
                        "{\"weight_map\": {\"a\": \"" + ONE + "\"}",
                        "{\"weight_map\": {\"a\": \"" + ONE + "\"}} {}",
                        "{" + "\"a\": [".repeat(10_000),
                        "{ not json")) {
            Files.writeString(index, json);
            assertRefused(index);
        }
    }

    @Test
    void hugeIndexesAreRefused() throws IOException {
        writeIndex(
                IntStream.range(0, 1100)
                        .boxed()
                        .collect(Collectors.toMap(i -> "t" + i, i -> "file" + i)));
        assertRefused(index, "more than 1000 files");
        Files.writeString(index, "{\"a\": \"" + "x".repeat(33 << 20) + "\"}");
        assertRefused(index, "too many for an index");
    }
}
