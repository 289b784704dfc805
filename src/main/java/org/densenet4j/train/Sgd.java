package org.densenet4j.train;

import org.densenet4j.engine.SgdStep;

/**
 * Stochastic gradient descent as PyTorch defines it. Immutable.
 *
 * @param learningRate step size at the start; {@link Trainer#learningRate} changes it
 * @param momentum factor of the velocity
 * @param nesterov whether the gradient is taken ahead (Sutskever et al. 2013)
 * @param weightDecay added to gradients as {@code decay·parameter}
 * @param decayNormsAndBiases whether gamma, beta and biases decay, too, as in the DenseNet papers
 * @param dampening share of each gradient but the first that is kept out of the velocity
 */
public record Sgd(
        double learningRate,
        double momentum,
        boolean nesterov,
        double weightDecay,
        boolean decayNormsAndBiases,
        double dampening)
        implements Optimiser {

    /** Checks the ranges. */
    public Sgd {
        checkRate(learningRate);
        requireRange("momentum", momentum, 0, 1);
        requireRange("weight decay", weightDecay, 0, 1);
        if (nesterov && momentum == 0) {
            throw new IllegalArgumentException(
                    "Nesterov needs a momentum above 0; give one or switch Nesterov off");
        }
        requireRange("dampening", dampening, 0, 1);
        if (nesterov && dampening > 0) {
            throw new IllegalArgumentException(
                    "dampening = " + dampening + ": Nesterov has none; switch it off or use 0");
        }
    }

    /**
     * Without dampening.
     *
     * @param learningRate step size at the start
     * @param momentum factor of the velocity
     * @param nesterov whether the gradient is taken ahead
     * @param weightDecay added to gradients as {@code decay·parameter}
     * @param decayNormsAndBiases whether gamma, beta and biases decay, too
     */
    public Sgd(
            double learningRate,
            double momentum,
            boolean nesterov,
            double weightDecay,
            boolean decayNormsAndBiases) {
        this(learningRate, momentum, nesterov, weightDecay, decayNormsAndBiases, 0);
    }

    /** Refuses a learning rate that nobody means. */
    static void checkRate(double rate) {
        requireRange("learning rate", rate, 0, 1e6);
    }

    static void requireRange(String what, double value, double least, double most) {
        if (!(value >= least && value <= most)) {
            throw new IllegalArgumentException(
                    what + " = " + value + ": use a number from " + least + " to " + most);
        }
    }

    @Override
    public String name() {
        return "sgd";
    }

    @Override
    public SgdStep step(double rate, double gradientScale, long update) {
        return SgdStep.of(rate)
                .withGradientShare(update > 1 && momentum > 0 ? 1 - dampening : 1)
                .withMomentum(momentum, nesterov)
                .withWeightDecay(weightDecay, decayNormsAndBiases)
                .withGradientScale(gradientScale);
    }

    /**
     * {@return the papers' optimiser: Nesterov momentum 0.9, weight decay 1e-4 on every parameter}
     *
     * @param learningRate of the first step
     */
    public static Sgd nesterov(double learningRate) {
        return new Sgd(learningRate, 0.9, true, 1e-4, true);
    }

    /**
     * Without momentum and weight decay.
     *
     * @param learningRate of the first step
     * @return the optimiser
     */
    public static Sgd plain(double learningRate) {
        return new Sgd(learningRate, 0, false, 0, true);
    }

    /**
     * {@return this optimiser with another weight decay}
     *
     * @param decay from 0, for none, to 1
     */
    public Sgd withWeightDecay(double decay) {
        return new Sgd(learningRate, momentum, nesterov, decay, decayNormsAndBiases, dampening);
    }

    /**
     * {@return this optimiser with another momentum}
     *
     * @param value from 0, for none, to 1
     */
    @Override
    public Sgd withMomentum(double value) {
        return new Sgd(
                learningRate,
                value,
                nesterov && value > 0,
                weightDecay,
                decayNormsAndBiases,
                dampening);
    }

    /**
     * {@return this optimiser with dampening}
     *
     * @param value share of each gradient but the first that is kept out of the velocity, 0 for
     *     none; not with Nesterov's momentum
     */
    public Sgd withDampening(double value) {
        return new Sgd(learningRate, momentum, nesterov, weightDecay, decayNormsAndBiases, value);
    }

    /** {@return this optimiser without weight decay on gamma, beta and biases} */
    public Sgd withoutDecayOfNormsAndBiases() {
        return new Sgd(learningRate, momentum, nesterov, weightDecay, false, dampening);
    }
}
