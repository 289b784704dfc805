package org.densenet4j.reference;

/**
 * A place where the loss has no derivative, or nearly so: the input of a ReLU close to zero, or two
 * values that a max-pool can hardly tell apart. Rounding decides which way the gradient goes.
 *
 * @param layer the batch normalisation whose ReLU it is, the sum, or the pool, whose name ends with
 *     {@code pool} and perhaps a number
 * @param element of the batch's outputs there, row-major, channels last
 * @param margin the ReLU's input, or the pool's largest value minus the next
 */
public record Kink(String layer, int element, double margin) {
    private static final String POOL = "pool";

    /** Whether it is of a max-pool. */
    public boolean isPool() {
        int end = layer.length();
        while (end > 0 && layer.charAt(end - 1) >= '0' && layer.charAt(end - 1) <= '9') {
            end--;
        }
        return layer.startsWith(POOL, end - POOL.length());
    }
}
