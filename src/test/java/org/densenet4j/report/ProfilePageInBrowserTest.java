package org.densenet4j.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.profile.Profile;
import org.densenet4j.profile.ProfileReport;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Path;
import java.util.List;

class ProfilePageInBrowserTest {
    @TempDir private Path folder;

    @Test
    void theReportOpensOfflineAndHoveringShowsBytes() throws Exception {
        try (Device device = Device.cpu()) {
            MemoryPlan plan = MemoryPlan.of(DenseNetSpec.bc(22, 12).build()).batch(8).on(device);
            ProfileReport.write(Profile.of(plan, device.description()), folder);
        }
        try (Browser browser = Browser.open()) {
            browser.view(390, 2400, true);
            browser.load(folder.resolve("report.html"));
            assertEquals(
                    "true", browser.evaluate("document.documentElement.scrollWidth <= innerWidth"));
            assertEquals(
                    "2", browser.evaluate("document.querySelectorAll('.chart canvas').length"));
            String timeline = HtmlPageTest.tooltip(browser, "chart1", 0.5, 0.6);
            assertTrue(timeline.contains("features") && timeline.contains("MB"), timeline);
            String box = HtmlPageTest.tooltip(browser, "chart2", 0.5, 0.6);
            assertTrue(box.contains("forward to ") && box.contains("B, "), box);
            assertEquals(List.of(), browser.errors());
        }
    }
}
