package org.densenet4j.train;

import org.densenet4j.data.Dataset;

import java.util.List;
import java.util.SplittableRandom;

/** Small random images whose class shows in their brightness. */
record NoiseImages(int size, long seed) implements Dataset {
    @Override
    public int height() {
        return 8;
    }

    @Override
    public int width() {
        return 8;
    }

    @Override
    public int channels() {
        return 3;
    }

    @Override
    public List<String> classNames() {
        return List.of("dark", "grey, light", "white");
    }

    @Override
    public int label(int index) {
        return index % 3;
    }

    @Override
    public void read(int index, byte[] pixels) {
        SplittableRandom random = new SplittableRandom(seed + index);
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (byte) (70 * label(index) + random.nextInt(110));
        }
    }
}
