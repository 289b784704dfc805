package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Image;
import org.densenet4j.data.LabelledImage;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.SegmentationClasses;
import org.densenet4j.data.SegmentationDataset;
import org.densenet4j.data.SegmentationLoader;
import org.densenet4j.data.SegmentationScores;
import org.densenet4j.io.Csv;
import org.densenet4j.spec.FcDenseNetSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.stream.Stream;

/** Runs on images with a label for every pixel. */
class SegmentationRunTest {
    private static final Recipe RECIPE =
            Recipe.preset("fc-densenet")
                    .with(
                            Map.of(
                                    "crop", "8",
                                    "epochs", "3",
                                    "batch", "4",
                                    "accumulate", "2",
                                    "lr", "0.01"));
    private static final FcDenseNetSpec SPEC =
            FcDenseNetSpec.builder()
                    .growthRate(3)
                    .initialChannels(4)
                    .downLayers(1, 1)
                    .bottleneckLayers(1)
                    .upLayers(1, 1)
                    .classes(3)
                    .inputSize(8)
                    .build();

    @TempDir private Path root;

    /** Bright pixels are of one class, dark ones of another, of some images' own sizes. */
    private record Brightness(int size, long seed) implements SegmentationDataset {
        @Override
        public int channels() {
            return 3;
        }

        @Override
        public SegmentationClasses classes() {
            return SegmentationClasses.of(List.of("dark", "bright, as the sun", "never"));
        }

        @Override
        public String name(int index) {
            return "picture " + index;
        }

        @Override
        public <T> T read(int index, Function<LabelledImage, T> use) {
            Random random = new Random(seed + index);
            int height = 8 + index % 2;
            int width = 8 + index % 3;
            byte[] pixels = new byte[height * width * 3];
            byte[] labels = new byte[height * width];
            random.nextBytes(pixels);
            for (int p = 0; p < labels.length; p++) {
                boolean isVoid = random.nextInt(5) == 0;
                labels[p] = (byte) (isVoid ? LabelledImage.VOID : (pixels[3 * p] & 0xFF) / 128);
            }
            return use.apply(new LabelledImage(new Image(height, width, 3, pixels), labels));
        }
    }

    private interface Work {
        void with(Trainer trainer, TrainingRun run) throws IOException;
    }

    private static void run(Recipe recipe, RunFolder folder, Work work) throws IOException {
        try (Device device = Device.open("cpu", new DeviceOptions(2, true, true));
                Trainer trainer = recipe.trainer(SPEC, device).open()) {
            work.with(
                    trainer,
                    TrainingRun.of(trainer, recipe, folder)
                            .data(
                                    new Brightness(10, 1),
                                    new Brightness(5, 100),
                                    Normalisation.none(3))
                            .saveEvery(2));
        }
    }

    private Path uninterrupted() throws IOException {
        Path path = root.resolve("whole");
        try (RunFolder folder = RunFolder.create(path)) {
            run(RECIPE, folder, (trainer, run) -> assertTrue(run.train()));
        }
        return path;
    }

