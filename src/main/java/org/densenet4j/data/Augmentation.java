package org.densenet4j.data;

import org.jspecify.annotations.Nullable;

import java.util.Objects;
import java.util.random.RandomGenerator;

/**
 * Random changes to training images: a crop, a horizontal flip, colours.
 *
 * <p>What happens to an image depends on (seed, epoch, index) alone, not on threads or history.
 *
 * @param padding pixels of zero padding on each side before a crop of the same size, as the
 *     DenseNet paper trains on CIFAR (Huang et al. 2017, section 4.1); 0 for no crop. Padding is
 *     zero after normalisation, as in the authors' code.
 * @param flip whether half of the images are mirrored left to right
 * @param crop random resized crop of an image of any size, or null
 * @param jitter of colours
 */
public record Augmentation(
        int padding, boolean flip, @Nullable RandomResizedCrop crop, ColourJitter jitter) {
    /** Leaves images as they are. */
    public static final Augmentation NONE = new Augmentation(0, false);

    /** 4-pixel padding, crop and flip. */
    public static final Augmentation CIFAR = new Augmentation(4, true);

    /** 2-pixel padding and crop: for images whose mirror image is another class. */
    public static final Augmentation SHIFT = new Augmentation(2, false);

    /**
     * Random resized crop and flip, as torchvision trains on ImageNet. The authors' code also
     * jitters colours: {@code IMAGENET.withJitter(ColourJitter.IMAGENET)}.
     */
    public static final Augmentation IMAGENET =
            new Augmentation(0, true, RandomResizedCrop.IMAGENET, ColourJitter.NONE);

    /** Checks the padding. */
    public Augmentation {
        if (padding < 0 || padding > 1024) {
            throw new IllegalArgumentException("padding = " + padding + ": use 0 to 1024");
        }
        Objects.requireNonNull(jitter, "jitter");
    }

    /**
     * Padding, crop and flip.
     *
     * @param padding most pixels that an image is shifted by in each direction, 0 for none
     * @param flip whether half of the images are mirrored left to right
     */
    public Augmentation(int padding, boolean flip) {
        this(padding, flip, null, ColourJitter.NONE);
    }

    /**
     * {@return the same with another colour jitter}
     *
     * @param value the changes of colour
     */
    public Augmentation withJitter(ColourJitter value) {
        return new Augmentation(padding, flip, crop, value);
    }

    /** Whether it wants an image at its own size. */
    boolean cropsFreely() {
        return crop != null;
    }

    /**
     * Normalises and augments one image.
     *
     * @param image of {@code height}·{@code width}, or of any size when {@link #cropsFreely}
     * @param out receives HWC floats from {@code at} on
     */
    void apply(
            Image image,
            int height,
            int width,
            Normalisation normalisation,
            RandomGenerator random,
            float[] out,
            int at) {
        Image cropped = crop == null ? image : crop.apply(image, height, width, random);
        int dy = padding == 0 ? 0 : random.nextInt(-padding, padding + 1);
        int dx = padding == 0 ? 0 : random.nextInt(-padding, padding + 1);
        boolean mirror = flip && random.nextBoolean();
        float[] values = scaled(cropped, random);
        int channels = image.channels();
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                int sourceY = y + dy;
                int sourceX = (mirror ? width - 1 - x : x) + dx;
                boolean inside =
                        sourceY >= 0 && sourceY < height && sourceX >= 0 && sourceX < width;
                int target = at + (y * width + x) * channels;
                int source = (sourceY * width + sourceX) * channels;
                for (int c = 0; c < channels; c++) {
                    out[target + c] = inside ? normalisation.apply(values[source + c], c) : 0f;
                }
            }
        }
    }

    /** Values from 0 to 1, jittered. */
    private float[] scaled(Image image, RandomGenerator random) {
        byte[] pixels = image.pixels();
        float[] values = new float[pixels.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = (pixels[i] & 0xFF) / 255f;
        }
        if (jitter.active()) {
            if (image.channels() != 3) {
                throw new IllegalArgumentException(
                        "colour jitter needs RGB images, these have "
                                + image.channels()
                                + " channels");
            }
            jitter.apply(values, random);
        }
        return values;
    }
}
