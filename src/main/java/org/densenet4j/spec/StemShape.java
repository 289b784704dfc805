package org.densenet4j.spec;

/**
 * The stem: one convolution, for ImageNet followed by a max-pool.
 *
 * @param inputHeight rows of pixels of an image
 * @param inputWidth columns of pixels of an image
 * @param inputChannels channels of an image
 * @param convHeight rows of pixels behind the convolution
 * @param convWidth columns of pixels behind the convolution
 * @param outHeight rows of pixels of the first block
 * @param outWidth columns of pixels of the first block
 * @param channels output channels
 * @param kernel height and width of the convolution's kernel
 * @param stride of the convolution
 * @param padding of the convolution
 */
public record StemShape(
        int inputHeight,
        int inputWidth,
        int inputChannels,
        int convHeight,
        int convWidth,
        int outHeight,
        int outWidth,
        int channels,
        int kernel,
        int stride,
        int padding) {}
