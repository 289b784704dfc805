package org.densenet4j.train;

import org.densenet4j.data.DetectionBatch;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.LabelledBox;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.spec.DetectionSpec;

import java.util.List;
import java.util.Objects;

/** Images with boxes, for a step. */
record BoxedBatch(DetectionBatch batch) implements StepBatch {
    BoxedBatch {
        Objects.requireNonNull(batch, "batch");
    }

    @Override
    public float[] images() {
        return batch.images();
    }

    @Override
    public int size() {
        return batch.size();
    }

    @Override
    public int height() {
        return batch.height();
    }

    @Override
    public int width() {
        return batch.width();
    }

    @Override
    public int channels() {
        return batch.channels();
    }

    @Override
    public ImageMetadata metadata() {
        return batch.metadata();
    }

    @Override
    public int labelled() {
        return size();
    }

    /** What is in some of the images. */
    List<List<LabelledBox>> objects(int first, int count) {
        return batch.objects().subList(first, first + count);
    }

    @Override
    public void check(NetworkSpec spec, StepTargets wanted, long most) {
        if (!(spec instanceof DetectionSpec)) {
            throw new IllegalArgumentException(
                    "the batch has boxes around objects, the network classifies "
                            + (spec.graph().classifiesPixels()
                                    ? "pixels; use a SegmentationBatch"
                                    : "images; use a Batch"));
        }
        StepBatch.checkImages(this, spec, most);
        for (int i = 0; i < size(); i++) {
            for (LabelledBox object : batch.objects().get(i)) {
                if (object.label() >= spec.classes()) {
                    throw new IllegalArgumentException(
                            "label "
                                    + object.label()
                                    + " of an object of image "
                                    + i
                                    + " is not in 0.."
                                    + (spec.classes() - 1));
                }
            }
        }
    }
}
