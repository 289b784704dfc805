package org.densenet4j.reference;

/** A batch of feature maps, channels last, and the gradient of the loss with respect to it. */
final class Activation {
    final int images;
    final int height;
    final int width;
    final int channels;
    final double[] value;
    final double[] gradient;

    Activation(int images, int height, int width, int channels) {
        this.images = images;
        this.height = height;
        this.width = width;
        this.channels = channels;
        this.value = new double[images * height * width * channels];
        this.gradient = new double[value.length];
    }

    int at(int image, int y, int x, int channel) {
        return ((image * height + y) * width + x) * channels + channel;
    }

    int rows() {
        return images * height * width;
    }

    boolean contains(int y, int x) {
        return y >= 0 && y < height && x >= 0 && x < width;
    }
}
