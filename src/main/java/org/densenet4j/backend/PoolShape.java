package org.densenet4j.backend;

/**
 * The windows of a pool over an image, as PyTorch lays them.
 *
 * <p>Window {@code h} starts at row {@code h·stride − padding} of the image; pixels of the padding
 * are no maximum, and are zeros of a mean. There are
 *
 * <pre>
 * floor((height + 2·padding − kernelHeight) / stride) + 1
 * </pre>
 *
 * rows of windows. With {@code ceil} the division rounds up, so that no pixel is left out, but a
 * window that would start behind the image's last row is dropped. Columns are the same.
 *
 * @param height rows of an image
 * @param width columns of an image
 * @param kernelHeight rows of a window
 * @param kernelWidth columns of a window
 * @param stride step in both directions
 * @param padding pixels on each side, at most half of the window
 * @param ceil whether the number of windows is rounded up
 */
public record PoolShape(
        int height,
        int width,
        int kernelHeight,
        int kernelWidth,
        int stride,
        int padding,
        boolean ceil) {

    /**
     * Checks what PyTorch checks.
     *
     * @throws IllegalArgumentException when sizes are not positive, when the padding is more than
     *     half of a window, or when no window fits into the image
     */
    public PoolShape {
        if (Math.min(Math.min(height, width), Math.min(kernelHeight, kernelWidth)) < 1
                || stride < 1) {
            throw new IllegalArgumentException(
                    "a "
                            + kernelHeight
                            + "x"
                            + kernelWidth
                            + "/"
                            + stride
                            + " pool over "
                            + height
                            + "x"
                            + width
                            + " pixels: sizes and stride must be at least 1");
        }
        if (padding < 0 || 2 * padding > Math.min(kernelHeight, kernelWidth)) {
            throw new IllegalArgumentException(
                    "padding "
                            + padding
                            + " of a "
                            + kernelHeight
                            + "x"
                            + kernelWidth
                            + " pool: it must be from 0 to half of the window");
        }
        if (windows(height, kernelHeight, stride, padding, ceil) < 1
                || windows(width, kernelWidth, stride, padding, ceil) < 1) {
            throw new IllegalArgumentException(
                    "a "
                            + kernelHeight
                            + "x"
                            + kernelWidth
                            + " pool with padding "
                            + padding
                            + " does not fit into "
                            + height
                            + "x"
                            + width
                            + " pixels; take a smaller window or larger images");
        }
    }

    /**
     * {@return one window over the whole image}
     *
     * @param height rows of an image
     * @param width columns of an image
     */
    public static PoolShape global(int height, int width) {
        return new PoolShape(height, width, height, width, 1, 0, false);
    }

    /** {@return whether there is one window, over the whole image and nothing else} */
    public boolean isGlobal() {
        return kernelHeight == height && kernelWidth == width && padding == 0;
    }

    private static int windows(int size, int kernel, int stride, int padding, boolean ceil) {
        int steps = size + 2 * padding - kernel;
        if (!ceil) {
            return Math.floorDiv(steps, stride) + 1;
        }
        int count = Math.ceilDiv(steps, stride) + 1;
        return (count - 1) * stride >= size + padding ? count - 1 : count;
    }

    /** {@return rows of windows} */
    public int outHeight() {
        return windows(height, kernelHeight, stride, padding, ceil);
    }

    /** {@return columns of windows} */
    public int outWidth() {
        return windows(width, kernelWidth, stride, padding, ceil);
    }

    /** {@return pixels of an image} */
    public int pixels() {
        return height * width;
    }

    /**
     * Windows of an image.
     *
     * @return rows times columns of windows
     */
    public int outPixels() {
        return outHeight() * outWidth();
    }

    /**
     * {@return first row of the image in a row of windows}
     *
     * @param outRow row of windows, from 0
     */
    public int top(int outRow) {
        return Math.max(0, outRow * stride - padding);
    }

    /**
     * {@return the row behind the last one of the image in a row of windows}
     *
     * @param outRow row of windows, from 0
     */
    public int bottom(int outRow) {
        return Math.min(height, outRow * stride - padding + kernelHeight);
    }

    /**
     * {@return first column of the image in a column of windows}
     *
     * @param outColumn column of windows, from 0
     */
    public int left(int outColumn) {
        return Math.max(0, outColumn * stride - padding);
    }

    /**
     * {@return the column behind the last one of the image in a column of windows}
     *
     * @param outColumn column of windows, from 0
     */
    public int right(int outColumn) {
        return Math.min(width, outColumn * stride - padding + kernelWidth);
    }

    /**
     * {@return first row of windows that have a row of the image}
     *
     * @param row of the image, from 0
     */
    public int firstOver(int row) {
        return Math.max(0, Math.ceilDiv(row + padding - kernelHeight + 1, stride));
    }

    /**
     * Behind the last row of windows that have a row of the image.
     *
     * @param row of the image, from 0
     * @return the end of a half-open range, at most the rows of windows
     */
    public int endOver(int row) {
        return Math.min(outHeight(), (row + padding) / stride + 1);
    }

    /**
     * {@return first column of windows that have a column of the image}
     *
     * @param column of the image, from 0
     */
    public int firstBeside(int column) {
        return Math.max(0, Math.ceilDiv(column + padding - kernelWidth + 1, stride));
    }

    /**
     * Behind the last column of windows that have a column of the image.
     *
     * @param column of the image, from 0
     * @return the end of a half-open range, at most the columns of windows
     */
    public int endBeside(int column) {
        return Math.min(outWidth(), (column + padding) / stride + 1);
    }

    /**
     * {@return what a pixel counts in a window's mean: 1/elements, where elements of the padding
     * count (as PyTorch's {@code count_include_pad=True} has it) and those behind the padding,
     * which a rounded up number of windows reaches, do not}
     *
     * @param outRow row of windows, from 0
     * @param outColumn column of windows, from 0
     */
    public float share(int outRow, int outColumn) {
        int rows = Math.min(kernelHeight, height + 2 * padding - outRow * stride);
        int columns = Math.min(kernelWidth, width + 2 * padding - outColumn * stride);
        return 1f / (rows * columns);
    }

    @Override
    public String toString() {
        return kernelHeight
                + "x"
                + kernelWidth
                + "/"
                + stride
                + " pool of "
                + height
                + "x"
                + width
                + " pixels";
    }
}
