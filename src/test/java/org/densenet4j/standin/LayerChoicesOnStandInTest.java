package org.densenet4j.standin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.cuda.ChildJvm;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** How halves of dense layers are chosen, on the stand-in. */
class LayerChoicesOnStandInTest {
    @TempDir private Path folder;

    @Test
    void theCasesHold() throws Exception {
        Map<String, String> options =
                Map.of(
                        "STANDIN_STATS",
                        "1",
                        "DENSENET4J_CACHE",
                        Files.createDirectory(folder.resolve("cache")).toString());
        ChildTests tests = ChildTests.run(folder, options, LayerChoicesCases.class.getName());
        assertEquals("", tests.failures(), tests.err());
        assertEquals("", tests.skipped());
        assertTrue(tests.passed() >= 20, tests.passed() + " tests passed");
        assertFalse(tests.err().contains("VIOLATION"), tests.err());
    }

    /** Each has its own cache, and its own times, by which it would choose otherwise. */
    @Test
    void ranksTakeWhatRankZeroHasMeasured() throws Exception {
        List<Callable<ChildJvm>> ranks =
                List.of(() -> rank(0, "appended_=5,cublas=5"), () -> rank(1, "pointwise_=5"));
        List<List<String>> lines = new ArrayList<>();
        try (ExecutorService pool = Executors.newFixedThreadPool(ranks.size())) {
            for (Future<ChildJvm> rank : pool.invokeAll(ranks)) {
                ChildJvm child = rank.get();
                assertEquals(0, child.exitCode(), child.out() + child.err());
                assertTrue(child.err().endsWith("at exit: 0 violations; live: \n"), child.err());
                lines.add(child.out().lines().toList());
            }
        }
        assertEquals(lines.get(0), lines.get(1));
        String chosen = lines.get(0).get(0);
        assertTrue(chosen.contains("bottlenecks=6, newFeatures=0, choice=measured"), chosen);
        String allocated = lines.get(0).get(1).replace("allocated ", "peak=");
        assertTrue(chosen.contains(allocated), chosen + allocated);
        assertTrue(lines.get(0).contains("recording replayed"), lines.toString());
    }

    private ChildJvm rank(int rank, String times) throws Exception {
        Path own = Files.createDirectory(folder.resolve("rank-" + rank));
        Map<String, String> options =
                Map.of(
                        "STANDIN_STATS",
                        "1",
                        "STANDIN_TIMES",
                        times,
                        "DENSENET4J_CACHE",
                        own.resolve("cache").toString());
        return ChildJvm.run(
                own,
                ChildJvm.Settings.of(StandIn.environment(options)).withLimits(512, 120),
                ChosenLayers.class.getName(),
                String.valueOf(rank),
                "2",
                folder.resolve("meeting").toString());
    }
}
