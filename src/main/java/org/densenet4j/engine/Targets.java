package org.densenet4j.engine;

import java.util.Objects;

/** What a pass is to come to, and by which loss it is judged. */
public sealed interface Targets permits Targets.Classes, Targets.Vectors {

    /**
     * Softmax cross-entropy of class indices.
     *
     * @param labels one class index per image, or per pixel, where it may be {@link
     *     Network#VOID_LABEL}
     * @param smoothing label smoothing, 0 for none
     * @param meanOver number of images, or of pixels with a label, that the mean is taken over:
     *     those of the batch, or of all micro-batches; 0 where no pixel has a label, which is a
     *     loss of 0 without a gradient
     */
    record Classes(int[] labels, float smoothing, int meanOver) implements Targets {
        /** Checks that nothing is missing. */
        public Classes {
            Objects.requireNonNull(labels, "labels");
        }
    }

    /**
     * A loss of vectors; the plan has to be made for {@link org.densenet4j.plan.TargetKind#VECTOR}.
     *
     * @param loss its formula
     * @param values [images, outputs] what each output is to be; NaN where there is none, which
     *     losses with a softmax do not allow
     * @param scale [outputs] what each output's loss is multiplied by: {@link LossFunction#scale},
     *     over all micro-batches and ranks of a step
     */
    record Vectors(LossFunction loss, float[] values, float[] scale) implements Targets {
        /** Checks that nothing is missing. */
        public Vectors {
            Objects.requireNonNull(loss, "loss");
            Objects.requireNonNull(values, "values");
            Objects.requireNonNull(scale, "scale");
        }

        /**
         * {@return these targets with the mean over themselves}
         *
         * @param loss its formula
         * @param values [images, outputs]
         * @param outputs of the network
         */
        public static Vectors of(LossFunction loss, float[] values, int outputs) {
            Objects.requireNonNull(loss, "loss");
            Objects.requireNonNull(values, "values");
            return new Vectors(loss, values, loss.scale(loss.counts(values, outputs), outputs));
        }
    }

    /** {@return what {@link Network#outcome} has to divide by} */
    default int meanOver() {
        return this instanceof Classes classes ? classes.meanOver() : 1;
    }
}
