package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.distributed.Mpi;
import org.densenet4j.distributed.MpiJob;
import org.densenet4j.io.Safetensors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import javax.imageio.ImageIO;

/**
 * {@code mpirun ./densenet4j train}: runs of several processes, and what becomes of their faults.
 */
class DistributedRunTest {
    private static final int ENDLESS = 1_000_000;

    @TempDir private Path temporary;

    /** Rates do not depend on how many epochs were meant. */
    private List<String> train(Path data, Path out, int epochs, String... more) {
        List<String> arguments = new ArrayList<>(TinyRun.train(data, out, epochs, more));
        arguments.addAll(List.of("--deterministic", "--schedule", "constant", "--warm-up", "0"));
        arguments.set(arguments.indexOf("--threads") + 1, "1"); // whose sums have one order
        return arguments;
    }

    private static List<String> batch(String images, List<String> arguments) {
        arguments.set(arguments.indexOf("--batch") + 1, images);
        return arguments;
    }

    private MpiJob.Program program(List<String> arguments) {
        return MpiJob.of(Main.class, arguments.toArray());
    }

    @Test
    void twoRanksTrainAsTwoMicroBatchesAndOtherNumbersOfRanksGoOn() throws IOException {
        Path data = TinyRun.data(temporary);
        Path out = temporary.resolve("run");
        MpiJob job = program(train(data, out, 2)).run(Mpi.MPICH, 2, temporary);
        assertEquals(0, job.exitCode(), job.output());
        assertEquals(1, lines(job, "epoch 1/2"), job.output());
        assertEquals(1, lines(job, "saved "), job.output());

        Path alone = temporary.resolve("alone");
        Captured.run(train(data, alone, 2, "--accumulate", "2")).mustSucceed();
        assertSameParameters(alone, out);
        assertEquals(List.of(), ofOthers(out));

        MpiJob four =
                program(train(data, out, 3, "--resume=" + out)).run(Mpi.OPEN_MPI, 4, temporary);
        assertEquals(0, four.exitCode(), four.output());
        assertEquals(1, lines(four, "continuing "), four.output());
        Captured.run(train(data, out, 4, "--resume=" + out)).mustSucceed();
        assertEquals("4", metadata(out).get("run.epoch"));
    }

