package org.densenet4j.standin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import org.densenet4j.backend.cuda.ChildJvm;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * The orders of the stand-in find what they are there to find: waits left out of the copies between
 * host and device, one at a time.
 */
class PlantedFaultsTest {
    private static final List<String> ORDERS = List.of("lazy", "copies", "late");

    private static String expected;
    @TempDir private static Path folder;

    @BeforeAll
    static void runWithoutFault() throws IOException {
        expected = run(null, "eager");
    }

    @Test
    void withoutAFaultEveryOrderGivesTheSame() throws IOException {
        for (String order : ORDERS) {
            assertEquals(expected, run(null, order), order);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "InputStage | stage | JCudaDriver.cuStreamSynchronize(context.copyStream()) | 0",
                "InputStage | stage | JCudaDriver.cuStreamWaitEvent(context.copyStream(), taken, 0) | 0",
                "InputStage | take | JCudaDriver.cuStreamWaitEvent(context.stream(), arrived, 0) | 0",
                "Transfers | reserve | await(); | used = 0;",
                "Transfers | download | await(); | used = 0;",
            })
    void aWaitThatIsLeftOutShowsInSomeOrder(
            String type, String method, String statement, String replacement) throws IOException {
        Path classes = Files.createTempDirectory(folder, "mutant");
        Mutant.compile(type, method, statement, replacement, classes);
        for (String order : ORDERS) {
            if (!run(classes, order).equals(expected)) {
                return;
            }
        }
        fail("no order shows that " + method + " does not wait: " + expected);
    }

    private static String run(Path classes, String order) throws IOException {
        Map<String, String> environment = StandIn.environment(Map.of("STANDIN_ORDER", order));
        ChildJvm child =
                ChildJvm.run(
                        folder,
                        ChildJvm.Settings.of(environment).withClasses(classes).withLimits(512, 120),
                        StagedSteps.class.getName());
        assertEquals(0, child.exitCode(), child.err());
        return child.out();
    }
}
