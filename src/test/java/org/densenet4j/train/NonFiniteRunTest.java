package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Normalisation;
import org.densenet4j.graph.ParameterSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Numbers that are not finite are no result: never the best, never saved, never written. */
class NonFiniteRunTest {
    private static final Recipe RECIPE =
            Recipe.preset("glyphs")
                    .with(
                            Map.of(
                                    "model", "bc-10-4",
                                    "input-size", "8",
                                    "epochs", "3",
                                    "batch", "16"));

    @TempDir private Path root;

    private interface Work {
        void with(Trainer trainer, TrainingRun run) throws IOException;
    }

    private static void run(Recipe recipe, Path path, Work work) throws IOException {
        try (Device device = Device.open("cpu", new DeviceOptions(1, true, true));
                Trainer trainer = recipe.trainer(recipe.spec(3).build(), device).open();
                RunFolder folder = RunFolder.create(path)) {
            work.with(
                    trainer,
                    TrainingRun.of(trainer, recipe, folder)
                            .data(
                                    new NoiseImages(32, 1),
                                    new NoiseImages(12, 1000),
                                    Normalisation.CIFAR10));
        }
    }

    /** Every running variance; negative ones give NaN in evaluation and are finite themselves. */
    private static void runningVariances(Trainer trainer, float value) {
        for (ParameterSpec p : trainer.network().runningStatistics()) {
            if (p.name().endsWith("running_var")) {
                float[] variances = trainer.network().runningStatistic(p.name());
                Arrays.fill(variances, value);
                trainer.network().runningStatistic(p.name(), variances);
            }
        }
    }

    /** Lets the tests of some epochs give NaN. */
    private static TrainingListener spoiling(Trainer trainer, List<Integer> epochs) {
        return new TrainingListener() {
            @Override
            public void step(Step step) {
                boolean last = step.done() % 2 == 0;
                runningVariances(trainer, last && epochs.contains(step.epoch()) ? -1 : 1);
            }
        };
    }

    @Test
    void aTestThatIsNotFiniteIsNoResultAndNeverTheBest() throws IOException {
        Path path = root.resolve("run");
        run(
                RECIPE,
                path,
                (trainer, run) -> {
                    assertTrue(run.listener(spoiling(trainer, List.of(1, 3))).train());
                    assertEquals(2, run.bestEpoch());
                });
        assertEquals("2", Checkpoint.metadata(path.resolve(RunFolder.BEST)).get("run.best-epoch"));
        List<String> metrics = Files.readAllLines(path.resolve(RunFolder.METRICS));
        for (int epoch : new int[] {1, 3}) {
            List<String> cells = List.of(metrics.get(epoch).split(",", -1));
            assertEquals(List.of("", "", ""), cells.subList(5, 8), metrics.get(epoch));
            assertFalse(cells.get(3).isEmpty(), metrics.get(epoch));
        }
        try (Stream<Path> files = Files.list(path)) {
            Path events =
                    files.filter(f -> f.getFileName().toString().startsWith("events."))
                            .findFirst()
                            .orElseThrow();
            // Two of the session, three epochs with seven curves; three of two epochs are missing.
            assertEquals(2 + 3 * 7 - 2 * 3, EventFileTest.read(events).size());
        }
        String summary = Files.readString(path.resolve(RunFolder.SUMMARY), StandardCharsets.UTF_8);
        assertTrue(summary.contains("2 of 3"), "the best epoch");
        assertFalse(summary.contains("NaN %"), "a number that is none");
    }

    @Test
    void withoutAFiniteTestThereIsNoBest() throws IOException {
        Path path = root.resolve("run");
        run(
                RECIPE,
                path,
                (trainer, run) -> {
                    run.listener(spoiling(trainer, List.of(1, 2, 3))).train();
                    assertEquals(0, run.bestEpoch());
                });
        assertFalse(Files.exists(path.resolve(RunFolder.BEST)));
        assertFalse(Files.exists(path.resolve(RunFolder.CONFUSION)));
        assertTrue(Files.readString(path.resolve(RunFolder.SUMMARY)).contains("– of 3"));
    }

    @Test
    void aStateThatIsNotFiniteIsNotSaved() throws IOException {
        Path path = root.resolve("run");
        run(
                RECIPE,
                path,
                (trainer, run) -> {
                    trainer.save(path.resolve(RunFolder.CHECKPOINT));
                    byte[] good = Files.readAllBytes(path.resolve(RunFolder.CHECKPOINT));
                    runningVariances(trainer, Float.POSITIVE_INFINITY);
                    NonFiniteException e =
                            assertThrows(
                                    NonFiniteException.class,
                                    () -> trainer.save(path.resolve(RunFolder.CHECKPOINT)));
                    assertTrue(e.layer().endsWith("running_var"), e.layer());
                    assertTrue(e.getMessage().contains("lower the learning rate"), e.getMessage());
                    assertArrayEquals(good, Files.readAllBytes(path.resolve(RunFolder.CHECKPOINT)));
                    float[] bias = trainer.network().parameter("classifier.bias");
                    runningVariances(trainer, 1);
                    bias[1] = Float.NaN;
                    trainer.network().parameter("classifier.bias", bias);
                    assertEquals(
                            "classifier.bias",
                            assertThrows(
                                            NonFiniteException.class,
                                            () -> trainer.save(root.resolve("other.safetensors")))
                                    .layer());
                });
        try (Stream<Path> files = Files.list(path)) {
            assertTrue(files.noneMatch(f -> f.toString().contains(".tmp")));
        }
    }

    @Test
    void aRunThatDivergesEndsWithAnErrorAndSavesNothingThatIsNotFinite() throws IOException {
        Path path = root.resolve("run");
        Recipe wild = RECIPE.with(Map.of("lr", "1e6", "warm-up", "0"));
        run(wild, path, (trainer, run) -> assertThrows(NonFiniteException.class, run::train));
        assertFalse(Files.exists(path.resolve(RunFolder.BEST)));
    }
}
