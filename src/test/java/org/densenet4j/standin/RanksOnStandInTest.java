package org.densenet4j.standin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import org.densenet4j.backend.cuda.ChildJvm;
import org.densenet4j.distributed.Mpi;
import org.densenet4j.distributed.MpiJob;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Two processes with a GPU each, on the stand-in: their sums, their order and their failures. */
class RanksOnStandInTest {
    private static final int RANKS = 2;

    private static String expected;
    @TempDir private Path folder;

    private ChildJvm rank(
            int rank, int ranks, int endsAt, Path classes, Map<String, String> options)
            throws IOException {
        Map<String, String> all = new HashMap<>(options);
        all.put("STANDIN_STATS", "1");
        Path own = Files.createDirectories(folder.resolve("files-of-" + rank));
        return ChildJvm.run(
                own,
                ChildJvm.Settings.of(StandIn.environment(all))
                        .withClasses(classes)
                        .withLimits(512, 180),
                RankedSteps.class.getName(),
                String.valueOf(rank),
                String.valueOf(ranks),
                folder.resolve("meeting").toString(),
                String.valueOf(endsAt));
    }

    /** All ranks at once; options that begin with {@code 1:} are rank 1's alone. */
    private List<ChildJvm> ranks(int endsAt, Path classes, Map<String, String> options)
            throws IOException {
        Files.deleteIfExists(folder.resolve("meeting"));
        List<Callable<ChildJvm>> tasks = new ArrayList<>();
        for (int r = 0; r < RANKS; r++) {
            int rank = r;
            Map<String, String> own = new HashMap<>();
            options.forEach(
                    (name, value) -> {
                        if (!name.startsWith("1:") || rank == 1) {
                            own.put(name.replaceFirst("^1:", ""), value);
                        }
                    });
            tasks.add(() -> rank(rank, RANKS, endsAt, classes, own));
        }
        List<ChildJvm> children = new ArrayList<>();
        try (ExecutorService pool = Executors.newFixedThreadPool(RANKS)) {
            for (Future<ChildJvm> child : pool.invokeAll(tasks)) {
                children.add(child.get());
            }
        } catch (ExecutionException e) {
            throw new IOException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
        return children;
    }

    private static String line(ChildJvm child, String name) {
        return child.out()
                .lines()
                .filter(line -> line.startsWith(name + " "))
                .map(line -> line.substring(name.length() + 1))
                .findFirst()
                .orElse("none: " + child.out() + child.err());
    }

    private static void assertClean(ChildJvm child) {
        assertEquals(0, child.exitCode(), child.out() + child.err());
        assertFalse(child.err().contains("VIOLATION"), child.err());
        assertTrue(child.err().endsWith("at exit: 0 violations; live: \n"), child.err());
    }

    /** The parameters after the steps of one process that adds up the passes of both ranks. */
    private String expected() throws IOException {
        if (expected == null) {
            ChildJvm one = rank(0, 1, -1, null, Map.of());
            assertClean(one);
            assertEquals("3", line(one, "buckets"));
            expected = line(one, "parameters");
        }
        return expected;
    }

    @ParameterizedTest
    @ValueSource(strings = {"eager", "lazy", "copies", "late", "random"})
    void twoRanksStepAsOneThatAccumulatesWheneverWorkIsDone(String order) throws IOException {
        for (ChildJvm child : ranks(-1, null, Map.of("STANDIN_ORDER", order))) {
            assertClean(child);
            assertEquals("replayed", line(child, "recording"));
            assertEquals(expected(), line(child, "parameters"));
        }
    }

    @ParameterizedTest
    @EnumSource(Mpi.class)
    void ranksThatALauncherHasStartedMeetByMpi(Mpi mpi) throws IOException {
        MpiJob.Program program = MpiJob.of(RankedSteps.class, 0, RANKS, "mpi", -1);
        StandIn.environment(Map.of("STANDIN_ORDER", "lazy")).forEach(program::with);
        MpiJob job = program.run(mpi, RANKS, folder);
        assertEquals(0, job.exitCode(), job.output());
        assertFalse(job.output().contains("VIOLATION"), job.output());
        for (int rank = 0; rank < RANKS; rank++) {
            List<String> lines = Files.readAllLines(folder.resolve("rank-" + rank));
            assertTrue(lines.contains("parameters " + expected()), lines.toString());
            assertTrue(lines.contains("recording replayed"), lines.toString());
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "start | JCudaDriver.cuStreamWaitEvent(stream, finished, 0) | copies",
                "await | JCudaDriver.cuStreamWaitEvent(context.stream(), summed, 0) | late",
            })
    void aWaitThatIsLeftOutBetweenWorkAndSumsShows(String method, String statement, String order)
            throws IOException {
        Path classes = Files.createTempDirectory(folder, "mutant");
        Mutant.compile("RankSums", method, statement, "0", classes);
        for (ChildJvm child : ranks(-1, classes, Map.of("STANDIN_ORDER", order))) {
            if (!line(child, "parameters").equals(expected())) {
                return;
            }
        }
        fail("nothing shows that " + method + " does not wait");
    }

    @Test
    void noRankReplaysItsStepsWhereOneCannotRecord() throws IOException {
        List<ChildJvm> children = ranks(-1, null, Map.of("1:STANDIN_NO_CAPTURE", "1"));
        for (ChildJvm child : children) {
            assertClean(child);
            assertEquals(expected(), line(child, "parameters"));
        }
        assertEquals("failed:agreeing:another-rank", line(children.get(0), "recording"));
        assertEquals(
                "failed:beginning:CUDA_ERROR_NOT_SUPPORTED", line(children.get(1), "recording"));
    }

    @Test
    void whereOneRankHasNoNcclAllEndWithALineEach() throws IOException {
        List<ChildJvm> children = ranks(-1, null, Map.of("1:nccl", "none"));
        children.forEach(RanksOnStandInTest::assertClean);
        assertEquals(
                "sums over 2 GPUs need NCCL on every rank, and 1 of them cannot use it; its own line"
                        + " says why",
                line(children.get(0), "problem"));
        assertEquals(
                "sums over 2 GPUs need NCCL: NCCL was not found; run ./densenet4j doctor"
                        + " --fetch-cuda, or install it and set LD_LIBRARY_PATH to its folder",
                line(children.get(1), "problem"));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 3})
    void aRankThatHasEndedEndsTheWaitOfTheOthers(int step) throws IOException {
        List<ChildJvm> children = ranks(step, null, Map.of("STANDIN_ORDER", "lazy"));
        assertEquals(3, children.get(1).exitCode());
        String problem = line(children.get(0), "problem");
        assertTrue(
                problem.startsWith(
                        "summing over ranks: NCCL says remote process exited or there was a network"
                                + " error (a rank has ended); another rank has ended"),
                problem);
        assertClean(children.get(0));
        assertNotEquals(expected(), line(children.get(0), "parameters"));
    }
}
