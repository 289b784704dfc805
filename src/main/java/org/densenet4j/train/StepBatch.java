package org.densenet4j.train;

import org.densenet4j.data.ImageMetadata;
import org.densenet4j.graph.NetworkSpec;

import java.util.Arrays;

/** What a step needs to know of a batch, whatever its images are labelled with. */
sealed interface StepBatch permits LabelledBatch, BoxedBatch {
    /** Normalised pixels, NHWC. */
    float[] images();

    /** Number of images. */
    int size();

    int height();

    int width();

    int channels();

    /** Names of the classes and normalisation. */
    ImageMetadata metadata();

    /** What a mean loss is taken over: images, or pixels that have a label. */
    int labelled();

    /**
     * All that can be wrong with a batch, before any of its micro-batches changes the running
     * statistics.
     *
     * @param wanted what the loss is taken of
     * @param most images that the trainer was opened for
     * @throws IllegalArgumentException in one line when it does not fit the network
     */
    void check(NetworkSpec spec, StepTargets wanted, long most);

    /** A micro-batch's pixels: the batch's own array where it is all of it. */
    default float[] images(int first, int count) {
        int each = images().length / size();
        return count == size()
                ? images()
                : Arrays.copyOfRange(images(), first * each, (first + count) * each);
    }

    /** Refuses images that are not of the network's size, or too many of them. */
    static void checkImages(StepBatch batch, NetworkSpec spec, long most) {
        if (batch.height() != spec.inputHeight()
                || batch.width() != spec.inputWidth()
                || batch.channels() != spec.inputChannels()) {
            throw new IllegalArgumentException(
                    "the network takes images of "
                            + spec.inputHeight()
                            + "x"
                            + spec.inputWidth()
                            + "x"
                            + spec.inputChannels()
                            + ", the batch has "
                            + batch.height()
                            + "x"
                            + batch.width()
                            + "x"
                            + batch.channels());
        }
        if (batch.size() > most) {
            throw new IllegalArgumentException(
                    "the batch has "
                            + batch.size()
                            + " images, the trainer was opened for "
                            + most);
        }
    }
}
