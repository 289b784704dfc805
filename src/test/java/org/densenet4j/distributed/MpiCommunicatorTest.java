package org.densenet4j.distributed;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

class MpiCommunicatorTest {
    @TempDir private Path folder;

    /** UCX's handler of SIGSEGV would end the JVM at the first null pointer. */
    @ParameterizedTest
    @EnumSource
    void ranksAddUpAndSurviveNullPointers(Mpi mpi) throws IOException {
        MpiJob job = MpiJob.of(Ranks.class, "talk").run(mpi, 2, folder);
        assertEquals(0, job.exitCode(), job.output());
        for (int rank = 0; rank < 2; rank++) {
            assertEquals(
                    List.of(
                            "size 2 local " + rank,
                            "wrong sums 0",
                            "doubles 3.0 " + 2 / 3.0 + " Infinity",
                            "bytes of rank 1: 11",
                            "null pointers 1000"),
                    Files.readAllLines(folder.resolve("rank-" + rank)));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "OPEN_MPI,throw", "OPEN_MPI,exit", "OPEN_MPI,kill", "OPEN_MPI,abort",
        "MPICH,throw", "MPICH,exit", "MPICH,kill", "MPICH,abort"
    })
    void aRankThatLeavesEndsThoseThatWaitForIt(Mpi mpi, String way) throws IOException {
        MpiJob job = MpiJob.of(Ranks.class, "leave", way).run(mpi, 2, folder);
        if (way.equals("abort")) {
            assertEquals(7, job.exitCode(), job.output());
        } else {
            assertNotEquals(0, job.exitCode(), job.output());
        }
        assertFalse(Files.exists(folder.resolve("came-back")));
    }

    @ParameterizedTest
    @CsvSource({"OPEN_MPI,libmpich.so.12", "MPICH,libmpi.so.40"})
    void theLibraryOfAnotherLauncherIsRefused(Mpi mpi, String library) throws IOException {
        MpiJob job =
                MpiJob.of(Ranks.class, "talk")
                        .with(MpiLibrary.VARIABLE, library)
                        .run(mpi, 2, folder);
        assertNotEquals(0, job.exitCode(), job.output());
        assertTrue(
                job.output().contains("(" + library + ") knows of 1 process: it is not the"),
                job.output());
        assertFalse(Files.exists(folder.resolve("rank-0")));
    }
}
