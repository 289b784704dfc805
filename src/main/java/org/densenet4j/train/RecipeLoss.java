package org.densenet4j.train;

import org.densenet4j.data.Task;
import org.densenet4j.engine.LossFunction;

import java.util.List;

/** The loss of a recipe. */
final class RecipeLoss {
    private RecipeLoss() {}

    /**
     * The loss that a recipe's fields come to.
     *
     * @throws IllegalArgumentException in one line when they contradict each other, or weights are
     *     to be balanced by images that are not known
     */
    static LossFunction of(Recipe r) {
        refuseUnused(r);
        return switch (r.task()) {
            case CLASSIFY, SEGMENT ->
                    new LossFunction.CrossEntropy(
                            r.labelSmoothing(),
                            r.focus(),
                            weights("class-weights", r.classWeights()));
            case MULTILABEL ->
                    new LossFunction.BinaryCrossEntropy(
                            r.labelSmoothing(),
                            r.focus(),
                            r.alpha(),
                            weights("positive-weights", r.positiveWeights()),
                            r.meanByLabel(),
                            List.of());
            case DETECT -> LossFunction.crossEntropy(); // of SSD's loss there are no variants
            case REGRESS ->
                    r.loss() == Recipe.Loss.HUBER
                            ? LossFunction.huber(r.huberDelta())
                            : LossFunction.meanSquaredError();
        };
    }

    private static List<Double> weights(String key, String text) {
        if (text.equals(OutputWeights.BALANCED)) {
            throw new IllegalArgumentException(
                    key
                            + " = balanced: goes by the training images; call"
                            + " Recipe.balanced(images) first");
        }
        return OutputWeights.parse(key, text);
    }

    private static void refuseUnused(Recipe r) {
        String task = r.task().text();
        boolean labels = r.task() == Task.MULTILABEL;
        boolean classes = r.task() == Task.CLASSIFY;
        refuse(!classes && !r.classWeights().isEmpty(), "class-weights", "classify", task);
        refuse(!labels && !r.positiveWeights().isEmpty(), "positive-weights", "multilabel", task);
        refuse(!labels && r.meanByLabel(), "mean-by-label", "multilabel", task);
        refuse(!labels && r.alpha() >= 0, "alpha", "multilabel", task);
        refuse(!labels && !classes && r.focus() != 0, "focus", "classify or multilabel", task);
        boolean numbers = r.task() == Task.REGRESS;
        refuse(!numbers && r.loss() == Recipe.Loss.HUBER, "loss huber", "regress", task);
        boolean smooth = !numbers && r.task() != Task.DETECT;
        refuse(!smooth && r.labelSmoothing() != 0, "label-smoothing", "classes or labels", task);
    }

    private static void refuse(boolean unused, String key, String of, String task) {
        if (unused) {
            throw new IllegalArgumentException(
                    "--" + key + " is for the task " + of + "; this one is " + task);
        }
    }
}
