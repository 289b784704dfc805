package org.densenet4j.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.densenet4j.random.Philox;

import java.lang.foreign.MemorySegment;

/**
 * Dropout of elements and of whole layers, drawn anew from their position wherever it is needed.
 */
final class ElementDropout extends StoredElements {
    ElementDropout(MemorySegment memory) {
        super(memory);
    }

    /** Multiplies each element by 0 or the kept scale, drawn anew from its position. */
    void apply(Matrix x, int firstRow, Dropout dropout) {
        if (!dropout.active()) {
            return;
        }
        int[] words = new int[4];
        int threshold = dropout.threshold();
        float kept = dropout.keptScale();
        int stepLow = memory.get(JAVA_INT, dropout.counter());
        int stepHigh = memory.get(JAVA_INT, dropout.counter() + 4);
        if (dropout.survival() < 1 && dropsLayer(dropout, stepLow, stepHigh, words)) {
            fill(x, 0);
            return;
        }
        long block = -1;
        for (int r = 0; r < x.rows(); r++) {
            for (int c = 0; c < x.columns(); c++) {
                long element = (long) (firstRow + r) * x.columns() + c;
                if (element >>> 2 != block) {
                    block = element >>> 2;
                    Philox.next(
                            (int) block,
                            dropout.layer(),
                            stepLow,
                            stepHigh,
                            (int) dropout.seed(),
                            (int) (dropout.seed() >>> 32),
                            words);
                }
                boolean dropped =
                        Integer.compareUnsigned(words[(int) (element & 3)], threshold) < 0;
                set(x, r, c, dropped ? 0f : get(x, r, c) * kept);
            }
        }
    }

    private static boolean dropsLayer(Dropout dropout, int stepLow, int stepHigh, int[] words) {
        Philox.next(
                Dropout.LAYER_DRAW,
                dropout.layer(),
                stepLow,
                stepHigh,
                (int) dropout.seed(),
                (int) (dropout.seed() >>> 32),
                words);
        return Integer.compareUnsigned(words[0], dropout.layerThreshold()) < 0;
    }
}
