package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.Augmentation;
import org.densenet4j.data.ColourJitter;
import org.densenet4j.spec.RdNetSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

class RecipeTest {
    private static double rate(Recipe recipe, double epochs) {
        return recipe.learningRate().rate(epochs / recipe.epochs());
    }

    @Test
    void cifarIsThePapers() {
        Recipe cifar = Recipe.preset("cifar");
        assertEquals(300, cifar.epochs());
        assertEquals(64, cifar.batch());
        assertEquals(new Sgd(0.1, 0.9, true, 1e-4, true), cifar.optimizer());
        assertEquals(0.1, rate(cifar, 0), 1e-12);
        assertEquals(0.1, rate(cifar, 149.9), 1e-12);
        assertEquals(0.01, rate(cifar, 150), 1e-12);
        assertEquals(0.001, rate(cifar, 225), 1e-12);
        assertEquals(Augmentation.CIFAR, cifar.augmentation());
        assertEquals(0, cifar.dropout());
        assertEquals(0.2, cifar.with(Map.of("augment", "none")).dropout());
        assertEquals(0.1, cifar.with(Map.of("augment", "none", "dropout", "0.1")).dropout());
        assertEquals(0, Recipe.preset("glyphs").with(Map.of("augment", "none")).dropout());
    }

    @Test
    void imageNetIsThePapers() {
        Recipe imageNet = Recipe.preset("imagenet");
        assertEquals(90, imageNet.epochs());
        assertEquals(256, imageNet.batch());
        assertEquals("densenet121", imageNet.model());
        assertEquals(new Sgd(0.1, 0.9, true, 1e-4, true), imageNet.optimizer());
        // The milestones fall exactly on the first step of an epoch.
        for (long perEpoch : new long[] {1, 7, 5005}) {
            LearningRateSchedule rate = imageNet.learningRate();
            double total = 90.0 * perEpoch;
            assertEquals(0.1, rate.rate((30 * perEpoch - 1) / total), 1e-12);
            assertEquals(0.01, rate.rate(30 * perEpoch / total), 1e-12);
            assertEquals(0.001, rate.rate(60 * perEpoch / total), 1e-12);
        }
        assertEquals(
                Augmentation.IMAGENET.withJitter(ColourJitter.IMAGENET), imageNet.augmentation());
        Recipe cosine = Recipe.preset("imagenet-cosine");
        assertEquals(100, cosine.epochs());
        assertEquals(0.05, rate(cosine, 50), 1e-12);
        assertTrue(Recipe.preset("finetune").freezeBn());
    }

    @Test
    void condenseNetsAreThePapers() {
        Recipe small = Recipe.preset("condensenet");
        assertEquals("condensenet-86", small.model());
        assertEquals(300, small.epochs());
        assertEquals(64, small.batch());
        assertEquals(new Sgd(0.1, 0.9, true, 1e-4, true), small.optimizer());
        assertEquals(0.05, rate(small, 150), 1e-12);
        assertEquals(0, small.groupLasso());
        Recipe imageNet = Recipe.preset("condensenet-imagenet");
        assertEquals(120, imageNet.epochs());
        assertEquals(256, imageNet.batch());
        assertEquals(1e-5, imageNet.groupLasso());
        assertEquals(Augmentation.IMAGENET, imageNet.augmentation());
    }

    @Test
    void rdNetsAreThePapers() {
        Recipe recipe = Recipe.preset("rdnet");
        assertEquals("rdnet-t", recipe.model());
        assertEquals(300, recipe.epochs());
        assertEquals(512, recipe.batch());
        assertEquals(
                Adam.decoupled(1e-3).withWeightDecay(0.05).withoutDecayOfNormsAndBiases(),
                recipe.optimizer());
        assertEquals(0.15, ((RdNetSpec) recipe.spec(1000).build()).stochasticDepth());
        assertEquals(0.8, recipe.mixup());
        assertEquals(1, recipe.cutmix());
        assertEquals(0.1, recipe.labelSmoothing());
    }

    @Test
    void anyFieldCanBeOverriddenByItsKey() {
        Recipe recipe = Recipe.preset("glyphs");
        Map<String, String> other = new HashMap<>();
        for (String key : Recipe.keys()) {
            String value = recipe.values().get(key);
            other.put(
                    key,
                    switch (key) {
                        case "model" -> "plain-16-4";
                        case "strategy" -> "naive";
                        case "schedule" -> "step";
                        case "milestones" -> "1, 2";
                        case "augment" -> "cifar";
                        case "sampling" -> "balanced";
                        case "rand-augment" -> "3, 12";
                        case "erasing-filling" -> "pixel";
                        case "interpolation" -> "bicubic";
                        case "vertical-flip" -> "true";
                        case "input-width" -> "19";
                        case "min-lr" -> "0.0125";
                        case "optimiser" -> "rmsprop";
                        case "task" -> "multilabel";
                        case "loss" -> "huber";
                        case "best-by" -> "loss";
                        case "class-weights", "positive-weights" -> "1,2";
                        case "param-groups" -> "classifier.*: rate-scale=2 weight-decay=0";
                        case "freeze" -> "features.conv0, features.denseblock1";
                        case "nesterov",
                                "decay-norms",
                                "decay-scales",
                                "epsilon-inside",
                                "freeze-bn",
                                "mean-by-label",
                                "scale-learning-rate",
                                "amsgrad",
                                "centred",
                                "cycle-momentum",
                                "ema-warm-up",
                                "drop-last" ->
                                value.equals("true") ? "false" : "true";
                        case "epochs",
                                "batch",
                                "accumulate",
                                "input-size",
                                "channels",
                                "crop",
                                "patience",
                                "restart-factor",
                                "div-factor",
                                "final-div-factor",
                                "plateau-patience",
                                "plateau-cooldown",
                                "seed" ->
                                "17";
                        default -> "0.125";
                    });
        }
        Recipe changed = recipe.with(other);
        for (String key : Recipe.keys()) {
            assertFalse(changed.values().get(key).equals(recipe.values().get(key)), key);
        }
        assertEquals(changed, Recipe.preset("glyphs").with(withoutRecipe(changed.values())));
    }

