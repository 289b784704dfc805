package org.densenet4j.data;

import java.util.Objects;

/**
 * One image of any size. The array is not copied.
 *
 * @param height rows of pixels
 * @param width columns of pixels
 * @param channels values per pixel
 * @param pixels H·W·C bytes, 0 to 255 unsigned, row by row, channels last
 */
public record Image(int height, int width, int channels, byte[] pixels) {
    /** Pixels of an image that is made of another: three values of each fit an array. */
    private static final int MOST = 1 << 29;

    /** Checks that the array fits. */
    public Image {
        Objects.requireNonNull(pixels, "pixels");
        if (height < 1 || width < 1 || channels < 1) {
            throw new IllegalArgumentException(
                    "an image of " + height + "x" + width + "x" + channels + " is empty");
        }
        if (pixels.length != (double) height * width * channels) {
            throw new IllegalArgumentException(
                    "an image of "
                            + height
                            + "x"
                            + width
                            + "x"
                            + channels
                            + " does not have "
                            + pixels.length
                            + " bytes");
        }
    }

    /**
     * Resized bilinearly so that it just covers the wanted size divided by {@code cropShare}, then
     * cut out of the middle: torchvision's {@code Resize} and {@code CenterCrop}.
     *
     * @param wantedHeight rows of pixels, 1 or more
     * @param wantedWidth columns of pixels, 1 or more
     * @param cropShare wanted size divided by the size before cropping, such as 224/256 = 0.875
     * @return a new image of the wanted size
     */
    public Image resizedAndCropped(int wantedHeight, int wantedWidth, double cropShare) {
        return resizedAndCropped(wantedHeight, wantedWidth, cropShare, Interpolation.BILINEAR);
    }

    /**
     * Resized so that it just covers the wanted size divided by {@code cropShare}, then cut out of
     * the middle: torchvision's {@code Resize} and {@code CenterCrop}.
     *
     * @param wantedHeight rows of pixels, 1 or more
     * @param wantedWidth columns of pixels, 1 or more
     * @param cropShare wanted size divided by the size before cropping. The usual 0.875 gives the
     *     nearest size (342 for 299, as torchvision's models have it), others are rounded down as
     *     timm does
     * @param interpolation how it is resized
     * @return a new image of the wanted size
     */
    public Image resizedAndCropped(
            int wantedHeight, int wantedWidth, double cropShare, Interpolation interpolation) {
        Objects.requireNonNull(interpolation, "interpolation");
        return resizedAndCut(wantedHeight, wantedWidth, cropShare, interpolation, ImageView.CENTRE);
    }

    /** Resized for a crop, of which the part that a view shows is cut out; not mirrored. */
    Image resizedAndCut(
            int wantedHeight,
            int wantedWidth,
            double cropShare,
            Interpolation interpolation,
            ImageView view) {
        if (wantedHeight < 1 || wantedWidth < 1 || (double) wantedHeight * wantedWidth > MOST) {
            throw new IllegalArgumentException(
                    "an image resized to "
                            + wantedHeight
                            + "x"
                            + wantedWidth
                            + ": use 1 or more of each, and "
                            + MOST
                            + " pixels at most");
        }
        if (!(cropShare > 0 && cropShare <= 1)) {
            throw new IllegalArgumentException(
                    "crop share = " + cropShare + ": use a number above 0 and up to 1");
        }
        long coverHeight = covering(wantedHeight, cropShare);
        long coverWidth = covering(wantedWidth, cropShare);
        boolean heightLimits = (long) height * coverWidth <= (long) width * coverHeight;
        // The other side is rounded down, as torchvision does.
        long newHeight = heightLimits ? coverHeight : coverWidth * height / width;
        long newWidth = heightLimits ? coverHeight * width / height : coverWidth;
        // What is cut away is not computed: one side of a long image may be billions of pixels.
        return new Resampler(this, 0, 0, height, width, interpolation)
                .window(
                        newHeight,
                        newWidth,
                        view.top(newHeight - wantedHeight),
                        view.left(newWidth - wantedWidth),
                        wantedHeight,
                        wantedWidth);
    }

