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
     * {@return the same with another colour jitter}
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
     * {@return the same with half of the images upside down, or not}
     *
     * @param on for images that have no top, such as those of a microscope
     */
    public Augmentation withVerticalFlip(boolean on) {
        return new Augmentation(
                padding, flip, crop, jitter, on, rotation, randAugment, erasing, interpolation);
    }

    /**
     * {@return the same with images turned}
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
     * {@return the same with RandAugment}
     *
     * @param value its numbers, or null for none
     */
    public Augmentation withRandAugment(@Nullable RandAugment value) {
        return new Augmentation(
                padding, flip, crop, jitter, verticalFlip, rotation, value, erasing, interpolation);
    }

    /**
     * {@return the same with random erasing}
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
     * {@return the same with another interpolation of the random resized crop}
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
        float[] values = scaled(changed(cropped, further), random);
        int channels = image.channels();
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                int sourceY = (upsideDown ? height - 1 - y : y) + dy;
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
