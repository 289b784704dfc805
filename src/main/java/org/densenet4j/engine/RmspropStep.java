package org.densenet4j.engine;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.List;

/**
 * One update of all parameters by RMSprop (Tieleman and Hinton 2012, lecture 6.5):
 *
 * <pre>
 * g = gradientScale·g + weightDecay·p
 * r = rho·r + (1 − rho)·g²
 * p = p − rate·g / (sqrt(r) + epsilon)      as PyTorch has it, or
 * p = p − rate·g / sqrt(r + epsilon)        with epsilonInside, as Lasagne has it
 * </pre>
 *
 * Centred (Graves 2013), it takes {@code r − m²} for {@code r} in the divisor, with m = rho·m + (1
 * − rho)·g; with momentum the quotient goes into a velocity, v = momentum·v + g/divisor and p = p −
 * rate·v, as PyTorch has both.
 *
 * @param rate learning rate
 * @param rho weight of what is remembered of the squared gradients
 * @param epsilon added to the root, or below it
 * @param epsilonInside whether epsilon is added below the root
 * @param momentum of the velocities, 0 for none
 * @param centred whether the squared mean of the gradients is taken from their mean square
 * @param weightDecay 0 for none
 * @param decayed which parameters decay
 * @param gradientScale factor of every gradient (clipping)
 */
public record RmspropStep(
        float rate,
        float rho,
        float epsilon,
        boolean epsilonInside,
        float momentum,
        boolean centred,
        float weightDecay,
        Decayed decayed,
        float gradientScale)
        implements OptimiserStep {
    /** By this name checkpoints have always had it. */
    static final String SQUARES = "velocity";

    static final String VELOCITY = "momentum_buffer";
    static final String MEANS = "grad_avg";

    /** Refuses what would make every parameter NaN or infinite. */
    public RmspropStep {
        SgdStep.check("rate", rate);
        SgdStep.check("weight decay", weightDecay);
        requireNonNull(decayed, "decayed");
        if (!(rho >= 0 && rho < 1)) {
            throw new IllegalArgumentException("rho = " + rho + ": use a number from 0 to below 1");
        }
        if (!(epsilon > 0) || Float.isInfinite(epsilon)) {
            throw new IllegalArgumentException(
                    "epsilon = " + epsilon + ": use a small positive number");
        }
        SgdStep.check("momentum", momentum);
        SgdStep.checkScale(gradientScale);
    }

    boolean hasMomentum() {
        return momentum > 0;
    }

    @Override
    public List<String> state() {
        List<String> state = new ArrayList<>(List.of(SQUARES));
        if (hasMomentum()) {
            state.add(VELOCITY);
        }
        if (centred) {
            state.add(MEANS);
        }
        return List.copyOf(state);
    }

    @Override
    public RmspropStep withGroup(double rateScale, float decay) {
        return new RmspropStep(
                (float) (rate * rateScale),
                rho,
                epsilon,
                epsilonInside,
                momentum,
                centred,
                decay,
                decayed,
                gradientScale);
    }

    /**
     * {@return as PyTorch's defaults have it: rho 0.99, epsilon 1e-8 outside of the root, no decay}
     *
     * @param rate learning rate
     */
    public static RmspropStep of(double rate) {
        return new RmspropStep((float) rate, 0.99f, 1e-8f, false, 0, false, 0, Decayed.WEIGHTS, 1);
    }

    /**
     * {@return as FC-DenseNet's authors have it (Jégou et al. 2017, arXiv 1611.09326, section 4.1,
     * and their code): rho 0.9, epsilon 1e-6 below the root, and a penalty of 1e-4·Σw² on weights
     * and gamma, whose gradient is a weight decay of 2e-4}
     *
     * @param rate learning rate
     */
    public static RmspropStep ofFcDenseNet(double rate) {
        return new RmspropStep(
                (float) rate, 0.9f, 1e-6f, true, 0, false, 2e-4f, Decayed.WEIGHTS_AND_SCALES, 1);
    }

    /**
     * {@return a copy that multiplies gradients by a factor}
     *
     * @param factor of every gradient
     */
    public RmspropStep withGradientScale(double factor) {
        return new RmspropStep(
                rate,
                rho,
                epsilon,
                epsilonInside,
                momentum,
                centred,
                weightDecay,
                decayed,
                (float) factor);
    }
}
