package org.densenet4j.profile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.TracedCall;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

class StepTraceTest {
    private static final StepTrace STEP =
            new StepTrace(
                    List.of(
                            new TracedCall("copy", 1, 0.004, 8_000_000, 0, true),
                            new TracedCall("pass", 3, 0.001, 2_000_000_000, 0, false),
                            new TracedCall(
                                    "product", 2, 0.005, 1_000_000_000, 40_000_000_000L, false)),
                    1,
                    0.008);

    @TempDir private Path folder;

    private static List<String> lines(StepTrace trace) {
        return trace.text().lines().map(l -> l.replaceAll(" {2,}", "|")).toList();
    }

    @Test
    void theLongestComesFirstAndWhatIsLeftOfTheTimeLast() {
        List<String> lines = lines(STEP);
        assertEquals("product|2|5.00 ms|62.5 %|1.000|200.0|40.0|8.000", lines.get(3));
        assertEquals("copy (beside)|1|4.00 ms|50.0 %|0.008000|2.000|–|–", lines.get(4));
        assertEquals("pass|3|1.00 ms|12.5 %|2.000|2000.0|–|–", lines.get(5));
        assertEquals("all calls|6|6.00 ms|75.0 %|3.008|501.3|40.0|6.667", lines.get(6));
        assertEquals("between calls|2.00 ms|25.0 %", lines.get(7));
        assertTrue(lines.get(8).startsWith("whole time"), lines.get(8));
    }

    @Test
    void severalStepsAreShownAsTheirMean() {
        StepTrace two = STEP.plus(STEP);
        assertEquals(lines(STEP).subList(2, 9), lines(two).subList(2, 9));
        assertTrue(two.text().contains("the mean of 2"));
        assertEquals(6, two.calls().get(1).calls());
        assertEquals(STEP, StepTrace.NONE.plus(STEP));
    }

    @Test
    void theReportOfAProfileHasTheTableAndItsData() throws Exception {
        try (Device cpu = Device.open("cpu", DeviceOptions.defaults().withTrace(true))) {
            assertEquals(List.of(), cpu.takeTrace());
            MemoryPlan plan = MemoryPlan.of(DenseNetSpec.bc(10, 4).build()).batch(2).on(cpu);
            Profile plain = Profile.of(plan, cpu.description());
            ProfileReport.write(plain, folder);
            assertFalse(Files.exists(folder.resolve("trace.csv")));
            assertFalse(
                    Files.readString(folder.resolve("report.html"))
                            .contains("Launches and library calls"));
            ProfileReport.write(plain.withTrace(STEP), folder);
            assertEquals(
                    "product,2,0.005000000,1000000000,40000000000,false",
                    Files.readAllLines(folder.resolve("trace.csv")).getLast());
            assertTrue(
                    Files.readString(folder.resolve("report.html"))
                            .contains("Launches and library calls"));
            assertTrue(Files.readString(folder.resolve("profile.json")).contains("\"product\""));
        }
    }
}
