package org.densenet4j.backend;

/**
 * What a pointwise convolution needs beside its operands.
 *
 * @param packedWeights bytes of the weights in the device's own layout (the larger of the two
 *     passes), 0 where it reads them as they are; shared by all lanes, valid between packing and
 *     use
 * @param chunk bytes for what is made of a chunk of rows, in each lane
 * @param forwardChunk the same where there is no backward pass
 * @param scratch bytes of library scratch in each lane
 * @param forwardScratch the same where there is no backward pass, and no statistics are taken
 */
public record PointwiseMemory(
        long packedWeights, long chunk, long forwardChunk, long scratch, long forwardScratch) {}
