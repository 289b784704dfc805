package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R15;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;

import org.densenet4j.backend.cpu.asm.Assembler;

import java.util.ArrayList;
import java.util.List;

/**
 * Walks over the windows of a max pool (3x3, stride 2, padding 1) in the order of their results.
 * Windows at an edge are code of their own, without the pixels that are not there.
 *
 * <p>R8 and R9 are at the middle pixels of two matrices of the input's size, R10 is at the result.
 * Overwrites R12, R13 and R15.
 */
final class MaxPoolWindows {
    private final Assembler a;
    private final int height;
    private final int width;
    private final long[] inputRows;
    private final long resultRow;

    /**
     * @param firstRow bytes from pixel to pixel of the matrix at R8
     * @param secondRow of the matrix at R9
     * @param resultRow of the matrix at R10
     */
    MaxPoolWindows(
            Assembler a, int height, int width, long firstRow, long secondRow, long resultRow) {
        this.a = a;
        this.height = height;
        this.width = width;
        this.inputRows = new long[] {firstRow, secondRow};
        this.resultRow = resultRow;
    }

    /** A window's code. */
    interface Body {
        /**
         * @param pixels of the window that are there, as distances in pixels from the middle, from
         *     the upper left on
         */
        void emit(List<Integer> pixels);
    }

    void forEach(int images, Body body) {
        a.repeat(
                images,
                R15,
                () -> {
                    line(body, false, height > 1);
                    a.repeat(height / 2 - 1, R12, () -> line(body, true, true));
                    if (height % 2 > 0) {
                        if (height > 1) {
                            line(body, true, false);
                        }
                        advance(-(long) width);
                    }
                });
    }

    private void line(Body body, boolean above, boolean below) {
        window(body, above, below, false, width > 1);
        a.repeat(width / 2 - 1, R13, () -> window(body, above, below, true, true));
        if (width % 2 > 0 && width > 1) {
            window(body, above, below, true, false);
        }
        advance(width - width % 2);
    }

    private void window(Body body, boolean above, boolean below, boolean left, boolean right) {
        List<Integer> pixels = new ArrayList<>();
        for (int y = above ? -1 : 0; y <= (below ? 1 : 0); y++) {
            for (int x = left ? -1 : 0; x <= (right ? 1 : 0); x++) {
                pixels.add(y * width + x);
            }
        }
        body.emit(pixels);
        advance(2);
        a.add(R10, resultRow);
    }

    private void advance(long pixels) {
        a.add(R8, pixels * inputRows[0]);
        a.add(R9, pixels * inputRows[1]);
    }
}
