package org.densenet4j.plan;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/**
 * Hands out places in the arena. {@link NetworkMemory} is built twice with the same code: the first
 * time an allocator only writes down what is asked for, the second time it answers with the offsets
 * that {@link ArenaLayout} found.
 */
final class Allocator {
    /** Buffers start on cache-line boundaries. */
    static final int ALIGNMENT = 64;

    /** Libraries ask for scratch on such boundaries: cuBLAS refuses a workspace on any other. */
    static final int LIBRARY_ALIGNMENT = 256;

    private static final String SCRATCH = "scratch.lanes";
    private static final String LIBRARY = "scratch.library";

    private final Map<String, Buffer> placed;
    private final List<Buffer> requests = new ArrayList<>();
    private final Set<String> names = new HashSet<>();
    private final int lastOperation;
    private final int lanes;
    private final DataType precision;
    private long largestFrame;
    private long libraryBytesPerLane;

    private Allocator(
            int lanes, DataType precision, int lastOperation, Map<String, Buffer> placed) {
        this.lanes = lanes;
        this.precision = precision;
        this.lastOperation = lastOperation;
        this.placed = placed;
    }

    /**
     * @param precision storage of activations and their gradients
     */
    static Allocator declaring(int lanes, DataType precision, int lastOperation) {
        return new Allocator(lanes, precision, lastOperation, Map.of());
    }

    static Allocator placing(
            int lanes, DataType precision, int lastOperation, List<Buffer> buffers) {
        Map<String, Buffer> byName = new HashMap<>();
        buffers.forEach(b -> byName.put(b.name(), b));
        return new Allocator(lanes, precision, lastOperation, byName);
    }

    /** Storage of activations and their gradients. */
    DataType precision() {
        return precision;
    }

    /** A dense float32 matrix that lives from operation {@code first} to operation {@code last}. */
    Matrix matrix(String name, Category category, int rows, int columns, int first, int last) {
        return placed(name, category, Matrix.dense(0, rows, columns), first, last);
    }

    /** A dense float32 matrix that lives as long as the arena. */
    Matrix persistent(String name, Category category, int rows, int columns) {
        return matrix(name, category, rows, columns, 0, lastOperation);
    }

    /** Dense activations, as convolutions read and write them. */
    Matrix activations(String name, Category category, int rows, int columns, int first, int last) {
        return placed(name, category, Matrix.dense(0, rows, columns, precision), first, last);
    }

    /** Activations whose rows are aligned, for passes and products. */
    Matrix alignedActivations(
            String name, Category category, int rows, int columns, int first, int last) {
        return placed(name, category, Matrix.aligned(0, rows, columns, precision), first, last);
    }

    private Matrix placed(String name, Category category, Matrix m, int first, int last) {
        long offset = place(name, category, m.storedBytes(), first, last);
        return new Matrix(offset, m.rows(), m.columns(), m.stride(), m.type());
    }

    private long place(String name, Category category, long bytes, int first, int last) {
        if (!names.add(name)) {
            throw new IllegalStateException("two buffers have the name '" + name + "'");
        }
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

    /** Where the libraries' scratch starts, on {@link #LIBRARY_ALIGNMENT}. */
    long libraryOffset() {
        long offset = placed.containsKey(LIBRARY) ? placed.get(LIBRARY).offset() : 0;
        return (offset + LIBRARY_ALIGNMENT - 1) & -LIBRARY_ALIGNMENT;
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
                        libraryBytesPerLane * lanes + LIBRARY_ALIGNMENT - ALIGNMENT,
                        0,
                        lastOperation,
                        0));
        return all;
    }

    /** Elements of a float32 matrix that has room for so many bytes. */
    static int floats(long bytes) {
        return Math.toIntExact(Math.ceilDiv(bytes, (long) Float.BYTES));
    }

    static long aligned(long bytes) {
        return (bytes + ALIGNMENT - 1) & -ALIGNMENT;
    }

    /** Chunk-sized memory of one operation. */
    final class Frame {
        private final long base = placed.containsKey(SCRATCH) ? placed.get(SCRATCH).offset() : 0;
        private long used;

        Matrix matrix(int rows, int columns) {
            return taken(Matrix.dense(base + used, rows, columns));
        }

        private Matrix taken(Matrix m) {
            used += aligned(m.storedBytes());
            largestFrame = Math.max(largestFrame, used);
            return m;
        }

        Matrix vector(int length) {
            return matrix(1, length);
        }

        /** One float32 matrix for each lane. */
        Matrix[] perLane(int rows, int columns) {
            return perLane(() -> matrix(rows, columns));
        }

        /** Dense activations for each lane, as convolutions read and write them. */
        Matrix[] activations(int rows, int columns) {
            return perLane(() -> taken(Matrix.dense(base + used, rows, columns, precision)));
        }

        /** Activations for each lane whose rows are aligned, for passes and products. */
        Matrix[] alignedActivations(int rows, int columns) {
            return perLane(() -> taken(Matrix.aligned(base + used, rows, columns, precision)));
        }

        private Matrix[] perLane(Supplier<Matrix> next) {
            Matrix[] matrices = new Matrix[lanes];
            for (int lane = 0; lane < lanes; lane++) {
                matrices[lane] = next.get();
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
