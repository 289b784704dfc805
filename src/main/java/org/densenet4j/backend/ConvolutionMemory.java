package org.densenet4j.backend;

/**
 * What a convolution needs beside its operands.
 *
 * @param packedWeights bytes of the weights in the device's own layout (the larger of the forward
 *     and the data-gradient layout); shared by all lanes, valid between packing and use
 * @param packedGradient bytes of the weight gradient in the device's own layout; each lane needs
 *     two (a chunk's contribution and the lane's sum)
 * @param scratch bytes of library scratch in each lane
 */
public record ConvolutionMemory(long packedWeights, long packedGradient, long scratch) {}
