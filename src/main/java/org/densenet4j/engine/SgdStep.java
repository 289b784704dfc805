package org.densenet4j.engine;

import java.util.List;

/**
 * One update of all parameters by stochastic gradient descent, as PyTorch's {@code SGD} defines it
 * (the rate outside of the velocity):
 *
 * <pre>
 * g = gradientScale·g + weightDecay·p
 * v = momentum·v + gradientShare·g
 * p = p − rate·(nesterov ? g + momentum·v : v)
 * </pre>
 *
 * A network's velocities are zero when it is opened, so that in its first step v = g, as PyTorch
 * has it; no step has to be told that it is the first.
 *
 * @param rate learning rate
 * @param momentum of the velocities, 0 for none
 * @param gradientShare what of the gradient goes into the velocity: 1, or, with dampening, 1 minus
 *     that in all steps but the first
 * @param nesterov whether the update looks ahead
 * @param weightDecay 0 for none
 * @param decayNormsAndBiases whether weight decay also applies to gamma, beta and biases
 * @param gradientScale factor of every gradient (clipping)
 */
public record SgdStep(
        float rate,
        float momentum,
        float gradientShare,
        boolean nesterov,
        float weightDecay,
        boolean decayNormsAndBiases,
        float gradientScale)
        implements OptimiserStep {
    static final String VELOCITY = "velocity";

    /** Refuses what would make every parameter NaN or infinite. */
    public SgdStep {
        check("rate", rate);
        check("momentum", momentum);
        check("weight decay", weightDecay);
        check("share of the gradient", gradientShare);
        checkScale(gradientScale);
    }

    static void checkScale(float gradientScale) {
        if (!Float.isFinite(gradientScale)) {
            throw new IllegalArgumentException(
                    "gradient scale = " + gradientScale + ": use a finite number");
        }
    }

    static void check(String what, float value) {
        if (!(value >= 0) || Float.isInfinite(value)) {
            throw new IllegalArgumentException(
                    what + " = " + value + ": use a finite number that is not negative");
        }
    }

    @Override
    public Decayed decayed() {
        return decayNormsAndBiases ? Decayed.ALL : Decayed.WEIGHTS;
    }

    @Override
    public List<String> state() {
        return List.of(VELOCITY);
    }

    @Override
    public SgdStep withGroup(double rateScale, float decay) {
        return new SgdStep(
                (float) (rate * rateScale),
                momentum,
                gradientShare,
                nesterov,
                decay,
                decayNormsAndBiases,
                gradientScale);
    }

    /**
     * {@return plain SGD, of gradients as they are}
     *
     * @param rate learning rate
     */
    public static SgdStep of(double rate) {
        return new SgdStep((float) rate, 0, 1, false, 0, false, 1);
    }

    /**
     * {@return a copy with momentum, Nesterov's or the classical one}
     *
     * @param value factor of the velocities, 0 for none
     * @param isNesterov whether the update looks ahead
     */
    public SgdStep withMomentum(double value, boolean isNesterov) {
        return new SgdStep(
                rate,
                (float) value,
                gradientShare,
                isNesterov,
                weightDecay,
                decayNormsAndBiases,
                gradientScale);
    }

    /**
     * {@return a copy with weight decay}
     *
     * @param value added to gradients as {@code decay·parameter}
     * @param alsoNormsAndBiases whether gamma, beta and biases decay, too
     */
    public SgdStep withWeightDecay(double value, boolean alsoNormsAndBiases) {
        return new SgdStep(
                rate,
                momentum,
                gradientShare,
                nesterov,
                (float) value,
                alsoNormsAndBiases,
                gradientScale);
    }

    /**
     * {@return a copy that multiplies gradients by a factor}
     *
     * @param factor of every gradient
     */
    public SgdStep withGradientScale(double factor) {
        return new SgdStep(
                rate,
                momentum,
                gradientShare,
                nesterov,
                weightDecay,
                decayNormsAndBiases,
                (float) factor);
    }

    /**
     * {@return a copy of which a part of the gradient goes into the velocities}
     *
     * @param share 1 for all of it, or 1 minus the dampening from the second step on
     */
    public SgdStep withGradientShare(double share) {
        return new SgdStep(
                rate,
                momentum,
                (float) share,
                nesterov,
                weightDecay,
                decayNormsAndBiases,
                gradientScale);
    }
}
