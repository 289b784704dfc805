package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Making and opening the folder of a run, and the figures of its summary. */
class RunFolderTest {
    @TempDir private Path root;

    @Test
    void openingMakesNoFolder() throws IOException {
        String fix = "; name that of a run, or make one for a new run (RunFolder.create)";
        Path missing = root.resolve("missing");
        IOException none = assertThrows(IOException.class, () -> RunFolder.open(missing));
        assertEquals(missing + ": there is no such folder" + fix, none.getMessage());
        assertFalse(Files.exists(missing));
        Path file = Files.writeString(root.resolve("file"), "text");
        IOException noFolder = assertThrows(IOException.class, () -> RunFolder.open(file));
        assertEquals(file + " is not a folder" + fix, noFolder.getMessage());
        RunFolder.create(missing).close();
        RunFolder.open(missing).close();
    }

    @Test
    void theSpeedOfARunIsItsImagesByItsTime() throws IOException {
        try (RunFolder folder = RunFolder.create(root.resolve("run"))) {
            // As many images at 100 and at 300 a second are 150 a second, not 200.
            for (int epoch = 1; epoch <= 2; epoch++) {
                double rate = epoch == 1 ? 100 : 300;
                folder.append(
                        new EpochResult(epoch, epoch, 0.1, 1, 0.5, 1, 0.5, 1, 2, rate, 0.1),
                        List.of("a"));
            }
            RunSummary.write(folder, "model", Map.of(), List.of("a"), BestBy.ACCURACY);
            String page = Files.readString(folder.path().resolve(RunFolder.SUMMARY));
            assertTrue(page.contains("150.0"));
        }
    }

    @Test
    void anEpochThatWasOnlyTestedHasNoSpeed() throws IOException {
        try (RunFolder folder = RunFolder.create(root.resolve("tested"))) {
            folder.append(new EpochResult(1, 1, 0.1, 1, 0.5, 1, 0.5, 1, 2, 0, 0), List.of("a"));
            RunSummary.write(folder, "model", Map.of(), List.of("a"), BestBy.ACCURACY);
            Path summary = folder.path().resolve(RunFolder.SUMMARY);
            assertFalse(Files.readString(summary).contains("<dt>images per second</dt>"));
            // One image takes 10 ms of steps; it waits 10 ms in the second epoch, 30 in the third.
            folder.append(new EpochResult(2, 2, 0.1, 1, 0.5, 1, 0.5, 1, 2, 100, 0.5), List.of("a"));
            folder.append(
                    new EpochResult(3, 3, 0.1, 1, 0.5, 1, 0.5, 1, 2, 100, 0.75), List.of("a"));
            RunSummary.write(folder, "model", Map.of(), List.of("a"), BestBy.ACCURACY);
            String page = Files.readString(summary);
            assertTrue(page.contains("<dt>images per second</dt><dd>100.0</dd>"));
            assertTrue(page.contains("<dt>waiting for input</dt><dd>66.67 %</dd>"));
        }
    }
}
