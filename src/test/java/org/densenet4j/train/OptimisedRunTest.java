package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Normalisation;
import org.densenet4j.io.Safetensors;
import org.densenet4j.spec.FamilySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/** Runs whose optimiser, schedule and averages remember something. */
class OptimisedRunTest {
    private static final Recipe RECIPE =
            Recipe.preset("cifar")
                    .with(
                            Map.of(
                                    "model", "bc-10-4",
                                    "input-size", "8",
                                    "epochs", "4",
                                    "batch", "8",
                                    "augment", "none"));

    @TempDir private Path root;

    private interface Work {
        void with(Trainer trainer, TrainingRun run) throws IOException;
    }

    private static void run(Recipe recipe, RunFolder folder, Work work) throws IOException {
        FamilySpec spec = recipe.spec(3).build();
        try (Device device = Device.open("cpu", new DeviceOptions(1, true, true));
                Trainer trainer = recipe.trainer(spec, device).open()) {
            work.with(trainer, data(TrainingRun.of(trainer, recipe, folder)));
        }
    }

    private static TrainingRun data(TrainingRun run) {
        return run.data(new NoiseImages(37, 1), new NoiseImages(20, 1000), Normalisation.CIFAR10);
    }

    private static BooleanSupplier after(int n) {
        int[] left = {n};
        return () -> left[0]-- <= 0;
    }

    @Test
    void runsThatAreStoppedContinueBitByBitWithAllThatTheyRemember() throws IOException {
        List<Map<String, String>> recipes =
                List.of(
                        Map.of("optimiser", "adamw", "amsgrad", "true", "ema", "0.9"),
                        Map.of(
                                "optimiser", "rmsprop",
                                "lr", "0.001",
                                "rmsprop-momentum", "0.9",
                                "schedule", "plateau",
                                "plateau-patience", "0"),
                        Map.of(
                                "optimiser", "adam",
                                "schedule", "onecycle",
                                "freeze", "features.conv0",
                                "layer-decay", "0.9",
                                "ema", "0.8",
                                "ema-warm-up", "true"));
        for (int i = 0; i < recipes.size(); i++) {
            Recipe recipe = RECIPE.with(recipes.get(i));
            Path whole = root.resolve("whole" + i);
            try (RunFolder folder = RunFolder.create(whole)) {
                run(recipe, folder, (trainer, run) -> assertTrue(run.train()));
            }
            Path stopped = root.resolve("stopped" + i);
            boolean[] end = new boolean[1];
            for (int asked = 7; !end[0]; asked += 2) { // in training, and in tests
                int stop = asked;
                boolean continues = Files.exists(stopped.resolve(RunFolder.CHECKPOINT));
                try (RunFolder folder =
                        continues ? RunFolder.open(stopped) : RunFolder.create(stopped)) {
                    run(
                            recipe,
                            folder,
                            (trainer, run) -> {
                                if (continues) {
                                    run.resume(stopped.resolve(RunFolder.CHECKPOINT));
                                }
                                end[0] = run.stopWhen(after(stop)).train();
                            });
                }
            }
            for (String name : List.of(RunFolder.CHECKPOINT, RunFolder.BEST)) {
                assertArrayEquals(
                        Files.readAllBytes(whole.resolve(name)),
                        Files.readAllBytes(stopped.resolve(name)),
                        name + " of " + recipes.get(i));
            }
        }
    }

    @Test
    void theBestStateIsThatOfTheAverageAndTheLastThatOfTraining() throws IOException {
        Path path = root.resolve("ema");
        Recipe recipe = RECIPE.with(Map.of("ema", "0.9", "epochs", "1"));
        try (RunFolder folder = RunFolder.create(path)) {
            run(recipe, folder, (trainer, run) -> assertTrue(run.train()));
        }
        String name = "features.conv0.weight";
        try (Safetensors last = Safetensors.open(path.resolve(RunFolder.CHECKPOINT));
                Safetensors best = Safetensors.open(path.resolve(RunFolder.BEST))) {
            float[] trained = last.tensor(name).toFloats();
            float[] average = last.tensor("optimizer.average." + name).toFloats();
            assertFalse(Arrays.equals(trained, average));
            assertArrayEquals(average, best.tensor(name).toFloats());
            assertArrayEquals(trained, best.tensor("optimizer.average." + name).toFloats());
        }
    }

