package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Normalisation;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Images that do not fill a batch: trained on, or left out where that is asked for. */
class LastBatchTest {
    private static final int IMAGES = 37;

    @TempDir private Path root;

    private static Recipe recipe(Map<String, String> settings) {
        Map<String, String> all = new HashMap<>();
        all.put("model", "bc-10-4");
        all.put("input-size", "8");
        all.put("batch", "8");
        all.put("epochs", "2");
        all.put("schedule", "step");
        all.put("milestones", "1");
        all.putAll(settings);
        return Recipe.preset("glyphs").with(all);
    }

    /** Images that were trained on, and the learning rate of each step. */
    private record Trained(long images, List<Double> rates) {}

    private static Trained train(Recipe recipe, Path path, int stopAfter) throws IOException {
        boolean continues = Files.exists(path.resolve(RunFolder.CHECKPOINT));
        List<Double> rates = new ArrayList<>();
        try (Device device = Device.open("cpu", new DeviceOptions(1, true, true));
                Trainer trainer = recipe.trainer(recipe.spec(3).build(), device).open();
                RunFolder folder = continues ? RunFolder.open(path) : RunFolder.create(path)) {
            TrainingRun run =
                    TrainingRun.of(trainer, recipe, folder)
                            .data(
                                    new NoiseImages(IMAGES, 1),
                                    new NoiseImages(6, 1000),
                                    Normalisation.CIFAR10)
                            .listener(
                                    new TrainingListener() {
                                        @Override
                                        public void step(Step step) {
                                            rates.add(trainer.learningRate());
                                        }
                                    })
                            .stopWhen(() -> rates.size() == stopAfter);
            if (continues) {
                run.resume(path.resolve(RunFolder.CHECKPOINT));
            }
            run.train();
            return new Trained(run.images(), rates);
        }
    }

    @Test
    void allImagesOfAnEpochAreTrainedOnAndTheScheduleCountsTheLastBatch() throws IOException {
        Trained trained = train(recipe(Map.of("warm-up", "0")), root.resolve("run"), -1);
        assertEquals(2 * IMAGES, trained.images());
        assertEquals(10, trained.rates().size());
        assertEquals(0.1, trained.rates().get(4), 1e-12);
        assertEquals(0.01, trained.rates().get(5), 1e-12);
    }

    @Test
    void theLastBatchIsLeftOutWhereThatIsAskedFor() throws IOException {
        Recipe dropping = recipe(Map.of("warm-up", "0", "drop-last", "true"));
        Path path = root.resolve("run");
        Trained trained = train(dropping, path, -1);
        assertEquals(2 * 32, trained.images());
        assertEquals(8, trained.rates().size());
        assertEquals(0.01, trained.rates().get(4), 1e-12);
        Map<String, String> saved = Checkpoint.metadata(path.resolve(RunFolder.CHECKPOINT));
        assertEquals("true", TrainingRun.recipeOf(saved).get("drop-last"));
    }

    @Test
    void fewerImagesThanABatchAreOneBatchEitherWay() throws IOException {
        for (String drop : List.of("true", "false")) {
            Recipe large = recipe(Map.of("batch", "64", "drop-last", drop));
            assertEquals(2 * IMAGES, train(large, root.resolve(drop), -1).images());
        }
    }

    @Test
    void aRunOfBeforeTheOptionGoesOnWithoutItsLastBatch() {
        Map<String, String> before = Map.of("recipe.recipe", "cifar", "recipe.batch", "8");
        assertEquals("true", TrainingRun.recipeOf(before).get("drop-last"));
        assertTrue(TrainingRun.recipeOf(Map.of("run.epoch", "1")).isEmpty());
    }

    @Test
    void anotherBatchSizeInTheMiddleOfAnEpochNeitherRepeatsNorForgetsImages() throws IOException {
        Path path = root.resolve("run");
        assertEquals(24, train(recipe(Map.of("epochs", "1")), path, 3).images());
        Recipe smaller = recipe(Map.of("epochs", "1", "batch", "4"));
        assertEquals(IMAGES - 24, train(smaller, path, -1).images());
    }
}
