package org.densenet4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

@EnabledOnOs({OS.LINUX, OS.MAC})
class OutputRuleTest {
    @TempDir private Path folder;

    private Path input;

    @BeforeEach
    void writeInput() throws IOException {
        input = Files.writeString(folder.resolve("weights.safetensors"), "precious");
    }

    @Test
    void anInputIsRefusedByEveryNameEvenWithPermission() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("link"), input);
        Path hard = Files.createLink(folder.resolve("hard"), input);
        Path around = folder.resolve("sub/../weights.safetensors");
        Files.createDirectory(folder.resolve("sub"));
        OutputRule rule = new OutputRule(List.of(input), true);
        for (Path output : List.of(input, link, hard, around)) {
            assertRefused("is one of the files that are read", () -> rule.checkFile(output));
        }
        OutputRule ofLink = new OutputRule(List.of(link), true);
        assertRefused("is one of the files that are read", () -> ofLink.checkFile(input));
        assertRefused(
                "is one of the files that are read",
                () -> rule.checkFolder(folder, List.of("other", "weights.safetensors")));
    }

    @Test
    void aFileOfAFolderThatIsReadIsAnInput() throws IOException {
        OutputRule rule = new OutputRule(List.of(folder), true);
        assertRefused("is one of the files that are read", () -> rule.checkFile(input));
        rule.checkFile(folder.resolve("new"));
    }

    @Test
    void anotherFileThatExistsNeedsPermission() throws IOException {
        Path other = Files.writeString(folder.resolve("thesis.txt"), "years of work");
        OutputRule rule = new OutputRule(List.of(input), false);
        assertRefused("thesis.txt exists;", () -> rule.checkFile(other));
        assertRefused("--overwrite", () -> rule.checkFolder(folder, List.of("thesis.txt")));
        new OutputRule(List.of(input), true).checkFile(other);
        Path dangling =
                Files.createSymbolicLink(folder.resolve("dangling"), folder.resolve("nowhere"));
        assertRefused("dangling exists;", () -> rule.checkFile(dangling));
    }

    @Test
    void aReportReplacesItsOwnFilesUntilTheyAreChanged() throws IOException {
        Path out = folder.resolve("out");
        List<String> names = List.of("report.html", "data.csv");
        OutputRule rule = new OutputRule(List.of(), false);
        for (int run = 1; run <= 3; run++) {
            rule.checkFolder(out, names);
            OutputFolder report = OutputFolder.make(out);
            report.write("report.html", "report of run " + run);
            report.write("data.csv", "same");
        }
        assertEquals("report of run 3", Files.readString(out.resolve("report.html")));
        Files.writeString(out.resolve("data.csv"), "same, with the user's notes");
        assertRefused("data.csv exists;", () -> rule.checkFolder(out, names));
    }

    @Test
    void aReportThatIsReadIsNotReplaced() throws IOException {
        OutputFolder.make(folder).write("map.png", "picture");
        OutputRule rule = new OutputRule(List.of(folder.resolve("map.png")), false);
        assertRefused(
                "is one of the files that are read",
                () -> rule.checkFolder(folder, List.of("map.png")));
    }

    @Test
    void aListThatIsNoneIsNobodysPermission() throws IOException {
        Files.write(folder.resolve(OutputFolder.LIST), new byte[] {-1, 0, 10, 65, -128});
        OutputRule rule = new OutputRule(List.of(), false);
        assertRefused("exists;", () -> rule.checkFolder(folder, List.of("weights.safetensors")));
    }

    @Test
    void whatCannotBeMadeIsRefusedBeforeTheWork() throws IOException {
        OutputRule rule = new OutputRule(List.of(), false);
        assertRefused("is a folder; name a file in it", () -> rule.checkFile(folder));
        assertRefused(
                "there is no folder", () -> rule.checkFile(folder.resolve("no/such/model.onnx")));
        assertRefused("is not a folder", () -> rule.checkFolder(input, List.of("a")));
        assertRefused(
                "is not a folder", () -> rule.checkFolder(input.resolve("below/it"), List.of("a")));
        Files.createDirectory(folder.resolve("a.png"));
        assertRefused("a.png is a folder", () -> rule.checkFolder(folder, List.of("a.png")));
        if (Files.isDirectory(Path.of("/proc/self"))) {
            assertRefused(
                    "no file can be made in",
                    () -> rule.checkFile(Path.of("/proc/self/model.onnx")));
        }
        rule.checkFolder(folder.resolve("new/folder"), List.of("a"));
        assertTrue(Files.notExists(folder.resolve("new")), "checking makes nothing");
    }

    @Test
    void devicesAndPipesMayBeWritten() throws IOException {
        OutputRule rule = new OutputRule(List.of(), false);
        rule.checkFile(Path.of("/dev/null"));
        rule.checkFile(Path.of("/dev/stdout"));
    }

    private interface Check {
        void run() throws IOException;
    }

    private static void assertRefused(String words, Check check) {
        IOException e = assertThrows(IOException.class, check::run);
        assertTrue(e.getMessage().contains(words), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
    }
}
