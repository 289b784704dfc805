package org.densenet4j.cli;

import org.densenet4j.data.Batch;
import org.densenet4j.data.Box;
import org.densenet4j.data.DetectionBatch;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.LabelledBox;
import org.densenet4j.data.SegmentationBatch;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.spec.LabelKind;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Batches of random pixels and labels, of images or pixels or boxes as the network wants them, the
 * same for the same seed: memory and time do not depend on what is in an image.
 */
final class RandomImages {
    private static final int OBJECTS = 2;

    private final NetworkSpec spec;
    private final LabelKind kind;
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
        this.kind = LabelKind.of(spec);
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
        int height = spec.inputHeight();
        int width = spec.inputWidth();
        int channels = spec.inputChannels();
        return switch (kind) {
            case OF_IMAGES ->
                    new RandomBatch.OfImages(new Batch(images, labels(), height, width, channels));
            case OF_PIXELS ->
                    new RandomBatch.OfPixels(
                            new SegmentationBatch(
                                    images,
                                    labels(),
                                    indices,
                                    height,
                                    width,
                                    channels,
                                    ImageMetadata.NONE));
            case BOXES ->
                    new RandomBatch.OfBoxes(
                            new DetectionBatch(
                                    images,
                                    boxes(),
                                    indices,
                                    height,
                                    width,
                                    channels,
                                    ImageMetadata.NONE));
        };
    }

    private int[] labels() {
        return random.ints(labels, 0, spec.classes()).toArray();
    }

    /** As many objects in each image as PASCAL VOC's have, of a tenth to half of its sides. */
    private List<List<LabelledBox>> boxes() {
        List<List<LabelledBox>> all = new ArrayList<>();
        for (int i = 0; i < indices.length; i++) {
            List<LabelledBox> objects = new ArrayList<>();
            for (int o = 0; o < OBJECTS; o++) {
                double width = random.nextDouble(0.1, 0.5);
                double height = random.nextDouble(0.1, 0.5);
                double left = random.nextDouble(1 - width);
                double top = random.nextDouble(1 - height);
                Box box = new Box(left, top, left + width, top + height);
                objects.add(new LabelledBox(box, random.nextInt(spec.classes())));
            }
            all.add(objects);
        }
        return all;
    }
}
