package org.densenet4j.train;

import org.densenet4j.data.Batch;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.SegmentationBatch;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.spec.DetectionSpec;

import java.util.Arrays;
import java.util.Objects;

/**
 * What a step needs to know of a batch, whether images or pixels have labels.
 *
 * @param images normalised pixels, NHWC
 * @param labels one per image, or one per pixel, where it may be {@link Network#VOID_LABEL}
 * @param targets [images, outputs] vectors that images are labelled with, or none
 * @param size number of images
 * @param height rows of pixels
 * @param width columns of pixels
 * @param channels values per pixel
 * @param metadata names of the classes and normalisation
 * @param ofPixels whether there is a label for each pixel
 */
record LabelledBatch(
        float[] images,
        int[] labels,
        float[] targets,
        int size,
        int height,
        int width,
        int channels,
        ImageMetadata metadata,
        boolean ofPixels)
        implements StepBatch {

    static LabelledBatch of(Batch batch) {
        Objects.requireNonNull(batch, "batch");
        return new LabelledBatch(
                batch.images(),
                batch.labels(),
                batch.targets(),
                batch.size(),
                batch.height(),
                batch.width(),
                batch.channels(),
                batch.metadata(),
                false);
    }

    static LabelledBatch of(SegmentationBatch batch) {
        Objects.requireNonNull(batch, "batch");
        return new LabelledBatch(
                batch.images(),
                batch.labels(),
                new float[0],
                batch.size(),
                batch.height(),
                batch.width(),
                batch.channels(),
                batch.metadata(),
                true);
    }

    /** Whether images are labelled with vectors. */
    boolean hasTargets() {
        return targets.length > 0;
    }

    /** All targets [images, outputs]; where images have classes, 1 for each one's and else 0. */
    float[] targets(int outputs) {
        if (hasTargets()) {
            return targets;
        }
        float[] oneHot = new float[size * outputs];
        for (int i = 0; i < size; i++) {
            oneHot[i * outputs + labels[i]] = 1;
        }
        return oneHot;
    }

    private static boolean isVoid(int label) {
        return label == SegmentationBatch.VOID;
    }

    @Override
    public int labelled() {
        return ofPixels
                ? Math.toIntExact(Arrays.stream(labels).filter(label -> !isVoid(label)).count())
                : size;
    }

    /** A micro-batch's labels, as a network wants them. */
    int[] labels(int first, int count) {
        int each = labels.length / size;
        int[] part = Arrays.copyOfRange(labels, first * each, (first + count) * each);
        for (int i = 0; ofPixels && i < part.length; i++) {
            part[i] = isVoid(part[i]) ? Network.VOID_LABEL : part[i];
        }
        return part;
    }

    @Override
    public void check(NetworkSpec spec, StepTargets wanted, long most) {
        if (spec instanceof DetectionSpec) {
            throw new IllegalArgumentException(
                    "the network finds objects, the batch has one label per "
                            + (ofPixels ? "pixel" : "image")
                            + "; use a DetectionBatch");
        }
        boolean ofNetwork = spec.graph().classifiesPixels();
        if (ofPixels != ofNetwork) {
            throw new IllegalArgumentException(
                    ofNetwork
                            ? "the network classifies pixels, the batch has one label per image;"
                                    + " use a SegmentationBatch"
                            : "the network classifies images, the batch has a label for each"
                                    + " pixel; use a Batch");
        }
        StepBatch.checkImages(this, spec, most);
        wanted.check(this, spec.classes());
        checkLabels(spec);
    }

    private void checkLabels(NetworkSpec spec) {
        int each = labels.length / size;
        if (ofPixels && each != spec.graph().labelsPerImage()) {
            throw new IllegalArgumentException(
                    "the network classifies "
                            + spec.graph().labelsPerImage()
                            + " pixels of an image, the batch has labels for "
                            + each);
        }
        int classes = spec.classes();
        for (int i = 0; i < labels.length; i++) {
            int label = labels[i];
            boolean known = label >= 0 && label < classes || ofPixels && isVoid(label);
            if (!known) {
                throw new IllegalArgumentException(
                        "label "
                                + label
                                + " of "
                                + place(i, each)
                                + " is not in 0.."
                                + (classes - 1)
                                + (ofPixels
                                        ? ", nor " + SegmentationBatch.VOID + " for void"
                                        : ""));
            }
        }
    }

    private String place(int label, int each) {
        int pixel = label % each;
        String image = "image " + label / each;
        return ofPixels
                ? "the pixel (" + pixel % width + ", " + pixel / width + ") of " + image
                : image;
    }
}
