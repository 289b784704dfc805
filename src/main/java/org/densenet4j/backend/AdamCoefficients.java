package org.densenet4j.backend;

/**
 * The numbers of one step of {@link Kernels#adam}, which change from step to step with the
 * corrections of the bias.
 *
 * @param rate learning rate divided by the correction of the mean, {@code 1 − beta1^t}
 * @param beta1 share of the mean that stays
 * @param share1 share of the gradient in it, {@code 1 − beta1} taken in double precision
 * @param beta2 share of the mean square that stays
 * @param share2 share of the squared gradient in it, {@code 1 − beta2} taken in double precision
 * @param rootScale factor of the root, {@code 1/sqrt(1 − beta2^t)}
 * @param epsilon added to the scaled root
 * @param decay weight decay, as an addition to the gradient; 0 where it is decoupled
 * @param keep what parameters are multiplied by first, {@code 1 − rate·decay} where weight decay is
 *     decoupled from the gradient (Loshchilov and Hutter 2019), else 1
 * @param gradientScale factor of the gradient, such as the one that clips its norm
 */
public record AdamCoefficients(
        float rate,
        float beta1,
        float share1,
        float beta2,
        float share2,
        float rootScale,
        float epsilon,
        float decay,
        float keep,
        float gradientScale) {}
