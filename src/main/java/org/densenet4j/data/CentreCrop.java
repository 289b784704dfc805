package org.densenet4j.data;

import java.util.Objects;

/**
 * What evaluation makes of an image of any size: resized so that it just covers {@code 1/share}
 * times the network's input, cut out of the middle, and grey for a network of one channel. Training
 * tests on what this gives, and so does prediction.
 *
 * @param height rows of the network's input
 * @param width columns of the network's input
 * @param channels of the network's input: 3, or 1 for grey
 * @param share input size divided by the size before cropping, such as 224/256 = 0.875
 * @param keepExact whether an image of exactly the input size is taken as it is, not cropped
 * @param interpolation how it is resized
 */
public record CentreCrop(
        int height,
        int width,
        int channels,
        double share,
        boolean keepExact,
        Interpolation interpolation) {
    /** Of 256 pixels the middle 224, as torchvision evaluates. */
    public static final double SHARE = 0.875;

    private static final int MOST = 8192;

    /** Checks the numbers. */
    public CentreCrop {
        if (height < 1 || width < 1 || height > MOST || width > MOST) {
            throw new IllegalArgumentException(
                    "image size = " + height + "x" + width + ": use numbers from 1 to " + MOST);
        }
        if (channels != 3 && channels != 1) {
            throw new IllegalArgumentException(
                    "the network reads images of "
                            + channels
                            + " channels, and files of images give 3, or 1 as grey; use those, or a"
                            + " Dataset of your own");
        }
        if (!(share > 0.1 && share <= 1)) {
            throw new IllegalArgumentException(
                    "crop share = " + share + ": use a number above 0.1 and up to 1");
        }
        Objects.requireNonNull(interpolation, "interpolation");
    }

    /**
     * The same with bilinear interpolation.
     *
     * @param height rows of the network's input
     * @param width columns of the network's input
     * @param channels of the network's input: 3, or 1 for grey
     * @param share input size divided by the size before cropping, such as 224/256 = 0.875
     * @param keepExact whether an image of exactly the input size is taken as it is, not cropped
     */
    public CentreCrop(int height, int width, int channels, double share, boolean keepExact) {
        this(height, width, channels, share, keepExact, Interpolation.BILINEAR);
    }

    /**
     * {@return this crop with another share and interpolation}
     *
     * @param value both
     */
    public CentreCrop resizing(Resizing value) {
        Objects.requireNonNull(value, "value");
        return new CentreCrop(
                height, width, channels, value.cropShare(), keepExact, value.interpolation());
    }

    /**
     * {@return one of several views of an image: the network's input}
     *
     * @param image of any size
     * @param view which part, and whether it is mirrored
     */
    public Image view(Image image, ImageView view) {
        Objects.requireNonNull(image, "image");
        Objects.requireNonNull(view, "view");
        Image seen = image.inChannels(channels);
        Image part =
                view.isCentred()
                        ? cut(seen, 1)
                        : seen.resizedAndCut(height, width, share, interpolation, view);
        return view.mirrored() ? part.oriented(ExifOrientation.MIRRORED) : part;
    }

    /** {@return share and interpolation} */
    public Resizing resizing() {
        return new Resizing(interpolation, share);
    }

    /**
     * {@return the network's input: {@code height·width·channels} bytes}
     *
     * @param image of any size
     */
    public Image apply(Image image) {
        Objects.requireNonNull(image, "image");
        return cut(image.inChannels(channels), 1);
    }

    /**
     * {@return the part of an image that the network sees, at least {@code leastSide} pixels a
     * side}
     *
     * @param image of any size
     * @param leastSide pixels that both sides have at least
     */
    public Image visible(Image image, int leastSide) {
        Objects.requireNonNull(image, "image");
        if (leastSide > MOST) {
            throw new IllegalArgumentException(
                    "leastSide = " + leastSide + ": use a number up to " + MOST);
        }
        return cut(image, Math.max(1, Math.ceilDiv(leastSide, Math.min(height, width))));
    }

    private Image cut(Image image, int scale) {
        boolean exact = keepExact && image.height() == height && image.width() == width;
        if (exact && scale == 1) {
            return image;
        }
        return image.resizedAndCropped(
                height * scale, width * scale, exact ? 1 : share, interpolation);
    }
}
