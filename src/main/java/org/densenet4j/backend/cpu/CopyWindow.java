package org.densenet4j.backend.cpu;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/** Windows of images: memory is moved line by line, whatever is stored in it. */
final class CopyWindow extends StoredElements {
    CopyWindow(MemorySegment memory) {
        super(memory);
    }

    /** See {@link org.densenet4j.backend.Kernels#copyWindow}. */
    void copyWindow(
            Matrix source,
            int sourceHeight,
            int sourceWidth,
            Matrix target,
            int targetHeight,
            int targetWidth,
            int images,
            int top,
            int left) {
        // Pixels [from, to) of a line of the window lie inside the source's line.
        int from = Math.clamp(-(long) left, 0, targetWidth);
        int to = Math.clamp((long) sourceWidth - left, from, targetWidth);
        for (int line = 0; line < images * targetHeight; line++) {
            int y = line % targetHeight + top;
            int first = line * targetWidth;
            if (y < 0 || y >= sourceHeight) {
                clear(target, first, targetWidth);
                continue;
            }
            int image = line / targetHeight;
            int sourceFirst = (image * sourceHeight + y) * sourceWidth + left;
            clear(target, first, from);
            move(source, sourceFirst + from, target, first + from, to - from);
            clear(target, first + to, targetWidth - to);
        }
    }

    private void move(Matrix source, int sourceRow, Matrix target, int targetRow, int rows) {
        long bytes = (long) source.columns() * source.type().bytes();
        if (source.isDense() && target.isDense()) {
            long from = source.at(sourceRow, 0);
            MemorySegment.copy(memory, from, memory, target.at(targetRow, 0), bytes * rows);
            return;
        }
        for (int r = 0; r < rows; r++) {
            long from = source.at(sourceRow + r, 0);
            MemorySegment.copy(memory, from, memory, target.at(targetRow + r, 0), bytes);
        }
    }

    /** All bits zero are 0 in every type. */
    private void clear(Matrix target, int row, int rows) {
        long bytes = (long) target.columns() * target.type().bytes();
        if (target.isDense()) {
            memory.asSlice(target.at(row, 0), bytes * rows).fill((byte) 0);
            return;
        }
        for (int r = row; r < row + rows; r++) {
            memory.asSlice(target.at(r, 0), bytes).fill((byte) 0);
        }
    }
}