    /**
     * Resized bilinearly to any shape, the whole image: as networks that find objects see it.
     *
     * @param wantedHeight rows of pixels, 1 or more
     * @param wantedWidth columns of pixels, 1 or more
     * @return a new image of the wanted size
     */
    public Image warped(int wantedHeight, int wantedWidth) {
        if (wantedHeight < 1 || wantedWidth < 1 || (double) wantedHeight * wantedWidth > MOST) {
            throw new IllegalArgumentException(
                    "an image warped to "
                            + wantedHeight
                            + "x"
                            + wantedWidth
                            + ": use 1 or more of each, and "
                            + MOST
                            + " pixels at most");
        }
        return new Resampler(this, 0, 0, height, width, Interpolation.BILINEAR)
                .to(wantedHeight, wantedWidth);
    }

    private static long covering(int wanted, double cropShare) {
        double size = wanted / cropShare;
        return Math.max(
                wanted, cropShare == CentreCrop.SHARE ? Math.round(size) : (long) (size + 1e-9));
    }

    /**
     * {@return in another number of channels: RGB as luma, which Pillow's {@code convert("L")}
     * computes in the same way (ITU-R 601-2), or grey repeated}
     *
     * @param wanted 1 for grey, 3 for colour
     * @throws IllegalArgumentException when both numbers are not among 1 and 3
     */
    public Image inChannels(int wanted) {
        if (wanted == channels) {
            return this;
        }
        if (channels == 3 && wanted == 1) {
            return grey();
        }
        if (channels == 1 && wanted == 3) {
            return repeated();
        }
        throw new IllegalArgumentException(
                "an image of " + channels + " channels cannot be one of " + wanted);
    }

    private Image grey() {
        byte[] luma = new byte[pixels.length / 3];
        for (int i = 0; i < luma.length; i++) {
            int red = pixels[3 * i] & 0xFF;
            int green = pixels[3 * i + 1] & 0xFF;
            int blue = pixels[3 * i + 2] & 0xFF;
            luma[i] = (byte) ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16);
        }
        return new Image(height, width, 1, luma);
    }

    private Image repeated() {
        byte[] rgb = new byte[Math.multiplyExact(3, pixels.length)];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = pixels[i / 3];
        }
        return new Image(height, width, 3, rgb);
    }

    /**
     * Turned upright.
     *
     * @param exif the orientation as Exif counts it, 1 to 8: where row 0 and column 0 of the stored
     *     image belong; 1 leaves it as it is
     */
    Image oriented(int exif) {
        if (exif == 1) {
            return this;
        }
        boolean transposed = exif >= 5;
        boolean bottomUp = exif == 3 || exif == 4 || exif == 7 || exif == 8;
        boolean rightToLeft = exif == 2 || exif == 3 || exif == 6 || exif == 7;
        int newHeight = transposed ? width : height;
        int newWidth = transposed ? height : width;
        byte[] out = new byte[pixels.length];
        int at = 0;
        for (int y = 0; y < newHeight; y++) {
            for (int x = 0; x < newWidth; x++) {
                int turnedY = bottomUp ? newHeight - 1 - y : y;
                int turnedX = rightToLeft ? newWidth - 1 - x : x;
                int from = transposed ? turnedX * width + turnedY : turnedY * width + turnedX;
                for (int c = 0; c < channels; c++) {
                    out[at++] = pixels[from * channels + c];
                }
            }
        }
        return new Image(newHeight, newWidth, channels, out);
    }

    /** This RGB image on a canvas of one colour. */
    Image onto(int canvasHeight, int canvasWidth, int top, int left, int rgb) {
        byte[] canvas = new byte[Math.multiplyExact(3 * canvasHeight, canvasWidth)];
        for (int i = 0; i < canvas.length && rgb != 0; i += 3) {
            canvas[i] = (byte) (rgb >> 16);
            canvas[i + 1] = (byte) (rgb >> 8);
            canvas[i + 2] = (byte) rgb;
        }
        for (int y = 0; y < height; y++) {
            int at = 3 * ((top + y) * canvasWidth + left);
            System.arraycopy(pixels, 3 * y * width, canvas, at, 3 * width);
        }
        return new Image(canvasHeight, canvasWidth, 3, canvas);
    }
}
