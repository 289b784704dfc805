package org.densenet4j.insight;

/**
 * What one node reads of one earlier source of features. A node that reads columns of a source in
 * several places of its weights has a connection for each.
 *
 * @param block number of the block, from 1
 * @param source its number in the block's sources; in a DenseNet 0 for the block's input, s for its
 *     dense layer s
 * @param target its number in the block's targets, from 1; in a DenseNet l for dense layer l, and
 *     one more than the block's layers for the transition or the classifier behind it
 * @param sourceName the source's name
 * @param targetName the target's name
 * @param weightName the tensor that holds the connection, [out, in, kh, kw] or [classes, in]; of a
 *     transposed convolution [in, out, kh, kw]
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
        String sourceName,
        String targetName,
        String weightName,
        int firstChannel,
        int channels,
        long weights,
        double meanAbsolute,
        double shareOfTarget) {}
