package org.densenet4j.data;

/**
 * How image files are decoded.
 *
 * @param mostPixels larger images are refused before they are decoded
 * @param exifOrientation whether images are turned upright as their Exif orientation says. It is
 *     ignored by default, as torchvision and timm do.
 */
public record DecodeOptions(long mostPixels, boolean exifOrientation) {
    /** At most {@link ImageFile#MOST_PIXELS}, as the pixels are stored. */
    public static final DecodeOptions DEFAULT = new DecodeOptions(ImageFile.MOST_PIXELS, false);

    /** Checks the limit. */
    public DecodeOptions {
        if (mostPixels < 1) {
            throw new IllegalArgumentException(
                    "largest image = " + mostPixels + " pixels: use 1 or more");
        }
    }

    /**
     * {@return the same with another limit}
     *
     * @param pixels 1 or more; images with more are refused
     */
    public DecodeOptions withMostPixels(long pixels) {
        return new DecodeOptions(pixels, exifOrientation);
    }

    /**
     * {@return the same with the Exif orientation followed or ignored}
     *
     * @param on whether files are turned upright as their Exif data says
     */
    public DecodeOptions withExifOrientation(boolean on) {
        return new DecodeOptions(mostPixels, on);
    }
}
