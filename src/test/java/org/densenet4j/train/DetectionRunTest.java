package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.AnnotatedImage;
import org.densenet4j.data.DetectionDataset;
import org.densenet4j.data.DetectionLoader;
import org.densenet4j.data.GlyphScenes;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.Outputs;
import org.densenet4j.data.Task;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.engine.ThreadRanks;
import org.densenet4j.io.Csv;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.stream.Stream;

/** Runs on images with boxes around the objects in them. */
class DetectionRunTest {
    private static final int SIDE = TinyDetector.SIDE;
    private static final TinyDetector SPEC = TinyDetector.of(10);
    private static final Normalisation NORMALISATION = Normalisation.IMAGENET;
    private static final Recipe RECIPE =
            Recipe.preset("glyphs")
                    .with(
                            Map.of(
                                    "epochs", "3",
                                    "batch", "8",
                                    "accumulate", "2",
                                    "model", "dsod-glyphs",
                                    "optimiser", "adam",
                                    "lr", "0.01",
                                    "augment", "ssd",
                                    "best-by", "voc07"));

    @TempDir private Path root;

    private interface Work {
        void with(Trainer trainer, TrainingRun run) throws IOException;
    }

    private static void run(Recipe recipe, DetectionDataset data, RunFolder folder, Work work)
            throws IOException {
        try (Device device = Device.open("cpu", new DeviceOptions(2, true, true));
                Trainer trainer = recipe.trainer(SPEC, device).open()) {
            work.with(
                    trainer,
                    TrainingRun.of(trainer, recipe, folder)
                            .data(data, GlyphScenes.of(1000, 12, SIDE, 1), NORMALISATION)
                            .saveEvery(2));
        }
    }

    private static void run(Recipe recipe, RunFolder folder, Work work) throws IOException {
        run(recipe, GlyphScenes.of(0, 36, SIDE, 1), folder, work);
    }

    @Test
    void everyClassIsScoredAfterEachEpochAndTheBestIsKept() throws IOException {
        Path path = root.resolve("run");
        List<EpochResult> results = new ArrayList<>();
        try (RunFolder folder = RunFolder.create(path)) {
            run(
                    RECIPE,
                    folder,
                    (trainer, run) -> {
                        run.listener(
                                        new TrainingListener() {
                                            @Override
                                            public void epoch(EpochResult result) {
                                                results.add(result);
                                            }
                                        })
                                .train();
                        assertEquals(108, run.images());
                        assertEquals(
                                results.stream()
                                        .mapToDouble(r -> r.testBoxes().voc2007())
                                        .max()
                                        .orElse(0),
                                run.bestScore());
                    });
        }
        List<List<String>> metrics = Csv.parse(Files.readString(path.resolve("metrics.csv")));
        List<String> columns = metrics.getFirst();
        assertEquals(
                List.of(
                        "epoch",
                        "steps",
                        "learning_rate",
                        "train_loss",
                        "test_loss",
                        "test_average_precision",
                        "test_ap50",
                        "test_ap75",
                        "test_voc",
                        "test_voc2007"),
                columns.subList(0, 10));
        assertEquals(13 + 10, columns.size());
        for (int e = 0; e < 3; e++) {
            EpochResult r = results.get(e);
            assertEquals(Task.DETECT, r.task());
            assertEquals(12, r.testBoxes().images());
            assertEquals(
                    r.testBoxes().voc2007(), Double.parseDouble(metrics.get(e + 1).get(9)), 1e-6);
            assertTrue(r.testLoss() > 0 && r.trainLoss() > 0);
        }
        List<List<String>> best = Csv.parse(Files.readString(path.resolve(RunFolder.OUTPUTS)));
        assertEquals(12, best.size());
        assertEquals("mean", best.getLast().getFirst());
        String summary = Files.readString(path.resolve(RunFolder.SUMMARY));
        for (String part :
                List.of(
                        "best mean average precision (VOC2007)",
                        "Average precision of each class",
                        "Outputs in the best state")) {
            assertTrue(summary.contains(part), part);
        }
        try (Stream<Path> files = Files.list(path)) {
            Path events =
                    files.filter(f -> f.getFileName().toString().startsWith("events."))
                            .findFirst()
                            .orElseThrow();
            assertTrue(EventFileTest.read(events).size() > 3 * 9);
        }
    }

