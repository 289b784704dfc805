package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.spec.FamilySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

class TrainingRunTest {
    private static final Recipe RECIPE =
            Recipe.preset("cifar")
                    .with(
                            Map.of(
                                    "model", "bc-10-4",
                                    "input-size", "8",
                                    "epochs", "3",
                                    "batch", "8",
                                    "accumulate", "2",
                                    "dropout", "0.2",
                                    "stochastic-depth", "0.4",
                                    "warm-up", "1"));

    @TempDir private Path root;

    private interface Work {
        void with(Trainer trainer, TrainingRun run) throws IOException;
    }

    private static void run(Recipe recipe, RunFolder folder, Work work) throws IOException {
        FamilySpec spec = recipe.spec(3).build();
        try (Device device = Device.open("cpu", new DeviceOptions(2, true, true));
                Trainer trainer = recipe.trainer(spec, device).open()) {
            work.with(
                    trainer,
                    TrainingRun.of(trainer, recipe, folder)
                            .data(
                                    new NoiseImages(37, 1),
                                    new NoiseImages(20, 1000),
                                    Normalisation.CIFAR10)
                            .saveEvery(3));
        }
    }

    private Path uninterrupted() throws IOException {
        Path path = root.resolve("whole");
        try (RunFolder folder = RunFolder.create(path)) {
            run(RECIPE, folder, (trainer, run) -> assertTrue(run.train()));
        }
        return path;
    }

    /** Stops when it is asked for the n-th time. */
    private static BooleanSupplier after(int n) {
        int[] left = {n};
        return () -> left[0]-- <= 0;
    }

    private static void assertSameRun(Path expected, Path actual, String what) throws IOException {
        assertTrue(Files.exists(actual.resolve(RunFolder.SUMMARY)));
        for (String name : List.of(RunFolder.CHECKPOINT, RunFolder.BEST, RunFolder.CONFUSION)) {
            assertArrayEquals(
                    Files.readAllBytes(expected.resolve(name)),
                    Files.readAllBytes(actual.resolve(name)),
                    name + " " + what);
        }
        assertEquals(metrics(expected), metrics(actual), what);
    }

    /** Without the columns of time. */
    private static List<String> metrics(Path folder) throws IOException {
        return Files.readAllLines(folder.resolve(RunFolder.METRICS)).stream()
                .map(line -> String.join(",", List.of(line.split(",", -1)).subList(0, 8)))
                .toList();
    }

    @Test
    void aRunContinuesWithAnotherNormalisationOnlyWhereTheTrainerIsToldSo() throws IOException {
        Path path = root.resolve("run");
        try (RunFolder folder = RunFolder.create(path)) {
            run(RECIPE, folder, (trainer, run) -> run.stopWhen(after(2)).train());
        }
        Path checkpoint = path.resolve(RunFolder.CHECKPOINT);
        byte[] before = Files.readAllBytes(checkpoint);
        NoiseImages data = new NoiseImages(37, 1);
        try (RunFolder folder = RunFolder.open(path)) {
            run(
                    RECIPE,
                    folder,
                    (trainer, run) -> {
                        run.data(data, data, Normalisation.IMAGENET).resume(checkpoint);
                        String refused =
                                assertThrows(IllegalArgumentException.class, run::train)
                                        .getMessage();
                        assertTrue(refused.contains("[0.485, "), refused);
                        assertTrue(refused.contains("[0.4914, "), refused);
                        assertArrayEquals(before, Files.readAllBytes(checkpoint));
                        trainer.images(ImageMetadata.of(data.classNames(), Normalisation.IMAGENET));
                        assertTrue(run.train());
                    });
        }
        assertEquals(
                Normalisation.IMAGENET,
                ImageMetadata.read(checkpoint, Checkpoint.metadata(checkpoint))
                        .normalisation()
                        .orElseThrow());
    }

    @Test
    void aRunThatIsStoppedAnywhereContinuesBitByBit() throws IOException {
        Path whole = uninterrupted();
        SplittableRandom random = new SplittableRandom(1);
        for (int trial = 0; trial < 5; trial++) {
            Path path = root.resolve("stopped" + trial);
            boolean finished = false;
            List<Integer> stops = new ArrayList<>();
            while (!finished) {
                boolean continues = Files.exists(path.resolve(RunFolder.CHECKPOINT));
                // An epoch asks 4 times while training and 3 times while testing.
                int stop = random.nextInt(stops.size() > 3 ? 100 : 12);
                stops.add(stop);
                boolean[] end = new boolean[1];
                try (RunFolder folder = continues ? RunFolder.open(path) : RunFolder.create(path)) {
                    run(
                            RECIPE,
                            folder,
                            (trainer, run) -> {
                                if (continues) {
                                    run.resume(path.resolve(RunFolder.CHECKPOINT));
                                }
                                end[0] = run.stopWhen(after(stop)).train();
                            });
                }
                finished = end[0];
            }
            assertSameRun(whole, path, "stopped after " + stops);
        }
    }

    @Test
    void aRunThatFailsBetweenTwoFilesOfAnEpochContinuesBitByBit() throws IOException {
        Path whole = uninterrupted();
        // As if killed behind the metrics' line of epoch 2 and before its checkpoint.
        Path path = root.resolve("killed");
        try (RunFolder folder = RunFolder.create(path)) {
            run(RECIPE, folder, (trainer, run) -> run.stopWhen(after(9)).train());
        }
        Files.writeString(
                path.resolve(RunFolder.METRICS),
                Files.readString(path.resolve(RunFolder.METRICS))
                        + "2,8,0.1,9,9,9,9,9,1,1,0\n3,12,");
        try (RunFolder folder = RunFolder.open(path)) {
            run(
                    RECIPE,
                    folder,
                    (trainer, run) -> {
                        run.resume(path.resolve(RunFolder.CHECKPOINT));
                        assertTrue(run.train());
                    });
        }
        assertSameRun(whole, path, "killed");
    }

