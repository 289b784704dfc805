package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Hands out places in the arena. {@link NetworkMemory} is built twice with the same code: the first
 * time an allocator only writes down what is asked for, the second time it answers with the offsets
 * that {@link ArenaLayout} found.
 */
final class Allocator {
    /** Buffers start on cache-line boundaries. */
    static final int ALIGNMENT = 64;

    private static final String SCRATCH = "scratch.lanes";
    private static final String LIBRARY = "scratch.library";

    private final Map<String, Buffer> placed;
    private final List<Buffer> requests = new ArrayList<>();
    private final int lastOperation;
    private final int lanes;
    private long largestFrame;
    private long libraryBytesPerLane;

    private Allocator(int lanes, int lastOperation, Map<String, Buffer> placed) {
        this.lanes = lanes;
        this.lastOperation = lastOperation;
        this.placed = placed;
    }

    static Allocator declaring(int lanes, int lastOperation) {
        return new Allocator(lanes, lastOperation, Map.of());
    }

    static Allocator placing(int lanes, int lastOperation, List<Buffer> buffers) {
        Map<String, Buffer> byName = new HashMap<>();
        buffers.forEach(b -> byName.put(b.name(), b));
        return new Allocator(lanes, lastOperation, byName);
    }

    /** A dense matrix that lives from operation {@code first} to operation {@code last}. */
    Matrix matrix(String name, Category category, int rows, int columns, int first, int last) {
        Matrix m = Matrix.dense(0, rows, columns);
        return Matrix.dense(place(name, category, m.bytes(), first, last), rows, columns);
    }

    /** A dense matrix that lives as long as the arena. */
    Matrix persistent(String name, Category category, int rows, int columns) {
        return matrix(name, category, rows, columns, 0, lastOperation);
    }

    private long place(String name, Category category, long bytes, int first, int last) {
        requests.add(new Buffer(name, category, aligned(bytes), first, last, 0));
        Buffer buffer = placed.get(name);
        return buffer == null ? 0 : buffer.offset();
    }

    /** Scratch for one operation; all operations use the same memory in turn. */
    Frame frame() {
        return new Frame();
    }

    /** Notes that a library call needs this much scratch in each lane. */
    void library(long bytes) {
        libraryBytesPerLane = Math.max(libraryBytesPerLane, aligned(bytes));
    }

    long libraryOffset() {
        return placed.containsKey(LIBRARY) ? placed.get(LIBRARY).offset() : 0;
    }

    long libraryBytesPerLane() {
        return libraryBytesPerLane;
    }

    /** Everything asked for, with the scratch that the operations share. */
    List<Buffer> requests() {
        List<Buffer> all = new ArrayList<>(requests);
        all.add(new Buffer(SCRATCH, Category.SCRATCH, largestFrame, 0, lastOperation, 0));
        all.add(
                new Buffer(
                        LIBRARY,
                        Category.SCRATCH,
                        libraryBytesPerLane * lanes,
                        0,
                        lastOperation,
                        0));
        return all;
    }

    static long aligned(long bytes) {
        return (bytes + ALIGNMENT - 1) & -ALIGNMENT;
    }

    /** Chunk-sized memory of one operation. */
    final class Frame {
        private final long base = placed.containsKey(SCRATCH) ? placed.get(SCRATCH).offset() : 0;
        private long used;

        Matrix matrix(int rows, int columns) {
            Matrix m = Matrix.dense(base + used, rows, columns);
            used += aligned(m.bytes());
            largestFrame = Math.max(largestFrame, used);
            return m;
        }

        Matrix vector(int length) {
            return matrix(1, length);
        }

        /** One matrix for each lane. */
        Matrix[] perLane(int rows, int columns) {
            Matrix[] matrices = new Matrix[lanes];
            for (int lane = 0; lane < lanes; lane++) {
                matrices[lane] = matrix(rows, columns);
            }
            return matrices;
        }

        /** One row for each lane, in one matrix. */
        Matrix rowPerLane(int columns) {
            int padded = Math.toIntExact(aligned(columns * 4L) / 4);
            Matrix m = matrix(lanes, padded);
            return Matrix.strided(m.offset(), lanes, columns, padded);
        }
    }
}