    /** The classes, the normalisation and what they are for are with the weights. */
    @Test
    void aCheckpointSaysWhatPredictionsNeed() throws IOException {
        Path path = root.resolve("run");
        try (RunFolder folder = RunFolder.create(path)) {
            run(RECIPE.with(Map.of("epochs", "1")), folder, (trainer, run) -> run.train());
        }
        Map<String, String> metadata = Checkpoint.metadata(path.resolve(RunFolder.BEST));
        assertEquals(Task.DETECT.text(), metadata.get("outputs.task"));
        assertTrue(metadata.containsValue(String.valueOf(36)), "training images");
        assertEquals("voc07", TrainingRun.recipeOf(metadata).get("best-by"));
        assertTrue(
                metadata.entrySet().stream()
                        .anyMatch(
                                e ->
                                        e.getKey().contains("class")
                                                && e.getValue()
                                                        .contains(
                                                                GlyphScenes.of(0, 1, SIDE, 1)
                                                                        .classNames()
                                                                        .getLast())));
        assertEquals(
                Outputs.of(Task.DETECT),
                Outputs.read(path, Map.of("outputs.task", "detect"), Task.DETECT, 10));
    }

    private static BooleanSupplier after(int n) {
        int[] left = {n};
        return () -> left[0]-- <= 0;
    }

    @Test
    void aRunThatWasStoppedAnywhereEndsWithTheSameBytes() throws IOException {
        Path whole = root.resolve("whole");
        try (RunFolder folder = RunFolder.create(whole)) {
            run(RECIPE, folder, (trainer, run) -> assertTrue(run.train()));
        }
        for (int stop : new int[] {1, 6}) { // in the first epoch, in its test
            Path path = root.resolve("stopped" + stop);
            try (RunFolder folder = RunFolder.create(path)) {
                run(
                        RECIPE,
                        folder,
                        (trainer, run) -> assertFalse(run.stopWhen(after(stop)).train()));
                run(
                        RECIPE,
                        folder,
                        (trainer, run) -> {
                            run.resume(path.resolve(RunFolder.CHECKPOINT));
                            assertTrue(run.train());
                        });
            }
            for (String name : List.of(RunFolder.CHECKPOINT, RunFolder.BEST, RunFolder.OUTPUTS)) {
                assertArrayEquals(
                        Files.readAllBytes(whole.resolve(name)),
                        Files.readAllBytes(path.resolve(name)),
                        name + " after " + stop);
            }
        }
    }

    /** Scenes of which one cannot be read. */
    private record Broken(GlyphScenes scenes) implements DetectionDataset {
        @Override
        public int size() {
            return scenes.size();
        }

        @Override
        public int channels() {
            return 3;
        }

        @Override
        public List<String> classNames() {
            return scenes.classNames();
        }

        @Override
        public String name(int index) {
            return scenes.name(index);
        }

        @Override
        public <T> T read(int index, Function<AnnotatedImage, T> use) {
            if (index == 7) {
                throw new UncheckedIOException(new IOException("x.jpg: broken image"));
            }
            return scenes.read(index, use);
        }
    }

    @Test
    void aBrokenImageStopsTheRunOrIsSkippedAsItIsTold() throws IOException {
        Recipe recipe = RECIPE.with(Map.of("epochs", "1"));
        Broken data = new Broken(GlyphScenes.of(0, 36, SIDE, 1));
        try (RunFolder folder = RunFolder.create(root.resolve("stops"))) {
            run(
                    recipe,
                    data,
                    folder,
                    (trainer, run) -> {
                        IOException e = assertThrows(IOException.class, run::train);
                        assertTrue(
                                e.getMessage().startsWith("x.jpg: broken image"), e.getMessage());
                    });
        }
        try (RunFolder folder = RunFolder.create(root.resolve("skips"))) {
            run(
                    recipe,
                    data,
                    folder,
                    (trainer, run) -> {
                        assertTrue(run.skipBroken(true).train());
                        assertEquals(1, run.skippedImages());
                        assertEquals(35, run.images());
                    });
        }
    }

