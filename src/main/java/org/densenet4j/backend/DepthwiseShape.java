package org.densenet4j.backend;

/**
 * A depthwise convolution: each channel is convolved with a square kernel of its own, with stride 1
 * and as much zero padding as keeps the size.
 *
 * @param height rows of pixels of an image
 * @param width columns of pixels of an image
 * @param kernel height and width of the kernels, odd
 */
public record DepthwiseShape(int height, int width, int kernel) {
    /** Refuses kernels that have no middle. */
    public DepthwiseShape {
        if (height < 1 || width < 1 || kernel < 1 || kernel % 2 == 0) {
            throw new IllegalArgumentException(
                    "a depthwise convolution of "
                            + height
                            + "x"
                            + width
                            + " pixels with kernels of "
                            + kernel
                            + ": use positive sizes and an odd kernel");
        }
    }

    /** {@return pixels of an image} */
    public int pixels() {
        return height * width;
    }

    /** {@return values of one kernel} */
    public int taps() {
        return kernel * kernel;
    }

    /** {@return zero pixels on each side} */
    public int padding() {
        return kernel / 2;
    }

    /**
     * {@return the first row or column of a kernel that meets a pixel of the image}
     *
     * @param at row or column of the output
     */
    public int firstTap(int at) {
        return Math.max(0, padding() - at);
    }

    /**
     * {@return the row or column of a kernel behind the last that meets a pixel of the image}
     *
     * @param at row or column of the output
     * @param size pixels of the image along it
     */
    public int endTap(int at, int size) {
        return Math.min(kernel, size + padding() - at);
    }
}
