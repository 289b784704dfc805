package org.densenet4j.insight;

/**
 * What one layer reads from one earlier source of features in the same dense block.
 *
 * @param block number of the block, from 1
 * @param source 0 for the block's input, s for its dense layer s
 * @param target l for dense layer l; one more than the block's layers for the transition or the
 *     classifier behind it
 * @param weightName the tensor that holds the connection, [out, in, kh, kw] or [classes, in]
 * @param firstChannel first of the tensor's input channels that belong to the source
 * @param channels number of input channels of the source
 * @param weights number of weights: out·channels·kh·kw
 * @param meanAbsolute mean absolute weight: the L1 norm divided by the number of weights
 * @param shareOfTarget meanAbsolute divided by the largest among all sources of the target, 0 to 1
 */
public record Connection(
        int block,
        int source,
        int target,
        String weightName,
        int firstChannel,
        int channels,
        long weights,
        double meanAbsolute,
        double shareOfTarget) {}
