package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.profile.PublishedError;
import org.densenet4j.spec.FamilySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

class ReportCommandsTest {
    @TempDir private Path folder;

    private int run(String... arguments) {
        return Main.run(arguments);
    }

    @Test
    void profileWritesPageFiguresAndData() throws Exception {
        Path out = folder.resolve("new/profile");
        String[] arguments = {
            "profile",
            "--model",
            "bc-10-4",
            "--input-size",
            "8",
            "--batch",
            "4",
            "--steps",
            "2",
            "--warm-up",
            "1",
            "--device",
            "cpu",
            "--out",
            out.toString()
        };
        assertEquals(0, run(arguments));
        for (String name :
                List.of(
                        "report.html",
                        "profile.json",
                        "operations.csv",
                        "buffers.csv",
                        "timeline.png",
                        "timeline.svg",
                        "arena.png",
                        "roofline.svg")) {
            assertTrue(Files.size(out.resolve(name)) > 100, name);
        }
        List<String> csv = Files.readAllLines(out.resolve("operations.csv"));
        assertEquals(csv.getFirst().split(",").length, csv.getLast().split(",").length);
        assertEquals(0, run(arguments), "a second run replaces the first");
    }

    @Test
    void aPlanOverBudgetIsReportedAndRefused() throws Exception {
        int code =
                run(
                        "profile",
                        "--model",
                        "bc-10-4",
                        "--memory-budget",
                        "1MB",
                        "--out",
                        folder.toString());
        assertEquals(2, code);
        String page = Files.readString(folder.resolve("report.html"));
        assertTrue(page.contains("This step failed") && page.contains("the budget is 1.0 MB"));
    }

    @Test
    void withoutStepsOnlyThePlanIsReported() throws Exception {
        assertEquals(
                0, run("profile", "--model", "bc-250-24", "--steps", "0", "--out", "" + folder));
        assertTrue(Files.exists(folder.resolve("arena.svg")));
        assertTrue(Files.notExists(folder.resolve("roofline.svg")));
    }

    @Test
    void compareShowsThatTheStrategiesAgree() throws Exception {
        int code =
                run(
                        "compare",
                        "--model",
                        "bc-16-4",
                        "--input-size",
                        "8",
                        "--batch",
                        "8",
                        "--steps",
                        "2",
                        "--device",
                        "cpu",
                        "--sweep",
                        "depth",
                        "--out",
                        "" + folder);
        assertEquals(0, code);
        String json = Files.readString(folder.resolve("comparison.json"));
        assertTrue(json.contains("\"relativeGradientDifference\""));
        assertEquals(4, Files.readAllLines(folder.resolve("strategies.csv")).size());
        assertEquals(7, Files.readAllLines(folder.resolve("depth.csv")).size());
        assertTrue(Files.exists(folder.resolve("depth-memory.svg")));
        String page = Files.readString(folder.resolve("report.html"));
        assertFalse(page.contains("optMemory"), "published figures are of another network");
        assertTrue(page.contains("Time of a step"));
    }

    @Test
    void onlyTheNetworkThatOthersMeasuredStandsBesideTheirFigures() throws Exception {
        for (int batch : new int[] {64, 32}) {
            Captured compared =
                    Captured.run(
                            ("compare --model bc-100-12 --steps 0 --device cpu --out " + folder)
                                    .concat(" --batch " + batch)
                                    .split(" ", -1));
            assertEquals(0, compared.code(), compared.err());
            String page = Files.readString(folder.resolve("report.html"));
            for (String text : List.of(compared.out(), page)) {
                assertEquals(batch == 64, text.contains("LuaTorch, optMemory 4"), text);
                assertEquals(batch == 64, text.contains("densenet4j SHARED"), text);
            }
        }
    }

    @Test
    void compareShowsNetworksBesideEachOtherWithTheirPublishedErrors() throws Exception {
        Captured compared =
                Captured.run(
                        ("compare --model densenet201 --beside resnet101 --batch 2 --steps 0"
                                        + " --device cpu --out "
                                        + folder)
                                .split(" ", -1));
        assertEquals(0, compared.code(), compared.err());
        String out = compared.out();
        assertTrue(out.matches("(?s).*densenet201 +20,013,928 +4,291,365,888 +22.5 % .*"), out);
        assertTrue(out.matches("(?s).*resnet101 +44,549,160 +7,801,405,440 +22.44 % .*"), out);
        assertTrue(out.matches("(?s).*densenet201 / resnet101 +0.449 +0.550 .*"), out);
        List<String> csv = Files.readAllLines(folder.resolve("networks.csv"));
        assertEquals(7, csv.size(), "a row for each network and strategy");
        assertTrue(csv.get(1).startsWith("densenet201,NAIVE,20013928,4291365888,22.5,"));
        String json = Files.readString(folder.resolve("comparison.json"));
        assertTrue(json.contains("\"publishedErrorPercent\" : 22.44"), json);
        String page = Files.readString(folder.resolve("report.html"));
        assertTrue(page.contains("Beside other networks"));
        assertFalse(page.contains("Time of a step"), "no step ran");
    }

    @Test
    void aPresetThatWasChangedHasNoPublishedError() {
        assertTrue(PublishedError.of(FamilySpec.preset("resnet50").build()).isPresent());
        assertTrue(PublishedError.of(FamilySpec.preset("resnet50").classes(7).build()).isEmpty());
    }

    @Test
    void profileAndCompareRunNetworksThatClassifyPixels() throws Exception {
        String small = " --model fc-densenet56 --input-size 32 --batch 1 --steps 2 --device cpu";
        Path profile = folder.resolve("profile");
        Path compare = folder.resolve("compare");
        Captured profiled =
                Captured.run(("profile --warm-up 0" + small + " --out " + profile).split(" ", -1));
        assertEquals(0, profiled.code(), profiled.err());
        assertTrue(profiled.out().contains("transitiondown5"), profiled.out());
        Captured compared = Captured.run(("compare" + small + " --out " + compare).split(" ", -1));
        assertEquals(0, compared.code(), compared.err());
        String page = Files.readString(compare.resolve("report.html"));
        assertTrue(page.contains("SHARED and NAIVE") && !page.contains("optMemory"));
    }

    @Test
    void twoPointsHaveNoFitAndNoTableOfFits() throws Exception {
        Captured compared =
                Captured.run(
                        "compare",
                        "--device",
                        "cpu",
                        "--model",
                        "bc-16-4",
                        "--steps",
                        "0",
                        "--sweep",
                        "depth",
                        "--out",
                        "" + folder);
        assertEquals(0, compared.code(), compared.err());
        assertTrue(compared.out().contains("no fit of how they grow"), compared.out());
        assertFalse(compared.out().contains("residual"), compared.out());
        assertFalse(Files.readString(folder.resolve("report.html")).contains("Least-squares"));
    }

    @Test
    void aDepthSweepNeedsAModelWithADepth() {
        assertEquals(2, run("compare", "--model", "densenet121", "--sweep", "depth"));
        assertEquals(2, run("compare", "--sweep", "width"));
    }

    @Test
    void aFolderThatCannotBeMadeIsOneLine() throws Exception {
        Path file = Files.writeString(folder.resolve("file"), "x");
        assertEquals(
                2, run("profile", "--model", "bc-10-4", "--steps", "0", "--out", file + "/folder"));
    }
}
