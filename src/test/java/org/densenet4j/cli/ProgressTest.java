package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.densenet4j.data.Task;
import org.densenet4j.train.EpochResult;
import org.densenet4j.train.TrainingListener;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

class ProgressTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(bytes, true, UTF_8);

    /** Nanoseconds, by hand. */
    private long now;

    private void seconds(double passed) {
        now += Math.round(passed * 1e9);
    }

    private List<String> lines() {
        return bytes.toString(UTF_8).lines().toList();
    }

    @Test
    void aLogHasALineAMinuteWithTheTimeThatIsLeft() {
        Progress progress = new Progress(out, 1000, 0, false, () -> now);
        for (int done = 1; done <= 200; done++) {
            seconds(1);
            progress.show(done, "working");
        }
        assertEquals(
                List.of(
                        "  6% working  15:40 left",
                        " 12% working  14:40 left", " 18% working  13:40 left"),
                lines());
    }

    @Test
    void whatWasDoneBeforeTookNoTime() {
        Progress progress = new Progress(out, 1000, 900, false, () -> now);
        seconds(100);
        assertEquals(0, progress.rest(900));
        assertEquals(100, progress.rest(950), 1e-9);
    }

    private TrainingProgress training(int epochs) {
        return new TrainingProgress(
                epochs,
                Task.CLASSIFY,
                out,
                (total, done) -> new Progress(out, total, done, false, () -> now));
    }

    private static TrainingListener.Step step(long done) {
        return new TrainingListener.Step(1, 100, done, 10_000, 1, 0.5, 20);
    }

    private static EpochResult epoch(int epoch) {
        return new EpochResult(epoch, 100L * epoch, 0.1, 1, 0.5, 1, 0.5, 0.9, 60, 20, 0);
    }

    @Test
    void aLongRunIsEstimatedOnceAndEveryEpochTellsWhatIsLeft() {
        TrainingProgress progress = training(100);
        for (int done = 1; done <= 100; done++) {
            seconds(done <= 20 ? 5 : 0.5); // while Java compiles
            progress.step(step(done));
        }
        progress.epoch(epoch(1));
        List<String> lines = lines();
        assertTrue(lines.get(0).startsWith("  0% epoch 1/100  loss 1.000"), lines.get(0));
        List<String> estimates =
                lines.stream().filter(line -> line.startsWith("estimate")).toList();
        assertEquals(
                List.of("estimate       1:22:45 for the 9,930 steps that are left, and the tests"),
                estimates);
        assertTrue(lines.getLast().endsWith("  2:15 (3:42:45 left)"), lines.getLast());
    }

    @Test
    void aRunOfMinutesIsNotEstimatedAndTheLastEpochHasNothingLeft() {
        TrainingProgress progress = training(1);
        for (int done = 1; done <= 100; done++) {
            seconds(0.01);
            progress.step(new TrainingListener.Step(1, 1, done, 100, 1, 0.5, 20));
        }
        progress.epoch(epoch(1));
        assertEquals(1, lines().size(), lines().toString());
        assertTrue(lines().getFirst().endsWith("  0:01"), lines().getFirst());
    }

    @Test
    void checkpointsThatTheDiskHasNoRoomForAreRefused(@TempDir Path folder) throws IOException {
        Path run = folder.resolve("runs/not/there");
        DiskSpace fits = DiskSpace.of(run, 1000).checked(run);
        assertEquals(3000, fits.needed());
        assertTrue(fits.toString().startsWith("checkpoints of 1.0 kB, 3.0 kB more on a disk with"));
        Files.writeString(folder.resolve("best.safetensors"), "x");
        assertEquals(2000, DiskSpace.of(folder, 1000).needed());
        IOException e =
                assertThrows(
                        IOException.class,
                        () -> DiskSpace.of(run, Long.MAX_VALUE / 4).checked(run));
        assertTrue(e.getMessage().contains("name a folder on another disk"), e.getMessage());
    }
}
