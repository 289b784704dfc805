package org.densenet4j.data;

import java.util.Arrays;

/**
 * Resampling with antialiasing: a filter whose support grows with the reduction, first along rows,
 * then along columns, rounded to bytes in between. This is how Pillow and torchvision resize, to
 * the bit: weights are whole multiples of 2^-22, as theirs are. Java's own scaling skips pixels
 * when it makes an image smaller.
 */
final class Resampler {
    /** Bits of a weight behind the point: eight of a value, and two for sums beyond 0 to 255. */
    private static final int PRECISION = 32 - 8 - 2;

    private static final int HALF = 1 << (PRECISION - 1);

    private final Image source;
    private final int top;
    private final int left;
    private final int boxHeight;
    private final int boxWidth;
    private final Interpolation interpolation;

    /** Resamples a box of an image; nothing outside of the box is looked at. */
    Resampler(
            Image source,
            int top,
            int left,
            int boxHeight,
            int boxWidth,
            Interpolation interpolation) {
        this.source = source;
        this.top = top;
        this.left = left;
        this.boxHeight = boxHeight;
        this.boxWidth = boxWidth;
        this.interpolation = interpolation;
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
        Filter filter = new Filter(interpolation, boxHeight, fullHeight, fromRow, height);
        int firstRow = filter.first[0];
        byte[] rows =
                alongRows(
                        new Filter(interpolation, boxWidth, fullWidth, fromColumn, width),
                        firstRow,
                        filter.end() - firstRow,
                        width);
        byte[] out = new byte[height * width * channels];
        int stride = width * channels;
        int[] sums = new int[stride];
        for (int y = 0; y < height; y++) {
            int[] weights = filter.weights[y];
            Arrays.fill(sums, HALF);
            for (int t = 0; t < weights.length; t++) {
                int from = (filter.first[y] - firstRow + t) * stride;
                int weight = weights[t];
                for (int i = 0; i < stride; i++) {
                    sums[i] += weight * (rows[from + i] & 0xFF);
                }
            }
            for (int i = 0; i < stride; i++) {
                out[y * stride + i] = clipped(sums[i]);
            }
        }
        return new Image(height, width, channels, out);
    }

    private static byte clipped(int sum) {
        return (byte) Math.clamp(sum >> PRECISION, 0, 255);
    }

    private byte[] alongRows(Filter filter, int firstRow, int count, int width) {
        int channels = source.channels();
        byte[] rows = new byte[Math.multiplyExact(count, width * channels)];
        for (int y = 0; y < count; y++) {
            int row = ((top + firstRow + y) * source.width() + left) * channels;
            if (channels == 3) {
                alongRowOfColours(filter, row, rows, y * width * 3);
            } else {
                alongRow(filter, row, rows, y * width * channels);
            }
        }
        return rows;
    }

    private void alongRow(Filter filter, int row, byte[] rows, int target) {
        int channels = source.channels();
        byte[] pixels = source.pixels();
        int at = target;
        for (int x = 0; x < filter.first.length; x++) {
            int[] weights = filter.weights[x];
            int first = row + filter.first[x] * channels;
            for (int c = 0; c < channels; c++) {
                int sum = HALF;
                for (int t = 0; t < weights.length; t++) {
                    sum += weights[t] * (pixels[first + t * channels + c] & 0xFF);
                }
                rows[at++] = clipped(sum);
            }
        }
    }

    /** The same for three channels, each weight of which is loaded once. */
    private void alongRowOfColours(Filter filter, int row, byte[] rows, int target) {
        byte[] pixels = source.pixels();
        int at = target;
        for (int x = 0; x < filter.first.length; x++) {
            int red = HALF;
            int green = HALF;
            int blue = HALF;
            int from = row + filter.first[x] * 3;
            for (int weight : filter.weights[x]) {
                red += weight * (pixels[from] & 0xFF);
                green += weight * (pixels[from + 1] & 0xFF);
                blue += weight * (pixels[from + 2] & 0xFF);
                from += 3;
            }
            rows[at] = clipped(red);
            rows[at + 1] = clipped(green);
            rows[at + 2] = clipped(blue);
            at += 3;
        }
    }

    /** For each output position: the first input position and the weights from there on. */
    private static final class Filter {
        final int[] first;
        final int[][] weights;

        Filter(Interpolation interpolation, int in, long out, long from, int count) {
            first = new int[count];
            weights = new int[count][];
            double scale = (double) in / out;
            double stretch = Math.max(1, scale);
            double support = interpolation.support * stretch;
            for (int i = 0; i < count; i++) {
                double centre = (from + i + 0.5) * scale;
                int least = Math.max(0, (int) (centre - support + 0.5));
                int to = Math.min(in, (int) (centre + support + 0.5));
                double[] w = new double[to - least];
                double sum = 0;
                for (int t = 0; t < w.length; t++) {
                    w[t] = interpolation.weight((t + least - centre + 0.5) / stretch);
                    sum += w[t];
                }
                first[i] = least;
                weights[i] = new int[w.length];
                for (int t = 0; t < w.length; t++) {
                    double fixed = w[t] / sum * (1 << PRECISION);
                    weights[i][t] = (int) (fixed < 0 ? fixed - 0.5 : fixed + 0.5);
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
