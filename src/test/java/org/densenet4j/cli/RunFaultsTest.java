package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.testing.DrawnImages;
import org.densenet4j.train.Checkpoint;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What becomes of a run on a folder of images where something is wrong with it. */
class RunFaultsTest {
    private static final String CHECKPOINT = "checkpoint.safetensors";
    private static final String BROKEN = "val/disc/aaa.png";

    @TempDir private Path folder;
    private Path data;

    @BeforeEach
    void draws() throws IOException {
        data = folder.resolve("data");
        DrawnImages.write(data, 3, 1, 16); // 9 training images
    }

    private Captured train(Path out, String... more) {
        List<String> arguments = arguments();
        arguments.addAll(List.of("--model", "bc-10-4", "--batch", "4", "--input-size", "16"));
        arguments.addAll(List.of("--epochs", "2", "--out", out.toString()));
        arguments.addAll(List.of(more));
        return Captured.run(lastOfEach(arguments));
    }

    /** What a test gives in the place of what all have. */
    private static List<String> lastOfEach(List<String> arguments) {
        List<String> kept = new ArrayList<>();
        for (int i = 0; i < arguments.size(); i++) {
            String option = arguments.get(i);
            boolean replaced = option.startsWith("--") && arguments.lastIndexOf(option) > i;
            if (replaced) {
                i++; // and its value
            } else {
                kept.add(option);
            }
        }
        return kept;
    }

    private Captured resume(Path out, int epochs, String... more) {
        List<String> arguments = arguments();
        arguments.addAll(List.of("--resume", out.toString(), "--epochs", "" + epochs));
        arguments.addAll(List.of(more));
        return Captured.run(arguments);
    }

    private List<String> arguments() {
        return new ArrayList<>(
                List.of(
                        "train",
                        "--data",
                        "folder:" + data,
                        "--device",
                        "cpu",
                        "--threads",
                        "1",
                        "--deterministic",
                        "--no-compare"));
    }

    private static long steps(Path out) throws IOException {
        return Long.parseLong(Checkpoint.metadata(out.resolve(CHECKPOINT)).get("trainer.steps"));
    }

    @Test
    void aBrokenTestImageDoesNotThrowTheEpochAway() throws IOException {
        Path whole = folder.resolve("whole");
        assertEquals(0, train(whole).code());
        Path stopped = folder.resolve("stopped");
        Files.write(data.resolve(BROKEN), new byte[0]);
        Captured broken = train(stopped);
        assertEquals(2, broken.code(), broken.out());
        assertTrue(broken.err().contains("aaa.png"), broken.err());
        assertTrue(broken.err().contains("continue it with --resume " + stopped), broken.err());
        assertEquals(3, steps(stopped));
        Files.delete(data.resolve(BROKEN));
        Captured resumed = resume(stopped, 2);
        assertEquals(0, resumed.code(), resumed.err());
        assertTrue(resumed.out().contains("after 3 steps"), resumed.out());
        assertArrayEquals(
                Files.readAllBytes(whole.resolve(CHECKPOINT)),
                Files.readAllBytes(stopped.resolve(CHECKPOINT)));
    }

    @Test
    void aBrokenTrainingImageKeepsTheStepsBeforeIt() throws IOException {
        Files.write(data.resolve("train/disc/aaa.png"), new byte[0]);
        Path out = folder.resolve("out");
        Captured broken = train(out, "--batch", "1", "--seed", "5");
        assertEquals(2, broken.code(), broken.out());
        assertTrue(broken.err().contains("the run is saved"), broken.err());
        assertTrue(Files.exists(out.resolve(CHECKPOINT)));
    }

    @Test
    void noImageAtAllIsAnErrorAndNotAResult() throws IOException {
        for (String part : List.of("train", "val")) {
            Path broken = folder.resolve("broken-" + part);
            DrawnImages.write(broken, 2, 1, 16);
            for (String name : DrawnImages.CLASSES) {
                try (var files = Files.list(broken.resolve(part).resolve(name))) {
                    for (Path file : files.toList()) {
                        Files.write(file, new byte[] {1, 2, 3});
                    }
                }
            }
            data = broken;
            Captured result = train(folder.resolve("run-" + part), "--on-broken", "skip");
            assertEquals(2, result.code(), result.out());
            String what = part.equals("train") ? "training" : "test";
            assertTrue(
                    result.err().contains("none of the " + what + " images can be read"),
                    result.err());
        }
    }

    @Test
    void statesThatAreNotFiniteAreNeverSaved() {
        Path out = folder.resolve("out");
        Captured result = train(out, "--lr", "1e6", "--epochs", "6", "--clip", "0");
        assertEquals(1, result.code(), result.out() + result.err());
        assertTrue(result.err().contains("not finite"), result.err());
        for (String name : List.of(CHECKPOINT, "best.safetensors")) {
            Path file = out.resolve(name);
            if (Files.exists(file)) {
                Captured again =
                        Captured.run(
                                "feature-reuse",
                                "--checkpoint",
                                file.toString(),
                                "--out",
                                folder.resolve("reuse-" + name).toString());
                assertEquals(0, again.code(), again.err());
            }
        }
    }

