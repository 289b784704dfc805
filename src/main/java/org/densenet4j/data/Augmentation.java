package org.densenet4j.data;

import org.jspecify.annotations.Nullable;

import java.util.Arrays;
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
 * @param verticalFlip whether half of the images are turned upside down
 * @param rotation images are turned by up to so many degrees to either side, with the nearest pixel
 *     and black corners, as torchvision's {@code RandomRotation}; 0 for none
 * @param randAugment changes that are drawn of many, or null
 * @param erasing of a box of normalised values, or null
 * @param interpolation of the random resized crop
 */
public record Augmentation(
        int padding,
        boolean flip,
        @Nullable RandomResizedCrop crop,
        ColourJitter jitter,
        boolean verticalFlip,
        double rotation,
        @Nullable RandAugment randAugment,
        @Nullable RandomErasing erasing,
        Interpolation interpolation) {
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
        if (!(rotation >= 0 && rotation <= 180)) {
            throw new IllegalArgumentException("rotation = " + rotation + ": use 0 to 180 degrees");
        }
        Objects.requireNonNull(interpolation, "interpolation");
    }

    /**
     * Padding, crops, flip and colours.
     *
     * @param padding most pixels that an image is shifted by in each direction, 0 for none
     * @param flip whether half of the images are mirrored left to right
     * @param crop random resized crop of an image of any size, or null
     * @param jitter of colours
     */
    public Augmentation(
            int padding, boolean flip, @Nullable RandomResizedCrop crop, ColourJitter jitter) {
        this(padding, flip, crop, jitter, false, 0, null, null, Interpolation.BILINEAR);
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
     * {@return this augmentation with another colour jitter}
     *
     * @param value the changes of colour
     */
    public Augmentation withJitter(ColourJitter value) {
        return new Augmentation(
                padding,
                flip,
                crop,
                value,
                verticalFlip,
                rotation,
                randAugment,
                erasing,
                interpolation);
    }

    /**
     * {@return this augmentation with half of the images upside down, or not}
     *
     * @param on for images that have no top, such as those of a microscope
     */
    public Augmentation withVerticalFlip(boolean on) {
        return new Augmentation(
                padding, flip, crop, jitter, on, rotation, randAugment, erasing, interpolation);
    }

    /**
     * {@return this augmentation with images turned}
     *
     * @param degrees at most, to either side; 0 for none
     */
    public Augmentation withRotation(double degrees) {
        return new Augmentation(
                padding,
                flip,
                crop,
                jitter,
                verticalFlip,
                degrees,
                randAugment,
                erasing,
                interpolation);
    }

    /**
     * {@return this augmentation with RandAugment}
     *
     * @param value its numbers, or null for none
     */
    public Augmentation withRandAugment(@Nullable RandAugment value) {
        return new Augmentation(
                padding, flip, crop, jitter, verticalFlip, rotation, value, erasing, interpolation);
    }

    /**
     * {@return this augmentation with random erasing}
     *
     * @param value how often and with what, or null for none
     */
    public Augmentation withErasing(@Nullable RandomErasing value) {
        return new Augmentation(
                padding,
                flip,
                crop,
                jitter,
                verticalFlip,
                rotation,
                randAugment,
                value,
                interpolation);
    }

    /**
     * {@return this augmentation with another interpolation of the random resized crop}
     *
     * @param value how images are resized
     */
    public Augmentation withInterpolation(Interpolation value) {
        return new Augmentation(
                padding, flip, crop, jitter, verticalFlip, rotation, randAugment, erasing, value);
    }

    /** Whether it wants an image at its own size. */
    boolean cropsFreely() {
        return crop != null;
    }

    /**
     * Normalises and augments one image.
     *
     * @param image of {@code height}·{@code width}, or of any size when {@link #cropsFreely}
     * @param further draws of what {@code random} does not draw: upside down, rotation, RandAugment
     *     and erasing
     * @param out receives HWC floats from {@code at} on
     */
    void apply(
            Image image,
            int height,
            int width,
            Normalisation normalisation,
            RandomGenerator random,
            RandomGenerator further,
            float[] out,
            int at) {
        Image cropped =
                crop == null ? image : crop.apply(image, height, width, interpolation, random);
        int dy = padding == 0 ? 0 : random.nextInt(-padding, padding + 1);
        int dx = padding == 0 ? 0 : random.nextInt(-padding, padding + 1);
        boolean mirror = flip && random.nextBoolean();
        boolean upsideDown = verticalFlip && further.nextBoolean();
        Image changed = changed(cropped, further);
        float[] values =
                jitter.active()
                        ? normalised(jittered(changed, random), image.channels(), normalisation)
                        : normalised(changed, normalisation);
        int channels = image.channels();
        for (int y = 0; y < height; y++) {
            int sourceY = (upsideDown ? height - 1 - y : y) + dy;
            int target = at + y * width * channels;
            if (sourceY < 0 || sourceY >= height) {
                Arrays.fill(out, target, target + width * channels, 0f);
            } else {
                int source = sourceY * width * channels;
                placeRow(values, source, dx, mirror, out, target, width, channels);
            }
        }
        if (erasing != null) {
            erasing.apply(out, at, height, width, channels, further);
        }
    }

    /** What changes pixels of 8 bits. */
    private Image changed(Image image, RandomGenerator further) {
        Image turned = image;
        if (rotation > 0) {
            double degrees = rotation * (2 * further.nextDouble() - 1);
            turned = AffineTransform.rotation(degrees, image.height(), image.width()).apply(image);
        }
        return randAugment == null ? turned : randAugment.apply(turned, further);
    }

    /** A row that is shifted, and mirrored before that: zeros come in where it has no pixels. */
    private static void placeRow(
            float[] values,
            int source,
            int shift,
            boolean mirror,
            float[] out,
            int target,
            int width,
            int channels) {
        int begin = Math.clamp(mirror ? shift : -shift, 0, width);
        int end = Math.clamp(width + (mirror ? shift : -shift), 0, width);
        Arrays.fill(out, target, target + begin * channels, 0f);
        Arrays.fill(out, target + end * channels, target + width * channels, 0f);
        if (mirror) {
            for (int x = begin; x < end; x++) {
                int from = source + (width - 1 - x + shift) * channels;
                for (int c = 0; c < channels; c++) {
                    out[target + x * channels + c] = values[from + c];
                }
            }
        } else {
            int from = source + (begin + shift) * channels;
            int length = (end - begin) * channels;
            System.arraycopy(values, from, out, target + begin * channels, length);
        }
    }

    private float[] jittered(Image image, RandomGenerator random) {
        if (image.channels() != 3) {
            throw new IllegalArgumentException(
                    "colour jitter needs RGB images, these have " + image.channels() + " channels");
        }
        byte[] pixels = image.pixels();
        float[] values = new float[pixels.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = share(pixels[i] & 0xFF);
        }
        jitter.apply(values, random);
        return values;
    }

    /** A value of 8 bits as one from 0 to 1. */
    private static float share(int value) {
        return value / 255f;
    }

    /** In place. */
    private static float[] normalised(float[] values, int channels, Normalisation normalisation) {
        for (int i = 0; i < values.length; i++) {
            values[i] = normalisation.apply(values[i], i % channels);
        }
        return values;
    }

    /** Through a table: there are but 256 values of a channel, and divisions take their time. */
    private static float[] normalised(Image image, Normalisation normalisation) {
        int channels = image.channels();
        byte[] pixels = image.pixels();
        float[] values = new float[pixels.length];
        float[] table = new float[256];
        for (int c = 0; c < channels; c++) {
            for (int v = 0; v < table.length; v++) {
                table[v] = normalisation.apply(share(v), c);
            }
            for (int i = c; i < pixels.length; i += channels) {
                values[i] = table[pixels[i] & 0xFF];
            }
        }
        return values;
    }
}
