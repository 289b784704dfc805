package org.densenet4j.data;

/**
 * Resampling with antialiasing: a filter whose support grows with the reduction, first along rows,
 * then along columns, rounded to bytes in between. This is how Pillow and torchvision resize, to
 * the bit: weights are whole multiples of 2^-22, as theirs are. Java's own scaling skips pixels
 * when it makes an image smaller.
 */
final class Resampler {
    /** Rows that are resized together: enough for vectors, few enough for a core's first cache. */
    private static final int ROWS = 16;

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
        Filter filter = new Filter(interpolation, boxHeight, fullHeight, fromRow, height);
        Filter ofRows = new Filter(interpolation, boxWidth, fullWidth, fromColumn, width);
        int channels = source.channels();
        int firstRow = filter.start();
        byte[] rows = alongRows(ofRows, firstRow, filter.end() - firstRow, width);
        byte[] out = new byte[Math.multiplyExact(height, width * channels)];
        filter.apply(rows, out, width * channels);
        return new Image(height, width, channels, out);
    }

    /**
     * Rows of the box, each resized. Some of them at a time are laid aside one another, so that
     * what is one column of all of them is one line of bytes, as rows are for the other direction.
     */
    private byte[] alongRows(Filter filter, int firstRow, int count, int width) {
        int channels = source.channels();
        int start = filter.start();
        int columns = filter.end() - start;
        byte[] rows = new byte[Math.multiplyExact(count, width * channels)];
        byte[] lines = new byte[columns * channels * Math.min(count, ROWS)];
        byte[] resized = new byte[width * channels * Math.min(count, ROWS)];
        for (int y = 0; y < count; y += ROWS) {
            int aside = Math.min(ROWS, count - y);
            int corner = ((top + firstRow + y) * source.width() + left + start) * channels;
            int length = columns * channels;
            transpose(source.pixels(), corner, source.width() * channels, lines, aside, length);
            filter.apply(lines, resized, channels * aside);
            back(resized, aside, rows, y * width * channels, width * channels);
        }
        return rows;
    }

    /** Rows of a matrix of bytes as columns: {@code lines[i][r] = pixels[r][i]}. */
    private static void transpose(
            byte[] pixels, int corner, int stride, byte[] lines, int rows, int length) {
        for (int r = 0; r < rows; r++) {
            int from = corner + r * stride;
            int to = r;
            for (int i = 0; i < length; i++) {
                lines[to] = pixels[from + i];
                to += rows;
            }
        }
    }

    /** Columns as rows again: {@code rows[r][i] = lines[i][r]}. */
    private static void back(byte[] lines, int count, byte[] rows, int target, int length) {
        for (int r = 0; r < count; r++) {
            int to = target + r * length;
            int from = r;
            for (int i = 0; i < length; i++) {
                rows[to + i] = lines[from];
                from += count;
            }
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
                    double fixed = w[t] / sum * (1 << LineSums.PRECISION);
                    weights[i][t] = (int) (fixed < 0 ? fixed - 0.5 : fixed + 0.5);
                }
            }
        }

        /** Sums lines of {@code length} bytes, the first of which is that of {@link #start}. */
        void apply(byte[] lines, byte[] out, int length) {
            for (int i = 0; i < first.length; i++) {
                int from = (first[i] - first[0]) * length;
                LineSums.BEST.sum(lines, from, weights[i], out, i * length, length);
            }
        }

        /** The first input position that is looked at: centres go up. */
        int start() {
            return first[0];
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
