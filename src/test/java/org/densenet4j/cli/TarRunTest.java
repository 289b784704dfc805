package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.weights.Model;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Runs on archives in the layout of WebDataset. */
class TarRunTest {
    @TempDir private Path folder;
    private Path data;

    @BeforeEach
    void copyArchives() throws IOException, URISyntaxException {
        data = Files.createDirectories(folder.resolve("data"));
        copy("gnu", "train-000.tar");
        copy("ustar", "train-001.tar");
        copy("pax", "val-000.tar");
    }

    private void copy(String format, String name) throws IOException, URISyntaxException {
        Path from = Path.of(TarRunTest.class.getResource("/tar/" + format + ".tar").toURI());
        Files.copy(from, data.resolve(name));
    }

    private Captured train(String source, String... more) {
        List<String> arguments =
                new ArrayList<>(List.of("train", "--device", "cpu", "--threads", "1"));
        arguments.addAll(List.of("--data", source, "--model", "bc-10-4", "--batch", "4"));
        arguments.addAll(List.of("--epochs", "1", "--input-size", "8", "--no-compare"));
        arguments.addAll(List.of("--out", folder.resolve("run").toString()));
        arguments.addAll(Arrays.asList(more));
        return Captured.run(arguments);
    }

    private String checkpoint() {
        return folder.resolve("run/checkpoint.safetensors").toString();
    }

    @Test
    void aFolderOfArchivesIsTrainedOnContinuedAndEvaluated() throws IOException {
        Captured run = train("tar:" + data).mustSucceed();
        assertTrue(run.out().contains("12 training and 6 test images"), run.out());
        try (Model model = Model.open(Path.of(checkpoint()))) {
            assertEquals(3, model.classNames().size());
        }
        Captured.run("train", "--resume", checkpoint(), "--epochs", "2", "--no-compare")
                .mustSucceed();
        for (String source : List.of("tar:" + data, "tar:" + data + "/val-*.tar")) {
            Captured evaluated =
                    Captured.run("evaluate", "--weights", checkpoint(), "--data", source);
            assertTrue(evaluated.mustSucceed().out().startsWith("6 images"), evaluated.out());
        }
    }

    @Test
    void archivesAreNamedByPatternsAndRanges() {
        Captured run =
                train("tar:" + data + "/train-{000..001}.tar", "--val-shards", data + "/val*.tar")
                        .mustSucceed();
        assertTrue(run.out().contains("12 training and 6 test images"), run.out());
        Captured resumed =
                Captured.run("train", "--resume", checkpoint(), "--epochs", "2", "--no-compare");
        assertTrue(resumed.mustSucceed().out().contains("12 training and 6 test images"));
    }

    @Test
    void aShareOfTheSamplesIsHeldOut() {
        Captured run = train("tar:" + data + "/train-*.tar", "--val-share", "0.25").mustSucceed();
        assertTrue(run.out().contains("9 training and 3 test images"), run.out());
    }

    @Test
    void whatIsMissingIsSaidInOneLine() throws IOException {
        train("tar:" + data + "/train-*.tar").mustRefuse("no archives to test on", "--val-shards");
        train("tar:" + data + "/none-*.tar").mustRefuse("none-*.tar: no such archives");
        train("tar:" + data + "/train-{000..002}.tar", "--val-share", "0.2")
                .mustRefuse("train-002.tar: no such archives");
        Files.delete(data.resolve("val-000.tar"));
        train("tar:" + data).mustRefuse("has no val*.tar");
        train("tar:").mustRefuse("--data tar: names no folder");
        Files.writeString(data.resolve("val-000.tar"), "text");
        train("tar:" + data).mustRefuse("val-000.tar: truncated");
    }
}
