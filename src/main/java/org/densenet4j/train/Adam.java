package org.densenet4j.train;

import org.densenet4j.engine.AdamStep;
import org.densenet4j.engine.OptimiserStep.Decayed;

import java.util.Objects;

/**
 * Adam (Kingma and Ba 2015) as PyTorch's {@code Adam} and {@code AdamW} define it. Immutable.
 *
 * <pre>{@code
 * Trainer.of(spec, device).optimizer(Adam.decoupled(1e-3).withWeightDecay(0.05).withoutDecayOfNormsAndBiases())
 * }</pre>
 *
 * @param learningRate step size at the start; {@link Trainer#learningRate} changes it
 * @param beta1 weight of what is remembered of the gradients
 * @param beta2 weight of what is remembered of the squared gradients
 * @param epsilon added to the root of the squared gradients
 * @param amsgrad whether the largest mean square so far divides (Reddi et al. 2018)
 * @param decoupled whether weight decay is apart from the gradient (AdamW, Loshchilov and Hutter
 *     2019)
 * @param weightDecay 0 for none
 * @param decayed which parameters decay
 */
public record Adam(
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        boolean amsgrad,
        boolean decoupled,
        double weightDecay,
        Decayed decayed)
        implements Optimiser {

    /** Checks the ranges. */
    public Adam {
        Objects.requireNonNull(decayed, "decayed");
        Sgd.checkRate(learningRate);
        Sgd.requireRange("weight decay", weightDecay, 0, 1);
        new AdamStep(
                (float) learningRate,
                beta1,
                beta2,
                epsilon,
                amsgrad,
                decoupled,
                (float) weightDecay,
                decayed,
                1,
                1); // checks the rest
    }

    /**
     * {@return Adam as PyTorch's defaults have it: betas 0.9 and 0.999, epsilon 1e-8, no weight
     * decay}
     *
     * @param learningRate of the first step
     */
    public static Adam of(double learningRate) {
        return new Adam(learningRate, 0.9, 0.999, 1e-8, false, false, 0, Decayed.ALL);
    }

    /**
     * {@return AdamW as PyTorch's defaults have it: as {@link #of}, with a decoupled weight decay
     * of 0.01 on all parameters}
     *
     * @param learningRate of the first step
     */
    public static Adam decoupled(double learningRate) {
        return new Adam(learningRate, 0.9, 0.999, 1e-8, false, true, 0.01, Decayed.ALL);
    }

    /**
     * {@return this optimiser with other weights of what is remembered}
     *
     * @param first of the gradients
     * @param second of the squared gradients
     */
    public Adam withBetas(double first, double second) {
        return new Adam(
                learningRate, first, second, epsilon, amsgrad, decoupled, weightDecay, decayed);
    }

    /**
     * {@return this optimiser with another epsilon}
     *
     * @param value small and positive
     */
    public Adam withEpsilon(double value) {
        return new Adam(
                learningRate, beta1, beta2, value, amsgrad, decoupled, weightDecay, decayed);
    }

    /**
     * {@return this optimiser that divides by the largest mean square so far (Reddi et al. 2018)}
     */
    public Adam withAmsgrad() {
        return new Adam(learningRate, beta1, beta2, epsilon, true, decoupled, weightDecay, decayed);
    }

    /**
     * {@return this optimiser with another weight decay}
     *
     * @param decay from 0, for none, to 1
     */
    public Adam withWeightDecay(double decay) {
        return new Adam(learningRate, beta1, beta2, epsilon, amsgrad, decoupled, decay, decayed);
    }

    /** {@return this optimiser without weight decay on gamma, beta and biases} */
    public Adam withoutDecayOfNormsAndBiases() {
        return new Adam(
                learningRate,
                beta1,
                beta2,
                epsilon,
                amsgrad,
                decoupled,
                weightDecay,
                Decayed.WEIGHTS);
    }

    /** {@return beta1} */
    @Override
    public double momentum() {
        return beta1;
    }

    @Override
    public Adam withMomentum(double value) {
        return withBetas(value, beta2);
    }

    @Override
    public String name() {
        return (decoupled ? "adamw" : "adam") + (amsgrad ? " (amsgrad)" : "");
    }

    @Override
    public AdamStep step(double rate, double gradientScale, long update) {
        return new AdamStep(
                (float) rate,
                beta1,
                beta2,
                epsilon,
                amsgrad,
                decoupled,
                (float) weightDecay,
                decayed,
                (float) gradientScale,
                update);
    }
}
