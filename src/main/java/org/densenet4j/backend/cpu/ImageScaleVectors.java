package org.densenet4j.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.densenet4j.random.Philox;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.MemorySegment;

/** What drops and gates of images need beside the passes over their pixels: a few numbers each. */
final class ImageScaleVectors extends StoredElements {
    ImageScaleVectors(MemorySegment memory) {
        super(memory);
    }

    /** See {@link org.densenet4j.backend.Kernels#dropPath}. */
    public void dropPath(Dropout dropout, int firstImage, Matrix factors) {
        int[] words = new int[4];
        for (int i = 0; i < factors.rows(); i++) {
            Philox.next(
                    firstImage + i,
                    dropout.layer(),
                    memory.get(JAVA_INT, dropout.counter()),
                    memory.get(JAVA_INT, dropout.counter() + 4),
                    (int) dropout.seed(),
                    (int) (dropout.seed() >>> 32),
                    words);
            boolean dropped = Integer.compareUnsigned(words[0], dropout.layerThreshold()) < 0;
            set(factors, i, 0, dropped ? 0 : dropout.keptScale());
        }
    }

    /** See {@link org.densenet4j.backend.Kernels#scaleGradient}. */
    public void scaleGradient(
            Matrix sums,
            Matrix scale,
            @Nullable Matrix logits,
            Matrix factors,
            @Nullable Matrix logitsGradient) {
        for (int i = 0; i < sums.rows(); i++) {
            float factor = get(factors, i, 0);
            for (int c = 0; c < sums.columns(); c++) {
                float sum = get(sums, i, c) * factor;
                if (logits == null || logitsGradient == null) {
                    set(sums, i, c, sum);
                    continue;
                }
                float z = get(logits, i, c);
                float slope = z > -3 && z < 3 ? 1 / 6f : 0;
                set(logitsGradient, i, c, sum * get(scale, 0, c) * slope);
                set(sums, i, c, sum * ImageScale.hardSigmoid(z));
            }
        }
    }
}
