package org.densenet4j.spec;

/**
 * The head: BN-ReLU, global average pool, linear classifier.
 *
 * @param height rows of pixels before the pool
 * @param width columns of pixels before the pool
 * @param channels channels pooled
 * @param classes outputs
 */
public record HeadShape(int height, int width, int channels, int classes) {}
