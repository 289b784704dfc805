package org.densenet4j.engine;

import static java.util.Objects.requireNonNull;

import org.densenet4j.backend.AdamCoefficients;

import java.util.List;

/**
 * One update of all parameters by Adam (Kingma and Ba 2015, algorithm 1), as PyTorch's {@code Adam}
 * and {@code AdamW} define it:
 *
 * <pre>
 * g = gradientScale·g + weightDecay·p                     AdamW: p = p − rate·weightDecay·p instead
 * m = beta1·m + (1 − beta1)·g
 * v = beta2·v + (1 − beta2)·g²                            AMSGrad: of all v so far the largest
 * p = p − rate/(1 − beta1^t)·m / (sqrt(v/(1 − beta2^t)) + epsilon)
 * </pre>
 *
 * @param rate learning rate
 * @param beta1 weight of what is remembered of the gradients
 * @param beta2 weight of what is remembered of the squared gradients
 * @param epsilon added to the root
 * @param amsgrad whether the largest mean square so far divides (Reddi et al. 2018)
 * @param decoupled whether weight decay is apart from the gradient (Loshchilov and Hutter 2019)
 * @param weightDecay 0 for none
 * @param decayed which parameters decay
 * @param gradientScale factor of every gradient (clipping)
 * @param update number t of this update, counted from 1, for the corrections of the bias
 */
public record AdamStep(
        float rate,
        double beta1,
        double beta2,
        double epsilon,
        boolean amsgrad,
        boolean decoupled,
        float weightDecay,
        Decayed decayed,
        float gradientScale,
        long update)
        implements OptimiserStep {
    static final String MEAN = "exp_avg";
    static final String SQUARE = "exp_avg_sq";
    static final String LARGEST = "max_exp_avg_sq";

    /** Refuses what would make every parameter NaN or infinite. */
    public AdamStep {
        SgdStep.check("rate", rate);
        SgdStep.check("weight decay", weightDecay);
        requireNonNull(decayed, "decayed");
        checkBeta("beta1", beta1);
        checkBeta("beta2", beta2);
        if (!((float) epsilon > 0) || Double.isInfinite(epsilon)) {
            throw new IllegalArgumentException(
                    "epsilon = " + epsilon + ": use a small positive number");
        }
        SgdStep.checkScale(gradientScale);
        if (update < 1) {
            throw new IllegalArgumentException("update = " + update + ": they count from 1");
        }
    }

    private static void checkBeta(String what, double beta) {
        if (!(beta >= 0 && beta < 1)) {
            throw new IllegalArgumentException(
                    what + " = " + beta + ": use a number from 0 to below 1");
        }
    }

    /**
     * {@return Adam as PyTorch's defaults have it: betas 0.9 and 0.999, epsilon 1e-8, no weight
     * decay}
     *
     * @param rate learning rate
     * @param update number of this update, counted from 1
     */
    public static AdamStep of(double rate, long update) {
        return new AdamStep(
                (float) rate, 0.9, 0.999, 1e-8, false, false, 0, Decayed.ALL, 1, update);
    }

    @Override
    public List<String> state() {
        return amsgrad ? List.of(MEAN, SQUARE, LARGEST) : List.of(MEAN, SQUARE);
    }

    @Override
    public AdamStep withGroup(double rateScale, float decay) {
        return new AdamStep(
                (float) (rate * rateScale),
                beta1,
                beta2,
                epsilon,
                amsgrad,
                decoupled,
                decay,
                decayed,
                gradientScale,
                update);
    }

    /** What the kernel takes; corrections are made in double precision, as PyTorch does. */
    AdamCoefficients coefficients() {
        return new AdamCoefficients(
                (float) (rate / (1 - Math.pow(beta1, update))),
                (float) beta1,
                (float) (1 - beta1),
                (float) beta2,
                (float) (1 - beta2),
                (float) (1 / Math.sqrt(1 - Math.pow(beta2, update))),
                (float) epsilon,
                decoupled ? 0 : weightDecay,
                decoupled ? (float) (1 - (double) rate * weightDecay) : 1,
                gradientScale);
    }
}
