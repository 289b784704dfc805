package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;

/**
 * Some columns of one feature matrix, with all that belongs to them. This is where concatenation
 * disappears: every layer reads a prefix of its block's matrix and appends its k columns.
 *
 * @param values X [N·H·W, C]
 * @param statistics [3, C], taken once when a channel is produced and used by all consumers
 * @param gradient G [N·H·W, C], in units of dx
 * @param deferred [2, C], the sums B and C of the deferred batch-norm correction
 * @param affine [2, C] scale and shift of the writers' batch normalisations, where columns are read
 *     activated; without a place elsewhere
 * @param normSums [2, C], the sums dbeta and dgamma of all that read the columns activated; without
 *     a place elsewhere
 */
public record Channels(
        Matrix values,
        Matrix statistics,
        Matrix gradient,
        Matrix deferred,
        Matrix affine,
        Matrix normSums) {
    /**
     * {@return the columns {@code [from, from + count)} of all four}
     *
     * @param from first of them, within these
     * @param count how many
     */
    public Channels columns(int from, int count) {
        return new Channels(
                values.columns(from, count),
                statistics.columns(from, count),
                gradient.columns(from, count),
                deferred.columns(from, count),
                affine.columns(from, count),
                normSums.columns(from, count));
    }
}
