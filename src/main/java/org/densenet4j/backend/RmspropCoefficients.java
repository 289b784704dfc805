package org.densenet4j.backend;

/**
 * The numbers of one step of {@link Kernels#rmsprop}.
 *
 * @param rate the learning rate
 * @param rho share of the mean squares that stays, from 0 to 1
 * @param epsilon keeps the divisor from 0
 * @param epsilonInside whether epsilon is added below the root
 * @param momentum share of the velocity that stays, where there is one
 * @param decay weight decay, as an addition to the gradient
 * @param gradientScale factor of the gradient, such as the one that clips its norm
 */
public record RmspropCoefficients(
        float rate,
        float rho,
        float epsilon,
        boolean epsilonInside,
        float momentum,
        float decay,
        float gradientScale) {
    /** {@return what is added below the root: epsilon or 0} */
    public float inside() {
        return epsilonInside ? epsilon : 0;
    }

    /** {@return what is added to the root: epsilon or 0} */
    public float outside() {
        return epsilonInside ? 0 : epsilon;
    }
}
