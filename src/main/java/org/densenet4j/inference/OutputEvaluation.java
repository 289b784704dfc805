package org.densenet4j.inference;

import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.OutputScores;
import org.densenet4j.data.Task;

import java.util.List;
import java.util.Objects;

/**
 * How well a network does on images that are labelled with vectors: several labels, or numbers.
 *
 * @param task what outputs say
 * @param images number of images
 * @param loss mean over the targets that there are: binary cross-entropy of labels, squared error
 *     of numbers
 * @param exact share of images all of whose labels are right; NaN of numbers
 * @param names of the outputs
 * @param outputs how each does
 */
public record OutputEvaluation(
        Task task,
        long images,
        double loss,
        double exact,
        List<String> names,
        List<OutputScores.Score> outputs) {

    /** Keeps copies. */
    public OutputEvaluation {
        names = List.copyOf(names);
        outputs = List.copyOf(outputs);
    }

    /** {@return mean area under the curve of the labels; NaN where there is none} */
    public double meanAuroc() {
        return OutputScores.mean(outputs, OutputScores.Score::auroc);
    }

    /** {@return mean average precision of the labels; NaN where there is none} */
    public double meanAveragePrecision() {
        return OutputScores.mean(outputs, OutputScores.Score::averagePrecision);
    }

    /** {@return mean absolute error of the outputs; NaN where there is none} */
    public double meanAbsoluteError() {
        return OutputScores.mean(outputs, OutputScores.Score::absoluteError);
    }

    /**
     * Evaluates a predictor. Targets are matched to the network's outputs by name; targets of some
     * of the outputs are enough.
     *
     * @param predictor of a network that was trained on vectors
     * @param images labelled with vectors, and normalised as the predictor wants them
     * @return loss, and how each output does
     * @throws IllegalArgumentException when the network has no output of a name of the data's, or
     *     none of the images can be read
     */
    public static OutputEvaluation of(Predictor predictor, BatchLoader images) {
        Objects.requireNonNull(predictor, "predictor");
        Objects.requireNonNull(images, "images");
        BatchLoader matched =
                predictor.images().classNames().map(images::relabelled).orElse(images);
        int outputs = predictor.classes();
        boolean labels = predictor.task() != Task.REGRESS;
        OutputScores scores = new OutputScores(outputs);
        double loss = 0;
        long targets = 0;
        long count = 0;
        long exact = 0;
        try (BatchLoader.Epoch batches = matched.epoch(0)) {
            for (Batch batch : batches) {
                if (batch.targets().length != batch.size() * outputs) {
                    throw new IllegalArgumentException(
                            "images have "
                                    + batch.targets().length / batch.size()
                                    + " targets, the network has "
                                    + outputs
                                    + " outputs");
                }
                float[] values = predictor.logits(batch.images(), batch.size());
                scores.add(values, batch.targets());
                for (int i = 0; i < batch.size(); i++) {
                    int there = 0;
                    int right = 0;
                    for (int c = 0; c < outputs; c++) {
                        float target = batch.targets()[i * outputs + c];
                        float value = values[i * outputs + c];
                        if (!Float.isNaN(target)) {
                            loss += labels ? crossEntropy(value, target) : squared(value, target);
                            there++;
                            right += value > 0 == target > 0.5 ? 1 : 0;
                        }
                    }
                    targets += there;
                    exact += there > 0 && right == there ? 1 : 0;
                }
                count += batch.size();
            }
        }
        ClassLogits.checkLoss(count, loss);
        return new OutputEvaluation(
                predictor.task(),
                count,
                targets == 0 ? Double.NaN : loss / targets,
                labels ? (double) exact / count : Double.NaN,
                predictor.classNames(),
                scores.scores());
    }

    private static double crossEntropy(double logit, double target) {
        return Math.max(logit, 0) - logit * target + Math.log1p(Math.exp(-Math.abs(logit)));
    }

    private static double squared(double value, double target) {
        return (value - target) * (value - target);
    }
}