    /** Scenes whose classes have other names. */
    private record Renamed(GlyphScenes scenes) implements DetectionDataset {
        @Override
        public int size() {
            return scenes.size();
        }

        @Override
        public int channels() {
            return 3;
        }

        @Override
        public List<String> classNames() {
            return scenes.classNames().reversed();
        }

        @Override
        public String name(int index) {
            return scenes.name(index);
        }

        @Override
        public <T> T read(int index, Function<AnnotatedImage, T> use) {
            return scenes.read(index, use);
        }
    }

    @Test
    void dataThatDoesNotFitIsRefusedInOneLine() throws IOException {
        GlyphScenes scenes = GlyphScenes.of(0, 36, SIDE, 1);
        try (RunFolder folder = RunFolder.create(root.resolve("run"))) {
            run(
                    RECIPE,
                    folder,
                    (trainer, run) ->
                            refused(
                                    "the test images",
                                    () -> run.data(scenes, new Renamed(scenes), NORMALISATION)));
            run(RECIPE.with(Map.of("augment", "cifar")), folder, "use none, flip or ssd");
            run(RECIPE.with(Map.of("rotation", "10")), folder, "rotation = 10");
            run(RECIPE.with(Map.of("mixup", "0.2")), folder, "--mixup");
        }
        DenseNetSpec images = DenseNetSpec.bc(10, 4).classes(10).inputSize(SIDE, SIDE).build();
        Recipe recipe = Recipe.preset("glyphs").with(Map.of("augment", "none"));
        try (Device device = Device.open("cpu", new DeviceOptions(2, true, true));
                Trainer trainer = recipe.trainer(images, device).open()) {
            refused(
                    "the data has boxes around objects, the network classifies images",
                    () ->
                            TrainingRun.unwritten(trainer, recipe)
                                    .data(scenes, scenes, NORMALISATION));
        }
    }

    private static void run(Recipe recipe, RunFolder folder, String refused) throws IOException {
        refused(
                refused,
                () -> {
                    try {
                        run(recipe, folder, (trainer, run) -> run.train());
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
    }

    private static void refused(String part, Runnable work) {
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, work::run);
        assertTrue(e.getMessage().contains(part), e.getMessage());
    }

    @Test
    void ranksTestTheirSharesAndScoreAllOfThem() throws Exception {
        DetectionTest test =
                new DetectionTest(
                        DetectionLoader.of(GlyphScenes.of(1000, 9, SIDE, 1), SIDE, SIDE).batch(4));
        try (Device device = Device.open("cpu", new DeviceOptions(2, true, true));
                Trainer trainer = RECIPE.trainer(SPEC, device).open();
                ExecutorService threads = Executors.newFixedThreadPool(2)) {
            for (int step = 0; step < 20; step++) { // so that something is found
                trainer.step(
                        DetectionLoader.of(GlyphScenes.of(1000, 8, SIDE, 1), SIDE, SIDE)
                                .batch(8)
                                .epoch(0)
                                .next());
            }
            TestResult alone = test.of(trainer, () -> false).result();
            assertTrue(alone.meanAveragePrecision() > 0);
            List<TestSum> shares = new ArrayList<>();
            for (int r = 0; r < 2; r++) {
                shares.add(test.shard(r, 2).of(trainer, () -> false));
            }
            List<Communicator> ranks = ThreadRanks.of(2);
            List<Future<TestResult>> results = new ArrayList<>();
            for (int r = 0; r < 2; r++) {
                TestSum share = shares.get(r);
                Ranks rank = new Ranks(ranks.get(r));
                results.add(
                        threads.submit(
                                () -> {
                                    share.overRanks(rank);
                                    return share.result();
                                }));
            }
            for (Future<TestResult> result : results) {
                assertEquals(alone.boxes(), result.get().boxes());
                assertEquals(alone.loss(), result.get().loss(), 1e-9);
            }
        }
    }

    @Test
    void findingALearningRateTrainsOnBoxes() throws IOException {
        try (RunFolder folder = RunFolder.create(root.resolve("run"))) {
            run(
                    RECIPE,
                    folder,
                    (trainer, run) ->
                            assertTrue(run.findLearningRate(1e-5, 1, 20).points().size() > 3));
        }
    }
}
