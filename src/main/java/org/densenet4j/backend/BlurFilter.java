package org.densenet4j.backend;

/**
 * The anti-aliasing filter of {@link Kernels#blurPool} along one dimension: [1, 2, 1]/4 at every
 * second pixel, with one pixel of reflection padding (pixel −1 is pixel 1, and pixel {@code size}
 * is pixel {@code size − 2}). Zhang 2019 (arXiv 1904.11486), section 3; timm's {@code BlurPool2d}
 * as its DenseNets use it.
 */
public final class BlurFilter {
    private BlurFilter() {}

    /**
     * {@return outputs along a dimension: {@code floor((size + 2 − 3)/2) + 1 = ceil(size/2)}}
     *
     * @param size pixels along the dimension, 2 or more
     * @throws IllegalArgumentException when there is no pixel to reflect
     */
    public static int outputs(int size) {
        if (size < 2) {
            throw new IllegalArgumentException(
                    "a blur pool needs images of at least 2x2 pixels to reflect at their edges,"
                            + " and a side here has "
                            + size);
        }
        return (size + 1) / 2;
    }

    /**
     * {@return the first pixel that an output reads; it is not reflected}
     *
     * @param output index of the output along the dimension, from 0
     */
    public static int first(int output) {
        return Math.max(0, 2 * output - 1);
    }

    /**
     * {@return the pixel behind the last one that an output reads; what is reflected counts once
     * more}
     *
     * @param output index of the output along the dimension, from 0
     * @param size pixels along the dimension
     */
    public static int end(int output, int size) {
        return Math.min(size, 2 * output + 2);
    }

    /**
     * {@return what a pixel from {@link #first} to {@link #end} counts in an output: ½ in its
     * middle, ¼ beside it, and twice that where the pixel stands for its reflection, too}
     *
     * @param output index of the output along the dimension, from 0
     * @param pixel index of the pixel
     * @param size pixels along the dimension
     */
    public static float weight(int output, int pixel, int size) {
        boolean middle = pixel == 2 * output;
        boolean reflected = output == 0 || 2 * output + 1 == size;
        return middle || reflected ? 0.5f : 0.25f;
    }
}
