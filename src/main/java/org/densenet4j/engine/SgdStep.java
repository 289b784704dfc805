package org.densenet4j.engine;

/**
 * One update of all parameters by stochastic gradient descent, as PyTorch's {@code SGD} defines it
 * (without dampening, the rate outside of the velocity):
 *
 * <pre>
 * g = gradientScale·g + weightDecay·p
 * v = momentum·v + g                       g in the first step
 * p = p − rate·(nesterov ? g + momentum·v : v)
 * </pre>
 *
 * @param rate learning rate
 * @param momentum of the velocities, 0 for none
 * @param nesterov whether the update looks ahead
 * @param weightDecay 0 for none
 * @param decayNormsAndBiases whether weight decay also applies to gamma, beta and biases
 * @param gradientScale factor of every gradient (clipping)
 * @param first whether the velocities are still empty
 */
public record SgdStep(
        float rate,
        float momentum,
        boolean nesterov,
        float weightDecay,
        boolean decayNormsAndBiases,
        float gradientScale,
        boolean first) {

    /**
     * Without momentum and decay, of gradients as they are; a later step than the first, which has
     * to be told with {@link #withFirst} when there is momentum.
     */
    public static SgdStep of(double rate) {
        return new SgdStep((float) rate, 0, false, 0, false, 1, false);
    }

    /** The same with momentum, Nesterov's or the classical one. */
    public SgdStep withMomentum(double value, boolean isNesterov) {
        return new SgdStep(
                rate,
                (float) value,
                isNesterov,
                weightDecay,
                decayNormsAndBiases,
                gradientScale,
                first);
    }

    /** The same with weight decay. */
    public SgdStep withWeightDecay(double value, boolean alsoNormsAndBiases) {
        return new SgdStep(
                rate, momentum, nesterov, (float) value, alsoNormsAndBiases, gradientScale, first);
    }

    /** The same of scaled gradients. */
    public SgdStep withGradientScale(double factor) {
        return new SgdStep(
                rate, momentum, nesterov, weightDecay, decayNormsAndBiases, (float) factor, first);
    }

    /** The same as the first step, which does not read the velocities, or as a later one. */
    public SgdStep withFirst(boolean isFirst) {
        return new SgdStep(
                rate, momentum, nesterov, weightDecay, decayNormsAndBiases, gradientScale, isFirst);
    }
}
