package org.densenet4j.cli;

import org.densenet4j.data.CentreCrop;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.Interpolation;
import org.densenet4j.spec.LabelKind;
import org.densenet4j.train.BestBy;
import org.densenet4j.train.Recipe;
import org.densenet4j.train.Recipe.Augment;
import org.densenet4j.train.Recipe.Optimisation;
import org.densenet4j.train.Recipe.Schedule;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.IntStream;

/** Looks for what a recipe has no use for: nothing that somebody asks for is left out silently. */
final class RecipeFit {
    private static final List<Augment> OF_PIXELS = List.of(Augment.NONE, Augment.FLIP);
    private static final List<Augment> OF_BOXES = List.of(Augment.NONE, Augment.FLIP, Augment.SSD);

    private static final List<String> OF_ONE_CYCLE =
            List.of("pct-start", "div-factor", "final-div-factor", "cycle-momentum");
    private static final List<String> OF_PLATEAU =
            List.of("plateau-patience", "plateau-threshold", "plateau-cooldown");

    private final Recipe recipe;

    /** What the user gives: keys. */
    private final Set<String> given;

    RecipeFit(Recipe recipe, Set<String> given) {
        this.recipe = recipe;
        this.given = given;
    }

    /**
     * Looks for options of another schedule or optimiser; a file of settings has those of all.
     *
     * @throws IllegalArgumentException in one line when one is given
     */
    void checkOptions() {
        Schedule schedule = recipe.schedule();
        String of = "the schedule is " + text(schedule);
        refuse("milestones", schedule != Schedule.STEP, "--schedule step", of);
        refuse(
                "lr-factor",
                schedule != Schedule.STEP
                        && schedule != Schedule.EXPONENTIAL
                        && schedule != Schedule.PLATEAU,
                "--schedule step, exponential or plateau",
                of);
        refuse(
                "min-lr",
                schedule != Schedule.COSINE && schedule != Schedule.PLATEAU,
                "--schedule cosine or plateau",
                of);
        for (String key : List.of("restart-epochs", "restart-factor")) {
            refuse(key, schedule != Schedule.COSINE, "--schedule cosine", of);
        }
        refuse("power", schedule != Schedule.POLYNOMIAL, "--schedule polynomial", of);
        for (String key : OF_ONE_CYCLE) {
            refuse(key, schedule != Schedule.ONECYCLE, "--schedule onecycle", of);
        }
        for (String key : OF_PLATEAU) {
            refuse(key, schedule != Schedule.PLATEAU, "--schedule plateau", of);
        }
        refuse("warm-up", schedule == Schedule.ONECYCLE, "other schedules", of);
        checkOptimiser();
        boolean huber = recipe.loss() == Recipe.Loss.HUBER;
        refuse("huber-delta", !huber, "--loss huber", "the loss is another");
        refuse("ema-warm-up", recipe.ema() == 0, "--ema", "no average is kept");
        boolean erases = recipe.randomErasing() > 0;
        refuse("erasing-filling", !erases, "--random-erasing", "no image has a box");
    }

    private void checkOptimiser() {
        Optimisation optimiser = recipe.optimiser();
        String by = "the optimiser is " + text(optimiser);
        for (String key : List.of("momentum", "nesterov", "dampening")) {
            refuse(key, optimiser != Optimisation.SGD, "--optimiser sgd", by);
        }
        boolean rmsprop = optimiser == Optimisation.RMSPROP;
        for (String key : List.of("rho", "epsilon-inside", "rmsprop-momentum", "centred")) {
            refuse(key, !rmsprop, "--optimiser rmsprop", by);
        }
        boolean adam = optimiser == Optimisation.ADAM || optimiser == Optimisation.ADAMW;
        refuse("epsilon", !rmsprop && !adam, "--optimiser rmsprop, adam or adamw", by);
        if (!adam && (given.contains("beta1") || given.contains("beta2"))) {
            throw new IllegalArgumentException("--betas is for --optimiser adam or adamw; " + by);
        }
        refuse("amsgrad", !adam, "--optimiser adam or adamw", by);
    }

    private void refuse(String key, boolean unused, String what, String state) {
        if (unused && given.contains(key)) {
            throw new IllegalArgumentException("--" + key + " is for " + what + "; " + state);
        }
    }