    @Test
    void theLearningRateGrowsWithTheBatchWhereThatIsAskedFor() {
        Recipe preset = Recipe.preset("imagenet"); // 0.1 for 256 images
        Recipe large = preset.with(Map.of("batch", "8192"));
        assertEquals(0.1, large.learningRate().rate(0), 0);
        Recipe scaled = large.with(Map.of("scale-learning-rate", "true"));
        assertEquals(3.2, scaled.learningRate().rate(0), 1e-12);
        assertEquals(3.2, scaled.optimizer().learningRate(), 1e-12);
        assertEquals("0.1", scaled.values().get("lr")); // of another batch it is another rate
        Recipe usual = preset.with(Map.of("scale-learning-rate", "true"));
        assertEquals(0.1, usual.learningRate().rate(0), 0);
    }

    private static Map<String, String> withoutRecipe(Map<String, String> values) {
        Map<String, String> rest = new HashMap<>(values);
        rest.remove("recipe");
        return rest;
    }

    @Test
    void unknownKeysAreRefusedWithTheNearestKnownOne() {
        Recipe recipe = Recipe.preset("cifar");
        assertMessage("no setting 'epoch'; did you mean 'epochs'?", recipe, "epoch", "3");
        assertMessage("did you mean 'weight-decay'?", recipe, "weight_decay", "3");
        assertMessage("use one of", recipe, "xyzzy", "3");
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> Recipe.preset("cifr"));
        assertEquals("no recipe named 'cifr'; did you mean 'cifar'?", e.getMessage());
    }

    @Test
    void valuesThatDoNotFitAreRefusedByName() {
        Recipe recipe = Recipe.preset("cifar");
        assertMessage("epochs = 0: use 1 or more", recipe, "epochs", "0");
        assertMessage("epochs = ten: is not a whole number", recipe, "epochs", "ten");
        assertMessage("lr = fast: is not a number", recipe, "lr", "fast");
        assertMessage("nesterov = yes: use true or false", recipe, "nesterov", "yes");
        assertMessage("schedule = linear: use one of [cosine", recipe, "schedule", "linear");
        assertMessage("milestones = 60, 30", recipe, "milestones", "60, 30");
        assertMessage("milestones = 3x", recipe, "milestones", "3x");
        assertMessage("warm-up = 301", recipe, "warm-up", "301");
        assertMessage("warm-up = 5.0: use less than", Recipe.preset("glyphs"), "warm-up", "5");
        assertMessage("compression = 2", recipe, "compression", "2");
    }

    private static void assertMessage(String part, Recipe recipe, String key, String value) {
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> recipe.with(Map.of(key, value)));
        assertTrue(e.getMessage().contains(part), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
    }

    @Test
    void settingsFilesComeBackAsTheyWereWritten(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("config.properties");
        Map<String, String> values = new HashMap<>(Recipe.preset("imagenet").values());
        values.put("data", "folder:C:\\images\\größer = #1");
        SettingsFile.write(file, "a comment\nof two lines", values);
        assertEquals(values, SettingsFile.read(file));
        Files.writeString(file, "epochs = 3\n# no\nepochs = 4\n");
        IOException e = assertThrows(IOException.class, () -> SettingsFile.read(file));
        assertTrue(e.getMessage().contains("'epochs' is there twice"), e.getMessage());
        Files.write(file, new byte[] {'a', '=', (byte) 0xFF});
        assertThrows(IOException.class, () -> SettingsFile.read(file));
        assertThrows(IOException.class, () -> SettingsFile.read(folder.resolve("none")));
    }

    @Test
    void adamsVariantsHaveTheirOwnDefaults() {
        Recipe adam = Recipe.preset("cifar").with(Map.of("optimiser", "adam"));
        Recipe decoupled = adam.with(Map.of("optimiser", "adamw"));
        assertEquals("0.0", adam.values().get("weight-decay"));
        assertEquals("0.01", decoupled.values().get("weight-decay"));
        assertEquals("0.001", decoupled.values().get("lr"));
    }
}
