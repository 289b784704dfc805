package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;

import javax.imageio.ImageIO;

/** What happens to a run when its process, its disk or its user interferes. */
@EnabledOnOs(OS.LINUX)
class TrainFaultsTest {
    private static final List<String> SMALL =
            List.of(
                    "--model",
                    "bc-10-4",
                    "--batch",
                    "16",
                    "--threads",
                    "2",
                    "--deterministic",
                    "--no-compare");

    @TempDir private Path root;

    private TrainProcess train(String... arguments) throws IOException {
        return TrainProcess.start(root, "", command(arguments));
    }

    private static String[] command(String... arguments) {
        return Stream.concat(Stream.of("train"), Arrays.stream(arguments)).toArray(String[]::new);
    }

    private static String[] with(List<String> first, String... more) {
        return Stream.concat(first.stream(), Arrays.stream(more)).toArray(String[]::new);
    }

    /** Runs it to the end and expects success. */
    private void finish(String... arguments) throws IOException {
        TrainProcess process = train(arguments);
        int code = process.await();
        assertEquals(0, code, process.output());
    }

    private List<String> metrics(String run) throws IOException {
        return Files.readAllLines(root.resolve(run).resolve("metrics.csv")).stream()
                .map(line -> String.join(",", List.of(line.split(",", -1)).subList(0, 8)))
                .toList();
    }

    private void assertSameRun(String expected, String actual, String what) throws IOException {
        for (String name : List.of("checkpoint.safetensors", "best.safetensors", "confusion.csv")) {
            assertArrayEquals(
                    Files.readAllBytes(root.resolve(expected).resolve(name)),
                    Files.readAllBytes(root.resolve(actual).resolve(name)),
                    name + " " + what);
        }
        assertEquals(metrics(expected), metrics(actual), what);
    }

    /** Kills the run at random points until it survives, and compares it with one left alone. */
    private void killedRunEqualsUninterrupted(List<String> options) throws IOException {
        List<String> saving = List.of(with(options, "--save-every", "2"));
        finish(with(saving, "--out", "whole"));
        SplittableRandom random = new SplittableRandom(7);
        List<Long> kills = new ArrayList<>();
        TrainProcess first = train(with(saving, "--out", "killed"));
        awaitConfig(first, "killed");
        for (int i = 0; i < 3; i++) {
            kills.add(random.nextLong(500));
            (i == 0 ? first : train("--resume", "killed", "--no-compare"))
                    .killAfter("of memory", kills.getLast());
        }
        TrainProcess last = train("--resume", "killed", "--no-compare");
        int code = last.await();
        boolean finishedBefore = last.output().contains("has finished");
        assertTrue(code == 0 || finishedBefore, last.output());
        assertSameRun("whole", "killed", "killed after " + kills + " ms");
    }

    @Test
    void aRunOnGlyphsThatIsKilledContinuesBitByBit() throws IOException {
        killedRunEqualsUninterrupted(
                List.of(
                        with(
                                SMALL,
                                "--glyphs",
                                "100",
                                "--epochs",
                                "2",
                                "--dropout",
                                "0.1",
                                "--stochastic-depth",
                                "0.2")));
    }

    @Test
    void aRunOnAFolderOfImagesThatIsKilledContinuesBitByBit() throws IOException {
        images();
        Files.writeString(root.resolve("images/train/disc/broken.jpg"), "no image");
        killedRunEqualsUninterrupted(
                List.of(
                        with(
                                SMALL,
                                "--data",
                                "folder:images",
                                "--epochs",
                                "4",
                                "--input-size",
                                "24",
                                "--colour-jitter",
                                "0.4",
                                "--on-broken",
                                "skip")));
        TrainProcess stopping = train(with(SMALL, "--data", "folder:images"));
        assertEquals(2, stopping.await());
        assertError(stopping, "broken.jpg: broken image");
    }

    /** The configuration is written before the first step. */
    private void awaitConfig(TrainProcess process, String run) {
        while (process.isAlive() && !Files.exists(root.resolve(run).resolve("config.properties"))) {
            Thread.onSpinWait();
        }
    }

    /** PNG and JPEG files of three shapes in many sizes. */
    private void images() throws IOException {
        SplittableRandom random = new SplittableRandom(3);
        for (String split : List.of("train", "val")) {
            for (String shape : List.of("bar", "disc", "square")) {
                Path folder =
                        Files.createDirectories(root.resolve("images/" + split + "/" + shape));
                for (int i = 0; i < (split.equals("train") ? 30 : 10); i++) {
                    int side = 30 + random.nextInt(40);
                    BufferedImage image =
                            new BufferedImage(side, side + i % 9, BufferedImage.TYPE_INT_RGB);
                    Graphics2D g = image.createGraphics();
                    g.setColor(new Color(random.nextInt(0x1000000)));
                    int size = side / 2;
                    switch (shape) {
                        case "bar" -> g.fillRect(side / 8, side / 3, size + side / 4, side / 8);
                        case "disc" -> g.fillOval(side / 4, side / 4, size, size);
                        default -> g.fillRect(side / 4, side / 4, size, size);
                    }
                    g.dispose();
                    String format = i % 2 == 0 ? "png" : "jpg";
                    ImageIO.write(image, format, folder.resolve(i + "." + format).toFile());
                }
            }
        }
    }