    /**
     * Looks for settings that only networks of the other kind have, wherever they are from.
     *
     * @throws IllegalArgumentException in one line that names one
     */
    void checkLabels(LabelKind kind) {
        boolean balanced = recipe.sampling() == Recipe.Sampling.BALANCED;
        if (kind != LabelKind.OF_PIXELS) {
            refuse("crop", recipe.crop() > 0, recipe.crop(), "--crop 0", kind);
        }
        if (kind == LabelKind.OF_IMAGES) {
            refuse("augment", recipe.augment() == Augment.SSD, "ssd", "another --augment", kind);
            if (balanced && recipe.task().isOfVectors()) {
                throw new IllegalArgumentException(
                        "--sampling balanced is for images of one class each; the task is "
                                + recipe.task().text());
            }
            return;
        }
        boolean sized = recipe.inputSize() > 0 && kind == LabelKind.OF_PIXELS;
        String windows = "--crop for the size of windows";
        refuse("input-size", sized, recipe.inputSize(), windows, kind);
        refuse("channels", recipe.channels() > 0, recipe.channels(), "--channels 0", kind);
        boolean bicubic = recipe.interpolation() != Interpolation.BILINEAR;
        String way = text(recipe.interpolation());
        refuse("interpolation", bicubic, way, "--interpolation bilinear", kind);
        double share = recipe.cropShare();
        boolean cut = share != CentreCrop.SHARE;
        refuse("crop-share", cut, share, "--crop-share " + CentreCrop.SHARE, kind);
        boolean boxes = kind == LabelKind.BOXES;
        boolean other = !(boxes ? OF_BOXES : OF_PIXELS).contains(recipe.augment());
        String known = boxes ? "--augment ssd, flip or none" : "--augment flip or none";
        refuse("augment", other, text(recipe.augment()), known, kind);
        double jitter = recipe.colourJitter();
        refuse("colour-jitter", jitter != 0, jitter, "--colour-jitter 0", kind);
        String rand = recipe.randAugment();
        refuse("rand-augment", !rand.equals(Recipe.NONE), rand, "--rand-augment none", kind);
        double erasing = recipe.randomErasing();
        refuse("random-erasing", erasing != 0, erasing, "--random-erasing 0", kind);
        double rotation = recipe.rotation();
        refuse("rotation", rotation != 0, rotation, "--rotation 0", kind);
        refuse("vertical-flip", recipe.verticalFlip(), true, "--vertical-flip false", kind);
        refuse("sampling", balanced, "balanced", "--sampling shuffle", kind);
        double smoothing = recipe.labelSmoothing();
        refuse("label-smoothing", smoothing != 0, smoothing, "--label-smoothing 0", kind);
    }

    /**
     * Looks for settings that cannot be followed with the images that were opened, before training
     * begins and not at the first image, or after the last epoch.
     *
     * @param files whether they are decoded from files, which have sizes of their own
     * @throws IllegalArgumentException in one line that names one
     */
    void checkImages(Dataset training, Dataset test, boolean files) {
        for (String key : List.of("interpolation", "crop-share")) {
            refuse(key, !files, "files of images", "these have the network's size");
        }
        if (recipe.colourJitter() != 0 && training.channels() != 3) {
            throw new IllegalArgumentException(
                    "--colour-jitter "
                            + recipe.colourJitter()
                            + (given.contains("colour-jitter")
                                    ? ""
                                    : " of the recipe " + recipe.recipe())
                            + " is for images of three channels, and these have "
                            + training.channels()
                            + "; use --colour-jitter 0");
        }
        BestBy best = recipe.bestBy().resolved(recipe.task());
        if ((best == BestBy.AUROC || best == BestBy.AP) && !divides(test)) {
            throw new IllegalArgumentException(
                    "there is no label that some of the images held out have and others have not,"
                            + " so that there is no "
                            + best.text()
                            + "; hold other images out, or use --best-by loss");
        }
    }

    /** Whether there is a label with images of both kinds. */
    private static boolean divides(Dataset images) {
        boolean[][] seen = new boolean[2][images.classes()];
        for (int i = 0; i < images.size(); i++) {
            float[] targets = images.targets(i);
            for (int c = 0; c < targets.length; c++) {
                if (!Float.isNaN(targets[c])) {
                    seen[targets[c] > 0.5 ? 1 : 0][c] = true;
                }
            }
        }
        return IntStream.range(0, images.classes()).anyMatch(c -> seen[0][c] && seen[1][c]);
    }

    private void refuse(String key, boolean unfit, Object value, String use, LabelKind kind) {
        if (unfit) {
            String of =
                    key.equals("crop")
                            ? "classify pixels"
                            : value.equals("ssd") ? "find objects" : "classify images";
            throw new IllegalArgumentException(
                    "--"
                            + key
                            + " "
                            + value
                            + (given.contains(key) ? "" : " of the recipe " + recipe.recipe())
                            + " is for networks that "
                            + of
                            + ", and "
                            + recipe.model()
                            + " "
                            + kind.network()
                            + "; use "
                            + use
                            + (given.contains(key) ? "" : ", or another recipe"));
        }
    }

    private static String text(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }
}