    @Test
    void aLastBatchThatIsNotFullIsTrainedOnUnlessItIsDropped() throws IOException {
        Path all = folder.resolve("all");
        Captured kept = train(all);
        assertEquals(0, kept.code(), kept.err());
        assertTrue(kept.out().contains("batch 4 (the last of an epoch 1)"), kept.out());
        assertTrue(kept.out().contains("for 18 images"), kept.out());
        assertEquals(6, steps(all));
        Path full = folder.resolve("full");
        Captured dropped = train(full, "--drop-last");
        assertTrue(dropped.out().contains("1 of an epoch are left out"), dropped.out());
        assertEquals(4, steps(full));
        assertEquals("true", Checkpoint.metadata(full.resolve(CHECKPOINT)).get("recipe.drop-last"));
        Captured resumed = resume(full, 3);
        assertEquals(0, resumed.code(), resumed.err());
        assertEquals(6, steps(full));
    }

    @Test
    void whatTheDataAndTheNetworkDecideIsRecorded() throws IOException {
        Path out = folder.resolve("out");
        Captured result = train(out);
        assertTrue(result.out().contains("augmentation cifar"), result.out());
        List<String> config = Files.readAllLines(out.resolve("config.properties"));
        assertTrue(config.contains("compression = 0.5"), config.toString());
        assertTrue(config.contains("input-size = 16"), config.toString());
        assertTrue(config.contains("augment = cifar"), config.toString());
    }

