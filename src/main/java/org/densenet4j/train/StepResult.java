package org.densenet4j.train;

import org.densenet4j.engine.Network;
import org.densenet4j.engine.PixelTally;

import java.util.Objects;

/**
 * What a training or evaluation step found.
 *
 * @param step number of training steps done, this one included
 * @param loss mean over the {@link #labels}, or of another loss over its targets
 * @param correct images, or pixels, whose highest logit is their label; of several labels images of
 *     which all are right; of numbers 0
 * @param images images of the step
 * @param gradientNorm Euclidean norm of all gradients before clipping; 0 in evaluation
 * @param pixels counts by class, of a network that classifies pixels
 * @param meanOver labels, targets or sum of weights that the mean loss is taken over
 */
public record StepResult(
        long step,
        double loss,
        int correct,
        int images,
        double gradientNorm,
        PixelTally pixels,
        double meanOver) {
    /** Checks that nothing is missing. */
    public StepResult {
        Objects.requireNonNull(pixels, "pixels");
    }

    /**
     * Of a network that classifies images.
     *
     * @param step its number, from 1
     * @param loss mean over the images
     * @param correct images whose most probable class is their label
     * @param images of the step
     * @param gradientNorm Euclidean norm of all gradients before clipping; 0 in evaluation
     */
    public StepResult(long step, double loss, int correct, int images, double gradientNorm) {
        this(step, loss, correct, images, gradientNorm, PixelTally.NONE, images);
    }

    /** {@return images, or pixels that have a label: what the mean loss is taken over} */
    public long labels() {
        return pixels.equals(PixelTally.NONE) ? images : pixels.pixels();
    }

    /** {@return share of correct images or pixels; NaN where no pixel has a label} */
    public double accuracy() {
        return (double) correct / labels();
    }

    /** Adds up micro-batches, whose losses are parts of the batch's mean. */
    static final class Sum {
        private double loss;
        private int correct;
        private double gradientNorm;
        private PixelTally pixels = PixelTally.NONE;

        void add(Network.Outcome outcome) {
            loss += outcome.loss();
            correct += outcome.correct();
            gradientNorm = outcome.gradientNorm();
            pixels = pixels.plus(outcome.pixels());
        }

        /** Adds those of the other ranks, and has theirs told. */
        void overRanks(Ranks ranks) {
            Network.Outcome all =
                    ranks.sum(new Network.Outcome(loss, correct, gradientNorm, pixels));
            loss = all.loss();
            correct = all.correct();
            pixels = all.pixels();
        }

        /** Mean over all labels. */
        double loss() {
            return loss;
        }

        /** Of the gradients of all micro-batches. */
        double gradientNorm() {
            return gradientNorm;
        }

        StepResult result(long step, int images, double norm, double meanOver) {
            return new StepResult(step, loss, correct, images, norm, pixels, meanOver);
        }
    }
}
