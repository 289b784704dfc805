package org.densenet4j.train;

import static java.util.Map.entry;

import org.densenet4j.backend.Device;
import org.densenet4j.data.Augmentation;
import org.densenet4j.data.ColourJitter;
import org.densenet4j.data.Interpolation;
import org.densenet4j.data.RandAugment;
import org.densenet4j.data.RandomErasing;
import org.densenet4j.data.Resizing;
import org.densenet4j.engine.OptimiserStep.Decayed;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.FcDenseNetSpec;
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
 * @param warmUp epochs over which the rate rises linearly at the start
 * @param patience epochs without a better test after which training ends, 0 for never
 * @param optimiser what updates the parameters
 * @param momentum of SGD
 * @param nesterov whether momentum is Nesterov's
 * @param rho weight of what RMSprop remembers of squared gradients
 * @param epsilon of RMSprop
 * @param epsilonInside whether it is added below the root of the squared gradients, not to it
 * @param weightDecay added to gradients as decay·parameter
 * @param decayNorms whether gamma, beta and biases decay, too
 * @param decayScales whether of these gamma decays alone, by RMSprop
 * @param labelSmoothing share of the target spread over all classes
 * @param clip largest gradient norm, 0 for no clipping
 * @param freezeBn whether running statistics are constants
 * @param augment what happens to training images
 * @param colourJitter strength of brightness, contrast and saturation, four times that of the
 *     lighting noise
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
        double warmUp,
        int patience,
        Optimisation optimiser,
        double momentum,
        boolean nesterov,
        double rho,
        double epsilon,
        boolean epsilonInside,
        double weightDecay,
        boolean decayNorms,
        boolean decayScales,
        double labelSmoothing,
        double clip,
        boolean freezeBn,
        Augment augment,
        double colourJitter,
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
        CONSTANT
    }

    /** What updates the parameters. */
    public enum Optimisation {
        /** Stochastic gradient descent with momentum. */
        SGD,
        /** Gradients divided by the root of their mean square. */
        RMSPROP
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
        IMAGENET
    }

    /** Which images an epoch has. */
    public enum Sampling {
        /** Each one once. */
        SHUFFLE,
        /** As many as there are, with every class equally often. */
        BALANCED
    }

    private static final double CIFAR_DROPOUT = 0.2;

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
                    0.25,
                    0,
                    Optimisation.SGD,
                    0.9,
                    true,
                    0.9,
                    1e-6,
                    true,
                    1e-4,
                    true,
                    false,
                    0,
                    0,
                    false,
                    Augment.SHIFT,
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
                !decayScales || decayNorms || optimiser == Optimisation.RMSPROP,
                "decay-scales",
                true,
                "is for --optimiser rmsprop; use --decay-scales false with sgd");
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
     * section 4.2) unless dropout is among the settings.
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
        return paperDropout
                ? changed.set(Map.of("dropout", String.valueOf(CIFAR_DROPOUT)))
                : changed;
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
        return FamilySpec.preset(model) instanceof FcDenseNetSpec.Builder;
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
            case ResNetSpec.Builder _ -> {
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

    /** {@return the learning rate over the course of training} */
    public LearningRateSchedule learningRate() {
        LearningRateSchedule rate =
                switch (schedule) {
                    case COSINE -> LearningRateSchedule.cosine(rate());
                    case STEP ->
                            LearningRateSchedule.steps(
                                    rate(), lrFactor, milestones(milestones, epochs));
                    case EXPONENTIAL -> LearningRateSchedule.exponential(rate(), lrFactor, epochs);
                    case CONSTANT -> LearningRateSchedule.constant(rate());
                };
        return warmUp > 0 ? rate.withWarmUp(warmUp / epochs) : rate;
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
                    new Sgd(rate(), momentum, nesterov && momentum > 0, weightDecay, decayNorms);
            case RMSPROP ->
                    new Rmsprop(rate(), rho, epsilon, epsilonInside, weightDecay, decayed());
        };
    }

    /** The rate of this batch. */
    private double rate() {
        return scaleLearningRate ? lr * batch / preset(recipe).batch : lr;
    }

    private Decayed decayed() {
        return decayNorms
                ? Decayed.ALL
                : decayScales ? Decayed.WEIGHTS_AND_SCALES : Decayed.WEIGHTS;
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
     * A trainer that follows the recipe.
     *
     * @param spec the network, usually of {@link #spec}
     * @param device where it is trained
     * @return this
     */
    public Trainer.Builder trainer(NetworkSpec spec, Device device) {
        Objects.requireNonNull(spec, "spec");
        Objects.requireNonNull(device, "device");

        return Trainer.of(spec, device)
                .strategy(strategy)
                .batch(batch)
                .accumulate(accumulate)
                .optimizer(optimizer())
                .labelSmoothing(labelSmoothing)
                .clipGradients(clip)
                .freezeBatchNorm(freezeBn)
                .seed(seed);
    }
}
