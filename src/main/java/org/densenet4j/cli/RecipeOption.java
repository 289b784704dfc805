package org.densenet4j.cli;

import org.densenet4j.data.Interpolation;
import org.densenet4j.data.RandomErasing;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.train.Recipe;
import org.densenet4j.train.SettingsFile;

import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** Options that choose a recipe and override its fields; each one is a key of {@link Recipe}. */
final class RecipeOption {
    private final Map<String, String> settings = new LinkedHashMap<>();
    private boolean noAugment;

    /** What {@link #config} says: it is read once, as it may be a pipe. */
    private Map<String, String> fromFile;

    @Option(
            names = "--recipe",
            paramLabel = "NAME",
            description =
                    "glyphs, cifar, imagenet, imagenet-cosine or finetune, or, where pixels are"
                            + " classified, shapes, fc-densenet or fc-densenet-finetune: the papers'"
                            + " settings, of which the options below override single ones (default:"
                            + " glyphs; for pixels shapes, or fc-densenet on data of one's own)")
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

    @Option(names = "--model", paramLabel = "NAME", description = FamilySpec.NAMES)
    void model(String value) {
        set("model", value);
    }

    @Option(
            names = "--input-size",
            paramLabel = "N|HxW",
            converter = ImageSize.Converter.class,
            description = "height and width of the network's input, for folders of images")
    void inputSize(ImageSize value) {
        set("input-size", value.height());
        set("input-width", value.isSquare() ? 0 : value.width());
    }

    @Option(
            names = "--interpolation",
            paramLabel = "NAME",
            description = "how files of images are resized: BILINEAR or BICUBIC")
    void interpolation(Interpolation value) {
        set("interpolation", value);
    }

    @Option(
            names = "--crop-share",
            paramLabel = "S",
            description =
                    "in tests of files of images, the input's size as a share of the size before the"
                            + " middle is cut out")
    void cropShare(double value) {
        set("crop-share", value);
    }

    @Option(
            names = "--vertical-flip",
            paramLabel = "true|false",
            arity = "0..1",
            fallbackValue = "true",
            description = "turn half of the images upside down")
    void verticalFlip(boolean value) {
        set("vertical-flip", value);
    }

    @Option(
            names = "--rotation",
            paramLabel = "DEGREES",
            description = "turn images by up to so much, to either side")
    void rotation(double value) {
        set("rotation", value);
    }

    @Option(
            names = "--rand-augment",
            paramLabel = "N,LEVEL",
            description =
                    "RandAugment as torchvision's: so many changes of an image, of this strength of"
                            + " 0 to 30, such as 2,9; none for none")
    void randAugment(String value) {
        set("rand-augment", value);
    }

    @Option(
            names = "--random-erasing",
            paramLabel = "P",
            description = "cover a random box of this share of the images")
    void randomErasing(double value) {
        set("random-erasing", value);
    }

    @Option(
            names = "--erasing-filling",
            paramLabel = "NAME",
            description =
                    "with --random-erasing: ZERO, COLOUR (one random colour) or PIXEL (noise)")
    void erasingFilling(RandomErasing.Filling value) {
        set("erasing-filling", value);
    }

    @Option(
            names = "--channels",
            paramLabel = "N",
            description =
                    "of images: 1 reads files as grey, 3 in colour (default: those of the data, 3 of"
                            + " files). Weights that training starts from are adapted")
    void channels(int value) {
        set("channels", value);
    }

    @Option(
            names = "--crop",
            paramLabel = "N",
            description =
                    "where pixels are classified: height and width of the random windows that are"
                            + " trained on; 0: whole images, all of one size")
    void crop(int value) {
        set("crop", value);
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
            names = "--scale-learning-rate",
            paramLabel = "true|false",
            arity = "0..1",
            fallbackValue = "true",
            description =
                    "take --lr for the recipe's batch, and multiply it by how many times as large"
                            + " --batch is (Goyal et al. 2017); with --warm-up 5 for large batches")
    void scaleLearningRate(boolean value) {
        set("scale-learning-rate", value);
    }

    @Option(
            names = "--schedule",
            paramLabel = "NAME",
            description =
                    "COSINE, STEP (multiplied at milestones), EXPONENTIAL (multiplied after each"
                            + " epoch) or CONSTANT")
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
            description =
                    "what STEP multiplies the rate by at each milestone, EXPONENTIAL after each"
                            + " epoch")
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

    @Option(
            names = "--patience",
            paramLabel = "EPOCHS",
            description = "without a better test, after which training ends; 0: never")
    void patience(int value) {
        set("patience", value);
    }

    @Option(names = "--optimiser", paramLabel = "NAME", description = "SGD or RMSPROP")
    void optimiser(Recipe.Optimisation value) {
        set("optimiser", value);
    }

    @Option(names = "--momentum", paramLabel = "M", description = "of SGD")
    void momentum(double value) {
        set("momentum", value);
    }

    @Option(
            names = "--nesterov",
            paramLabel = "true|false",
            arity = "0..1",
            fallbackValue = "true",
            description = "whether momentum is Nesterov's")
    void nesterov(boolean value) {
        set("nesterov", value);
    }

    @Option(
            names = "--rho",
            paramLabel = "R",
            description = "of RMSPROP: weight of the squared gradients of before")
    void rho(double value) {
        set("rho", value);
    }

    @Option(
            names = "--epsilon",
            paramLabel = "E",
            description = "of RMSPROP: added to the squared gradients or to their root")
    void epsilon(double value) {
        set("epsilon", value);
    }

    @Option(
            names = "--epsilon-inside",
            paramLabel = "true|false",
            arity = "0..1",
            fallbackValue = "true",
            description = "of RMSPROP: whether epsilon is added below the root")
    void epsilonInside(boolean value) {
        set("epsilon-inside", value);
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

    @Option(
            names = "--decay-scales",
            paramLabel = "true|false",
            arity = "0..1",
            fallbackValue = "true",
            description =
                    "of RMSPROP: whether of batch-norm parameters and biases the scales (gamma)"
                            + " decay alone")
    void decayScales(boolean value) {
        set("decay-scales", value);
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
                    "NONE, FLIP, SHIFT (padding and crop), CIFAR (and flip) or IMAGENET (random"
                            + " resized crop and flip); where pixels are classified NONE or FLIP")
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

    @Option(
            names = "--sampling",
            paramLabel = "NAME",
            description =
                    "SHUFFLE (each image once an epoch) or BALANCED (every class equally often:"
                            + " images of small classes several times)")
    void sampling(Recipe.Sampling value) {
        set("sampling", value);
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
        if (fromFile == null) {
            fromFile = config == null ? Map.of() : SettingsFile.read(config);
        }
        Map<String, String> all = new LinkedHashMap<>(fromFile);
        if (recipe != null) {
            all.put("recipe", recipe);
        }
        all.putAll(settings);
        if (noAugment) {
            without("augment", "none", all);
            without("colour-jitter", "0", all);
            without("rand-augment", Recipe.NONE, all);
            without("random-erasing", "0", all);
            without("rotation", "0", all);
            without("vertical-flip", "false", all);
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
     * Looks for what the network, the schedule or the optimiser has no use for.
     *
     * @param resolved what the options and the recipe come to
     * @throws IllegalArgumentException in one line that names it
     */
    void check(Recipe resolved, boolean ofPixels) throws IOException {
        new RecipeFit(resolved, settings.keySet()).checkOptions();
        new RecipeFit(resolved, settings().keySet()).checkLabels(ofPixels);
    }
}
