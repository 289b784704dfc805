package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.Normalisation;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.IntPredicate;
import java.util.function.Supplier;

/** Images that cannot be read cost no finished work, and what was not measured is no result. */
class UnreadableImagesTest {
    private static final int TRAIN = 37;
    private static final int TEST = 20;

    private static final Recipe RECIPE =
            Recipe.preset("cifar")
                    .with(
                            Map.of(
                                    "model", "bc-10-4",
                                    "input-size", "8",
                                    "epochs", "2",
                                    "batch", "8",
                                    "dropout", "0.2"));

    @TempDir private Path root;

    /** Images of which some fail. */
    private record Failing(Dataset data, IntPredicate fails, Supplier<RuntimeException> failure)
            implements Dataset {
        static Failing unreadable(Dataset data, IntPredicate fails) {
            return new Failing(
                    data,
                    fails,
                    () -> new UncheckedIOException(new IOException("x.jpg: broken image")));
        }

        @Override
        public int size() {
            return data.size();
        }

        @Override
        public int height() {
            return data.height();
        }

        @Override
        public int width() {
            return data.width();
        }

        @Override
        public int channels() {
            return data.channels();
        }

        @Override
        public List<String> classNames() {
            return data.classNames();
        }

        @Override
        public int label(int index) {
            return data.label(index);
        }

        @Override
        public void read(int index, byte[] pixels) {
            if (fails.test(index)) {
                throw failure.get();
            }
            data.read(index, pixels);
        }
    }

    private static Dataset trainImages() {
        return new NoiseImages(TRAIN, 1);
    }

    private static Dataset testImages() {
        return new NoiseImages(TEST, 1000);
    }

    /** Trains, from the folder's checkpoint if there is one; returns the images trained on. */
    private static long train(Path path, Dataset train, Dataset test, boolean skip)
            throws IOException {
        boolean begun = Files.exists(path.resolve(RunFolder.CONFIG));
        boolean continues = Files.exists(path.resolve(RunFolder.CHECKPOINT));
        try (Device device = Device.open("cpu", new DeviceOptions(1, true, true));
                Trainer trainer = RECIPE.trainer(RECIPE.spec(3).build(), device).open();
                RunFolder folder = begun ? RunFolder.open(path) : RunFolder.create(path)) {
            TrainingRun run =
                    TrainingRun.of(trainer, RECIPE, folder)
                            .data(train, test, Normalisation.CIFAR10)
                            .skipBroken(skip);
            if (continues) {
                run.resume(path.resolve(RunFolder.CHECKPOINT));
            }
            assertTrue(run.train());
            return run.images();
        }
    }

    private static void assertSame(Path expected, Path actual) throws IOException {
        for (String name : List.of(RunFolder.CHECKPOINT, RunFolder.BEST, RunFolder.CONFUSION)) {
            assertArrayEquals(
                    Files.readAllBytes(expected.resolve(name)),
                    Files.readAllBytes(actual.resolve(name)),
                    name);
        }
    }

    private static String saved(Path path, String key) throws IOException {
        return Checkpoint.metadata(path.resolve(RunFolder.CHECKPOINT)).get(key);
    }

    @Test
    void anEpochWhoseTestFailsIsKeptAndTestedWhenTheRunIsContinued() throws IOException {
        Path path = root.resolve("run");
        Dataset broken = Failing.unreadable(testImages(), index -> index == 13);
        IOException e =
                assertThrows(IOException.class, () -> train(path, trainImages(), broken, false));
        assertEquals(
                "x.jpg: broken image; the run is saved, continue it with --resume " + path,
                e.getMessage());
        assertEquals("0", saved(path, "run.epoch"));
        assertEquals("5", saved(path, "run.batch"));
        assertEquals(TRAIN, train(path, trainImages(), testImages(), false), "epoch 2 only");
        assertSame(whole(), path);
    }

    /** A process that is killed, or a device that is lost, can save nothing any more. */
    @Test
    void anEpochIsSavedBeforeItIsTested() throws IOException {
        Path path = root.resolve("run");
        List<String> epochs = new CopyOnWriteArrayList<>();
        IntPredicate looks =
                index -> {
                    if (index == 0) {
                        epochs.add(position(path));
                    }
                    return false;
                };
        train(path, trainImages(), Failing.unreadable(testImages(), looks), false);
        assertEquals(List.of("0, 5", "1, 5"), epochs);
    }

