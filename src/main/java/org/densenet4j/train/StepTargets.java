package org.densenet4j.train;

import org.densenet4j.data.Task;
import org.densenet4j.engine.LossFunction;
import org.densenet4j.engine.Targets;
import org.densenet4j.plan.TargetKind;

import java.util.Arrays;

/**
 * Which loss a trainer takes of a batch's labels, and how micro-batches and ranks share it.
 *
 * @param loss its formula
 * @param kind what the memory was planned for
 */
record StepTargets(LossFunction loss, TargetKind kind) {

    /** What a network is for that is trained by this loss. */
    Task task(boolean ofPixels) {
        if (ofPixels) {
            return Task.SEGMENT;
        }
        return switch (loss) {
            case LossFunction.CrossEntropy _ -> Task.CLASSIFY;
            case LossFunction.BinaryCrossEntropy _ -> Task.MULTILABEL;
            case LossFunction.MeanSquaredError _, LossFunction.Huber _ -> Task.REGRESS;
        };
    }

    /** The targets of a batch: one part of them for each micro-batch. */
    interface Parts {
        /** The targets of some of the images. */
        Targets of(int first, int count);

        /** What the mean is taken over, over all ranks. */
        double meanOver();
    }

    /** The targets of a batch that no other rank has a part of. */
    Parts of(LabelledBatch batch, int outputs) {
        if (kind == TargetKind.CLASS) {
            return new Classes(batch, 0, batch.labelled());
        }
        float[] targets = batch.targets(outputs);
        LossFunction judged = unsmoothed();
        return vectors(judged, targets, judged.counts(targets, outputs), outputs, batch.size());
    }

    /** A test is judged by the labels as they are. */
    private LossFunction unsmoothed() {
        return switch (loss) {
            case LossFunction.CrossEntropy c -> c.withSmoothing(0);
            case LossFunction.BinaryCrossEntropy b -> b.withSmoothing(0);
            case LossFunction.MeanSquaredError _, LossFunction.Huber _ -> loss;
        };
    }

    /** By label there are several means, and images are what they have in common. */
    private static Parts vectors(
            LossFunction loss, float[] targets, double[] counts, int outputs, int images) {
        double meanOver = counts.length == 1 ? counts[0] : images;
        return new Vectors(loss, targets, loss.scale(counts, outputs), outputs, meanOver);
    }

    /**
     * The targets of a batch of which every rank has a part.
     *
     * @param all images and labels of all ranks
     * @param ranks that share what the mean is taken over
     */
    Parts of(LabelledBatch batch, Ranks.Images all, Ranks ranks, int outputs) {
        if (kind == TargetKind.CLASS) {
            return new Classes(batch, smoothing(), all.labels());
        }
        float[] targets = batch.targets(outputs);
        double[] counts = loss.counts(targets, outputs);
        if (!ranks.isAlone()) {
            ranks.sum(counts);
        }
        return vectors(loss, targets, counts, outputs, all.images());
    }

    private float smoothing() {
        return loss instanceof LossFunction.CrossEntropy c ? (float) c.smoothing() : 0;
    }

    private record Classes(LabelledBatch batch, float smoothing, int labelled) implements Parts {
        @Override
        public Targets of(int first, int count) {
            return new Targets.Classes(batch.labels(first, count), smoothing, labelled);
        }

        @Override
        public double meanOver() {
            return labelled;
        }
    }

    private record Vectors(
            LossFunction loss, float[] targets, float[] scale, int outputs, double meanOver)
            implements Parts {
        @Override
        public Targets of(int first, int count) {
            boolean whole = first == 0 && count * outputs == targets.length;
            return new Targets.Vectors(
                    loss,
                    whole
                            ? targets
                            : Arrays.copyOfRange(
                                    targets, first * outputs, (first + count) * outputs),
                    scale);
        }
    }

    /**
     * Refuses a batch whose labels this loss cannot be taken of, before any micro-batch is.
     *
     * @throws IllegalArgumentException in one line
     */
    void check(LabelledBatch batch, int outputs) {
        boolean softmax = loss instanceof LossFunction.CrossEntropy;
        if (batch.hasTargets() && kind == TargetKind.CLASS) {
            throw new IllegalArgumentException(
                    "the batch has vectors of targets, and the trainer's loss is for one class per"
                            + " image; open the trainer with another loss, or with targets(VECTOR)"
                            + " for shares of classes");
        }
        if (!batch.hasTargets() && !softmax) {
            throw new IllegalArgumentException(
                    "the trainer's loss is of vectors of targets, the batch has one class per"
                            + " image; give it targets (Batch.ofVectors), or open the trainer with"
                            + " LossFunction.crossEntropy()");
        }
        float[] targets = batch.targets();
        if (batch.hasTargets() && targets.length != (long) batch.size() * outputs) {
            throw new IllegalArgumentException(
                    "the batch has "
                            + targets.length / batch.size()
                            + " targets per image, the network has "
                            + outputs
                            + " outputs");
        }
        for (int i = 0; i < targets.length; i++) {
            if (Float.isInfinite(targets[i])
                    || softmax && !(targets[i] >= 0)
                    || loss instanceof LossFunction.BinaryCrossEntropy
                            && (targets[i] < 0 || targets[i] > 1)) {
                throw new IllegalArgumentException(
                        "target "
                                + i % outputs
                                + " of image "
                                + i / outputs
                                + " is "
                                + targets[i]
                                + (loss.isOfClasses()
                                        ? "; use 0 to 1" + (softmax ? "" : ", or NaN for none")
                                        : "; use a finite number, or NaN for none"));
            }
        }
    }
}
