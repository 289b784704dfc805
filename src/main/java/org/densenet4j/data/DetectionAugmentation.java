package org.densenet4j.data;

import java.util.List;
import java.util.Objects;
import java.util.random.RandomGenerator;

/**
 * SSD's random changes to training images with boxes (Liu et al. 2016, arXiv 1512.02325, section
 * 2.2, and the authors' code), in this order: colours; in half of the images a canvas of the mean
 * colour that the image is put on, so that objects become smaller; a part of it; half of the images
 * mirrored. What is left is warped to the network's input.
 *
 * @param distortion of colours
 * @param mostExpansion largest canvas, as a multiple of the image's sides; 1 for none
 * @param crop whether a part of the image is taken
 * @param flip whether half of the images are mirrored left to right
 */
public record DetectionAugmentation(
        PhotometricDistortion distortion, double mostExpansion, boolean crop, boolean flip) {
    /** Leaves images as they are, but warps them. */
    public static final DetectionAugmentation NONE =
            new DetectionAugmentation(PhotometricDistortion.NONE, 1, false, false);

    /** All of it, canvases of up to four times the sides: as SSD and DSOD are trained. */
    public static final DetectionAugmentation SSD =
            new DetectionAugmentation(PhotometricDistortion.SSD, 4, true, true);

    /** The mean colour of ImageNet in the authors' code, RGB. */
    private static final int MEAN = 123 << 16 | 117 << 8 | 104;

    /** Pixels of a canvas. Of a larger one a network sees a few hundred rows anyway. */
    private static final double MOST_PIXELS = 1 << 22;

    /** Checks the expansion. */
    public DetectionAugmentation {
        Objects.requireNonNull(distortion, "distortion");
        if (!(mostExpansion >= 1 && mostExpansion <= 16)) {
            throw new IllegalArgumentException(
                    "expansion = " + mostExpansion + ": use 1 to 16 times the image's sides");
        }
    }

    /**
     * {@return this augmentation with half of the images mirrored, or not}
     *
     * @param on off for objects whose mirror image is another class, such as letters
     */
    public DetectionAugmentation withFlip(boolean on) {
        return new DetectionAugmentation(distortion, mostExpansion, crop, on);
    }

    /**
     * {@return this augmentation with other canvases}
     *
     * @param value largest, as a multiple of the image's sides; 1 for none
     */
    public DetectionAugmentation withExpansion(double value) {
        return new DetectionAugmentation(distortion, value, crop, flip);
    }

    /**
     * {@return this augmentation with other changes of colour}
     *
     * @param value how colours change
     */
    public DetectionAugmentation withDistortion(PhotometricDistortion value) {
        return new DetectionAugmentation(
                Objects.requireNonNull(value, "distortion"), mostExpansion, crop, flip);
    }

    /**
     * Changes an image and warps it.
     *
     * @param from of any size
     * @param height of the result
     * @param width of the result
     */
    AnnotatedImage apply(AnnotatedImage from, int height, int width, RandomGenerator random) {
        Image distorted = distortion.apply(from.image(), random);
        AnnotatedImage changed = new AnnotatedImage(distorted, from.objects());
        if (mostExpansion > 1 && random.nextBoolean()) {
            changed = expanded(changed, random);
        }
        Image image = changed.image();
        CropSampler.Window window =
                crop
                        ? CropSampler.draw(image.width(), image.height(), changed.objects(), random)
                        : new CropSampler.Window(0, 0, image.width(), image.height());
        AnnotatedImage warped = warped(changed, window, height, width);
        return flip && random.nextBoolean() ? mirrored(warped) : warped;
    }

    private AnnotatedImage expanded(AnnotatedImage from, RandomGenerator random) {
        double ratio = 1 + (mostExpansion - 1) * random.nextDouble();
        AnnotatedImage small = shrunk(from, ratio);
        Image image = small.image();
        if (image.channels() != 3) {
            throw new IllegalArgumentException(
                    "expansion needs RGB images, these have " + image.channels() + " channels");
        }
        int height = (int) Math.round(image.height() * ratio);
        int width = (int) Math.round(image.width() * ratio);
        int top = random.nextInt(height - image.height() + 1);
        int left = random.nextInt(width - image.width() + 1);
        return new AnnotatedImage(
                image.onto(height, width, top, left, MEAN),
                small.objects().stream().map(o -> o.withBox(o.box().moved(left, top))).toList());
    }

    /** An image small enough that its canvas does not fill the memory. */
    private static AnnotatedImage shrunk(AnnotatedImage from, double ratio) {
        Image image = from.image();
        double pixels = (double) image.height() * image.width() * ratio * ratio;
        if (pixels <= MOST_PIXELS) {
            return from;
        }
        double scale = Math.sqrt(MOST_PIXELS / pixels);
        CropSampler.Window whole = new CropSampler.Window(0, 0, image.width(), image.height());
        return warped(
                from,
                whole,
                Math.max(1, (int) (image.height() * scale)),
                Math.max(1, (int) (image.width() * scale)));
    }

    private static AnnotatedImage warped(
            AnnotatedImage from, CropSampler.Window window, int height, int width) {
        Image image =
                new Resampler(
                                from.image(),
                                window.top(),
                                window.left(),
                                window.height(),
                                window.width(),
                                Interpolation.BILINEAR)
                        .to(height, width);
        double x = (double) width / window.width();
        double y = (double) height / window.height();
        List<LabelledBox> objects =
                CropSampler.within(window, from.objects()).stream()
                        .map(o -> o.withBox(o.box().scaled(x, y).clipped(width, height)))
                        .toList();
        return new AnnotatedImage(image, objects);
    }

    private static AnnotatedImage mirrored(AnnotatedImage from) {
        double width = from.image().width();
        return new AnnotatedImage(
                from.image().oriented(ExifOrientation.MIRRORED),
                from.objects().stream().map(o -> o.withBox(o.box().mirrored(width))).toList());
    }
}
