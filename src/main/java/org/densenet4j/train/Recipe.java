package org.densenet4j.train;

import static java.util.Map.entry;

import org.densenet4j.backend.Device;
import org.densenet4j.data.Augmentation;
import org.densenet4j.data.ColourJitter;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.DetectionAugmentation;
import org.densenet4j.data.Interpolation;
import org.densenet4j.data.Mixing;
import org.densenet4j.data.RandAugment;
import org.densenet4j.data.RandomErasing;
import org.densenet4j.data.Resizing;
import org.densenet4j.data.Task;
import org.densenet4j.engine.LossFunction;
import org.densenet4j.engine.OptimiserStep.Decayed;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.OptimiserState;
import org.densenet4j.plan.TargetKind;
import org.densenet4j.spec.CondenseNetSpec;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.DsodSpec;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.LabelKind;
import org.densenet4j.spec.MsdNetSpec;
import org.densenet4j.spec.RdNetSpec;
import org.densenet4j.spec.ResNetSpec;
import org.jspecify.annotations.Nullable;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Everything that decides how a network is trained, apart from the data: a preset of which any
 * field can be overridden by its key, which is the field's name in kebab case.
 *
 * <pre>{@code
 * Recipe recipe = Recipe.preset("cifar").with(Map.of("model", "bc-190-40", "batch", "128"));
 * }</pre>
 *
 * @param recipe name of the preset that it started from
 * @param model preset of {@link FamilySpec#preset}; whether images or pixels are classified is its
 *     matter
 * @param inputSize height of the network's input, and its width unless {@code inputWidth} says
 *     another; 0 for the model's own; where pixels are classified {@code crop} decides. {@link
 *     #with} takes {@code 360x480} for both
 * @param inputWidth width of the network's input where it is not its height, else 0
 * @param channels of images and of the network's input: 1 for grey, 3 for colour, 0 for those of
 *     the data or, of files of images, 3
 * @param crop height and width of the random windows that are trained on where pixels are
 *     classified, 0 for whole images
 * @param compression factor in transitions, 0 for the model's own
 * @param dropout probability of dropping an element of a dense layer's output
 * @param stochasticDepth probability of dropping the last dense layer as a whole
 * @param epochs passes over the training images
 * @param batch images of a step
 * @param dropLast whether a last batch that is not full is left out; a set smaller than a batch is
 *     one batch all the same
 * @param accumulate micro-batches that each batch is worked through in
 * @param strategy what is kept between the forward and the backward pass
 * @param lr learning rate
 * @param scaleLearningRate whether the rate is for the preset's batch, and is multiplied by how
 *     many times as large the batch is (Goyal et al. 2017, section 2.1)
 * @param schedule of the learning rate
 * @param milestones where {@link Schedule#STEP} divides: epochs, or percentages of all epochs
 * @param lrFactor what the rate is multiplied by there, or by {@link Schedule#EXPONENTIAL} after
 *     each epoch
 * @param minLr rate that {@link Schedule#COSINE} ends at and {@link Schedule#PLATEAU} stays above
 * @param restartEpochs epochs until the cosine first starts again, 0 for never
 * @param restartFactor how many times as long each cosine is as the one before
 * @param power of {@link Schedule#POLYNOMIAL}
 * @param pctStart share of the training over which the rate of {@link Schedule#ONECYCLE} rises
 * @param divFactor what that rate starts below {@code lr} by
 * @param finalDivFactor what it ends below its start by
 * @param cycleMomentum whether momentum falls while it rises, from 0.95 to 0.85 and back
 * @param plateauPatience epochs without a better test loss that {@link Schedule#PLATEAU} waits
 * @param plateauThreshold share by which a test loss must be lower to be better
 * @param plateauCooldown epochs after a reduction that are not counted
 * @param warmUp epochs over which the rate rises linearly at the start
 * @param patience epochs without a better test after which training ends, 0 for never
 * @param optimiser what updates the parameters
 * @param momentum of SGD
 * @param nesterov whether momentum is Nesterov's
 * @param dampening share of each gradient that SGD keeps out of its momentum
 * @param beta1 weight of what Adam remembers of gradients
 * @param beta2 weight of what Adam remembers of squared gradients
 * @param amsgrad whether Adam divides by the largest mean square so far
 * @param rho weight of what RMSprop remembers of squared gradients
 * @param rmspropMomentum of RMSprop, 0 for none
 * @param centred whether RMSprop takes the squared mean of gradients from their mean square
 * @param epsilon of RMSprop and Adam
 * @param epsilonInside whether it is added below the root of the squared gradients, not to it
 * @param weightDecay added to gradients as decay·parameter
 * @param decayNorms whether gamma, beta and biases decay, too
 * @param decayScales whether of these gamma decays alone, by RMSprop or Adam
 * @param task what images are labelled with; of models that classify pixels it is {@code SEGMENT},
 *     of those that find objects {@code DETECT}
 * @param loss formula
 * @param huberDelta where {@link Loss#HUBER} becomes a line
 * @param focus 0, or the γ of the focal loss
 * @param alpha of the focal loss of several labels: the weight of target 1; negative for none
 * @param classWeights a number above 0 for each class, in order, separated by commas; {@code
 *     balanced} for one that goes by the training images; empty for none
 * @param positiveWeights the same for target 1 of each of several labels
 * @param meanByLabel whether the loss of several labels is the sum of each label's mean
 * @param bestBy what the best state is chosen by
 * @param paramGroups groups of parameters with a rate or weight decay of their own, as {@link
 *     ParameterGroups#parse} reads them, or {@code none}
 * @param layerDecay factor of the rate from layer to layer towards the input, 1 for none
 * @param freeze names of modules that are not trained, separated by commas, or {@code none}
 * @param ema decay of a moving average of the weights that is tested and saved as best, 0 for none
 * @param emaWarmUp whether that decay rises to this
 * @param labelSmoothing share of the target spread over all classes
 * @param clip largest gradient norm, 0 for no clipping
 * @param groupLasso strength of a group lasso on learned groups, 0 for none
 * @param freezeBn whether running statistics are constants
 * @param augment what happens to training images
 * @param colourJitter strength of brightness, contrast and saturation, four times that of the
 *     lighting noise
 * @param mixup α of mixup, 0 for none
 * @param cutmix α of CutMix, 0 for none
 * @param verticalFlip whether half of the images are turned upside down
 * @param rotation images are turned by up to so many degrees
 * @param randAugment changes and level of {@link RandAugment}, such as {@code 2,9}, or {@code none}
 * @param randomErasing probability of {@link RandomErasing}
 * @param erasingFilling what its boxes are filled with
 * @param interpolation how files of images are resized
 * @param cropShare in tests of files of images, the input's size as a share of the size before the
 *     middle is cut out
 * @param sampling which images an epoch has, where they have one class each
 * @param seed of all draws
 */
public record Recipe(
        String recipe,
        String model,
        int inputSize,
        int inputWidth,
        int channels,
        int crop,
        double compression,
        double dropout,
        double stochasticDepth,
        int epochs,
        int batch,
        boolean dropLast,
        int accumulate,
        MemoryStrategy strategy,
        double lr,
        boolean scaleLearningRate,
        Schedule schedule,
        String milestones,
        double lrFactor,
        double minLr,
        double restartEpochs,
        int restartFactor,
        double power,
        double pctStart,
        double divFactor,
        double finalDivFactor,
        boolean cycleMomentum,
        int plateauPatience,
        double plateauThreshold,
        int plateauCooldown,
        double warmUp,
        int patience,
        Optimisation optimiser,
        double momentum,
        boolean nesterov,
        double dampening,
        double beta1,
        double beta2,
        boolean amsgrad,
        double rho,
        double rmspropMomentum,
        boolean centred,
        double epsilon,
        boolean epsilonInside,
        double weightDecay,
        boolean decayNorms,
        boolean decayScales,
        Task task,
        Loss loss,
        double huberDelta,
        double focus,
        double alpha,
        String classWeights,
        String positiveWeights,
        boolean meanByLabel,
        BestBy bestBy,
        String paramGroups,
        double layerDecay,
        String freeze,
        double ema,
        boolean emaWarmUp,
        double labelSmoothing,
        double clip,
        double groupLasso,
        boolean freezeBn,
        Augment augment,
        double colourJitter,
        double mixup,
        double cutmix,
        boolean verticalFlip,
        double rotation,
        String randAugment,
        double randomErasing,
        RandomErasing.Filling erasingFilling,
        Interpolation interpolation,
        double cropShare,
        Sampling sampling,
        long seed) {

    /** What stands for no {@link #randAugment}. */
    public static final String NONE = "none";

    /** How the learning rate changes. */
    public enum Schedule {
        /** Half a cosine down to zero. */
        COSINE,
        /** Multiplied by a factor at milestones. */
        STEP,
        /** Multiplied by a factor after each epoch. */
        EXPONENTIAL,
        /** Always the same. */
        CONSTANT,
        /** Up and down once, with momentum the other way round. */
        ONECYCLE,
        /** A power of the share of training that is left. */
        POLYNOMIAL,
        /** Multiplied by a factor where the test loss gets no better. */
        PLATEAU
    }

    /** What updates the parameters. */
    public enum Optimisation {
        /** Stochastic gradient descent with momentum. */
        SGD,
        /** Gradients divided by the root of their mean square. */
        RMSPROP,
        /** Mean gradients divided by the root of the mean square. */
        ADAM,
        /** The same with weight decay that is no part of the gradient. */
        ADAMW
    }

    /** What is made small. */
    public enum Loss {
        /** Cross-entropy of classes or labels, the squared error of numbers. */
        DEFAULT,
        /** Huber's loss, of numbers. */
        HUBER
    }

    /** Named augmentations. */
    public enum Augment {
        /** Images as they are. */
        NONE,
        /** Flip. */
        FLIP,
        /** 2-pixel padding and crop. */
        SHIFT,
        /** 4-pixel padding, crop and flip. */
        CIFAR,
        /** Random resized crop and flip. */
        IMAGENET,
        /** Where objects are found: colours, canvas, crop and flip. */
        SSD
    }

    /** Which images an epoch has. */
    public enum Sampling {
        /** Each one once. */
        SHUFFLE,
        /** As many as there are, with every class equally often. */
        BALANCED
    }

    private static final double CIFAR_DROPOUT = 0.2;

    private static final String NOT_OF_BOXES =
            "is for images without boxes around objects; leave it out, or use augment = ssd";

    /** What stands for no group and no frozen part. */
    private static final String NOTHING = "none";

    /** PyTorch's defaults of Adam, for recipes of another optimiser. */
    private static final Map<String, String> OF_ADAM =
            Map.of(
                    "lr", "0.001",
                    "epsilon", "1e-8",
                    "epsilon-inside", "false",
                    "weight-decay", "0",
                    "decay-scales", "false");

    private static final Recipe GLYPHS =
            new Recipe(
                    "glyphs",
                    "bc-40-12",
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    5,
                    64,
                    false,
                    1,
                    MemoryStrategy.SHARED,
                    0.1,
                    false,
                    Schedule.COSINE,
                    "50%, 75%",
                    0.1,
                    0,
                    0,
                    1,
                    1,
                    0.3,
                    25,
                    1e4,
                    true,
                    10,
                    1e-4,
                    0,
                    0.25,
                    0,
                    Optimisation.SGD,
                    0.9,
                    true,
                    0,
                    0.9,
                    0.999,
                    false,
                    0.9,
                    0,
                    false,
                    1e-6,
                    true,
                    1e-4,
                    true,
                    false,
                    Task.CLASSIFY,
                    Loss.DEFAULT,
                    1,
                    0,
                    -1,
                    "",
                    "",
                    false,
                    BestBy.DEFAULT,
                    NOTHING,
                    1,
                    NOTHING,
                    0,
                    false,
                    0,
                    0,
                    0,
                    false,
                    Augment.SHIFT,
                    0,
                    0,
                    0,
                    false,
                    0,
                    NONE,
                    0,
                    RandomErasing.Filling.ZERO,
                    Interpolation.BILINEAR,
                    Resizing.DEFAULT.cropShare(),
                    Sampling.SHUFFLE,
                    1);

    private static final Map<String, Recipe> PRESETS = presets();

    private static Map<String, Recipe> presets() {
        Map<String, Recipe> presets = new LinkedHashMap<>();
        presets.put("glyphs", GLYPHS);
        // Huang et al. 2017, section 4.2; dropout 0.2 only without augmentation, see with().
        presets.put(
                "cifar",
                GLYPHS.set(
                        Map.of(
                                "recipe", "cifar",
                                "model", "bc-100-12",
                                "epochs", "300",
                                "schedule", "step",
                                "warm-up", "0",
                                "augment", "cifar")));
        // Huang et al. 2017, section 4.2; colours as in fb.resnet.torch, which the authors used.
        Recipe imageNet =
                GLYPHS.set(
                        Map.of(
                                "recipe", "imagenet",
                                "model", "densenet121",
                                "epochs", "90",
                                "batch", "256",
                                "schedule", "step",
                                "milestones", "30, 60",
                                "warm-up", "0",
                                "augment", "imagenet",
                                "colour-jitter", "0.4"));
        presets.put("imagenet", imageNet);
        // Pleiss et al. 2017, section 4.
        presets.put(
                "imagenet-cosine",
                imageNet.set(
                        Map.of(
                                "recipe", "imagenet-cosine",
                                "epochs", "100",
                                "schedule", "cosine")));
        presets.put(
                "finetune",
                imageNet.set(
                        Map.of(
                                "recipe", "finetune",
                                "epochs", "10",
                                "batch", "32",
                                "lr", "0.01",
                                "schedule", "cosine",
                                "warm-up", "0.5",
                                "colour-jitter", "0",
                                "freeze-bn", "true")));
        // Huang et al. 2018 (arXiv 1711.09224), section 4, and the authors' code.
        Map<String, String> condenseNet =
                Map.of("recipe", "condensenet", "model", "condensenet-86", "schedule", "cosine");
        presets.put("condensenet", presets.get("cifar").set(condenseNet));
        presets.put(
                "condensenet-imagenet",
                imageNet.set(
                        Map.of(
                                "recipe", "condensenet-imagenet",
                                "model", "condensenet-imagenet-74-c4",
                                "epochs", "120",
                                "schedule", "cosine",
                                "colour-jitter", "0",
                                "group-lasso", "1e-5")));
        // Huang et al. 2018 (arXiv 1703.09844), section 5 and appendix A.
        presets.put(
                "msdnet",
                presets.get("cifar")
                        .set(Map.of("recipe", "msdnet", "model", "msdnet-cifar100-anytime")));
        presets.put(
                "msdnet-imagenet",
                imageNet.set(
                        Map.of(
                                "recipe", "msdnet-imagenet",
                                "model", "msdnet-imagenet-7",
                                "colour-jitter", "0")));
        // Kim et al. 2024 (arXiv 2403.19588), appendix, and the authors' code; drop path of
        // RDNet-T.
        presets.put(
                "rdnet",
                imageNet.set(
                        Map.ofEntries(
                                entry("recipe", "rdnet"),
                                entry("model", "rdnet-t"),
                                entry("epochs", "300"),
                                entry("batch", "512"),
                                entry("lr", "0.001"),
                                entry("schedule", "cosine"),
                                entry("min-lr", "1e-6"),
                                entry("warm-up", "20"),
                                entry("optimiser", "adamw"),
                                entry("epsilon", "1e-8"),
                                entry("epsilon-inside", "false"),
                                entry("weight-decay", "0.05"),
                                entry("decay-norms", "false"),
                                entry("stochastic-depth", "0.15"),
                                entry("label-smoothing", "0.1"),
                                entry("mixup", "0.8"),
                                entry("cutmix", "1"),
                                entry("rand-augment", "2,9"),
                                entry("random-erasing", "0.25"),
                                entry("erasing-filling", "pixel"),
                                entry("colour-jitter", "0"),
                                entry("interpolation", "bicubic"),
                                entry("crop-share", "0.9"))));
        // Jégou et al. 2017 (arXiv 1611.09326), section 4.1, and the authors' code.
        Recipe fcDenseNet =
                GLYPHS.set(
                        Map.ofEntries(
                                entry("recipe", "fc-densenet"),
                                entry("model", "fc-densenet103"),
                                entry("crop", "224"),
                                entry("dropout", "0.2"),
                                entry("epochs", "750"),
                                entry("batch", "3"),
                                entry("lr", "0.001"),
                                entry("schedule", "exponential"),
                                entry("lr-factor", "0.995"),
                                entry("warm-up", "0"),
                                entry("patience", "150"),
                                entry("optimiser", "rmsprop"),
                                entry("weight-decay", "0.0002"),
                                entry("decay-norms", "false"),
                                entry("decay-scales", "true"),
                                entry("augment", "flip")));
        presets.put("fc-densenet", fcDenseNet);
        // Something for a fresh machine: a small network for small generated images, in minutes.
        presets.put(
                "shapes",
                fcDenseNet.set(
                        Map.ofEntries(
                                entry("recipe", "shapes"),
                                entry("model", "fc-densenet-3-3-8"),
                                entry("crop", "64"),
                                entry("dropout", "0"),
                                entry("epochs", "12"),
                                entry("batch", "8"),
                                entry("lr", "0.004"),
                                entry("schedule", "cosine"),
                                entry("lr-factor", "0.1"),
                                entry("warm-up", "0.25"),
                                entry("patience", "0"))));
        // Shen et al. 2017 (arXiv 1708.01241), section 4, and the authors' code: 100,000 steps on
        // the 16,551 images of VOC2007 and VOC2012, of 128 images in micro-batches of 4.
        Recipe dsod =
                GLYPHS.set(
                        Map.ofEntries(
                                entry("recipe", "dsod"),
                                entry("model", "dsod300"),
                                entry("task", "detect"),
                                entry("epochs", "773"),
                                entry("batch", "128"),
                                entry("accumulate", "32"),
                                entry("lr", "0.1"),
                                entry("schedule", "step"),
                                entry("milestones", "20%, 40%, 60%, 80%"),
                                entry("warm-up", "0"),
                                entry("nesterov", "false"),
                                entry("weight-decay", "0.0005"),
                                entry("augment", "ssd"),
                                entry("best-by", "voc07")));
        presets.put("dsod", dsod);
        // 320,000 steps on the 118,287 images of 2017's training set.
        presets.put(
                "dsod-coco",
                dsod.set(
                        Map.of(
                                "recipe", "dsod-coco",
                                "model", "dsod300-coco",
                                "epochs", "346",
                                "milestones", "25%, 43.75%, 62.5%, 81.25%",
                                "best-by", "ap")));
        // Something for a fresh machine, as for pixels.
        presets.put(
                "scenes",
                dsod.set(
                        Map.ofEntries(
                                entry("recipe", "scenes"),
                                entry("model", "dsod-glyphs"),
                                entry("epochs", "3"),
                                entry("batch", "32"),
                                entry("accumulate", "1"),
                                entry("lr", "0.05"),
                                entry("schedule", "cosine"),
                                entry("warm-up", "0.3"),
                                entry("nesterov", "true"),
                                entry("augment", "none"),
                                entry("best-by", "ap"))));
        presets.put(
                "dsod-finetune",
                dsod.set(
                        Map.of(
                                "recipe", "dsod-finetune",
                                "epochs", "30",
                                "batch", "32",
                                "accumulate", "8",
                                "lr", "0.01",
                                "schedule", "cosine",
                                "warm-up", "0.5",
                                "best-by", "ap")));
        presets.put(
                "fc-densenet-finetune",
                fcDenseNet.set(
                        Map.of(
                                "recipe", "fc-densenet-finetune",
                                "crop", "0",
                                "batch", "1",
                                "lr", "0.0001")));
        return presets;
    }

    /** Checks what nothing else checks. */
    public Recipe {
        requireAtLeastOne("epochs", epochs);
        requireAtLeastOne("batch", batch);
        requireAtLeastOne("accumulate", accumulate);
        require(inputSize >= 0, "input-size", inputSize, "use a positive number");
        require(channels >= 0, "channels", channels, "use 1 for grey or 3 for colour");
        require(crop >= 0, "crop", crop, "use a positive number, or 0 for whole images");
        require(patience >= 0, "patience", patience, "use 1 or more epochs, or 0 for no end");
        require(
                !decayScales || decayNorms || optimiser != Optimisation.SGD,
                "decay-scales",
                true,
                "is for --optimiser rmsprop, adam or adamw; use --decay-scales false with sgd");
        require(ema >= 0 && ema < 1, "ema", ema, "use a number below 1, or 0 for no average");
        double rate = rate(lr, batch, scaleLearningRate, recipe);
        require(
                minLr == 0 || minLr > 0 && minLr <= rate,
                "min-lr",
                minLr,
                "use 0 to the learning rate, which is " + rate);
        require(
                restartEpochs >= 0 && Double.isFinite(restartEpochs),
                "restart-epochs",
                restartEpochs,
                "use a positive number, or 0 for no restart");
        requireAtLeastOne("restart-factor", restartFactor);
        require(power > 0 && Double.isFinite(power), "power", power, "use a positive number");
        require(
                pctStart > 0 && pctStart < 1,
                "pct-start",
                pctStart,
                "use a share of the training between 0 and 1");
        require(divFactor >= 1, "div-factor", divFactor, "use 1 or more");
        require(finalDivFactor >= 1, "final-div-factor", finalDivFactor, "use 1 or more");
        require(plateauPatience >= 0, "plateau-patience", plateauPatience, "use 0 or more epochs");
        require(plateauCooldown >= 0, "plateau-cooldown", plateauCooldown, "use 0 or more epochs");
        require(
                plateauThreshold >= 0 && plateauThreshold < 1,
                "plateau-threshold",
                plateauThreshold,
                "use a share from 0 to below 1");
        require(
                schedule != Schedule.PLATEAU || lrFactor < 1,
                "lr-factor",
                lrFactor,
                "use a number below 1, by which a plateau lowers the rate");
        groups(paramGroups, layerDecay, freeze);
        require(
                groupLasso >= 0 && Double.isFinite(groupLasso),
                "group-lasso",
                groupLasso,
                "use a positive number, or 0 for none");
        require(
                compression >= 0 && compression <= 1,
                "compression",
                compression,
                "use a number above 0 and up to 1");
        require(warmUp >= 0 && warmUp <= epochs, "warm-up", warmUp, "use 0 to epochs");
        require(
                schedule != Schedule.COSINE || warmUp < epochs,
                "warm-up",
                warmUp,
                "use less than the epochs, where the cosine is down at zero");
        require(lrFactor > 0 && lrFactor <= 1, "lr-factor", lrFactor, "use a number up to 1");
        milestones(milestones, epochs);
        new Mixing(mixup, cutmix); // checks them
        OutputWeights.check("class-weights", classWeights);
        OutputWeights.check("positive-weights", positiveWeights);
        require(inputWidth >= 0, "input-width", inputWidth, "use a positive number");
        require(
                inputWidth == 0 || inputSize > 0,
                "input-width",
                inputWidth,
                "give the height, too, such as input-size = 360x480");
        require(rotation >= 0 && rotation <= 180, "rotation", rotation, "use 0 to 180 degrees");
        require(
                randomErasing >= 0 && randomErasing <= 1,
                "random-erasing",
                randomErasing,
                "use a probability from 0 to 1");
        require(
                cropShare > 0.1 && cropShare <= 1,
                "crop-share",
                cropShare,
                "use a number above 0.1 and up to 1");
        randAugment(randAugment);
    }

    /** {@return what images are labelled with; the model decides about pixels and boxes} */
    @Override
    public Task task() {
        return switch (labelKind()) {
            case OF_PIXELS -> Task.SEGMENT;
            case BOXES -> Task.DETECT;
            case OF_IMAGES -> task == Task.SEGMENT || task == Task.DETECT ? Task.CLASSIFY : task;
        };
    }

    private static @Nullable RandAugment randAugment(String text) {
        if (text.strip().equals(NONE)) {
            return null;
        }
        String[] numbers = text.split(",", -1);
        try {
            if (numbers.length == 2) {
                return new RandAugment(
                        Integer.parseInt(numbers[0].strip()), Integer.parseInt(numbers[1].strip()));
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new IllegalArgumentException(
                "rand-augment = "
                        + text
                        + ": use the number of changes and their level, such as"
                        + " 2,9, or none");
    }

    /** {@return columns of the network's input; 0 for the model's own} */
    public int imageWidth() {
        return inputWidth == 0 ? inputSize : inputWidth;
    }

    /** {@return how images of any size become the network's input in tests} */
    public Resizing resizing() {
        return new Resizing(interpolation, cropShare);
    }

    private static void requireAtLeastOne(String key, int value) {
        require(value >= 1, key, value, "use 1 or more");
    }

    private static void require(boolean condition, String key, Object value, String fix) {
        if (!condition) {
            throw new IllegalArgumentException(key + " = " + value + ": " + fix);
        }
    }

    /** {@return names of the presets} */
    public static List<String> presetNames() {
        return List.copyOf(PRESETS.keySet());
    }

    /**
     * {@return a preset by name}
     *
     * @param name one of {@link #presetNames}
     * @throws IllegalArgumentException with the nearest name when there is none
     */
    public static Recipe preset(String name) {
        Objects.requireNonNull(name, "name");
        Recipe preset = PRESETS.get(name.strip().toLowerCase(Locale.ROOT));
        if (preset == null) {
            throw new IllegalArgumentException(
                    "no recipe named '" + name + "'" + Nearest.hint(name, presetNames()));
        }
        return preset;
    }

    /** {@return keys that {@link #with} takes} */
    public static List<String> keys() {
        return Arrays.stream(Recipe.class.getRecordComponents())
                .map(Recipe::key)
                .filter(key -> !key.equals("recipe"))
                .toList();
    }

    private static String key(RecordComponent component) {
        return component.getName().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
    }

    /**
     * {@return this recipe with some fields replaced}
     *
     * <p>The CIFAR recipe without augmentation gets the paper's dropout of 0.2 (Huang et al. 2017,
     * section 4.2) unless dropout is among the settings. Where Adam or AdamW takes the place of
     * another optimiser, or one of the two to the other, the rate, epsilon and weight decay are
     * PyTorch's defaults for it unless they are among the settings.
     *
     * @param settings values by key
     * @throws IllegalArgumentException for an unknown key, with the nearest known one, or a value
     *     that does not fit
     */
    public Recipe with(Map<String, String> settings) {
        Objects.requireNonNull(settings, "settings");
        settings.forEach(
                (key, value) -> {
                    Objects.requireNonNull(key, "settings");
                    Objects.requireNonNull(value, "settings");
                });
        for (String key : settings.keySet()) {
            if (!keys().contains(key)) {
                throw new IllegalArgumentException(
                        "no setting '" + key + "'" + Nearest.hint(key, keys()));
            }
        }
        Recipe changed = set(withWidth(settings));
        boolean paperDropout =
                recipe.equals("cifar")
                        && changed.augment == Augment.NONE
                        && augment != Augment.NONE
                        && !settings.containsKey("dropout");
        if (paperDropout) {
            changed = changed.set(Map.of("dropout", String.valueOf(CIFAR_DROPOUT)));
        }
        return changed.isAdam() && changed.optimiser != optimiser
                ? changed.withAdamsDefaults(settings)
                : changed;
    }

    private boolean isAdam() {
        return optimiser == Optimisation.ADAM || optimiser == Optimisation.ADAMW;
    }

    /** A rate and a decay that were chosen for gradients as they are mean nothing to Adam. */
    private Recipe withAdamsDefaults(Map<String, String> settings) {
        Map<String, String> defaults = new LinkedHashMap<>(OF_ADAM);
        if (optimiser == Optimisation.ADAMW) {
            defaults.put("weight-decay", "0.01");
        }
        defaults.keySet().removeAll(settings.keySet());
        return set(defaults);
    }

    /** A size of two numbers as two settings; one number is a square. */
    private static Map<String, String> withWidth(Map<String, String> settings) {
        String size = settings.get("input-size");
        if (size == null) {
            return settings;
        }
        String[] sides = size.strip().split("[xX]", -1);
        Map<String, String> both = new LinkedHashMap<>(settings);
        if (sides.length == 2) {
            both.put("input-size", sides[0]);
            both.put("input-width", sides[1].equals(sides[0]) ? "0" : sides[1]);
        } else {
            both.putIfAbsent("input-width", "0");
        }
        return both;
    }

    private Recipe set(Map<String, String> settings) {
        RecordComponent[] components = Recipe.class.getRecordComponents();
        Object[] values = new Object[components.length];
        Class<?>[] types = new Class<?>[components.length];
        for (int i = 0; i < components.length; i++) {
            types[i] = components[i].getType();
            String key = key(components[i]);
            values[i] =
                    settings.containsKey(key)
                            ? parse(key, types[i], settings.get(key).strip())
                            : value(components[i]);
        }
        try {
            Constructor<Recipe> constructor = Recipe.class.getDeclaredConstructor(types);
            return constructor.newInstance(values);
        } catch (InvocationTargetException e) {
            throw (IllegalArgumentException) e.getCause();
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    private Object value(RecordComponent component) {
        try {
            return component.getAccessor().invoke(this);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    private static Object parse(String key, Class<?> type, String text) {
        try {
            if (type == int.class) {
                return Integer.valueOf(text);
            }
            if (type == long.class) {
                return Long.valueOf(text);
            }
            if (type == double.class) {
                return Double.valueOf(text);
            }
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    key
                            + " = "
                            + text
                            + ": is not a "
                            + (type == double.class ? "number" : "whole number"),
                    e);
        }
        if (type == boolean.class) {
            require(text.equals("true") || text.equals("false"), key, text, "use true or false");
            return Boolean.valueOf(text);
        }
        return type.isEnum() ? constant(key, type, text) : text;
    }

    private static Object constant(String key, Class<?> type, String text) {
        for (Object constant : type.getEnumConstants()) {
            if (constant.toString().equalsIgnoreCase(text)) {
                return constant;
            }
        }
        throw new IllegalArgumentException(
                key
                        + " = "
                        + text
                        + ": use one of "
                        + Arrays.toString(type.getEnumConstants()).toLowerCase(Locale.ROOT));
    }

    /** {@return all fields by key, in order; {@code recipe} first} */
    public Map<String, String> values() {
        Map<String, String> values = new LinkedHashMap<>();
        for (RecordComponent component : Recipe.class.getRecordComponents()) {
            Object value = value(component);
            values.put(
                    key(component),
                    value instanceof Enum<?> constant
                            ? constant.name().toLowerCase(Locale.ROOT)
                            : value.toString());
        }
        return values;
    }

    // ---------------------------------------------------------------- what it stands for

    /** {@return whether the model classifies pixels, and not images} */
    public boolean classifiesPixels() {
        return labelKind() == LabelKind.OF_PIXELS;
    }

    /** {@return what the model wants images to be labelled with} */
    public LabelKind labelKind() {
        return switch (FamilySpec.preset(model)) {
            case FcDenseNetSpec.Builder _ -> LabelKind.OF_PIXELS;
            case DsodSpec.Builder _ -> LabelKind.BOXES;
            default -> LabelKind.OF_IMAGES;
        };
    }

    /**
     * The network for a number of classes, with input of the recipe's size.
     *
     * @param classes of the data
     * @return this
     * @throws IllegalArgumentException when a field does not fit, naming it
     */
    public FamilySpec.Builder spec(int classes) {
        FamilySpec.Builder builder = FamilySpec.preset(model).classes(classes);
        switch (builder) {
            case DenseNetSpec.Builder b -> {
                b.dropout(dropout).stochasticDepth(stochasticDepth);
                if (compression > 0) {
                    b.compression(compression);
                }
            }
            case FcDenseNetSpec.Builder b -> {
                b.dropout(dropout);
                requireNone("stochastic-depth", stochasticDepth);
                requireNone("compression", compression);
            }
            case RdNetSpec.Builder b -> {
                b.stochasticDepth(stochasticDepth);
                requireNone("dropout", dropout);
                requireNone("compression", compression);
            }
            case ResNetSpec.Builder _,
                    CondenseNetSpec.Builder _,
                    MsdNetSpec.Builder _,
                    DsodSpec.Builder _ -> {
                requireNone("dropout", dropout);
                requireNone("stochastic-depth", stochasticDepth);
                requireNone("compression", compression);
            }
        }
        if (classifiesPixels() && crop > 0) {
            builder.inputSize(crop);
        } else if (inputSize > 0) {
            builder.inputSize(inputSize, imageWidth());
        }
        if (channels > 0) {
            builder.inputChannels(channels);
        }
        return builder;
    }

    private void requireNone(String key, double value) {
        require(value == 0, key, value, model + " has none; leave it out");
    }

    /** {@return the learning rate over the course of a training of very many steps} */
    public LearningRateSchedule learningRate() {
        return learningRate(0);
    }

    /**
     * {@return the learning rate over the course of training; of {@link Schedule#PLATEAU} what is
     * multiplied by {@link #plateau}}
     *
     * @param steps of the training, by which {@link Schedule#ONECYCLE} places its ends as PyTorch
     *     does; 0 for very many
     */
    public LearningRateSchedule learningRate(long steps) {
        LearningRateSchedule rate =
                switch (schedule) {
                    case COSINE ->
                            restartEpochs > 0
                                    ? LearningRateSchedule.restarts(
                                            rate(), minLr, restartEpochs / epochs, restartFactor)
                                    : LearningRateSchedule.cosine(rate(), minLr);
                    case STEP ->
                            LearningRateSchedule.steps(
                                    rate(), lrFactor, milestones(milestones, epochs));
                    case EXPONENTIAL -> LearningRateSchedule.exponential(rate(), lrFactor, epochs);
                    case CONSTANT, PLATEAU -> LearningRateSchedule.constant(rate());
                    case ONECYCLE ->
                            new OneCycle(
                                    rate(),
                                    pctStart,
                                    divFactor,
                                    finalDivFactor,
                                    cycleMomentum,
                                    steps);
                    case POLYNOMIAL -> LearningRateSchedule.polynomial(rate(), power);
                };
        // One cycle rises by itself.
        return warmUp > 0 && schedule != Schedule.ONECYCLE
                ? rate.withWarmUp(warmUp / epochs)
                : rate;
    }

    /**
     * {@return what lowers the rate where the test loss gets no better, if the schedule is that}
     */
    public Optional<Plateau> plateau() {
        return schedule == Schedule.PLATEAU
                ? Optional.of(
                        new Plateau(
                                lrFactor,
                                plateauPatience,
                                plateauThreshold,
                                plateauCooldown,
                                minLr == 0 ? 0 : minLr / rate(),
                                rate()))
                : Optional.empty();
    }

    /** {@return which parameters are trained otherwise than the optimiser says} */
    public ParameterGroups parameterGroups() {
        return groups(paramGroups, layerDecay, freeze);
    }

    private static ParameterGroups groups(String paramGroups, double layerDecay, String freeze) {
        ParameterGroups groups =
                isNothing(paramGroups) ? ParameterGroups.NONE : ParameterGroups.parse(paramGroups);
        String[] prefixes =
                isNothing(freeze)
                        ? new String[0]
                        : Arrays.stream(freeze.split(","))
                                .map(String::strip)
                                .filter(prefix -> !prefix.isEmpty())
                                .toArray(String[]::new);
        return groups.layerDecay(layerDecay).freezing(prefixes);
    }

    private static boolean isNothing(String text) {
        return text.isBlank() || text.strip().equals(NOTHING);
    }

    private static double[] milestones(String text, int epochs) {
        String[] parts = text.isBlank() ? new String[0] : text.split(",", -1);
        double[] shares = new double[parts.length];
        for (int i = 0; i < parts.length; i++) {
            String part = parts[i].strip();
            boolean percent = part.endsWith("%");
            try {
                double value =
                        Double.parseDouble(percent ? part.substring(0, part.length() - 1) : part);
                shares[i] = value / (percent ? 100 : epochs);
            } catch (NumberFormatException e) {
                shares[i] = -1;
            }
            if (!(shares[i] >= 0) || (i > 0 && shares[i] < shares[i - 1])) {
                throw new IllegalArgumentException(
                        "milestones = "
                                + text
                                + ": use rising epochs or percentages, such as 30, 60 or 50%,"
                                + " 75%");
            }
        }
        return shares;
    }

    /** {@return what updates the parameters, with the recipe's rate and weight decay} */
    public Optimiser optimizer() {
        return switch (optimiser) {
            case SGD ->
                    new Sgd(
                            rate(),
                            momentum,
                            nesterov && momentum > 0,
                            weightDecay,
                            decayNorms,
                            dampening);
            case RMSPROP ->
                    new Rmsprop(
                            rate(),
                            rho,
                            epsilon,
                            epsilonInside,
                            weightDecay,
                            decayed(),
                            rmspropMomentum,
                            centred);
            case ADAM, ADAMW ->
                    new Adam(
                            rate(),
                            beta1,
                            beta2,
                            epsilon,
                            amsgrad,
                            optimiser == Optimisation.ADAMW,
                            weightDecay,
                            decayed());
        };
    }

    /** {@return what is remembered of each parameter, for plans} */
    public OptimiserState optimiserState() {
        return new OptimiserState(optimizer().step(0, 1, 1).state(), ema > 0);
    }

    /** The rate of this batch. */
    private double rate() {
        return rate(lr, batch, scaleLearningRate, recipe);
    }

    private static double rate(double lr, int batch, boolean scaled, String recipe) {
        return scaled ? lr * batch / preset(recipe).batch : lr;
    }

    private Decayed decayed() {
        return decayNorms
                ? Decayed.ALL
                : decayScales ? Decayed.WEIGHTS_AND_SCALES : Decayed.WEIGHTS;
    }

    /**
     * {@return this recipe with numbers for the weights that are balanced}
     *
     * @param images that are trained on
     * @throws IllegalArgumentException in one line when a class or label does not occur among them
     */
    public Recipe balanced(Dataset images) {
        Objects.requireNonNull(images, "images");
        Map<String, String> weights = new LinkedHashMap<>();
        if (classWeights.equals(OutputWeights.BALANCED) && !images.task().isOfVectors()) {
            weights.put("class-weights", OutputWeights.balancedClasses(images));
        }
        if (positiveWeights.equals(OutputWeights.BALANCED) && images.task().isOfVectors()) {
            weights.put("positive-weights", OutputWeights.balancedLabels(images));
        }
        return with(weights);
    }

    /** {@return what happens to training images} */
    public Augmentation augmentation() {
        Augmentation augmentation =
                switch (augment) {
                    case NONE -> Augmentation.NONE;
                    case FLIP -> new Augmentation(0, true);
                    case SHIFT -> Augmentation.SHIFT;
                    case CIFAR -> Augmentation.CIFAR;
                    case IMAGENET -> Augmentation.IMAGENET;
                    case SSD ->
                            throw new IllegalArgumentException(
                                    "augment = ssd: is for images with boxes around objects; the"
                                            + " task is "
                                            + task().text());
                };
        return augmentation
                .withJitter(ColourJitter.of(colourJitter))
                .withVerticalFlip(verticalFlip)
                .withRotation(rotation)
                .withRandAugment(randAugment(randAugment))
                .withErasing(
                        randomErasing == 0
                                ? null
                                : new RandomErasing(randomErasing, erasingFilling))
                .withInterpolation(interpolation);
    }

    /**
     * {@return what happens to training images with boxes around objects}
     *
     * @throws IllegalArgumentException in one line when the recipe has an augmentation that boxes
     *     have no part in
     */
    public DetectionAugmentation detectionAugmentation() {
        require(colourJitter == 0, "colour-jitter", colourJitter, NOT_OF_BOXES);
        require(!verticalFlip, "vertical-flip", verticalFlip, NOT_OF_BOXES);
        require(rotation == 0, "rotation", rotation, NOT_OF_BOXES);
        require(randAugment.equals(NONE), "rand-augment", randAugment, NOT_OF_BOXES);
        require(randomErasing == 0, "random-erasing", randomErasing, NOT_OF_BOXES);
        require(mixing().isNone(), "mixup", mixup, NOT_OF_BOXES);
        return switch (augment) {
            case NONE -> DetectionAugmentation.NONE;
            case FLIP -> DetectionAugmentation.NONE.withFlip(true);
            case SSD -> DetectionAugmentation.SSD;
            case SHIFT, CIFAR, IMAGENET ->
                    throw new IllegalArgumentException(
                            "augment = "
                                    + augment.name().toLowerCase(Locale.ROOT)
                                    + ": is for images without boxes; use none, flip or ssd");
        };
    }

    /**
     * {@return how the images of training batches are mixed}
     *
     * @throws IllegalArgumentException when the task has no labels of mixed images
     */
    public Mixing mixing() {
        Mixing mixing = new Mixing(mixup, cutmix);
        if (!mixing.isNone() && task() != Task.CLASSIFY && task() != Task.MULTILABEL) {
            throw new IllegalArgumentException(
                    (mixup > 0 ? "--mixup" : "--cutmix")
                            + " is for classes and labels of whole images; the task is "
                            + task().text());
        }
        return mixing;
    }

    /**
     * A trainer that follows the recipe.
     *
     * @param spec the network, usually of {@link #spec}
     * @param device where it is trained
     * @return this
     */
    public Trainer.Builder trainer(NetworkSpec spec, Device device) {
        Objects.requireNonNull(spec, "spec");
        Objects.requireNonNull(device, "device");

        LossFunction wanted = RecipeLoss.of(this);
        return Trainer.of(spec, device)
                .strategy(strategy)
                .batch(batch)
                .accumulate(accumulate)
                .optimizer(optimizer())
                .loss(wanted)
                .targets(mixing().isNone() ? wanted.targets() : TargetKind.VECTOR)
                .parameterGroups(parameterGroups())
                .averageWeights(ema > 0 ? new WeightAverage(ema, emaWarmUp) : null)
                .clipGradients(clip)
                .groupLasso(groupLasso)
                .freezeBatchNorm(freezeBn)
                .seed(seed);
    }
}
