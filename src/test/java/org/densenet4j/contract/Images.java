package org.densenet4j.contract;

import java.util.Arrays;

/** Some small images as rows of a matrix, and the 3x3/2 pooling windows over them. */
final class Images {
    final int count;
    final int height;
    final int width;

    private Images(int count, int height, int width) {
        this.count = count;
        this.height = height;
        this.width = width;
    }

    static Images random(GuardedArena a) {
        return new Images(
                1 + a.random.nextInt(3), 1 + a.random.nextInt(8), 1 + a.random.nextInt(8));
    }

    int rows() {
        return count * height * width;
    }

    int row(int image, int y, int x) {
        return (image * height + y) * width + x;
    }

    /** Rows of the output of a 3x3 pooling with stride 2 and padding 1. */
    int pooledRows() {
        return count * ((height + 1) / 2) * ((width + 1) / 2);
    }

    /** Rows inside the image that such a window covers, in row-major order. */
    int[] window(int pooledRow) {
        int w = (width + 1) / 2;
        int h = (height + 1) / 2;
        int image = pooledRow / (h * w);
        int top = 2 * (pooledRow / w % h) - 1;
        int left = 2 * (pooledRow % w) - 1;
        int[] rows = new int[9];
        int found = 0;
        for (int y = top; y < top + 3; y++) {
            for (int x = left; x < left + 3; x++) {
                if (y >= 0 && y < height && x >= 0 && x < width) {
                    rows[found++] = row(image, y, x);
                }
            }
        }
        return Arrays.copyOf(rows, found);
    }
}
