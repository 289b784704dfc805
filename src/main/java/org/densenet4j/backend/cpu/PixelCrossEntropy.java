package org.densenet4j.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/**
 * The loss of every pixel. A loop for all: a pixel has few classes, and next to the network behind
 * them their exponentials are few.
 */
final class PixelCrossEntropy extends StoredElements {
    PixelCrossEntropy(MemorySegment memory) {
        super(memory);
    }

    /** See {@link org.densenet4j.backend.Kernels#pixelCrossEntropy}. */
    void pixelCrossEntropy(
            Matrix logits,
            long labels,
            int voidLabel,
            Matrix scale,
            Matrix gradient,
            Matrix tally) {
        int classes = logits.columns();
        Matrix hits = tally.columns(1, classes);
        Matrix labelled = tally.columns(1 + classes, classes);
        Matrix predicted = tally.columns(1 + 2 * classes, classes);
        for (int i = 0; i < tally.columns(); i++) {
            set(tally, 0, i, 0);
        }
        float factor = get(scale, 0, 0);
        double[] exponentials = new double[classes];
        double losses = 0;
        for (int r = 0; r < logits.rows(); r++) {
            int label = memory.get(JAVA_INT, labels + 4L * r);
            if (label == voidLabel) {
                for (int c = 0; c < classes; c++) {
                    set(gradient, r, c, 0);
                }
                continue;
            }
            int best = firstLargest(logits, r);
            double largest = get(logits, r, best);
            double sum = 0;
            for (int c = 0; c < classes; c++) {
                exponentials[c] = Math.exp(get(logits, r, c) - largest);
                sum += exponentials[c];
            }
            losses += largest + Math.log(sum) - get(logits, r, label);
            for (int c = 0; c < classes; c++) {
                double target = c == label ? 1 : 0;
                set(gradient, r, c, (float) (factor * (exponentials[c] / sum - target)));
            }
            if (best == label) {
                count(hits, label);
            }
            count(labelled, label);
            count(predicted, best);
        }
        set(tally, 0, 0, (float) losses);
    }

    private int firstLargest(Matrix logits, int row) {
        int best = 0;
        for (int c = 1; c < logits.columns(); c++) {
            if (get(logits, row, c) > get(logits, row, best)) {
                best = c;
            }
        }
        return best;
    }

    private void count(Matrix pixels, int classIndex) {
        set(pixels, 0, classIndex, get(pixels, 0, classIndex) + 1);
    }
}
