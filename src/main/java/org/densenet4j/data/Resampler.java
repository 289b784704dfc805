package org.densenet4j.data;

/**
 * Bilinear resampling with antialiasing: a triangle filter whose support grows with the reduction,
 * first along rows, then along columns, rounded to bytes in between. This is how Pillow and
 * torchvision resize; Java's own bilinear scaling skips pixels when it makes an image smaller.
 */
final class Resampler {
    private final Image source;
    private final int top;
    private final int left;
    private final int boxHeight;
    private final int boxWidth;

    /** Resamples a box of an image; nothing outside of the box is looked at. */
    Resampler(Image source, int top, int left, int boxHeight, int boxWidth) {
        this.source = source;
        this.top = top;
        this.left = left;
        this.boxHeight = boxHeight;
        this.boxWidth = boxWidth;
    }

    Image to(int height, int width) {
        return window(height, width, 0, 0, height, width);
    }

    /**
     * A part of the box as it looks when the box is resized to {@code fullHeight} times {@code
     * fullWidth} pixels; only this part is computed.
     */
    Image window(
            long fullHeight, long fullWidth, long fromRow, long fromColumn, int height, int width) {
        int channels = source.channels();
        Filter filter = new Filter(boxHeight, fullHeight, fromRow, height);
        int firstRow = filter.first[0];
        byte[] rows =
                alongRows(
                        new Filter(boxWidth, fullWidth, fromColumn, width),
                        firstRow,
                        filter.end() - firstRow,
                        width);
        byte[] out = new byte[height * width * channels];
        int stride = width * channels;
        for (int y = 0; y < height; y++) {
            float[] weights = filter.weights[y];
            int first = filter.first[y] - firstRow;
            for (int i = 0; i < stride; i++) {
                float sum = 0.5f;
                for (int t = 0; t < weights.length; t++) {
                    sum += weights[t] * (rows[(first + t) * stride + i] & 0xFF);
                }
                out[y * stride + i] = (byte) Math.min(255, (int) sum);
            }
        }
        return new Image(height, width, channels, out);
    }

    private byte[] alongRows(Filter filter, int firstRow, int count, int width) {
        int channels = source.channels();
        byte[] pixels = source.pixels();
        byte[] rows = new byte[Math.multiplyExact(count, width * channels)];
        int at = 0;
        for (int y = firstRow; y < firstRow + count; y++) {
            int row = ((top + y) * source.width() + left) * channels;
            for (int x = 0; x < width; x++) {
                float[] weights = filter.weights[x];
                int first = row + filter.first[x] * channels;
                for (int c = 0; c < channels; c++) {
                    float sum = 0.5f;
                    for (int t = 0; t < weights.length; t++) {
                        sum += weights[t] * (pixels[first + t * channels + c] & 0xFF);
                    }
                    rows[at++] = (byte) Math.min(255, (int) sum);
                }
            }
        }
        return rows;
    }

    /** For each output position: the first input position and the weights from there on. */
    private static final class Filter {
        final int[] first;
        final float[][] weights;

        Filter(int in, long out, long from, int count) {
            first = new int[count];
            weights = new float[count][];
            double scale = (double) in / out;
            double support = Math.max(1, scale);
            for (int i = 0; i < count; i++) {
                double centre = (from + i + 0.5) * scale;
                int least = Math.max(0, (int) (centre - support + 0.5));
                int to = Math.min(in, (int) (centre + support + 0.5));
                double[] w = new double[to - least];
                double sum = 0;
                for (int t = 0; t < w.length; t++) {
                    w[t] = Math.max(0, 1 - Math.abs((least + t - centre + 0.5) / support));
                    sum += w[t];
                }
                first[i] = least;
                weights[i] = new float[w.length];
                for (int t = 0; t < w.length; t++) {
                    weights[i][t] = (float) (w[t] / sum);
                }
            }
        }

        /** Behind the last input position that is looked at. */
        int end() {
            int end = 0;
            for (int i = 0; i < first.length; i++) {
                end = Math.max(end, first[i] + weights[i].length);
            }
            return end;
        }
    }
}
