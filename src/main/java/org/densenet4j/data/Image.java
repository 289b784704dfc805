package org.densenet4j.data;

/**
 * One image of any size. The array is not copied.
 *
 * @param height rows of pixels
 * @param width columns of pixels
 * @param channels values per pixel
 * @param pixels H·W·C bytes, 0 to 255 unsigned, row by row, channels last
 */
public record Image(int height, int width, int channels, byte[] pixels) {
    /** Checks that the array fits. */
    public Image {
        if (height < 1 || width < 1 || channels < 1) {
            throw new IllegalArgumentException(
                    "an image of " + height + "x" + width + "x" + channels + " is empty");
        }
        if (pixels.length != Math.multiplyExact(Math.multiplyExact(height, width), channels)) {
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
     * Resized so that it just covers {@code resize} times the wanted size, then cut out of the
     * middle: torchvision's {@code Resize} and {@code CenterCrop}.
     *
     * @param cropShare wanted size divided by the size before cropping, such as 224/256 = 0.875
     */
    public Image resizedAndCropped(int wantedHeight, int wantedWidth, double cropShare) {
        if (!(cropShare > 0 && cropShare <= 1)) {
            throw new IllegalArgumentException(
                    "crop share = " + cropShare + ": use a number above 0 and up to 1");
        }
        long coverHeight = Math.max(wantedHeight, Math.round(wantedHeight / cropShare));
        long coverWidth = Math.max(wantedWidth, Math.round(wantedWidth / cropShare));
        boolean heightLimits = (long) height * coverWidth <= (long) width * coverHeight;
        // The other side is rounded down, as torchvision does.
        long newHeight = heightLimits ? coverHeight : coverWidth * height / width;
        long newWidth = heightLimits ? coverHeight * width / height : coverWidth;
        // What will be cut away need not be computed: only the middle of a very long image is kept.
        Image source = this;
        if (newHeight > 4 * coverHeight || newWidth > 4 * coverWidth) {
            int keepHeight =
                    (int) Math.min(height, Math.max(1, height * 4 * coverHeight / newHeight));
            int keepWidth = (int) Math.min(width, Math.max(1, width * 4 * coverWidth / newWidth));
            source = cut((height - keepHeight) / 2, (width - keepWidth) / 2, keepHeight, keepWidth);
            return source.resizedAndCropped(wantedHeight, wantedWidth, cropShare);
        }
        Image resized =
                new Resampler(source, 0, 0, height, width).to((int) newHeight, (int) newWidth);
        return resized.cut(
                (int) Math.rint((newHeight - wantedHeight) / 2.0),
                (int) Math.rint((newWidth - wantedWidth) / 2.0),
                wantedHeight,
                wantedWidth);
    }

    private Image cut(int top, int left, int newHeight, int newWidth) {
        byte[] out = new byte[newHeight * newWidth * channels];
        for (int y = 0; y < newHeight; y++) {
            System.arraycopy(
                    pixels,
                    ((top + y) * width + left) * channels,
                    out,
                    y * newWidth * channels,
                    newWidth * channels);
        }
        return new Image(newHeight, newWidth, channels, out);
    }
}
