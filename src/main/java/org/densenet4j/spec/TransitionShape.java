package org.densenet4j.spec;

/**
 * A transition between two dense blocks: BN-ReLU-Conv1x1, 2x2 average pool.
 *
 * @param index number of the block before it
 * @param height rows of pixels before the pool
 * @param width columns of pixels before the pool
 * @param inputChannels channels read
 * @param outputChannels floor(compression·inputChannels)
 * @param outHeight floor(height/2)
 * @param outWidth floor(width/2)
 */
public record TransitionShape(
        int index,
        int height,
        int width,
        int inputChannels,
        int outputChannels,
        int outHeight,
        int outWidth) {
    /** {@return the name of its operation, such as {@code transition1}} */
    public String name() {
        return "transition" + index;
    }
}
