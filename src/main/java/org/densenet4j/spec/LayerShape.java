package org.densenet4j.spec;

/**
 * A dense layer.
 *
 * @param block number of its block, from 1
 * @param index number within the block, from 1
 * @param height rows of pixels
 * @param width columns of pixels
 * @param prefixChannels K, channels that it reads: all that were produced before it in the block
 * @param bottleneckChannels channels of the 1x1 convolution, 0 without a bottleneck
 * @param growthRate k, channels that it appends
 */
public record LayerShape(
        int block,
        int index,
        int height,
        int width,
        int prefixChannels,
        int bottleneckChannels,
        int growthRate) {
    /** {@return the name of its operation, such as {@code block1.layer3}} */
    public String name() {
        return "block" + block + ".layer" + index;
    }
}
