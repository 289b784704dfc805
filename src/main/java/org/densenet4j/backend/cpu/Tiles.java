package org.densenet4j.backend.cpu;

/** Images cut into tiles of 4x4 pixels, counted image by image and line by line. */
record Tiles(int height, int width) {
    /** Pixels of a tile in each direction. */
    static final int SIZE = 4;

    private int down() {
        return Math.ceilDiv(height, SIZE);
    }

    private int across() {
        return Math.ceilDiv(width, SIZE);
    }

    int perImage() {
        return down() * across();
    }

    int image(int tile) {
        return tile / perImage();
    }

    int top(int tile) {
        return tile % perImage() / across() * SIZE;
    }

    int left(int tile) {
        return tile % across() * SIZE;
    }
}
