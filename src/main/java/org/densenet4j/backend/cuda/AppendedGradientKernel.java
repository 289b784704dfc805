package org.densenet4j.backend.cuda;

/**
 * The kernel of both gradients of a 3x3 convolution, {@code cuda-kernels/appended_gradient.cuh}.
 * Every other block is of the data or of the weights, and those of the same pixels run side by
 * side, so that what both read comes from memory once.
 *
 * @param data what its even blocks take
 * @param dataRing rows of their ring
 * @param weights what its odd blocks take
 * @param weightsRing rows of their ring
 */
record AppendedGradientKernel(LayerKernel data, int dataRing, LayerKernel weights, int weightsRing)
        implements RowSharing {

    String name() {
        return data.name();
    }

    @Override
    public int sharedBytes() {
        return Math.max(data.sharedBytes(), weights.sharedBytes());
    }

    /** The shares of the blocks for the data. */
    RowShares dataShares(int rows, int multiprocessors) {
        return data.shares(rows, half(multiprocessors));
    }

    /** The shares of the blocks for the weights. */
    RowShares weightShares(int rows, int multiprocessors) {
        return weights.shares(rows, half(multiprocessors));
    }

    int mostDataShares(int multiprocessors) {
        return data.mostShares(half(multiprocessors));
    }

    int mostWeightShares(int multiprocessors) {
        return weights.mostShares(half(multiprocessors));
    }

    /** As many blocks of both, of which some may have no pixels. */
    Grid grid(RowShares ofData, RowShares ofWeights) {
        int ofEach = Math.max(ofData.blocks() * data.parts(), ofWeights.blocks() * weights.parts());
        int threads = Math.max(data.threads(), weights.threads());
        return new Grid(2 * ofEach, 1, threads, 1, sharedBytes());
    }

    /** Of all channels: a block that has a part of them has as much less to do. */
    @Override
    public long busiest(int rows, int multiprocessors) {
        int half = half(multiprocessors);
        return Math.max(
                data.busiest(rows, half) / data.parts(),
                weights.busiest(rows, half) / weights.parts());
    }

    private static int half(int multiprocessors) {
        return Math.max(1, multiprocessors / 2);
    }
}