    @Test
    void everyClassIsScoredAfterEachEpochAndTheBestMeanIouIsKept() throws IOException {
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
                        assertEquals(30, run.images());
                        assertEquals(
                                results.stream()
                                        .mapToDouble(EpochResult::testMeanIou)
                                        .max()
                                        .orElse(0),
                                run.bestScore());
                    });
        }
        List<List<String>> metrics = Csv.parse(Files.readString(path.resolve("metrics.csv")));
        assertEquals(4, metrics.size());
        assertEquals("test_mean_iou", metrics.getFirst().get(7));
        assertEquals(
                List.of("iou dark", "iou bright, as the sun", "iou never"),
                metrics.getFirst().subList(11, 14));
        for (int e = 0; e < 3; e++) {
            EpochResult r = results.get(e);
            assertEquals(3, r.testIou().size());
            assertTrue(Double.isNaN(r.testIou().get(2)) || r.testIou().get(2) == 0);
            assertTrue(r.trainAccuracy() > 0 && r.trainAccuracy() < 1, "of pixels");
            assertEquals(r.testMeanIou(), Double.parseDouble(metrics.get(e + 1).get(7)), 1e-6);
            assertEquals(r.testIou().get(1), Double.parseDouble(metrics.get(e + 1).get(12)), 1e-6);
        }
        List<List<String>> best = Csv.parse(Files.readString(path.resolve("iou.csv")));
        assertEquals("bright, as the sun", best.get(2).getFirst());
        assertFalse(Files.exists(path.resolve("confusion.csv")));
        String summary = Files.readString(path.resolve(RunFolder.SUMMARY));
        for (String part : List.of("best mean IoU", "IoU of each class", "bright, as the sun")) {
            assertTrue(summary.contains(part), part);
        }
        try (Stream<Path> files = Files.list(path)) {
            Path events =
                    files.filter(f -> f.getFileName().toString().startsWith("events."))
                            .findFirst()
                            .orElseThrow();
            // Two of the session, and for each epoch seven curves and one of each class with a
            // score.
            long scores =
                    results.stream()
                            .flatMap(r -> r.testIou().stream())
                            .filter(Double::isFinite)
                            .count();
            assertEquals(2 + 3 * 7 + scores, EventFileTest.read(events).size());
        }
    }

    /** What a test says, by hand: each image by a trainer of its size, one by one. */
    @Test
    void testImagesAreLookedAtWholeAtTheirOwnSizes() throws IOException {
        try (RunFolder folder = RunFolder.create(root.resolve("run"))) {
            run(
                    RECIPE.with(Map.of("epochs", "1")),
                    folder,
                    (trainer, run) -> {
                        EpochResult[] result = new EpochResult[1];
                        run.listener(
                                        new TrainingListener() {
                                            @Override
                                            public void epoch(EpochResult r) {
                                                result[0] = r;
                                            }
                                        })
                                .train();
                        SegmentationScores scores = new SegmentationScores(3);
                        try (SegmentationLoader.Epoch images =
                                SegmentationLoader.of(new Brightness(5, 100)).epoch(0)) {
                            images.forEachRemaining(
                                    image -> {
                                        try (Trainer other =
                                                trainer.forSize(image.height(), image.width())) {
                                            StepResult r = other.evaluate(image);
                                            scores.add(
                                                    r.pixels().intersection(),
                                                    r.pixels().labelled(),
                                                    r.pixels().predicted());
                                        }
                                    });
                        }
                        assertEquals(scores.meanIou(), result[0].testMeanIou(), 1e-12);
                        assertEquals(scores.accuracy(), result[0].testAccuracy(), 1e-12);
                        assertEquals(scores.meanIou(), run.bestScore(), 1e-12);
                    });
        }
    }

    private static BooleanSupplier after(int n) {
        int[] left = {n};
        return () -> left[0]-- <= 0;
    }

    @Test
    void aRunThatWasStoppedAnywhereEndsWithTheSameBytes() throws IOException {
        Path whole = uninterrupted();
        for (int stop : new int[] {1, 4}) { // in the first epoch, in its test
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
            for (String name : List.of(RunFolder.CHECKPOINT, RunFolder.BEST, RunFolder.IOU)) {
                assertArrayEquals(
                        Files.readAllBytes(whole.resolve(name)),
                        Files.readAllBytes(path.resolve(name)),
                        name + " after " + stop);
            }
        }
    }

    @Test
    void patienceEndsARunThatGetsNoBetterAndSaysSoWhenItIsContinued() throws IOException {
        Recipe still = RECIPE.with(Map.of("epochs", "9", "lr", "0", "patience", "2"));
        try (RunFolder folder = RunFolder.create(root.resolve("run"))) {
            run(
                    still,
                    folder,
                    (trainer, run) -> {
                        assertTrue(run.train());
                        assertTrue(run.endedEarly());
                        assertEquals(3, run.epoch());
                        assertEquals(1, run.bestEpoch());
                    });
            Path checkpoint = folder.path().resolve(RunFolder.CHECKPOINT);
            run(
                    still,
                    folder,
                    (trainer, run) -> {
                        String message =
                                assertThrows(
                                                IllegalArgumentException.class,
                                                () -> run.resume(checkpoint))
                                        .getMessage();
                        assertTrue(message.contains("no better test for 2 epochs"), message);
                    });
            run(
                    still.with(Map.of("patience", "3")),
                    folder,
                    (trainer, run) -> {
                        run.resume(checkpoint);
                        assertTrue(run.train());
                        assertEquals(4, run.epoch());
                    });
        }
    }

    @Test
    void imagesThatANetworkWasNotPlannedForAreNamed() throws IOException {
        Recipe whole = RECIPE.with(Map.of("crop", "0", "batch", "1", "accumulate", "1"));
        try (RunFolder folder = RunFolder.create(root.resolve("run"))) {
            run(
                    whole,
                    folder,
                    (trainer, run) -> {
                        IOException e = assertThrows(IOException.class, run::train);
                        assertTrue(
                                e.getMessage().contains("picture ")
                                        && e.getMessage().contains("planned for 8x8"),
                                e.getMessage());
                    });
        }
    }
}
