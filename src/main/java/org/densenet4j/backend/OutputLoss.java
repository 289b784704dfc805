package org.densenet4j.backend;

import java.util.Objects;

/**
 * A loss that each output of a network has by itself, whatever the others are: what {@link
 * Kernels#outputLoss} computes.
 *
 * @param kind its formula
 * @param smoothing of {@link Kind#LOGISTIC} and {@link Kind#FOCAL}: targets become {@code (1 −
 *     smoothing)·t + smoothing/2}
 * @param gamma exponent of {@link Kind#FOCAL}
 * @param alpha weight of target 1 in {@link Kind#FOCAL}, of target 0 it is {@code 1 − alpha};
 *     negative for none
 * @param delta of {@link Kind#HUBER}: where the square becomes a line
 */
public record OutputLoss(Kind kind, float smoothing, float gamma, float alpha, float delta) {

    /** Formulas, of an output z, its target t and the weight w of target 1. */
    public enum Kind {
        /**
         * {@code −(w·t·log σ(z) + (1 − t)·log(1 − σ(z)))}: PyTorch's {@code BCEWithLogitsLoss} with
         * {@code pos_weight}.
         */
        LOGISTIC,
        /**
         * {@code α(t)·(1 − p(t))^γ} times that, with {@code p(t) = t·σ(z) + (1 − t)·(1 − σ(z))} and
         * {@code α(t) = t·α + (1 − t)·(1 − α)} (Lin et al. 2017, arXiv 1708.02002, equation 5; as
         * torchvision's {@code sigmoid_focal_loss}).
         */
        FOCAL,
        /** {@code (z − t)²}: PyTorch's {@code MSELoss}. */
        SQUARED,
        /**
         * {@code (z − t)²/2} up to a distance of δ and {@code δ·(|z − t| − δ/2)} beyond: PyTorch's
         * {@code HuberLoss}.
         */
        HUBER;

        /** {@return whether outputs are logits of labels, and not numbers} */
        public boolean isOfLabels() {
            return this == LOGISTIC || this == FOCAL;
        }
    }

    /** Checks that nothing is missing. */
    public OutputLoss {
        Objects.requireNonNull(kind, "kind");
    }
}
