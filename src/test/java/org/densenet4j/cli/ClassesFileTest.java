package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.testing.DrawnImages;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import javax.imageio.ImageIO;

/** Names of classes in a file, for weights that record none. */
class ClassesFileTest {
    @TempDir private Path folder;
    private Path named;
    private Path unnamed;
    private Path image;

    @BeforeEach
    void writeInputs() throws IOException {
        DenseNetSpec spec = DenseNetSpec.bc(10, 4).inputSize(8, 8).classes(2).build();
        named = folder.resolve("named.safetensors");
        ImageMetadata images = ImageMetadata.of(List.of("cat", "dog"), Normalisation.CIFAR10);
        try (Device device = Device.cpu();
                Trainer trainer = Trainer.of(spec, device).batch(2).images(images).open()) {
            trainer.save(named);
        }
        unnamed = UnnamedWeights.copy(named, folder.resolve("unnamed.safetensors"));
        image = folder.resolve("a.png");
        ImageIO.write(DrawnImages.draw("disc", 16, 1), "png", image.toFile());
    }

    private Captured predict(Path weights, String names) throws IOException {
        Path file = Files.writeString(folder.resolve("names.txt"), names);
        return Captured.run(
                "predict",
                "--device=cpu",
                "--weights=" + weights,
                "--classes-file=" + file,
                image.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"dog\ncat\n", "cat\nhound\n", "0 cat\n1 dog\n", "cats\ndogs"})
    void namesThatAreRecordedAreNotReplaced(String names) throws IOException {
        predict(named, names)
                .mustRefuse("names.txt", "named.safetensors records", "leave --classes-file out");
        Path out = folder.resolve("swapped.safetensors");
        Captured.run(
                        "export",
                        "--weights=" + named,
                        "--classes-file=" + folder.resolve("names.txt"),
                        "--format=safetensors",
                        "--out=" + out)
                .mustRefuse("named.safetensors records");
        assertFalse(Files.exists(out));
    }

    @Test
    void anotherOrderIsToldForWhatItIs() throws IOException {
        predict(named, "dog\ncat\n").mustRefuse("in another order");
        predict(named, "cat\nhound\n").mustRefuse("'hound'", "'dog'");
    }

    @Test
    void theSameNamesAreNoContradiction() throws IOException {
        Captured same = predict(named, "cat\r\ndog\r\n");
        assertEquals(0, same.code(), same.err());
    }

    /** Editors put a mark before the text; people indent. */
    @ParameterizedTest
    @ValueSource(strings = {"\ufeffcat\ndog\n", "\ufeff\r\ncat\r\ndog", " cat\n\tdog \n\n"})
    void marksAndBlanksAroundNamesAreNoPartOfThem(String names) throws IOException {
        for (Path weights : List.of(named, unnamed)) {
            Captured result = predict(weights, names);
            assertEquals(0, result.code(), result.err());
            assertEquals(
                    List.of("cat", "dog"),
                    result.out()
                            .lines()
                            .skip(1)
                            .map(line -> line.replaceFirst("^ *[0-9.]+ %  ", ""))
                            .sorted()
                            .toList());
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[\"cat\", \"dog\"]",
                "{\"0\": \"cat\",\n\"1\": \"dog\"}",
                "\n [\n\"cat\",\n\"dog\"\n]\n"
            })
    void jsonIsNamed(String names) throws IOException {
        predict(unnamed, names).mustRefuse("names.txt: is JSON", "one a line");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"0 cat\n1 dog\n", "0,cat\n1,dog\n", "2: cat\n1: dog\n", "cat\t0\ndog\t1"})
    void numbersThatBecomePartsOfNamesAreTold(String names) throws IOException {
        Captured result = predict(unnamed, names);
        assertEquals(0, result.code(), result.err());
        assertTrue(result.err().contains("warning: "), result.err());
        assertTrue(result.err().contains("names.txt: the lines are numbered"), result.err());
    }

    @ParameterizedTest
    @ValueSource(strings = {"1\n2\n", "route 66\nb 52", "7 up\n3 musketeers", "cat\n1 dog"})
    void namesThatHaveNumbersAreNoNumberedLines(String names) throws IOException {
        Captured result = predict(unnamed, names);
        assertEquals(0, result.code(), result.err());
        assertFalse(result.err().contains("warning: "), result.err());
    }

    /** A file of settings comes from the same editors. */
    @Test
    void aMarkBeforeSettingsIsNoPartOfTheFirstKey() throws IOException {
        Path config = Files.writeString(folder.resolve("my.cfg"), "\ufeffepochs = 1\n");
        Path data = TinyRun.data(folder);
        Path out = folder.resolve("run");
        List<String> arguments = new ArrayList<>(TinyRun.train(data, out, 2));
        int epochs = arguments.indexOf("--epochs");
        arguments.subList(epochs, epochs + 2).clear();
        arguments.add("--config=" + config);
        Captured result = Captured.run(arguments);
        assertEquals(0, result.code(), result.err());
        assertEquals(2, Files.readAllLines(out.resolve("metrics.csv")).size());
    }
}
