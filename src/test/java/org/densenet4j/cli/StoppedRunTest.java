package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.densenet4j.io.AtomicFile;
import org.densenet4j.io.Safetensors;
import org.densenet4j.train.Checkpoint;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Ctrl-C, a killed process and a full disk cost no finished work. */
@EnabledOnOs(OS.LINUX)
class StoppedRunTest {
    private static final int ENDLESS = 1_000_000;

    @TempDir private Path temporary;

    @Test
    void ctrlCSavesACheckpointThatResumeContinuesFrom() throws Exception {
        Path data = TinyRun.data(temporary);
        Path out = temporary.resolve("run");
        Process process = start(TinyRun.train(data, out, ENDLESS));
        awaitEpochs(process, out, 2);
        signal(process, "INT");
        assertTrue(process.waitFor(60, TimeUnit.SECONDS), "still running after Ctrl-C");
        assertEquals(130, process.exitValue(), log());
        Path checkpoint = out.resolve("checkpoint.safetensors");
        assertTrue(log().contains("continue with --resume " + checkpoint), log());
        assertTrue(
                names(out).containsAll(List.of("checkpoint.safetensors", "metrics.csv")),
                names(out).toString());
        assertTrue(names(out).stream().noneMatch(name -> name.contains(".tmp")));

        int epoch = epochOf(checkpoint);
        Captured resumed =
                Captured.run(TinyRun.train(data, out, epoch + 2, "--resume=" + checkpoint));
        assertEquals(0, resumed.code(), resumed.err());
        assertEquals(epoch + 2, epochOf(checkpoint));
        List<String> metrics = Files.readAllLines(out.resolve("metrics.csv"));
        for (int line = 1; line < metrics.size(); line++) {
            assertTrue(metrics.get(line).startsWith(line + ","), metrics.get(line));
        }
        assertEquals(epoch + 2, metrics.size() - 1);
    }

    @Test
    void aKilledProcessLeavesTheLastCheckpointWhole() throws Exception {
        Path data = TinyRun.data(temporary);
        for (int round = 0; round < 3; round++) {
            Path out = temporary.resolve("run" + round);
            Process process = start(TinyRun.train(data, out, ENDLESS));
            awaitEpochs(process, out, 2 + 5 * round);
            process.destroyForcibly();
            assertTrue(process.waitFor(60, TimeUnit.SECONDS));
            assertEquals(137, process.exitValue());
            Path checkpoint = out.resolve("checkpoint.safetensors");
            assertEquals("bc-10-4", Checkpoint.spec(checkpoint).name());
            int epoch = epochOf(checkpoint);
            Captured resumed =
                    Captured.run(TinyRun.train(data, out, epoch + 1, "--resume=" + checkpoint));
            assertEquals(0, resumed.code(), resumed.err());
        }
    }

    @Test
    void aFailingWriteLeavesThePreviousFileUntouched() throws IOException {
        Path file = temporary.resolve("file");
        AtomicFile.write(file, channel -> channel.write(ByteBuffer.wrap("old".getBytes(UTF_8))));
        IOException e =
                assertThrows(
                        IOException.class,
                        () ->
                                AtomicFile.write(
                                        file,
                                        channel -> {
                                            channel.write(ByteBuffer.wrap(new byte[1000]));
                                            throw new IOException("No space left on device");
                                        }));
        assertEquals(
                "cannot write "
                        + file
                        + ": No space left on device; the previous file is untouched",
                e.getMessage());
        assertEquals("old", Files.readString(file));
        assertEquals(List.of("file"), names(temporary));
    }

    @Test
    void aDiskThatIsTooSmallIsRefusedInOneLineBeforeTheRun() throws Exception {
        Path data = TinyRun.data(temporary);
        Path disk = Files.createDirectory(temporary.resolve("disk"));
        assumeTrue(
                command("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk.toString()) == 0,
                "cannot mount a small file system here (not root)");
        try {
            Captured run = Captured.run(TinyRun.train(data, disk.resolve("run"), 2));
            assertEquals(2, run.code(), run.err());
            assertEquals(1, run.err().lines().count(), run.err());
            assertTrue(run.err().contains("the run's checkpoints need"), run.err());
            List<String> left = names(disk);
            assertTrue(
                    left.stream().noneMatch(name -> name.contains("safetensors")), left.toString());
        } finally {
            command("umount", disk.toString());
        }
    }

    // ---------------------------------------------------------------- child processes

    private Process start(List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>();
        // A build in the background ignores Ctrl-C and hands that down; undo it.
        command.addAll(List.of("env", "--default-signal=INT"));
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of(
                        "--add-modules=jdk.incubator.vector",
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx256m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Main.class.getName()));
        command.addAll(arguments);
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(temporary.resolve("log").toFile())
                .start();
    }

    private String log() throws IOException {
        return Files.readString(temporary.resolve("log"));
    }

    private void awaitEpochs(Process process, Path out, int epochs) throws Exception {
        Path metrics = out.resolve("metrics.csv");
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!Files.exists(metrics) || Files.readAllLines(metrics).size() <= epochs) {
            assertTrue(process.isAlive(), () -> "ended early");
            assertTrue(System.nanoTime() < deadline, log());
            Thread.sleep(20);
        }
        while (!Files.exists(out.resolve("checkpoint.safetensors"))) {
            Thread.sleep(5);
        }
    }

    private static void signal(Process process, String name) throws Exception {
        assertEquals(0, command("kill", "-" + name, String.valueOf(process.pid())));
    }

    private static int command(String... command) throws Exception {
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
                .waitFor();
    }

    private static List<String> names(Path folder) throws IOException {
        try (var files = Files.list(folder)) {
            return files.map(f -> f.getFileName().toString()).sorted().toList();
        }
    }

    private static int epochOf(Path checkpoint) throws IOException {
        try (Safetensors file = Safetensors.open(checkpoint)) {
            return Integer.parseInt(file.metadata().get("run.epoch"));
        }
    }
}