    /** What a folder of a run has that no run of one process has. */
    private static List<String> ofOthers(Path run) throws IOException {
        try (var files = Files.list(run)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> !name.matches(".*\\.(safetensors|csv|html|properties)"))
                    .filter(name -> !name.startsWith("events."))
                    .toList();
        }
    }

    @Test
    void oneRankThatIsAskedToStopStopsAllBehindTheSameStep() throws IOException {
        Path data = TinyRun.data(temporary);
        Path out = temporary.resolve("run");
        MpiJob job = program(train(data, out, ENDLESS)).start(Mpi.OPEN_MPI, 2, temporary);
        job.awaitFile(out.resolve("best.safetensors"));
        job.ranks().getLast().destroy();
        assertEquals(Job.STOPPED, job.await(), job.output());
        assertEquals(1, lines(job, "stopped in epoch"), job.output());

        int epochs = Integer.parseInt(metadata(out).get("run.epoch")) + 1;
        MpiJob resumed =
                program(train(data, out, epochs, "--resume=" + out))
                        .run(Mpi.OPEN_MPI, 2, temporary);
        assertEquals(0, resumed.exitCode(), resumed.output());
        Path alone = temporary.resolve("alone");
        Captured.run(train(data, alone, epochs, "--accumulate", "2")).mustSucceed();
        assertSameParameters(alone, out);
    }

    @ParameterizedTest
    @EnumSource
    void aLauncherThatIsEndedLeavesNoRankAndARunThatGoesOn(Mpi mpi) throws IOException {
        Path data = TinyRun.data(temporary);
        Path out = temporary.resolve("run");
        MpiJob job = program(train(data, out, ENDLESS)).start(mpi, 2, temporary);
        job.awaitFile(out.resolve("best.safetensors"));
        job.terminateLauncher();
        job.await(); // MPICH's launcher hands the signal on and takes a run that stopped for done
        goesOn(data, out);
    }

    @Test
    void aKilledRankEndsTheOthersAndTheRunGoesOn() throws IOException {
        Path data = TinyRun.data(temporary);
        Path out = temporary.resolve("run");
        MpiJob job = program(train(data, out, ENDLESS)).start(Mpi.MPICH, 2, temporary);
        job.awaitFile(out.resolve("best.safetensors"));
        job.ranks().getLast().destroyForcibly();
        assertNotEquals(0, job.await(), job.output());
        goesOn(data, out);
    }

    private void goesOn(Path data, Path out) throws IOException {
        int epochs = Integer.parseInt(metadata(out).get("run.epoch")) + 1;
        Captured.run(train(data, out, epochs, "--resume=" + out)).mustSucceed();
    }

    @Test
    void anImageThatCannotBeReadEndsAllRanksWithOneLineAndTheRunGoesOnWithoutIt()
            throws IOException {
        Path data = temporary.resolve("images");
        for (int i = 0; i < 8; i++) {
            image(data.resolve("train/class" + i % 2 + "/" + i + ".png"));
            image(data.resolve("val/class" + i % 2 + "/" + i + ".png"));
        }
        Path out = temporary.resolve("run");
        MpiJob job = program(ofFolder(data, out, ENDLESS)).start(Mpi.MPICH, 2, temporary);
        job.awaitFile(out.resolve("best.safetensors"));
        Path broken = data.resolve("train/class1/7.png");
        Files.writeString(broken, "no image");
        assertEquals(2, job.await(), job.output());
        assertEquals(1, lines(job, "error: "), job.output());
        assertTrue(job.output().contains("7.png"), job.output());
        image(broken);
        int epochs = Integer.parseInt(metadata(out).get("run.epoch")) + 1;
        Captured.run(ofFolder(data, out, epochs, "--resume=" + out)).mustSucceed();
    }

    private List<String> ofFolder(Path data, Path out, int epochs, String... more) {
        List<String> arguments = batch("4", train(data, out, epochs, more));
        arguments.set(arguments.indexOf("cifar10:" + data), "folder:" + data);
        arguments.addAll(List.of("--input-size", "32"));
        return arguments;
    }

    private static void image(Path file) throws IOException {
        Files.createDirectories(file.getParent());
        ImageIO.write(new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB), "png", file.toFile());
    }

    @Test
    void aFullDiskOfRank0EndsAllRanksWithOneLineAndTheRunGoesOnWithSpace() throws Exception {
        Path data = TinyRun.data(temporary);
        Path disk = Files.createDirectory(temporary.resolve("disk"));
        assumeTrue(
                command("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk.toString()) == 0,
                "cannot mount a small file system here (not root)");
        try {
            Path out = disk.resolve("run");
            MpiJob job = program(train(data, out, ENDLESS)).start(Mpi.MPICH, 2, temporary);
            job.awaitFile(out.resolve("best.safetensors"));
            Path others = disk.resolve("others");
            fill(others);
            assertEquals(2, job.await(), job.output());
            assertEquals(1, lines(job, "error: "), job.output());
            assertTrue(job.output().contains("No space left on device"), job.output());
            Files.delete(others);
            goesOn(data, out);
        } finally {
            command("umount", disk.toString());
        }
    }

    /** Writes until there is no space, while others may make some. */
    private static void fill(Path file) throws IOException {
        byte[] bytes = new byte[1 << 12];
        int refused = 0;
        try (OutputStream out = Files.newOutputStream(file)) {
            while (refused < 100) {
                try {
                    out.write(bytes);
                } catch (IOException e) {
                    refused++;
                }
            }
        }
    }

    private static int command(String... command) throws Exception {
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
                .waitFor();
    }

    @Test
    void whatSeveralProcessesCannotDoIsRefusedInOneLine() throws IOException {
        Path data = TinyRun.data(temporary);
        Path out = temporary.resolve("run");
        refused(
                program(batch("9", train(data, out, 2))),
                "batch = 9: 2 ranks cannot have equal shares; use 8 or 10");
        refused(
                program(train(data, out, 2)).with("DENSENET4J_MPI", "/no/libmpi.so"),
                "no MPI library can be loaded (/no/libmpi.so)");
        refused(
                program(train(data, out, 2)).with("DENSENET4J_MPI", "libmpi.so.40"),
                "knows of 1 process: it is not the launcher's library");
        refused(
                program(train(data, out, 2, "--on-broken", "skip")),
                "broken images cannot be skipped by several ranks");
        refused(program(List.of("plan")), "plan runs in one process");
        assertFalse(Files.exists(out.resolve("checkpoint.safetensors")));
    }

    private void refused(MpiJob.Program program, String reason) throws IOException {
        MpiJob job = program.run(Mpi.MPICH, 2, temporary);
        assertEquals(2, job.exitCode(), job.output());
        assertEquals(1, lines(job, "error: "), job.output());
        assertTrue(job.output().contains(reason), job.output());
    }

    @Test
    void doctorNamesTheLibraryOfTheJob() throws IOException {
        MpiJob job = program(List.of("doctor", "--device", "cpu")).run(Mpi.OPEN_MPI, 2, temporary);
        assertEquals(0, job.exitCode(), job.output());
        assertEquals(1, lines(job, "several processes"), job.output());
        assertTrue(job.output().contains("libmpi.so.40, ABI of Open MPI"), job.output());
        assertTrue(job.output().contains("2 ranks, which found each other"), job.output());
    }

    private static long lines(MpiJob job, String start) throws IOException {
        return job.output().lines().filter(line -> line.contains(start)).count();
    }

    private static Map<String, String> metadata(Path run) throws IOException {
        try (Safetensors file = Safetensors.open(run.resolve("checkpoint.safetensors"))) {
            return file.metadata();
        }
    }

    /** Parameters and velocities; running statistics are of other batches. */
    private static void assertSameParameters(Path expected, Path actual) throws IOException {
        try (Safetensors a = Safetensors.open(expected.resolve("checkpoint.safetensors"));
                Safetensors b = Safetensors.open(actual.resolve("checkpoint.safetensors"))) {
            int compared = 0;
            for (String name : a.names()) {
                if (!name.contains("running_") && !name.contains("num_batches")) {
                    assertArrayEquals(a.tensor(name).toFloats(), b.tensor(name).toFloats(), name);
                    compared++;
                }
            }
            assertTrue(compared > 10, "tensors: " + compared);
        }
    }
}
