package org.densenet4j.cli;

import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.train.Recipe;
import org.densenet4j.train.SettingsFile;

import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Options that choose a recipe and override its fields; each one is a key of {@link Recipe}. */
final class RecipeOption {
    private final Map<String, String> settings = new LinkedHashMap<>();
    private boolean noAugment;

    @Option(
            names = "--recipe",
            paramLabel = "NAME",
            description =
                    "glyphs, cifar, imagenet, imagenet-cosine or finetune: the papers' settings, of"
                            + " which the options below override single ones (default: glyphs)")
    private String recipe;

    @Option(
            names = "--config",
            paramLabel = "FILE",
            description =
                    "settings as KEY = VALUE lines; keys are the names of these options. The"
                            + " command line goes before the file, the file before the recipe.")
    private Path config;

    /** For picocli. */
    RecipeOption() {}

    @Option(
            names = "--model",
            paramLabel = "NAME",
            description =
                    "bc-DEPTH-K (bc-100-12), plain-DEPTH-K, b-DEPTH-K, c-DEPTH-K, or"
                            + " densenet121/169/201/161/264/232")
    void model(String value) {
        set("model", value);
    }

    @Option(
            names = "--input-size",
            paramLabel = "N",
            description = "height and width of the network's input, for folders of images")
    void inputSize(int value) {
        set("input-size", value);
    }

    @Option(names = "--compression", paramLabel = "THETA", description = "factor in transitions")
    void compression(double value) {
        set("compression", value);
    }

    @Option(
            names = "--dropout",
            paramLabel = "P",
            description = "probability of dropping a new feature (cifar without augmentation: 0.2)")
    void dropout(double value) {
        set("dropout", value);
    }

    @Option(
            names = "--stochastic-depth",
            paramLabel = "P",
            description = "probability of dropping the last dense layer; earlier ones less")
    void stochasticDepth(double value) {
        set("stochastic-depth", value);
    }

    @Option(names = "--epochs", paramLabel = "N", description = "passes over the training images")
    void epochs(int value) {
        set("epochs", value);
    }

    @Option(names = "--batch", paramLabel = "N", description = "images per step")
    void batch(int value) {
        set("batch", value);
    }

    @Option(
            names = "--drop-last",
            negatable = true,
            description =
                    "leave out an epoch's last batch where it is not full, as PyTorch's option of"
                            + " this name")
    void dropLast(boolean value) {
        set("drop-last", value);
    }

    @Option(
            names = "--accumulate",
            paramLabel = "N",
            description = "micro-batches that each batch is worked through in")
    void accumulate(int value) {
        set("accumulate", value);
    }

    @Option(names = "--strategy", paramLabel = "NAME", description = "NAIVE, SHARED or RECOMPUTE")
    void strategy(MemoryStrategy value) {
        set("strategy", value);
    }

    @Option(names = "--lr", paramLabel = "RATE", description = "learning rate")
    void lr(double value) {
        set("lr", value);
    }

    @Option(
            names = "--schedule",
            paramLabel = "NAME",
            description = "COSINE, STEP (multiplied at milestones) or CONSTANT")
    void schedule(Recipe.Schedule value) {
        set("schedule", value);
    }

    @Option(
            names = "--milestones",
            paramLabel = "LIST",
            description = "of STEP: epochs or percentages, such as 30,60 or 50%%,75%%")
    void milestones(String value) {
        set("milestones", value);
    }

    @Option(
            names = "--lr-factor",
            paramLabel = "F",
            description = "what STEP multiplies the rate by at each milestone")
    void lrFactor(double value) {
        set("lr-factor", value);
    }

    @Option(
            names = "--warm-up",
            paramLabel = "EPOCHS",
            description = "over which the learning rate rises at the start")
    void warmUp(double value) {
        set("warm-up", value);
    }

    @Option(names = "--momentum", paramLabel = "M", description = "of SGD")
    void momentum(double value) {
        set("momentum", value);
    }

    @Option(
            names = "--nesterov",
            paramLabel = "true|false",
            description = "whether momentum is Nesterov's")
    void nesterov(boolean value) {
        set("nesterov", value);
    }

    @Option(names = "--weight-decay", paramLabel = "D", description = "on every parameter")
    void weightDecay(double value) {
        set("weight-decay", value);
    }

    @Option(
            names = "--no-decay-norms",
            description = "exempt batch-norm parameters and biases from weight decay")
    void noDecayNorms(boolean value) {
        set("decay-norms", !value);
    }

    @Option(names = "--label-smoothing", paramLabel = "S", description = "share")
    void labelSmoothing(double value) {
        set("label-smoothing", value);
    }

    @Option(names = "--clip", paramLabel = "NORM", description = "largest gradient norm, 0: none")
    void clip(double value) {
        set("clip", value);
    }

    @Option(
            names = "--freeze-bn",
            description = "fine-tune with each layer's running statistics as constants")
    void freezeBn(boolean value) {
        set("freeze-bn", value);
    }

    @Option(
            names = "--augment",
            paramLabel = "NAME",
            description =
                    "NONE, SHIFT (padding and crop), CIFAR (and flip) or IMAGENET (random resized"
                            + " crop and flip)")
    void augment(Recipe.Augment value) {
        set("augment", value);
    }

    @Option(names = "--no-augment", description = "train on the images as they are")
    void noAugment(boolean value) {
        noAugment = true;
    }

    @Option(
            names = "--colour-jitter",
            paramLabel = "X",
            description = "strength of random brightness, contrast, saturation and lighting")
    void colourJitter(double value) {
        set("colour-jitter", value);
    }

    @Option(names = "--seed", paramLabel = "N", description = "of all draws")
    void seed(long value) {
        set("seed", value);
    }

    private void set(String key, Object value) {
        String text = value.toString();
        settings.put(key, value instanceof Enum ? text.toLowerCase(Locale.ROOT) : text);
    }

    /** Whether no recipe, file or augmentation was chosen, so that the data decides about it. */
    boolean isDefault() {
        return recipe == null && config == null && !settings.containsKey("augment") && !noAugment;
    }

    /**
     * What the file and the command line say, by key.
     *
     * @throws IOException when there is no such file
     * @throws IllegalArgumentException when options contradict each other
     */
    Map<String, String> settings() throws IOException {
        Map<String, String> all =
                config == null ? new LinkedHashMap<>() : SettingsFile.read(config);
        if (recipe != null) {
            all.put("recipe", recipe);
        }
        all.putAll(settings);
        if (noAugment) {
            without("augment", "none", all);
            without("colour-jitter", "0", all);
        }
        return all;
    }

    private void without(String key, String nothing, Map<String, String> all) {
        String value = settings.getOrDefault(key, nothing);
        if (!value.equals(nothing) && !value.equals("0.0")) {
            throw new IllegalArgumentException(
                    "--no-augment and --" + key + " " + value + " contradict each other");
        }
        all.put(key, nothing);
    }

    /**
     * Looks for options that the schedule has no use for.
     *
     * @throws IllegalArgumentException when one is on the command line
     */
    void checkSchedule(Recipe resolved) {
        for (String key : List.of("milestones", "lr-factor")) {
            if (settings.containsKey(key) && resolved.schedule() != Recipe.Schedule.STEP) {
                throw new IllegalArgumentException(
                        "--"
                                + key
                                + " is for --schedule step; the schedule is "
                                + resolved.schedule().name().toLowerCase(Locale.ROOT));
            }
        }
    }
}
