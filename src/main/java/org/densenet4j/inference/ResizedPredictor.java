package org.densenet4j.inference;

import org.jspecify.annotations.Nullable;

import java.io.IOException;

/**
 * A predictor for the size of the image at hand: where the size changes, it is closed and another
 * one is opened.
 */
final class ResizedPredictor implements AutoCloseable {
    private final Opener opener;

    /** Null before the first image, and where a plan failed. */
    private @Nullable Predictor planned;

    /** Opens a predictor for images of one size. */
    interface Opener {
        Predictor open(int height, int width) throws IOException;
    }

    ResizedPredictor(Opener opener) {
        this.opener = opener;
    }

    Predictor of(int height, int width) throws IOException {
        if (planned == null
                || planned.spec().inputHeight() != height
                || planned.spec().inputWidth() != width) {
            close(); // before the next one needs its memory
            planned = opener.open(height, width);
        }
        return planned;
    }

    @Override
    public void close() {
        if (planned != null) {
            planned.close();
            planned = null;
        }
    }
}
