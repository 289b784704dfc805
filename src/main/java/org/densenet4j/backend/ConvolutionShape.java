package org.densenet4j.backend;

/**
 * A square-kernel convolution over dense NHWC images, without bias.
 *
 * @param images most images in one call
 * @param height input rows of pixels
 * @param width input columns of pixels
 * @param inputChannels channels read
 * @param outputChannels channels written
 * @param kernel kernel height and width
 * @param stride step in both directions
 * @param padding zero pixels on each side
 * @param type storage of images; weights and their gradients are float32
 */
public record ConvolutionShape(
        int images,
        int height,
        int width,
        int inputChannels,
        int outputChannels,
        int kernel,
        int stride,
        int padding,
        DataType type) {

    /**
     * A convolution of float32 images.
     *
     * @param images most images in one call
     * @param height input rows of pixels
     * @param width input columns of pixels
     * @param inputChannels channels read
     * @param outputChannels channels written
     * @param kernel kernel height and width
     * @param stride step in both directions
     * @param padding zero pixels on each side
     */
    public ConvolutionShape(
            int images,
            int height,
            int width,
            int inputChannels,
            int outputChannels,
            int kernel,
            int stride,
            int padding) {
        this(
                images,
                height,
                width,
                inputChannels,
                outputChannels,
                kernel,
                stride,
                padding,
                DataType.FLOAT32);
    }

    /** {@return output rows of pixels: {@code floor((h + 2p - k) / s) + 1}} */
    public int outputHeight() {
        return (height + 2 * padding - kernel) / stride + 1;
    }

    /** {@return output columns of pixels} */
    public int outputWidth() {
        return (width + 2 * padding - kernel) / stride + 1;
    }

    /** {@return number of weights, {@code out·in·k·k}} */
    public int weights() {
        return outputChannels * inputChannels * kernel * kernel;
    }

    /**
     * {@return floating-point operations of one pass over {@code count} images}
     *
     * @param count images
     */
    public long flops(int count) {
        return 2L * count * outputHeight() * outputWidth() * weights();
    }

    /**
     * {@return the same convolution over another number of images}
     *
     * @param count most images in one call
     */
    public ConvolutionShape withImages(int count) {
        return new ConvolutionShape(
                count, height, width, inputChannels, outputChannels, kernel, stride, padding, type);
    }

    /**
     * {@return the same convolution of images in another storage}
     *
     * @param storage of the images
     */
    public ConvolutionShape withType(DataType storage) {
        return new ConvolutionShape(
                images,
                height,
                width,
                inputChannels,
                outputChannels,
                kernel,
                stride,
                padding,
                storage);
    }

    @Override
    public String toString() {
        return "convolution "
                + kernel
                + "x"
                + kernel
                + (stride == 1 ? "" : "/" + stride)
                + " "
                + images
                + "x"
                + height
                + "x"
                + width
                + "x"
                + inputChannels
                + " -> "
                + outputChannels
                + (type == DataType.FLOAT32 ? "" : " in " + type);
    }
}