    @Test
    void theFolderHoldsWhatARunNeedsToBeUsedLater() throws IOException {
        List<EpochResult> results = new ArrayList<>();
        List<TrainingListener.Step> steps = new ArrayList<>();
        Path path = root.resolve("run");
        try (RunFolder folder = RunFolder.create(path)) {
            run(
                    RECIPE,
                    folder,
                    (trainer, run) -> {
                        run.note("data", "noise")
                                .listener(
                                        new TrainingListener() {
                                            @Override
                                            public void step(Step step) {
                                                steps.add(step);
                                            }

                                            @Override
                                            public void epoch(EpochResult result) {
                                                results.add(result);
                                            }
                                        })
                                .train();
                        assertEquals(
                                results.stream()
                                        .mapToDouble(EpochResult::testAccuracy)
                                        .max()
                                        .orElse(0),
                                run.bestScore());
                        assertEquals(3, run.epoch());
                        assertEquals(3 * 37, run.images());
                    });
        }
        assertEquals(3, results.size());
        assertEquals(15, steps.size());
        assertEquals(15, steps.getLast().done());
        assertEquals(15, steps.getLast().total());
        assertEquals(1, results.getFirst().testTop5(), "three classes are all among five");
        Map<String, String> config = SettingsFile.read(path.resolve(RunFolder.CONFIG));
        assertEquals("noise", config.remove("data"));
        config.remove("recipe");
        assertEquals(RECIPE, Recipe.preset("cifar").with(config));
        Map<String, String> metadata = Checkpoint.metadata(path.resolve(RunFolder.BEST));
        assertEquals("[\"dark\",\"grey, light\",\"white\"]", metadata.get("classes"));
        assertEquals("[0.4914,0.4822,0.4465]", metadata.get("normalisation.mean"));
        assertEquals(RECIPE.values(), TrainingRun.recipeOf(metadata));
        assertEquals("noise", TrainingRun.notesOf(metadata).get("data"));
        List<String> confusion = Files.readAllLines(path.resolve(RunFolder.CONFUSION));
        assertEquals("class,dark,\"grey, light\",white", confusion.getFirst());
        int images =
                confusion.stream()
                        .skip(1)
                        .flatMap(
                                line ->
                                        Stream.of(
                                                line.replaceAll("^(\".*\"|[^,]*),", "").split(",")))
                        .mapToInt(Integer::parseInt)
                        .sum();
        assertEquals(20, images);
        try (Stream<Path> files = Files.list(path)) {
            Path events =
                    files.filter(f -> f.getFileName().toString().startsWith("events."))
                            .findFirst()
                            .orElseThrow();
            // Two of the session, one step of ten with three curves, three epochs with seven.
            assertEquals(2 + 3 + 3 * 7, EventFileTest.read(events).size());
        }
        assertFalse(Files.exists(path.resolve("run.lock")));
        String summary = Files.readString(path.resolve(RunFolder.SUMMARY));
        for (String part :
                List.of("Loss of each epoch", "Confusion", "grey, light", "stochastic-depth")) {
            assertTrue(summary.contains(part), part);
        }
    }

    @Test
    void aFolderIsNeitherOverwrittenNorSharedSilently() throws IOException {
        Path path = uninterrupted();
        assertMessage("already holds a run", () -> RunFolder.create(path));
        try (RunFolder first = RunFolder.open(path)) {
            assertMessage("is in use by another run", () -> RunFolder.open(path));
            first.close();
            first.close();
            RunFolder.open(path).close();
        }
        Path file = Files.createFile(root.resolve("file"));
        assertMessage("file", () -> RunFolder.create(file));
        assertMessage("file", () -> RunFolder.create(file.resolve("inside")));
    }

    private interface Action {
        Object run() throws IOException;
    }

    private static void assertMessage(String part, Action action) {
        IOException e = assertThrows(IOException.class, action::run);
        assertTrue(e.getMessage().contains(part), e.getMessage());
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
    }

    @Test
    void anyDamageToACheckpointIsFoundAndNothingIsLoaded() throws IOException {
        Path whole = uninterrupted();
        byte[] good = Files.readAllBytes(whole.resolve(RunFolder.CHECKPOINT));
        Path damaged = root.resolve("damaged.safetensors");
        FamilySpec spec = RECIPE.spec(3).build();
        SplittableRandom random = new SplittableRandom(2);
        try (Device device = Device.open("cpu", new DeviceOptions(1, true, true));
                Trainer trainer = RECIPE.trainer(spec, device).open()) {
            float[] before = trainer.network().parameter("classifier.weight");
            int header = 8 + (int) (good[0] & 0xFF | (good[1] & 0xFF) << 8);
            for (int i = 0; i < 300; i++) {
                byte[] bad = good.clone();
                int at = random.nextInt(i % 2 == 0 ? header : bad.length);
                bad[at] ^= (byte) (1 << random.nextInt(8));
                Files.write(damaged, bad);
                IOException e =
                        assertThrows(IOException.class, () -> trainer.load(damaged), "byte " + at);
                assertEquals(1, e.getMessage().lines().count(), e.getMessage());
            }
            assertArrayEquals(before, trainer.network().parameter("classifier.weight"));
            assertEquals(0, trainer.steps());
            Files.write(damaged, good);
            trainer.load(damaged);
            assertEquals(15, trainer.steps());
        }
    }
}
