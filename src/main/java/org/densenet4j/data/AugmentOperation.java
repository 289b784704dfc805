package org.densenet4j.data;

/**
 * The changes that {@link RandAugment} draws from, by torchvision's names and in its order, and
 * with its arithmetic on Pillow's images.
 */
enum AugmentOperation {
    IDENTITY,
    SHEAR_X,
    SHEAR_Y,
    TRANSLATE_X,
    TRANSLATE_Y,
    ROTATE,
    BRIGHTNESS,
    COLOR,
    CONTRAST,
    SHARPNESS,
    POSTERIZE,
    SOLARIZE,
    AUTO_CONTRAST,
    EQUALIZE;

    /** Whether it goes in both directions. */
    boolean isSigned() {
        return ordinal() >= SHEAR_X.ordinal() && ordinal() <= SHARPNESS.ordinal();
    }

    /**
     * How much it changes an image at a level.
     *
     * @param level from 0 to below {@code levels}
     */
    double magnitude(int level, int levels, Image image) {
        return switch (this) {
            case SHEAR_X, SHEAR_Y -> linear(0, 0.3, level, levels);
            case TRANSLATE_X -> linear(0, 150.0 / 331.0 * image.width(), level, levels);
            case TRANSLATE_Y -> linear(0, 150.0 / 331.0 * image.height(), level, levels);
            case ROTATE -> linear(0, 30, level, levels);
            case BRIGHTNESS, COLOR, CONTRAST, SHARPNESS -> linear(0, 0.9, level, levels);
            case POSTERIZE -> 8 - Math.rint(level / ((levels - 1) / 4f));
            case SOLARIZE -> linear(255, 0, level, levels);
            case IDENTITY, AUTO_CONTRAST, EQUALIZE -> 0;
        };
    }

    /** As {@code torch.linspace} computes it in single precision: from both ends to the middle. */
    private static double linear(double start, double end, int level, int levels) {
        float step = ((float) end - (float) start) / (levels - 1);
        return level < levels / 2
                ? Math.fma(step, level, (float) start)
                : Math.fma(-step, levels - 1 - level, (float) end);
    }

    Image apply(Image image, double magnitude) {
        return switch (this) {
            case IDENTITY -> image;
            case SHEAR_X -> AffineTransform.shearX(magnitude).apply(image);
            case SHEAR_Y -> AffineTransform.shearY(magnitude).apply(image);
            case TRANSLATE_X -> AffineTransform.shift((int) magnitude, 0).apply(image);
            case TRANSLATE_Y -> AffineTransform.shift(0, (int) magnitude).apply(image);
            case ROTATE ->
                    AffineTransform.rotation(magnitude, image.height(), image.width()).apply(image);
            case BRIGHTNESS -> Enhancement.brightness(image, 1 + magnitude);
            case COLOR -> Enhancement.colour(image, 1 + magnitude);
            case CONTRAST -> Enhancement.contrast(image, 1 + magnitude);
            case SHARPNESS -> Enhancement.sharpness(image, 1 + magnitude);
            case POSTERIZE -> PixelTable.posterised(image, (int) magnitude);
            case SOLARIZE -> PixelTable.solarised(image, magnitude);
            case AUTO_CONTRAST -> PixelTable.stretched(image);
            case EQUALIZE -> PixelTable.equalised(image);
        };
    }
}
