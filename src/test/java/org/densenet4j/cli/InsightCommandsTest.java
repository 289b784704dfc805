package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;

import org.densenet4j.backend.Device;
import org.densenet4j.data.Glyphs;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

class InsightCommandsTest {
    @TempDir private static Path folder;
    private static Path checkpoint;
    private static String data;

    @BeforeAll
    static void makeACheckpointAndData() throws IOException {
        checkpoint = folder.resolve("run/checkpoint.safetensors");
        Files.createDirectories(checkpoint.getParent());
        DenseNetSpec spec = DenseNetSpec.bc(10, 4).classes(10).build();
        try (Device device = Device.cpu();
                Trainer trainer =
                        Trainer.of(spec, device)
                                .batch(2)
                                .images(
                                        ImageMetadata.of(
                                                Glyphs.classNames(), Normalisation.CIFAR10))
                                .open()) {
            trainer.save(checkpoint);
        }
        Glyphs.generate(folder.resolve("glyphs"), 10, 20, 1);
        data = "cifar10:" + folder.resolve("glyphs");
    }

    private record Result(int code, String out) {}

    private static Result run(String... arguments) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream out = System.out;
        PrintStream err = System.err;
        PrintStream both = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        System.setOut(both);
        System.setErr(both);
        try {
            int code = Main.run(arguments);
            return new Result(code, bytes.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }

    @Test
    void featureReuseWritesBesideTheCheckpoint() {
        Result r = run("feature-reuse", "--checkpoint", checkpoint.toString());
        assertEquals(0, r.code, r.out);
        for (String name : List.of("block1.png", "block3.png")) {
            assertTrue(Files.exists(checkpoint.resolveSibling("feature-reuse-" + name)), name);
        }
        assertTrue(r.out.contains("feature-reuse.html"), r.out);
    }

    @Test
    void pruneReportMeasuresEveryShareAndLeavesTheCheckpointAlone() throws IOException {
        byte[] before = Files.readAllBytes(checkpoint);
        Path out = folder.resolve("prune");
        Result r =
                run(
                        "prune-report",
                        "--checkpoint",
                        checkpoint.toString(),
                        "--data",
                        data,
                        "--shares",
                        "10,50",
                        "--rank-by",
                        "target",
                        "--out",
                        out.toString());
        assertEquals(0, r.code, r.out);
        assertArrayEquals(before, Files.readAllBytes(checkpoint));
        assertEquals(4, Files.readAllLines(out.resolve("prune-report.csv")).size());
        // One layer per block: three connections in each of three blocks.
        assertEquals(1 + 9, Files.readAllLines(out.resolve("prune-connections.csv")).size());
        try (JsonParser json =
                new JsonFactory().createParser(out.resolve("prune-report.json").toFile())) {
            int tokens = 0;
            while (json.nextToken() != null) {
                tokens++;
            }
            assertTrue(tokens > 100);
        }
        assertTrue(Files.size(out.resolve("prune-report.png")) > 1000);
    }

    @Test
    void theHelpOfPruneReportNamesTheSourcesThatItTakes() {
        String help = run("prune-report", "--help").out;
        assertTrue(help.contains("cifar100:DIR"), help);
        assertFalse(help.contains("camvid") || help.contains("label images"), help);
    }

    @Test
    void wrongInputIsOneLineAndCodeTwo() throws IOException {
        Path broken = Files.write(folder.resolve("broken.safetensors"), new byte[50]);
        String good = checkpoint.toString();
        for (String[] arguments :
                new String[][] {
                    {"feature-reuse"},
                    {"feature-reuse", "--checkpoint", folder.resolve("none").toString()},
                    {"feature-reuse", "--checkpoint", broken.toString()},
                    {"feature-reuse", "--checkpoint", good, "--scale", "x"},
                    {"feature-reuse", "--checkpoint", good, "--out", broken + "/below"},
                    {"prune-report", "--checkpoint", good, "--data", "x"},
                    {"prune-report", "--checkpoint", good, "--data", data, "--shares", "0"},
                    {"prune-report", "--checkpoint", good, "--data", data, "--shares", "5,x"},
                    {"prune-report", "--checkpoint", good, "--data", data, "--batch", "0"},
                    {"prune-report", "--checkpoint", good, "--data", "cifar100:" + folder},
                }) {
            Result r = run(arguments);
            List<String> errors = r.out.lines().filter(l -> l.startsWith("error: ")).toList();
            assertEquals(2, r.code, String.join(" ", arguments) + "\n" + r.out);
            assertEquals(1, errors.size(), String.join(" ", arguments) + "\n" + r.out);
            assertEquals(-1, r.out.indexOf("\tat "), r.out);
        }
    }
}
