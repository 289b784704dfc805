package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.distributed.Mpi;
import org.densenet4j.distributed.MpiJob;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code bench} of several ranks, in one process. */
class RanksBenchTest {
    @Test
    void theSimulationInTheDocumentsIsWhatTheCommandThereWrites() throws IOException {
        String page = Files.readString(Path.of("docs/distributed-scaling.md"));
        Matcher command =
                Pattern.compile("\\./densenet4j (bench --simulate-ranks .* --machine .*)\n")
                        .matcher(page);
        assertTrue(command.find());
        Captured run = Captured.run(command.group(1).split(" "));
        assertEquals(0, run.code(), run.err());
        assertTrue(page.contains("```\n" + run.out().strip() + "\n```"), run.out());
    }

    @Test
    void aTraceOfThisMachinesStepIsSimulated() {
        Captured run =
                Captured.run(
                        "bench",
                        "--simulate-ranks",
                        "2,4",
                        "--point",
                        "bc-10-4:2",
                        "--steps",
                        "2",
                        "--warm-up-seconds",
                        "0.01",
                        "--precision",
                        "fp32",
                        "--device",
                        "cpu");
        assertEquals(0, run.code(), run.err());
        assertTrue(run.out().startsWith("SIMULATION, not measured: bc-10-4:2"), run.out());
        assertTrue(run.out().contains("as traced on cpu"), run.out());
        assertEquals(2, run.out().lines().filter(line -> line.contains("halving")).count());
    }

    @ParameterizedTest
    @EnumSource(Mpi.class)
    void rankZeroTellsWhatTheSumCostsTheJob(Mpi mpi, @TempDir Path folder) throws IOException {
        MpiJob job =
                MpiJob.of(
                                Main.class,
                                "bench",
                                "--ranks",
                                "--point",
                                "bc-10-4:2",
                                "--steps",
                                "2",
                                "--warm-up-seconds",
                                "0.01",
                                "--precision",
                                "fp32",
                                "--device",
                                "cpu",
                                "--threads",
                                "1")
                        .run(mpi, 2, folder);
        assertEquals(0, job.exitCode(), job.output());
        String heading = "bc-10-4:2, fp32 on 2 ranks, measured";
        assertEquals(2, job.output().split(heading, -1).length, job.output());
        assertTrue(job.output().contains("hidden"), job.output());
    }

    @ParameterizedTest
    @EnumSource(Mpi.class)
    void benchOfOneProcessIsNotForALauncher(Mpi mpi, @TempDir Path folder) throws IOException {
        MpiJob job = MpiJob.of(Main.class, "bench", "--device", "cpu").run(mpi, 2, folder);
        assertNotEquals(0, job.exitCode());
        String line = "bench measures one process; under mpirun or srun use --ranks";
        assertTrue(job.output().contains(line), job.output());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--ranks | --ranks needs a launcher with several ranks, such as mpirun -np 2",
                "--ranks --json - | --json and --sweep are of one rank",
                "--simulate-ranks 0 | --simulate-ranks 0: use 1 to 1048576",
                "--simulate-ranks 2 --wire fast | --wire 'fast': use two numbers such as 10:5",
                "--simulate-ranks 2 --machine 0:1 | --machine '0:1': use two numbers",
            })
    void whatCannotBeIsRefusedInALine(String options, String message) {
        Captured run = Captured.run(("bench --device cpu " + options).split(" "));
        assertEquals(2, run.code(), run.err());
        assertTrue(run.err().contains(message), run.err());
        assertEquals(1, run.err().strip().lines().count(), run.err());
    }
}