    /** Epoch and batch of the checkpoint. */
    private static String position(Path path) {
        try {
            return saved(path, "run.epoch") + ", " + saved(path, "run.batch");
        } catch (IOException e) {
            return e.getMessage();
        }
    }

    @Test
    void anyFailureOfATestKeepsTheEpoch() {
        Path path = root.resolve("run");
        Dataset broken =
                new Failing(testImages(), index -> true, () -> new ArithmeticException("a fault"));
        assertThrows(RuntimeException.class, () -> train(path, trainImages(), broken, false));
        assertTrue(Files.exists(path.resolve(RunFolder.CHECKPOINT)));
    }

    @Test
    void theStepsBeforeAnUnreadableTrainingImageAreKept() throws IOException {
        Path whole = whole();
        for (int bad = 0; bad < TRAIN; bad += 9) {
            Path path = root.resolve("run" + bad);
            int broken = bad;
            Dataset failing = Failing.unreadable(trainImages(), index -> index == broken);
            assertThrows(IOException.class, () -> train(path, failing, testImages(), false));
            boolean inTheFirstBatches = !Files.exists(path.resolve(RunFolder.CHECKPOINT));
            long rest = train(path, trainImages(), testImages(), false);
            assertTrue(inTheFirstBatches ? rest == 2 * TRAIN : rest < 2 * TRAIN, "" + rest);
            assertSame(whole, path);
        }
    }

    private Path whole() throws IOException {
        Path path = root.resolve("whole");
        train(path, trainImages(), testImages(), false);
        return path;
    }

    @Test
    void withoutAnyReadableImageThereIsNoResult() throws IOException {
        Path path = root.resolve("run");
        IntPredicate all = index -> true;
        Dataset noTrain = Failing.unreadable(trainImages(), all);
        assertMessage(
                "none of the training images can be read",
                () -> train(path, noTrain, testImages(), true));
        assertFalse(Files.exists(path.resolve(RunFolder.CHECKPOINT)));
        assertFalse(Files.exists(path.resolve(RunFolder.METRICS)));
        Path tested = root.resolve("tested");
        Dataset noTest = Failing.unreadable(testImages(), all);
        assertMessage(
                "none of the test images can be read",
                () -> train(tested, trainImages(), noTest, true));
        assertFalse(Files.exists(tested.resolve(RunFolder.BEST)));
        assertFalse(Files.exists(tested.resolve(RunFolder.METRICS)));
    }

    private interface Work {
        void run() throws IOException;
    }

    private static void assertMessage(String message, Work work) {
        IOException e = assertThrows(IOException.class, work::run);
        assertTrue(e.getMessage().startsWith(message), e.getMessage());
    }

    @Test
    void dataWithoutImagesIsRefused() {
        Dataset none = new NoiseImages(0, 1);
        for (List<Dataset> data :
                List.of(List.of(none, testImages()), List.of(trainImages(), none))) {
            IllegalArgumentException e =
                    assertThrows(
                            IllegalArgumentException.class,
                            () -> train(root.resolve("run"), data.get(0), data.get(1), false));
            assertTrue(e.getMessage().contains("there are no"), e.getMessage());
        }
    }

    @Test
    void aBatchOfUnreadableImagesIsLeftOut() throws IOException {
        // The test's batches are in order: the second one, of images 8 to 15, has none.
        Dataset test = Failing.unreadable(testImages(), index -> index / 8 == 1);
        Path path = root.resolve("run");
        assertEquals(2 * TRAIN, train(path, trainImages(), test, true));
        long tested =
                Files.readAllLines(path.resolve(RunFolder.CONFUSION)).stream()
                        .skip(1)
                        .flatMap(line -> List.of(line.split(",", -1)).reversed().stream().limit(3))
                        .mapToLong(Long::parseLong)
                        .sum();
        assertEquals(TEST - 8, tested);
    }
}
