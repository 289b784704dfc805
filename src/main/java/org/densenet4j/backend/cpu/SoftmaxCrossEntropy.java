package org.densenet4j.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/** The loss of each image. A loop for all: a batch has few logits. */
final class SoftmaxCrossEntropy extends StoredElements {
    SoftmaxCrossEntropy(MemorySegment memory) {
        super(memory);
    }

    /** See {@link org.densenet4j.backend.Kernels#softmaxCrossEntropy}. */
    void softmaxCrossEntropy(
            Matrix logits,
            long labels,
            float smoothing,
            float gradientScale,
            Matrix losses,
            Matrix hits,
            Matrix gradient) {
        int classes = logits.columns();
        for (int r = 0; r < logits.rows(); r++) {
            int label = memory.get(JAVA_INT, labels + 4L * r);
            double max = Double.NEGATIVE_INFINITY;
            int best = 0;
            for (int c = 0; c < classes; c++) {
                max = Math.max(max, get(logits, r, c));
                if (get(logits, r, c) > get(logits, r, best)) {
                    best = c;
                }
            }
            set(hits, 0, r, best == label ? 1f : 0f);
            double sum = 0;
            double logitSum = 0;
            for (int c = 0; c < classes; c++) {
                sum += Math.exp(get(logits, r, c) - max);
                logitSum += get(logits, r, c);
            }
            double logSum = max + Math.log(sum);
            double loss =
                    logSum
                            - (1 - smoothing) * get(logits, r, label)
                            - smoothing * logitSum / classes;
            set(losses, 0, r, (float) loss);
            for (int c = 0; c < classes; c++) {
                double probability = Math.exp(get(logits, r, c) - logSum);
                double target = (c == label ? 1 - smoothing : 0) + (double) smoothing / classes;
                set(gradient, r, c, (float) (gradientScale * (probability - target)));
            }
        }
    }
}
