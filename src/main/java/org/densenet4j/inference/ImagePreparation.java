package org.densenet4j.inference;

import org.densenet4j.data.CentreCrop;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageView;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.Resizing;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.spec.Stem;

import java.util.Objects;

/**
 * What evaluation does to an image before the network sees it: resized to cover the input size, cut
 * out of the middle, normalised. Networks see 7/8 of the shorter side, as torchvision evaluates;
 * those for small images, and networks of one's own, see all of an image that already has the size
 * of their input.
 *
 * @param crop what becomes of the pixels
 * @param normalisation of every channel
 */
public record ImagePreparation(CentreCrop crop, Normalisation normalisation) {
    /** Both are needed, for the same number of channels. */
    public ImagePreparation {
        Objects.requireNonNull(crop, "crop");
        Objects.requireNonNull(normalisation, "normalisation");
        if (normalisation.mean().length != crop.channels()) {
            throw new IllegalArgumentException(
                    "a normalisation of "
                            + normalisation.mean().length
                            + " channels for images of "
                            + crop.channels());
        }
    }

    /**
     * For a network.
     *
     * @param spec the network
     * @param normalisation of as many channels as the network takes
     * @return the crop and normalisation of its input
     */
    public static ImagePreparation of(NetworkSpec spec, Normalisation normalisation) {
        Objects.requireNonNull(spec, "spec");
        Objects.requireNonNull(normalisation, "normalisation");

        return new ImagePreparation(crop(spec), normalisation);
    }

    /**
     * For a network whose images are resized in a way of their own.
     *
     * @param spec the network
     * @param normalisation of as many channels as the network takes
     * @param resizing how images of any size become its input
     * @return the crop and normalisation of its input
     */
    public static ImagePreparation of(
            NetworkSpec spec, Normalisation normalisation, Resizing resizing) {
        Objects.requireNonNull(spec, "spec");
        Objects.requireNonNull(normalisation, "normalisation");
        Objects.requireNonNull(resizing, "resizing");

        return new ImagePreparation(crop(spec).resizing(resizing), normalisation);
    }

    /**
     * {@return the crop for a network: what an {@link org.densenet4j.data.ImageFolder} is read
     * with}
     *
     * @param spec the network
     */
    public static CentreCrop crop(NetworkSpec spec) {
        Objects.requireNonNull(spec, "spec");
        return new CentreCrop(
                spec.inputHeight(),
                spec.inputWidth(),
                spec.inputChannels(),
                CentreCrop.SHARE,
                !isForLargeImages(spec));
    }

    /**
     * Networks with the stem for large images see them as torchvision evaluates.
     *
     * @param spec the network
     * @return false for networks whose stem is for small images
     */
    public static boolean isForLargeImages(NetworkSpec spec) {
        Objects.requireNonNull(spec, "spec");
        return Stem.of(spec).filter(stem -> stem != Stem.SMALL).isPresent();
    }

    /** {@return floats of one prepared image} */
    public int length() {
        return crop.height() * crop.width() * crop.channels();
    }

    /**
     * Prepares an image: HWC floats.
     *
     * @param image of any size, in colour or grey
     * @return floats [height, width, channels] as the network takes them
     */
    public float[] prepare(Image image) {
        Objects.requireNonNull(image, "image");
        float[] out = new float[length()];
        prepare(image, out, 0);
        return out;
    }

    /**
     * Prepares an image: HWC floats into {@code out} from {@code at} on.
     *
     * @param image of any size, in colour or grey
     * @param out receives floats [height, width, channels]
     * @param at where the first one is put
     */
    public void prepare(Image image, float[] out, int at) {
        Objects.requireNonNull(image, "image");
        Objects.requireNonNull(out, "out");
        if (at < 0 || length() > out.length - at) {
            throw new IllegalArgumentException(
                    "out: " + length() + " floats from " + at + " on, the array has " + out.length);
        }
        normalisation.apply(crop.apply(image), out, at);
    }

    /**
     * Prepares one of several views of an image: HWC floats into {@code out} from {@code at} on.
     *
     * @param image of any size, in colour or grey
     * @param view which part, and whether it is mirrored
     * @param out receives floats [height, width, channels]
     * @param at where the first one is put
     */
    public void prepare(Image image, ImageView view, float[] out, int at) {
        Objects.requireNonNull(image, "image");
        Objects.requireNonNull(view, "view");
        Objects.requireNonNull(out, "out");
        normalisation.apply(crop.view(image, view), out, at);
    }

    /**
     * {@return the part of an image that the network sees, at least {@code leastSide} pixels high
     * and wide}
     *
     * @param image of any size, in colour or grey
     * @param leastSide pixels that both sides have at least
     */
    public Image visible(Image image, int leastSide) {
        Objects.requireNonNull(image, "image");
        return crop.visible(image, leastSide);
    }
}