    private static void assertError(TrainProcess process, String part) throws IOException {
        List<String> errors =
                process.output().lines().filter(line -> line.startsWith("error: ")).toList();
        assertEquals(1, errors.size(), process.output());
        assertTrue(errors.getFirst().contains(part), errors.getFirst());
        assertFalse(process.output().contains("\tat "), process.output());
    }

    /** A file size limit stands in for a full disk: writing fails in the middle of a file. */
    @Test
    void aFullDiskStopsTheRunWithTheLastCheckpointIntact() throws IOException {
        images();
        finish(with(SMALL, "--data", "folder:images", "--epochs", "2", "--out", "run"));
        Path checkpoint = root.resolve("run/checkpoint.safetensors");
        byte[] before = Files.readAllBytes(checkpoint);
        List<String> metrics = metrics("run");
        long kilobytes = before.length / 1024 / 2;
        TrainProcess full =
                TrainProcess.start(
                        root,
                        "ulimit -f " + kilobytes,
                        command("--resume", "run", "--epochs", "4", "--no-compare"));
        assertEquals(2, full.await(), full.output());
        assertError(full, "cannot write run");
        assertArrayEquals(before, Files.readAllBytes(checkpoint));
        try (Stream<Path> files = Files.list(root.resolve("run"))) {
            assertTrue(files.noneMatch(f -> f.toString().contains(".tmp")));
        }
        finish("--resume", "run", "--epochs", "3", "--no-compare");
        assertEquals(metrics, metrics("run").subList(0, 3));
        assertEquals(4, metrics("run").size());
    }

    @Test
    void ctrlCSavesAndEndsAndASecondOneEndsAtOnce() throws IOException {
        images();
        String[] options =
                with(SMALL, "--data", "folder:images", "--epochs", "5000", "--out", "interrupted");
        TrainProcess process = train(options);
        process.await("of memory");
        process.signal("INT");
        assertEquals(130, process.await(), process.output());
        assertTrue(process.output().contains("stopped in epoch 1; continue with --resume"));
        assertTrue(Files.exists(root.resolve("interrupted/checkpoint.safetensors")));

        TrainProcess twice = train("--resume", "interrupted", "--no-compare");
        twice.await("continuing");
        twice.signal("INT");
        twice.signal("INT");
        assertEquals(130, twice.await(), twice.output());

        TrainProcess terminated = train("--resume", "interrupted", "--no-compare");
        terminated.await("continuing");
        terminated.signal("TERM");
        assertEquals(143, terminated.await(), terminated.output());
        assertTrue(terminated.output().contains("stopped in epoch"), terminated.output());
        assertFalse(Files.exists(root.resolve("interrupted/run.lock")));
    }

    @Test
    void aSecondRunInTheSameFolderIsRefused() throws IOException {
        images();
        TrainProcess first =
                train(with(SMALL, "--data", "folder:images", "--epochs", "5000", "--out", "run"));
        first.await("of memory");
        awaitConfig(first, "run");
        TrainProcess second = train("--resume", "run", "--no-compare");
        assertEquals(2, second.await());
        assertError(second, "run is in use by another run");
        TrainProcess third = train(with(SMALL, "--data", "folder:images", "--out", "run"));
        assertEquals(2, third.await());
        assertError(third, "run already holds a run");
        assertTrue(first.isAlive());
        first.signal("KILL");
        first.await();
    }

    @Test
    void wrongSettingsAreRefusedInOneLine() throws IOException {
        Files.writeString(root.resolve("bad.properties"), "epoch = 3\n");
        Files.writeString(root.resolve("good.properties"), "recipe = cifar\nepochs = 0\n");
        Files.createDirectories(root.resolve("empty"));
        assertRefused("did you mean 'epochs'?", "--config", "bad.properties");
        assertRefused("epochs = 0: use 1 or more", "--config", "good.properties");
        assertRefused("none.properties: no such file", "--config", "none.properties");
        assertRefused("did you mean 'cifar'?", "--recipe", "cifra");
        assertRefused("holds no run", "--resume", "empty");
        assertRefused("no such file", "--resume", "none");
        assertRefused("needs the folders train and val", "--data", "folder:empty");
    }

    private void assertRefused(String part, String... arguments) throws IOException {
        TrainProcess process = train(arguments);
        assertEquals(2, process.await());
        assertError(process, part);
    }
}
