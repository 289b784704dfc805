package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.Glyphs;
import org.densenet4j.testing.DrawnImages;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** What a user does, through the command line: train, be killed, resume, look into the result. */
class EndToEndTest {
    private static final String CHECKPOINT = "checkpoint.safetensors";

    @TempDir private Path folder;

    /** Starts a command in a process of its own, in the test's folder. */
    private Process start(Path log, List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(ProcessHandle.current().info().command().orElse("java"));
        command.addAll(
                List.of(
                        "--add-modules",
                        "jdk.incubator.vector",
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1"));
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.add(Main.class.getName());
        command.addAll(arguments);
        return new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
    }

    private String run(int code, String... arguments) throws Exception {
        Path log = folder.resolve("log.txt");
        Process process = start(log, List.of(arguments));
        assertTrue(process.waitFor(120, TimeUnit.SECONDS), "hangs: " + List.of(arguments));
        String text = Files.readString(log);
        assertEquals(code, process.exitValue(), text);
        assertFalse(text.contains("\tat "), text);
        return text;
    }

    /** Kills a training run as soon as it has saved something, and continues it. */
    private String trainKillAndResume(String data, Path run, String... more) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("train", "--data", data));
        arguments.addAll(List.of("--model", "bc-10-4", "--batch", "8", "--threads", "1"));
        arguments.addAll(List.of("--no-compare", "--save-every", "1", "--epochs", "500"));
        arguments.addAll(List.of("--out", run.toString()));
        arguments.addAll(List.of(more));
        Path log = folder.resolve("killed.txt");
        Process process = start(log, arguments);
        long giveUp = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
        while (process.isAlive() && !Files.exists(run.resolve(CHECKPOINT))) {
            assertTrue(System.nanoTime() < giveUp, "no checkpoint");
            Thread.sleep(5);
        }
        boolean alive = process.isAlive();
        process.destroyForcibly().waitFor();
        assertTrue(alive, Files.readString(log));
        return run(
                0,
                "train",
                "--resume",
                run.toString(),
                "--epochs",
                "30",
                "--no-compare",
                "--save-every",
                "0");
    }

    @Test
    void aFolderOfPngAndJpegImages() throws Exception {
        Path images = folder.resolve("images");
        DrawnImages.write(images, 12, 4, 16);
        Path run = folder.resolve("run");
        String resumed =
                trainKillAndResume("folder:" + images, run, "--input-size", "16", "--lr", "0.05");
        assertTrue(resumed.contains("continuing"), resumed);
        checkResult(run, "folder:" + images);

        // Exported, the model gives the same answers as the checkpoint.
        String checkpoint = run.resolve(CHECKPOINT).toString();
        Path model = folder.resolve("model.safetensors");
        run(
                0,
                "export",
                "--weights",
                checkpoint,
                "--format",
                "safetensors",
                "--out",
                model.toString());
        Path onnx = folder.resolve("model.onnx");
        run(0, "export", "--weights", checkpoint, "--format", "onnx", "--out", onnx.toString());
        assertTrue(Files.size(onnx) > 1000);
        String val = images.resolve("val").toString();
        String fromCheckpoint = run(0, "predict", "--weights", checkpoint, "--json", val);
        String fromExport = run(0, "predict", "--weights", model.toString(), "--json", val);
        assertEquals(fromCheckpoint, fromExport);
        for (String name : DrawnImages.CLASSES) {
            // As a class, not only as a part of the path.
            String json = fromExport.replace(" ", "");
            assertTrue(json.contains("\"class\":\"" + name + '"'), fromExport);
        }
    }

    @Test
    void glyphsInTheFormatOfCifar() throws Exception {
        Glyphs.generate(folder.resolve("glyphs"), 40, 20, 1);
        String data = "cifar10:" + folder.resolve("glyphs");
        Path run = folder.resolve("run");
        String resumed = trainKillAndResume(data, run);
        assertTrue(resumed.contains("continuing"), resumed);
        checkResult(run, data);
    }

    private void checkResult(Path run, String data) throws Exception {
        String checkpoint = run.resolve(CHECKPOINT).toString();
        run(0, "feature-reuse", "--checkpoint", checkpoint);
        assertTrue(Files.exists(run.resolve("feature-reuse.html")));
        run(0, "prune-report", "--checkpoint", checkpoint, "--data", data, "--shares", "10");
        assertTrue(Files.exists(run.resolve("prune-report.json")));
    }
}
