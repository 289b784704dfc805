package org.densenet4j.data;

/** Changes of single values, as Pillow's {@code ImageOps} computes them for 8 bits. */
final class PixelTable {
    private static final int VALUES = 256;

    private PixelTable() {}

    /** Keeps so many upper bits of each value. */
    static Image posterised(Image image, int bits) {
        int mask = -(1 << (8 - bits));
        int[] table = new int[VALUES];
        for (int v = 0; v < VALUES; v++) {
            table[v] = v & mask;
        }
        return looked(image, table);
    }

    /** Inverts values from a threshold on. */
    static Image solarised(Image image, double threshold) {
        int[] table = new int[VALUES];
        for (int v = 0; v < VALUES; v++) {
            table[v] = v < threshold ? v : 255 - v;
        }
        return looked(image, table);
    }

    /** Stretches the values of each channel to 0 to 255. */
    static Image stretched(Image image) {
        int[][] counts = counts(image);
        int[][] tables = new int[counts.length][VALUES];
        for (int c = 0; c < tables.length; c++) {
            int low = 0;
            while (counts[c][low] == 0) {
                low++;
            }
            int high = VALUES - 1;
            while (counts[c][high] == 0) {
                high--;
            }
            double scale = 255.0 / (high - low);
            double offset = -low * scale;
            for (int v = 0; v < VALUES; v++) {
                tables[c][v] = high <= low ? v : Math.clamp((int) (v * scale + offset), 0, 255);
            }
        }
        return looked(image, tables);
    }

    /** Makes the values of each channel occur about equally often. */
    static Image equalised(Image image) {
        int[][] counts = counts(image);
        int[][] tables = new int[counts.length][VALUES];
        for (int c = 0; c < tables.length; c++) {
            int all = image.height() * image.width();
            int last = VALUES - 1;
            while (counts[c][last] == 0) {
                last--;
            }
            // A step of 0 also stands for a channel of one value: nothing is left without the last.
            int step = (all - counts[c][last]) / 255;
            int sum = step / 2;
            for (int v = 0; v < VALUES; v++) {
                tables[c][v] = step == 0 ? v : Math.min(255, sum / step);
                sum += counts[c][v];
            }
        }
        return looked(image, tables);
    }

    private static int[][] counts(Image image) {
        int channels = image.channels();
        int[][] counts = new int[channels][VALUES];
        byte[] pixels = image.pixels();
        for (int i = 0; i < pixels.length; i++) {
            counts[i % channels][pixels[i] & 0xFF]++;
        }
        return counts;
    }

    /** One table for all channels, or one for each. */
    private static Image looked(Image image, int[]... tables) {
        byte[] pixels = image.pixels();
        byte[] out = new byte[pixels.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = (byte) tables[tables.length == 1 ? 0 : i % tables.length][pixels[i] & 0xFF];
        }
        return new Image(image.height(), image.width(), image.channels(), out);
    }
}
