package org.densenet4j.train;

import org.densenet4j.data.Batch;

import java.util.SplittableRandom;

/** Stripes with noise; the class is their direction, and a small network learns it in moments. */
final class StripeImages {
    static final int SIZE = 16;
    static final int CLASSES = 6;
    private static final double WAVES = 3;
    private static final double NOISE = 2.2;

    private StripeImages() {}

    /** Images that depend on the seed alone. */
    static Batch batch(int images, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] pixels = new float[images * SIZE * SIZE];
        int[] labels = new int[images];
        for (int image = 0; image < images; image++) {
            labels[image] = random.nextInt(CLASSES);
            double angle = Math.PI * labels[image] / CLASSES;
            double phase = 2 * Math.PI * random.nextDouble();
            for (int i = 0; i < SIZE * SIZE; i++) {
                double across = i % SIZE * Math.cos(angle) + i / SIZE * Math.sin(angle);
                double wave = Math.sin(2 * Math.PI * WAVES * across / SIZE + phase);
                pixels[image * SIZE * SIZE + i] = (float) (wave + NOISE * random.nextGaussian());
            }
        }
        return new Batch(pixels, labels, SIZE, SIZE, 1);
    }
}
