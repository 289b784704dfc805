package org.densenet4j.reference;

/** A square window that slides over the pixels of {@code x}, one position for each of {@code y}. */
record Window(Activation x, Activation y, int kernel, int stride, int padding) {
    /** What is done for each pair of pixels. */
    interface Tap {
        /** Offsets of a source pixel, of the target pixel, and the position in the window. */
        void visit(int from, int to, int tap);
    }

    void each(Tap visitor) {
        for (int n = 0; n < x.images; n++) {
            for (int oy = 0; oy < y.height; oy++) {
                for (int ox = 0; ox < y.width; ox++) {
                    for (int tap = 0; tap < kernel * kernel; tap++) {
                        int iy = oy * stride - padding + tap / kernel;
                        int ix = ox * stride - padding + tap % kernel;
                        if (x.contains(iy, ix)) {
                            visitor.visit(x.at(n, iy, ix, 0), y.at(n, oy, ox, 0), tap);
                        }
                    }
                }
            }
        }
    }
}
