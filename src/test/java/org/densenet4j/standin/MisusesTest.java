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

/** The stand-in reports what it is there to report. */
class MisusesTest {
    @TempDir private Path folder;

    @Test
    void everyBrokenPreconditionIsFound() throws IOException {
        Map<String, String> environment = StandIn.environment(Map.of("STANDIN_DEVICES", "2"));
        ChildJvm child = ChildJvm.run(folder, environment, Misuses.class.getName());
        assertEquals(0, child.exitCode(), child.out() + child.err());
        List<String> lines = child.out().lines().toList();
        List<String> missed = lines.stream().filter(line -> !line.startsWith("found ")).toList();
        assertEquals(List.of(), missed, child.err());
        assertTrue(lines.size() > 20, child.out());
    }
}
