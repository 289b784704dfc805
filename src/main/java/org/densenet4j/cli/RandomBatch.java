package org.densenet4j.cli;

import org.densenet4j.data.Batch;
import org.densenet4j.data.DetectionBatch;
import org.densenet4j.data.SegmentationBatch;
import org.densenet4j.train.StepResult;
import org.densenet4j.train.Trainer;

/** A batch of random images, labelled as the network wants them. */
sealed interface RandomBatch {
    /** Pixels, NHWC. */
    float[] images();

    /** Class indices: one per image, or one per pixel; none where there are boxes. */
    int[] labels();

    /**
     * One training step.
     *
     * @param next what the next step will be on, of the same kind, or null
     */
    StepResult train(Trainer trainer, RandomBatch next);

    /** For networks that classify images. */
    record OfImages(Batch batch) implements RandomBatch {
        @Override
        public float[] images() {
            return batch.images();
        }

        @Override
        public int[] labels() {
            return batch.labels();
        }

        @Override
        public StepResult train(Trainer trainer, RandomBatch next) {
            return trainer.step(batch, next == null ? null : ((OfImages) next).batch);
        }
    }

    /** For networks that classify pixels. */
    record OfPixels(SegmentationBatch batch) implements RandomBatch {
        @Override
        public float[] images() {
            return batch.images();
        }

        @Override
        public int[] labels() {
            return batch.labels();
        }

        @Override
        public StepResult train(Trainer trainer, RandomBatch next) {
            return trainer.step(batch, next == null ? null : ((OfPixels) next).batch);
        }
    }

    /** For networks that find objects. */
    record OfBoxes(DetectionBatch batch) implements RandomBatch {
        private static final int[] NONE = {};

        @Override
        public float[] images() {
            return batch.images();
        }

        @Override
        public int[] labels() {
            return NONE;
        }

        @Override
        public StepResult train(Trainer trainer, RandomBatch next) {
            return trainer.step(batch, next == null ? null : ((OfBoxes) next).batch);
        }
    }
}
