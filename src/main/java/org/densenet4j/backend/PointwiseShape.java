package org.densenet4j.backend;

/**
 * A 1x1 convolution behind a batch normalisation and a ReLU, over some rows of a column prefix.
 *
 * @param rows the most rows of one call
 * @param inputChannels columns of the prefix, K
 * @param outputChannels columns of the result, N
 * @param type storage of activations
 * @param aligned whether every row of activations and of their gradients starts on 16 bytes
 */
public record PointwiseShape(
        int rows, int inputChannels, int outputChannels, DataType type, boolean aligned) {

    /**
     * Over rows that start anywhere.
     *
     * @param rows the most rows of one call
     * @param inputChannels columns of the prefix, K
     * @param outputChannels columns of the result, N
     * @param type storage of activations
     */
    public PointwiseShape(int rows, int inputChannels, int outputChannels, DataType type) {
        this(rows, inputChannels, outputChannels, type, false);
    }

    /** {@return number of weights} */
    public int weights() {
        return inputChannels * outputChannels;
    }

    /**
     * {@return the same for another number of rows}
     *
     * @param count the most rows of one call
     */
    public PointwiseShape withRows(int count) {
        return new PointwiseShape(count, inputChannels, outputChannels, type, aligned);
    }

    @Override
    public String toString() {
        return "1x1 convolution of " + rows + " x " + inputChannels + " to " + outputChannels;
    }
}
