package org.densenet4j.cli;

import org.densenet4j.data.Dataset;
import org.densenet4j.data.Interpolation;
import org.densenet4j.data.RandomErasing;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.LabelKind;
import org.densenet4j.train.BestBy;
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
                    "glyphs, cifar, imagenet, imagenet-cosine, condensenet, condensenet-imagenet, rdnet or"
                            + " finetune, or, where pixels are classified, shapes, fc-densenet or fc-densenet-finetune,"
                            + " or, where objects are found, scenes, dsod, dsod-coco or dsod-finetune: the papers'"
                            + " settings, of which the options below override single ones (default:"
                            + " glyphs; for pixels shapes, or fc-densenet on data of one's own; for"
                            + " objects scenes, or dsod on data of one's own)")
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
            description = "height and width of the network's input, for files of images")
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
                    "of images: 1 reads files as grey, 3 in colour (default: those of the weights, or"
                            + " of the data, 3 of files). Weights that training starts from are adapted")
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
                    "COSINE (with --restart-epochs SGDR's), STEP (multiplied at milestones),"
                            + " EXPONENTIAL (multiplied after each epoch), ONECYCLE, POLYNOMIAL,"
                            + " PLATEAU (multiplied where the test loss gets no better) or"
                            + " CONSTANT")
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
                            + " epoch, PLATEAU where the test loss gets no better")
    void lrFactor(double value) {
        set("lr-factor", value);
    }

    @Option(
            names = "--min-lr",
            paramLabel = "RATE",
            description = "what COSINE ends at, and PLATEAU does not go below")
    void minLr(double value) {
        set("min-lr", value);
    }

    @Option(
            names = "--restart-epochs",
            paramLabel = "EPOCHS",
            description = "until COSINE first starts again (SGDR); 0: never")
    void restartEpochs(double value) {
        set("restart-epochs", value);
    }

    @Option(
            names = "--restart-factor",
            paramLabel = "N",
            description = "how many times as long each cosine is as the one before")
    void restartFactor(int value) {
        set("restart-factor", value);
    }

    @Option(names = "--power", paramLabel = "P", description = "of POLYNOMIAL; 1: a straight line")
    void power(double value) {
        set("power", value);
    }

    @Option(
            names = "--pct-start",
            paramLabel = "SHARE",
            description = "of ONECYCLE: share of the training over which the rate rises")
    void pctStart(double value) {
        set("pct-start", value);
    }

    @Option(
            names = "--div-factor",
            paramLabel = "X",
            description = "of ONECYCLE: the rate starts at --lr divided by this")
    void divFactor(double value) {
        set("div-factor", value);
    }

    @Option(
            names = "--final-div-factor",
            paramLabel = "X",
            description = "of ONECYCLE: the rate ends at its start divided by this")
    void finalDivFactor(double value) {
        set("final-div-factor", value);
    }

    @Option(
            names = "--cycle-momentum",
            paramLabel = "true|false",
            arity = "0..1",
            fallbackValue = "true",
            description = "of ONECYCLE: whether momentum goes from 0.95 to 0.85 and back")
    void cycleMomentum(boolean value) {
        set("cycle-momentum", value);
    }

    @Option(
            names = "--plateau-patience",
            paramLabel = "EPOCHS",
            description = "of PLATEAU: without a better test loss, before the rate is lowered")
    void plateauPatience(int value) {
        set("plateau-patience", value);
    }

    @Option(
            names = "--plateau-threshold",
            paramLabel = "SHARE",
            description = "of PLATEAU: by which a test loss must be lower to be better")
    void plateauThreshold(double value) {
        set("plateau-threshold", value);
    }

    @Option(
            names = "--plateau-cooldown",
            paramLabel = "EPOCHS",
            description = "of PLATEAU: after a reduction, which are not counted")
    void plateauCooldown(int value) {
        set("plateau-cooldown", value);
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

    @Option(names = "--optimiser", paramLabel = "NAME", description = "SGD, RMSPROP, ADAM or ADAMW")
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
            names = "--dampening",
            paramLabel = "D",
            description = "of SGD: share of each gradient that is kept out of the momentum")
    void dampening(double value) {
        set("dampening", value);
    }

    @Option(
            names = "--betas",
            paramLabel = "B1,B2",
            description = "of ADAM and ADAMW: weights of the gradients and squares of before")
    void betas(String value) {
        String[] parts = value.split(",", -1);
        if (parts.length != 2) {
            throw new IllegalArgumentException(
                    "--betas " + value + ": use two numbers, such as 0.9,0.999");
        }
        set("beta1", parts[0]);
        set("beta2", parts[1]);
    }

    @Option(
            names = "--amsgrad",
            paramLabel = "true|false",
            arity = "0..1",
            fallbackValue = "true",
            description = "of ADAM and ADAMW: divide by the largest mean square so far")
    void amsgrad(boolean value) {
        set("amsgrad", value);
    }

    @Option(
            names = "--rmsprop-momentum",
            paramLabel = "M",
            description = "of RMSPROP: of the quotients, 0: none")
    void rmspropMomentum(double value) {
        set("rmsprop-momentum", value);
    }

    @Option(
            names = "--centred",
            paramLabel = "true|false",
            arity = "0..1",
            fallbackValue = "true",
            description = "of RMSPROP: divide by the deviation of the gradients")
    void centred(boolean value) {
        set("centred", value);
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
            description =
                    "of RMSPROP and ADAM: added to the root of the squared gradients, or to these")
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
                    "of RMSPROP and ADAM: whether of batch-norm parameters and biases the scales"
                            + " (gamma) decay alone")
    void decayScales(boolean value) {
        set("decay-scales", value);
    }

    @Option(
            names = "--loss",
            paramLabel = "NAME",
            description =
                    "DEFAULT: cross-entropy of classes or labels, squared error of numbers; HUBER,"
                            + " of numbers")
    void loss(Recipe.Loss value) {
        set("loss", value);
    }

    @Option(
            names = "--huber-delta",
            paramLabel = "D",
            description = "of HUBER: where the square becomes a line")
    void huberDelta(double value) {
        set("huber-delta", value);
    }

    @Option(
            names = "--focus",
            paramLabel = "GAMMA",
            description = "focal loss of classes or labels, mostly 2; 0: none")
    void focus(double value) {
        set("focus", value);
    }

    @Option(
            names = "--alpha",
            paramLabel = "A",
            description = "of the focal loss of labels: the weight of target 1; -1: none")
    void alpha(double value) {
        set("alpha", value);
    }

    @Option(
            names = "--class-weights",
            paramLabel = "W,W,...",
            description = "of --task classify: one for each class in order, or balanced")
    void classWeights(String value) {
        set("class-weights", value);
    }

    @Option(
            names = "--positive-weights",
            paramLabel = "W,W,...",
            description =
                    "of --task multilabel: of target 1, one for each label in order, or balanced")
    void positiveWeights(String value) {
        set("positive-weights", value);
    }

    @Option(
            names = "--mean-by-label",
            paramLabel = "true|false",
            arity = "0..1",
            fallbackValue = "true",
            description =
                    "of --task multilabel: the loss is the sum of each label's mean over the images"
                            + " that it is known of")
    void meanByLabel(boolean value) {
        set("mean-by-label", value);
    }

    @Option(
            names = "--best-by",
            paramLabel = "NAME",
            description =
                    "what the best state is chosen by: ACCURACY, TOP5, LOSS, IOU, AUROC, AP (COCO's"
                            + " where objects are found), VOC, VOC07 or MAE (default: ACCURACY, IOU,"
                            + " AUROC, AP or MAE, as the task has it)")
    void bestBy(BestBy value) {
        set("best-by", value);
    }

    @Option(
            names = "--param-groups",
            paramLabel = "GROUPS",
            description =
                    "parameters with settings of their own: 'PATTERN: rate-scale=X"
                            + " weight-decay=X frozen; ...', where * in a name stands for anything")
    void paramGroups(String value) {
        set("param-groups", value);
    }

    @Option(
            names = "--layer-decay",
            paramLabel = "X",
            description = "factor of the rate from layer to layer towards the input; 1: none")
    void layerDecay(double value) {
        set("layer-decay", value);
    }

    @Option(
            names = "--freeze",
            paramLabel = "NAMES",
            description =
                    "modules that are not trained, separated by commas: "
                            + "features.conv0,features.denseblock1")
    void freeze(String value) {
        set("freeze", value);
    }

    @Option(
            names = "--ema",
            paramLabel = "DECAY",
            description =
                    "test, and save as best, a moving average of the weights, such as "
                            + "0.9999; 0: none")
    void ema(double value) {
        set("ema", value);
    }

    @Option(
            names = "--ema-warm-up",
            paramLabel = "true|false",
            arity = "0..1",
            fallbackValue = "true",
            description = "let that decay rise, so that the initialisation is soon forgotten")
    void emaWarmUp(boolean value) {
        set("ema-warm-up", value);
    }

    @Option(
            names = "--label-smoothing",
            paramLabel = "S",
            description = "share of each target that is spread evenly over all classes")
    void labelSmoothing(double value) {
        set("label-smoothing", value);
    }

    @Option(
            names = "--group-lasso",
            paramLabel = "X",
            description =
                    "strength of what pulls the weights of an input in a learned group together, in"
                            + " CondenseNets; 0: none")
    void groupLasso(double value) {
        set("group-lasso", value);
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
                            + " resized crop and flip); where pixels are classified NONE or FLIP;"
                            + " where objects are found NONE, FLIP or SSD (colours, canvas, crop and"
                            + " flip)")
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
            names = "--mixup",
            paramLabel = "ALPHA",
            description = "mix the images of a batch, such as 0.2; 0: none")
    void mixup(double value) {
        set("mixup", value);
    }

    @Option(
            names = "--cutmix",
            paramLabel = "ALPHA",
            description =
                    "put windows of the images of a batch into others, such as 1; 0: none. With"
                            + " --mixup one of both at random")
    void cutmix(double value) {
        set("cutmix", value);
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
    void check(Recipe resolved, LabelKind kind) throws IOException {
        new RecipeFit(resolved, settings.keySet()).checkOptions();
        new RecipeFit(resolved, settings().keySet()).checkLabels(kind);
    }

    /** See {@link RecipeFit#checkImages}. */
    void checkImages(Recipe resolved, Dataset training, Dataset test, boolean files) {
        new RecipeFit(resolved, settings.keySet()).checkImages(training, test, files);
    }
}
