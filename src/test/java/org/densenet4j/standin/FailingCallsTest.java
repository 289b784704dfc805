package org.densenet4j.standin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.cuda.ChildJvm;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Every kind of call of the driver, cuDNN and cuBLAS fails once: that ends in an exception that
 * names an operation, or in a documented fallback, and closing gives everything back.
 */
class FailingCallsTest {
    @TempDir private Path folder;

    @Test
    void aCallThatFailsIsReportedAndNothingStaysAllocated() throws IOException {
        assertNoFinding(Map.of("STANDIN_DRY", "1"), "failing", "3", "11", "recorded");
    }

    @Test
    void aDeviceThatIsLostIsReportedAndNothingStaysAllocated() throws IOException {
        assertNoFinding(Map.of("STANDIN_DRY", "1"), "lost", "2", "100", "recorded");
    }

    @Test
    void whatTakesOverForACallThatFailsTrainsAlike() throws IOException {
        assertNoFinding(Map.of("STANDIN_ORDER", "lazy"), "failing", "1", "100000", "recorded");
    }

    @Test
    void theSameWithTheLibrariesOfCuda13() throws IOException {
        assertNoFinding(
                Map.of("STANDIN_DRY", "1", "cublas", "13"), "failing", "2", "100", "recorded");
    }

    @Test
    void theSameWhereEveryCallIsTracedAndWaitedFor() throws IOException {
        assertNoFinding(Map.of("STANDIN_DRY", "1"), "failing", "1", "100000", "traced");
    }

    @Test
    void theSameOfSumsOverRanks() throws IOException {
        assertNoFinding(Map.of("STANDIN_DRY", "1"), "failing", "2", "100000", "sums");
    }

    private void assertNoFinding(Map<String, String> options, String... arguments)
            throws IOException {
        ChildJvm child =
                ChildJvm.run(
                        folder,
                        ChildJvm.Settings.of(StandIn.environment(options)).withLimits(512, 300),
                        FailingCalls.class.getName(),
                        arguments);
        List<String> lines = child.out().lines().toList();
        assertEquals(0, child.exitCode(), child.out() + child.err());
        assertEquals(1, lines.size(), child.out() + child.err());
        assertTrue(lines.getFirst().matches("failed \\d{2,} of \\d+ calls"), child.out());
    }
}
