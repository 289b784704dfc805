package org.densenet4j.backend;

/**
 * A 1x1 convolution behind a batch normalisation and a ReLU, over some rows of a column prefix.
 *
 * <p>In inference it may be one in groups, each of which reads inputs of its own choice: the
 * weights of <i>N/groups</i> outputs that follow each other are zero but for {@code groupInputs}
 * inputs, the same for all of these outputs (Huang et al. 2018, arXiv 1711.09224, section 3.2). A
 * device may multiply those alone, or the zeros, too.
 *
 * @param rows the most rows of one call
 * @param inputChannels columns of the prefix, K
 * @param outputChannels columns of the result, N
 * @param type storage of activations
 * @param aligned whether every row of activations and of their gradients starts on 16 bytes
 * @param groups of outputs, a divisor of N; 1 where every output may read all inputs
 * @param groupInputs the most inputs that a group reads, K where there is one group
 * @param composed whether it runs as products and passes on a device that has fused kernels for it:
 *     what a plan asks for where {@link Device#fuses} prefers that; other devices need not look
 */
public record PointwiseShape(
        int rows,
        int inputChannels,
        int outputChannels,
        DataType type,
        boolean aligned,
        int groups,
        int groupInputs,
        boolean composed) {

    /** Refuses groups that outputs cannot be put into. */
    public PointwiseShape {
        if (groups < 1 || outputChannels % groups != 0) {
            throw new IllegalArgumentException(
                    outputChannels + " outputs are not to be had in " + groups + " groups");
        }
        if (groupInputs < 1 || groupInputs > inputChannels) {
            throw new IllegalArgumentException(
                    groupInputs + " inputs of a group, of " + inputChannels + " in all");
        }
    }

    /**
     * One whose outputs read all inputs.
     *
     * @param rows the most rows of one call
     * @param inputChannels columns of the prefix, K
     * @param outputChannels columns of the result, N
     * @param type storage of activations
     * @param aligned whether every row of activations and of their gradients starts on 16 bytes
     */
    public PointwiseShape(
            int rows, int inputChannels, int outputChannels, DataType type, boolean aligned) {
        this(rows, inputChannels, outputChannels, type, aligned, 1, inputChannels, false);
    }

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

    /** {@return number of weights, zeros included} */
    public int weights() {
        return inputChannels * outputChannels;
    }

    /** {@return whether there are inputs that a group of outputs does not read} */
    public boolean isGrouped() {
        return groupInputs < inputChannels;
    }

    /** {@return outputs of a group} */
    public int groupOutputs() {
        return outputChannels / groups;
    }

    /**
     * {@return the same for another number of rows}
     *
     * @param count the most rows of one call
     */
    public PointwiseShape withRows(int count) {
        return new PointwiseShape(
                count, inputChannels, outputChannels, type, aligned, groups, groupInputs, composed);
    }

    /**
     * {@return the same in groups}
     *
     * @param count of groups of outputs
     * @param inputs the most that one of them reads
     */
    public PointwiseShape inGroups(int count, int inputs) {
        return new PointwiseShape(
                rows, inputChannels, outputChannels, type, aligned, count, inputs, composed);
    }

    /** {@return the same as products and passes, whatever the device has for it} */
    public PointwiseShape asComposed() {
        return new PointwiseShape(
                rows, inputChannels, outputChannels, type, aligned, groups, groupInputs, true);
    }

    @Override
    public String toString() {
        return "1x1 convolution of "
                + rows
                + " x "
                + inputChannels
                + " to "
                + outputChannels
                + (isGrouped() ? " in " + groups + " groups of " + groupInputs + " inputs" : "");
    }
}
