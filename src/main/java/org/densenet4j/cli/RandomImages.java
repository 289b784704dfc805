package org.densenet4j.cli;

import org.densenet4j.data.Batch;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.SegmentationBatch;
import org.densenet4j.graph.NetworkSpec;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Batches of random pixels and labels, one of each image or pixel as the network classifies, the
 * same for the same seed: memory and time do not depend on what is in an image.
 */
final class RandomImages {
    private final NetworkSpec spec;
    private final boolean ofPixels;
    private final int labels;
    private final int[] indices;
    private final SplittableRandom random;
    private final int floats;
    private final float[][] arrays;

    /** With {@code repeated > 0} all batches there are. */
    private final List<RandomBatch> made = new ArrayList<>();

    private int drawn;

    /**
     * Batches.
     *
     * @param arrays how many arrays are filled in turn: a batch is overwritten by the one that is
     *     drawn so many batches later
     * @param repeated 0 for a new batch each time, else the number of different batches, which are
     *     all made now
     */
    RandomImages(NetworkSpec spec, int batch, long seed, int arrays, int repeated) {
        if (batch < 1) {
            throw new IllegalArgumentException("batch = " + batch + ": use 1 or more images");
        }
        if (repeated < 0) {
            throw new IllegalArgumentException("batches = " + repeated + ": use 0 or more");
        }
        this.spec = spec;
        this.ofPixels = spec.graph().classifiesPixels();
        this.labels = Math.multiplyExact(batch, spec.graph().labelsPerImage());
        this.indices = IntStream.range(0, batch).toArray();
        this.random = new SplittableRandom(seed);
        this.floats =
                Math.multiplyExact(
                        batch, spec.inputHeight() * spec.inputWidth() * spec.inputChannels());
        this.arrays = new float[repeated > 0 ? repeated : arrays][];
        for (int i = 0; i < repeated; i++) {
            made.add(filled(i));
        }
    }

    /** The next batch. */
    RandomBatch next() {
        int number = drawn++ % arrays.length;
        return made.isEmpty() ? filled(number) : made.get(number);
    }

    private RandomBatch filled(int number) {
        if (arrays[number] == null) {
            arrays[number] = new float[floats];
        }
        float[] images = arrays[number];
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) random.nextGaussian();
        }
        int[] labels = random.ints(this.labels, 0, spec.classes()).toArray();
        int height = spec.inputHeight();
        int width = spec.inputWidth();
        int channels = spec.inputChannels();
        return ofPixels
                ? new RandomBatch.OfPixels(
                        new SegmentationBatch(
                                images,
                                labels,
                                indices,
                                height,
                                width,
                                channels,
                                ImageMetadata.NONE))
                : new RandomBatch.OfImages(new Batch(images, labels, height, width, channels));
    }
}
