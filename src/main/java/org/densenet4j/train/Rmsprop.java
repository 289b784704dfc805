package org.densenet4j.train;

import org.densenet4j.engine.OptimiserStep.Decayed;
import org.densenet4j.engine.RmspropStep;

import java.util.Objects;

/**
 * RMSprop (Tieleman and Hinton 2012, lecture 6.5), with the options of PyTorch. Immutable.
 *
 * @param learningRate step size at the start; {@link Trainer#learningRate} changes it
 * @param rho weight of what is remembered of the squared gradients
 * @param epsilon added to the root of the squared gradients, or below it
 * @param epsilonInside whether epsilon is added below the root
 * @param weightDecay added to gradients as {@code decay·parameter}
 * @param decayed which parameters decay
 * @param momentum of what is divided, 0 for none
 * @param centred whether the squared mean of the gradients is taken from their mean square (Graves
 *     2013)
 */
public record Rmsprop(
        double learningRate,
        double rho,
        double epsilon,
        boolean epsilonInside,
        double weightDecay,
        Decayed decayed,
        double momentum,
        boolean centred)
        implements Optimiser {

    /** Checks the ranges. */
    public Rmsprop {
        Objects.requireNonNull(decayed, "decayed");
        Sgd.checkRate(learningRate);
        Sgd.requireRange("weight decay", weightDecay, 0, 1);
        Sgd.requireRange("momentum", momentum, 0, 1);
        new RmspropStep(
                (float) learningRate,
                (float) rho,
                (float) epsilon,
                epsilonInside,
                (float) momentum,
                centred,
                (float) weightDecay,
                decayed,
                1); // checks the rest
    }

    /**
     * Without momentum and not centred.
     *
     * @param learningRate step size at the start
     * @param rho weight of what is remembered of the squared gradients
     * @param epsilon added to the root of the squared gradients, or below it
     * @param epsilonInside whether epsilon is added below the root
     * @param weightDecay added to gradients as {@code decay·parameter}
     * @param decayed which parameters decay
     */
    public Rmsprop(
            double learningRate,
            double rho,
            double epsilon,
            boolean epsilonInside,
            double weightDecay,
            Decayed decayed) {
        this(learningRate, rho, epsilon, epsilonInside, weightDecay, decayed, 0, false);
    }

    /**
     * {@return as PyTorch's defaults have it: rho 0.99, epsilon 1e-8 outside of the root, no decay}
     *
     * @param learningRate of the first step
     */
    public static Rmsprop of(double learningRate) {
        return new Rmsprop(learningRate, 0.99, 1e-8, false, 0, Decayed.ALL);
    }

    /**
     * {@return as FC-DenseNet's authors have it (Jégou et al. 2017, arXiv 1611.09326, section 4.1,
     * and their code): rho 0.9, epsilon 1e-6 below the root, and a penalty of 1e-4·Σw² on weights
     * and gamma, whose gradient is a weight decay of 2e-4}
     *
     * @param learningRate of the first step
     */
    public static Rmsprop ofFcDenseNet(double learningRate) {
        return new Rmsprop(learningRate, 0.9, 1e-6, true, 2e-4, Decayed.WEIGHTS_AND_SCALES);
    }

    /**
     * {@return this optimiser with another weight decay}
     *
     * @param decay from 0, for none, to 1
     */
    public Rmsprop withWeightDecay(double decay) {
        return new Rmsprop(
                learningRate, rho, epsilon, epsilonInside, decay, decayed, momentum, centred);
    }

    /**
     * {@return this optimiser with another momentum of what is divided}
     *
     * @param value from 0, for none, to 1
     */
    @Override
    public Rmsprop withMomentum(double value) {
        return new Rmsprop(
                learningRate, rho, epsilon, epsilonInside, weightDecay, decayed, value, centred);
    }

    /**
     * {@return this optimiser that takes the squared mean of the gradients from their mean square}
     */
    public Rmsprop withCentring() {
        return new Rmsprop(
                learningRate, rho, epsilon, epsilonInside, weightDecay, decayed, momentum, true);
    }

    @Override
    public String name() {
        return "rmsprop";
    }

    @Override
    public RmspropStep step(double rate, double gradientScale, long update) {
        return new RmspropStep(
                (float) rate,
                (float) rho,
                (float) epsilon,
                epsilonInside,
                (float) momentum,
                centred,
                (float) weightDecay,
                decayed,
                (float) gradientScale);
    }
}