    @Test
    void oneClassIsRemarkedOn() throws IOException {
        data = folder.resolve("one");
        DrawnImages.write(data, 4, 1, 16);
        for (String part : List.of("train", "val")) {
            for (String name : List.of("square", "stripes")) {
                try (var files = Files.walk(data.resolve(part).resolve(name))) {
                    for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                        Files.delete(file);
                    }
                }
            }
        }
        Captured result = train(folder.resolve("out"));
        assertEquals(0, result.code(), result.err());
        assertTrue(result.err().contains("the data has one class, disc"), result.err());
    }

    @Test
    void whatIsOnlyTestedWhenARunIsContinuedHasNoSpeed() throws IOException {
        Path out = folder.resolve("out");
        Path broken = Files.write(data.resolve(BROKEN), new byte[0]);
        assertEquals(2, train(out, "--epochs", "1").code());
        Files.delete(broken);
        Captured resumed = resume(out, 1);
        assertEquals(0, resumed.code(), resumed.err());
        assertFalse(resumed.out().contains("images/s in training"), resumed.out());
    }

    @Test
    void theConsoleAndThePageTellTheSameSpeed() throws IOException {
        Path out = folder.resolve("out");
        Captured trained = train(out, "--epochs", "4");
        Matcher told = Pattern.compile("speed +([0-9.]+) images/s").matcher(trained.out());
        assertTrue(told.find(), trained.out());
        String page = Files.readString(out.resolve("summary.html"));
        double speed = figure(page, "images per second");
        // Rates are rounded to a tenth in metrics.csv.
        assertEquals(Double.parseDouble(told.group(1)), speed, 0.02 * speed);
    }

    private static double figure(String page, String name) {
        Matcher figure = Pattern.compile("<dt>" + name + "</dt><dd>([0-9.]+)").matcher(page);
        assertTrue(figure.find(), name);
        return Double.parseDouble(figure.group(1));
    }

    @Test
    void aRunThatIsStartedAgainKeepsItsSettings() throws IOException {
        Path first = folder.resolve("first");
        assertEquals(0, train(first, "--augment", "none", "--seed", "3000000000").code());
        Path killed = Files.createDirectory(folder.resolve("killed"));
        Files.copy(first.resolve("config.properties"), killed.resolve("config.properties"));
        Captured again = resume(killed, 2);
        assertEquals(0, again.code(), again.err());
        assertTrue(again.out().contains("has no checkpoint yet"), again.out());
        List<String> config = Files.readAllLines(killed.resolve("config.properties"));
        assertTrue(config.contains("augment = none"), config.toString());
        assertTrue(config.contains("seed = 3000000000"), config.toString());
        assertArrayEquals(
                Files.readAllBytes(first.resolve(CHECKPOINT)),
                Files.readAllBytes(killed.resolve(CHECKPOINT)));
    }

    /** Its own checkpoint is what a run goes on from: nothing else is read. */
    @Test
    void aRunThatIsContinuedTakesNoOtherWeights() throws IOException {
        Path run = folder.resolve("run");
        assertEquals(0, train(run).code());
        byte[] before = Files.readAllBytes(run.resolve(CHECKPOINT));
        for (List<String> options :
                List.of(
                        List.of("--weights", "does-not-exist.pth"),
                        List.of("--reset-head"),
                        List.of("--ignore-unexpected"),
                        List.of("--weights-key", "model"))) {
            List<String> arguments = arguments();
            arguments.addAll(List.of("--resume", run.toString(), "--epochs", "3"));
            arguments.addAll(options);
            Captured refused = Captured.run(arguments);
            assertEquals(2, refused.code(), refused.out());
            String line = "error: " + options.getFirst() + " is for a run that begins; ";
            assertTrue(refused.err().startsWith(line), refused.err());
        }
        Path config = Files.writeString(folder.resolve("my.properties"), "reset-head = true\n");
        List<String> arguments = arguments();
        arguments.addAll(List.of("--resume", run.toString(), "--config", config.toString()));
        Captured.run(arguments).mustRefuse("reset-head", "leave it out");
        assertArrayEquals(before, Files.readAllBytes(run.resolve(CHECKPOINT)));
    }

    /** The command that a run was started with, with --resume added, is no contradiction. */
    @Test
    void theWeightsThatARunWasStartedWithMayBeNamedAgain() throws IOException {
        Path first = folder.resolve("first");
        assertEquals(0, train(first).code());
        String weights = first.resolve("best.safetensors").toString();
        Path tuned = folder.resolve("tuned");
        assertEquals(0, train(tuned, "--weights", weights).code());
        List<String> arguments = arguments();
        arguments.addAll(List.of("--resume", tuned.toString(), "--epochs", "3"));
        arguments.addAll(List.of("--weights", weights));
        Captured resumed = Captured.run(arguments);
        assertEquals(0, resumed.code(), resumed.err());
    }

    @Test
    void whatARunHasTrainedIsNotLostWithItsCheckpoint() throws IOException {
        Path run = folder.resolve("run");
        assertEquals(0, train(run).code());
        Path checkpoint = run.resolve(CHECKPOINT);
        byte[] whole = Files.readAllBytes(checkpoint);
        Path best = run.resolve("best.safetensors");
        byte[] bestBefore = Files.readAllBytes(best);

        Files.write(checkpoint, Arrays.copyOf(whole, whole.length - 7));
        resume(run, 3).mustRefuse("continue from " + best + " instead: --resume " + best);
        Files.delete(checkpoint);
        resume(run, 3).mustRefuse("holds no " + CHECKPOINT, "--resume " + best, "--out DIR");
        Files.createSymbolicLink(checkpoint, folder.resolve("nowhere"));
        resume(run, 3).mustRefuse(CHECKPOINT);
        Files.delete(checkpoint);
        Files.move(best, folder.resolve("away"));
        resume(run, 3).mustRefuse("metrics.csv", "--out DIR");
        Files.move(folder.resolve("away"), best);
        assertArrayEquals(bestBefore, Files.readAllBytes(best));

        Captured elsewhere = resume(run, 1, "--out", folder.resolve("again").toString());
        assertEquals(0, elsewhere.code(), elsewhere.err());
        assertArrayEquals(bestBefore, Files.readAllBytes(best));
        Captured continued = resume(best, 3);
        assertEquals(0, continued.code(), continued.err());
        assertTrue(Files.exists(checkpoint));
    }

    @Test
    void aCheckpointThatIsFurtherIsNotReplacedByAnEarlierOne() throws IOException {
        Path run = folder.resolve("run");
        assertEquals(0, train(run, "--epochs", "1").code());
        Path early = Files.copy(run.resolve(CHECKPOINT), run.resolve("early.safetensors"));
        assertEquals(0, resume(run, 3).code());
        byte[] before = Files.readAllBytes(run.resolve(CHECKPOINT));
        resume(early, 2)
                .mustRefuse(
                        run.resolve(CHECKPOINT) + " is further, with 9 steps against 3",
                        "--out DIR");
        assertArrayEquals(before, Files.readAllBytes(run.resolve(CHECKPOINT)));
        assertEquals(4, Files.readAllLines(run.resolve("metrics.csv")).size());

        Path other = folder.resolve("other");
        Captured elsewhere = resume(early, 2, "--out", other.toString());
        assertEquals(0, elsewhere.code(), elsewhere.err());
        assertEquals(6, steps(other));
        // A damaged one is no loss.
        Files.write(run.resolve(CHECKPOINT), Arrays.copyOf(before, before.length - 7));
        assertEquals(0, resume(early, 2).code());
    }

    @Test
    void weightsThatCannotBeUsedLeaveNoFolder() throws IOException {
        Path weights = Files.writeString(folder.resolve("weights.pth"), "no weights");
        Path out = folder.resolve("out");
        Captured refused = train(out, "--weights", weights.toString());
        assertEquals(2, refused.code(), refused.out());
        Path trained = folder.resolve("trained");
        assertEquals(0, train(trained).code());
        Captured other =
                train(
                        out,
                        "--model",
                        "bc-10-8",
                        "--weights",
                        trained.resolve(CHECKPOINT).toString());
        assertEquals(2, other.code(), other.out());
        assertFalse(Files.exists(out));
    }
}
