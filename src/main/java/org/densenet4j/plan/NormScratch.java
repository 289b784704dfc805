package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;

/**
 * Per-channel vectors of one batch normalisation while it runs.
 *
 * @param affine [2, C] scale and shift
 * @param frozenStatistics [3, C] made of running estimates where batch statistics are not used
 * @param weight [1, C] factor of the deferred gradient
 * @param sums [2, C] dbeta and dgamma
 * @param correction [3, C] of the finished gradient
 */
public record NormScratch(
        Matrix affine, Matrix frozenStatistics, Matrix weight, Matrix sums, Matrix correction) {

    static NormScratch in(Allocator.Frame frame, int channels) {
        return new NormScratch(
                frame.matrix(2, channels),
                frame.matrix(3, channels),
                frame.vector(channels),
                frame.matrix(2, channels),
                frame.matrix(3, channels));
    }

    /**
     * {@return the same of some channels}
     *
     * @param from the first channel
     * @param count how many
     */
    public NormScratch columns(int from, int count) {
        return new NormScratch(
                affine.columns(from, count),
                frozenStatistics.columns(from, count),
                weight.columns(from, count),
                sums.columns(from, count),
                correction.columns(from, count));
    }
}
