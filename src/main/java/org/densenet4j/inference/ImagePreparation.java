package org.densenet4j.inference;

import org.densenet4j.data.Image;
import org.densenet4j.data.Normalisation;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;

/**
 * What evaluation does to an image before the network sees it: resized to cover the input size, cut
 * out of the middle, normalised. Networks see 7/8 of the shorter side, as torchvision evaluates;
 * those for small images see all of an image that already has the size of their input.
 *
 * @param height rows of the network's input
 * @param width columns of the network's input
 * @param channels of the network's input: 3, or 1 for grey
 * @param cropShare input size divided by the size before cropping
 * @param keepExact whether an image of exactly the input size is taken as it is
 */
public record ImagePreparation(
        int height,
        int width,
        int channels,
        double cropShare,
        boolean keepExact,
        Normalisation normalisation) {
    private static final double CROP = 0.875;

    /** Checks the channels. */
    public ImagePreparation {
        if (channels != 3 && channels != 1) {
            throw new IllegalArgumentException(
                    "the network reads images of " + channels + " channels, not colour or grey");
        }
    }

    /** For a network. */
    public static ImagePreparation of(DenseNetSpec spec, Normalisation normalisation) {
        return new ImagePreparation(
                spec.inputHeight(),
                spec.inputWidth(),
                spec.inputChannels(),
                CROP,
                spec.stem() == Stem.SMALL,
                normalisation);
    }

    /** Floats of one prepared image. */
    public int length() {
        return height * width * channels;
    }

    private double share(Image image) {
        return keepExact && image.height() == height && image.width() == width ? 1 : cropShare;
    }

    /** Prepares an image: HWC floats into {@code out} from {@code at} on. */
    public void prepare(Image image, float[] out, int at) {
        byte[] pixels = image.resizedAndCropped(height, width, share(image)).pixels();
        float[] mean = normalisation.mean();
        float[] deviation = normalisation.deviation();
        for (int p = 0; p < height * width; p++) {
            for (int c = 0; c < channels; c++) {
                float value =
                        channels == image.channels()
                                ? pixels[p * channels + c] & 0xFF
                                : grey(pixels, p * image.channels());
                out[at + p * channels + c] = (value / 255f - mean[c]) / deviation[c];
            }
        }
    }

    /** Luma as Pillow's {@code convert("L")} computes it (ITU-R 601-2). */
    private static float grey(byte[] rgb, int at) {
        return 0.299f * (rgb[at] & 0xFF)
                + 0.587f * (rgb[at + 1] & 0xFF)
                + 0.114f * (rgb[at + 2] & 0xFF);
    }

    /**
     * The part of an image that the network sees, at least {@code leastSide} pixels high and wide.
     */
    public Image visible(Image image, int leastSide) {
        int scale = Math.max(1, Math.ceilDiv(leastSide, Math.min(height, width)));
        return image.resizedAndCropped(height * scale, width * scale, share(image));
    }
}
