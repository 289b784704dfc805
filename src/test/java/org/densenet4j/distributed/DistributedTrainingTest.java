package org.densenet4j.distributed;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Training in several processes against one process that accumulates the same micro-batches. */
class DistributedTrainingTest {
    private static final String OFF = " off by ";

    @TempDir private Path folder;

    private List<List<String>> train(Mpi mpi, int ranks) throws IOException {
        MpiJob job = MpiJob.of(TrainingRanks.class).run(mpi, ranks, folder);
        assertEquals(0, job.exitCode(), job.output());
        List<List<String>> found = new java.util.ArrayList<>();
        for (int rank = 0; rank < ranks; rank++) {
            found.add(Files.readAllLines(folder.resolve("rank-" + rank)));
        }
        return found;
    }

    /** Two gradients are added in one way only. */
    @ParameterizedTest
    @EnumSource
    void twoRanksAreTwoMicroBatchesBitByBit(Mpi mpi) throws IOException {
        for (List<String> found : train(mpi, 2)) {
            for (String name : List.of("images", "dropout", "pixels", "own loop")) {
                assertTrue(found.contains(name + " same bits true"), found.toString());
            }
            requireTheSameEverywhere(found, 1e-15);
        }
    }

    @Test
    void fourRanksAreFourMicroBatchesButForRoundingAndRepeatThemselves() throws IOException {
        for (List<String> found : train(Mpi.OPEN_MPI, 4)) {
            requireTheSameEverywhere(found, 1e-4); // of the third step, which builds on others
        }
    }

    private static void requireTheSameEverywhere(List<String> found, double lossTolerance) {
        for (String name : List.of("images", "dropout", "pixels")) {
            assertTrue(found.contains(name + " repeats true"), found.toString());
            assertTrue(found.contains(name + " on all ranks true"), found.toString());
            assertTrue(found.contains(name + " averages once true"), found.toString());
        }
        for (String line : found) {
            if (line.contains(" loss" + OFF)) {
                assertTrue(number(line) <= lossTolerance, line);
            } else if (line.contains(OFF)) {
                assertTrue(number(line) <= 1e-7, line);
            } else {
                boolean expected =
                        line.endsWith(" true")
                                || line.equals("images images 8")
                                || line.equals("dropout images 8")
                                || line.equals("unequal images 7")
                                || line.equals("refused yes")
                                || line.contains(" same bits ");
                assertTrue(expected, line + " of " + found);
            }
        }
    }

    private static double number(String line) {
        return Double.parseDouble(line.substring(line.indexOf(OFF) + OFF.length()));
    }
}
