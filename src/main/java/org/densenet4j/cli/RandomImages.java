package org.densenet4j.cli;

import org.densenet4j.data.Batch;
import org.densenet4j.spec.DenseNetSpec;

import java.util.SplittableRandom;

/**
 * Batches of random pixels and labels, the same for the same seed: memory and time do not depend on
 * what is in an image.
 */
final class RandomImages {
    private final DenseNetSpec spec;
    private final int batch;
    private final SplittableRandom random;
    private final float[] images;

    RandomImages(DenseNetSpec spec, int batch, long seed) {
        if (batch < 1) {
            throw new IllegalArgumentException("batch = " + batch + ": use 1 or more images");
        }
        this.spec = spec;
        this.batch = batch;
        this.random = new SplittableRandom(seed);
        int floats = spec.inputHeight() * spec.inputWidth() * spec.inputChannels();
        this.images = new float[Math.multiplyExact(batch, floats)];
    }

    /** The next batch, in the same array as the one before. */
    Batch next() {
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) random.nextGaussian();
        }
        int[] labels = random.ints(batch, 0, spec.classes()).toArray();
        return new Batch(
                images, labels, spec.inputHeight(), spec.inputWidth(), spec.inputChannels());
    }
}