    @Test
    void aPlateauLowersTheRateThatIsReported() throws IOException {
        Recipe recipe =
                RECIPE.with(
                        Map.of(
                                "epochs", "5",
                                "schedule", "plateau",
                                "plateau-patience", "0",
                                "plateau-threshold", "0.99", // nothing is that much better
                                "lr-factor", "0.5",
                                "min-lr", "0.02"));
        List<Double> rates = new ArrayList<>();
        try (RunFolder folder = RunFolder.create(root.resolve("plateau"))) {
            run(
                    recipe,
                    folder,
                    (trainer, run) ->
                            run.listener(
                                            new TrainingListener() {
                                                @Override
                                                public void epoch(EpochResult r) {
                                                    rates.add(r.learningRate());
                                                }
                                            })
                                    .train());
        }
        // The first loss is better than none.
        assertEquals(List.of(0.1, 0.1, 0.05, 0.025, 0.02), round(rates));
    }

    private static List<Double> round(List<Double> rates) {
        return rates.stream().map(r -> Math.round(r * 1e6) / 1e6).toList();
    }

    @Test
    void aRangeTestRaisesTheRateAndWritesNothing() throws IOException {
        FamilySpec spec = RECIPE.spec(3).build();
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1));
                Trainer trainer = RECIPE.trainer(spec, device).open()) {
            TrainingRun run = data(TrainingRun.unwritten(trainer, RECIPE));
            LearningRateSearch found = run.findLearningRate(1e-5, 1e-1, 17);
            assertEquals(17, found.points().size());
            for (int i = 0; i < 17; i++) {
                assertEquals(1e-5 * Math.pow(10, i / 4.0), found.points().get(i).rate(), 1e-12);
            }
            assertEquals(
                    found.points().getFirst().loss(),
                    found.points().getFirst().smoothed(),
                    1e-9,
                    "the average has no bias towards zero");
            for (double[] wrong : new double[][] {{0, 1}, {1, 1}, {1, 0.1}, {1, 1e9}}) {
                assertThrows(
                        IllegalArgumentException.class,
                        () -> run.findLearningRate(wrong[0], wrong[1], 17));
            }
            assertThrows(IllegalArgumentException.class, () -> run.findLearningRate(1e-5, 1, 9));
        }
    }

    @Test
    void aRangeTestEndsWhereTheLossLeavesAllBounds() {
        LearningRateSearch.Recorder recorder = new LearningRateSearch.Recorder();
        assertTrue(recorder.add(0.1, 1));
        assertTrue(recorder.add(0.2, 1));
        assertFalse(recorder.add(0.3, 1000));
    }

    /** By hand: flat, down over ten points, then up. */
    @Test
    void suggestionsAreThoseOfFastai() {
        List<LearningRateSearch.Point> points = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            double loss = i < 10 ? 2 : i <= 22 ? 2 - 0.1 * (i - 9) : 0.7 + (i - 22);
            if (i == 15) {
                loss -= 0.05; // falls fastest before it
            }
            points.add(new LearningRateSearch.Point(Math.pow(10, i / 10.0 - 5), loss, loss));
        }
        LearningRateSearch search = new LearningRateSearch(points, 40);
        // Left out are the first 4 and the last 5. The valley is from 9 to 22, 14 points long with
        // the flat before it: a start of 22 − 14, two thirds and a half of a third further.
        double third = 14 / 3.0;
        int place = 8 + (int) third + (int) (third / 2);
        assertEquals(points.get(place).rate(), search.valley().orElseThrow(), 1e-15);
        assertEquals(points.get(14).rate(), search.steepest().orElseThrow(), 1e-15);
        assertEquals(points.get(22).rate() / 10, search.tenthOfMinimum().orElseThrow(), 1e-15);
        LearningRateSearch few = new LearningRateSearch(points.subList(0, 6), 40);
        assertTrue(few.valley().isEmpty() && few.steepest().isEmpty());
    }
}
