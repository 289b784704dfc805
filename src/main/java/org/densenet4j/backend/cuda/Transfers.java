package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDriver;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/**
 * Copies between Java arrays and an arena, through page-locked memory and in order with the stream
 * of work. Copies to the device are queued and not waited for; the page-locked memory is filled
 * from front to back and starts again after a wait, of which a step has one, at its end.
 */
final class Transfers implements AutoCloseable {
    private static final long MOST_BYTES = 64L << 20;

    private final CudaContext context;
    private final CUdeviceptr base;
    private final PinnedMemory pinned;
    private long used;

    Transfers(CudaContext context, CUdeviceptr base, long arenaBytes) {
        this.context = context;
        this.base = base;
        this.pinned = new PinnedMemory(context, Math.min(MOST_BYTES, aligned(arenaBytes)));
    }

    private static long aligned(long bytes) {
        return (bytes + 63) & -64;
    }

    void upload(float[] source, int from, Matrix target) {
        context.enter();
        int run = run(target);
        for (int r = 0; r < target.rows() * target.columns() / run; r++) {
            upload(source, from + r * run, run, target.at(r, 0), target.type());
        }
    }

    /** Elements that lie together: all of a dense matrix, else a row. */
    private static int run(Matrix m) {
        return m.isDense() ? m.rows() * m.columns() : m.columns();
    }

    private void upload(float[] source, int from, int count, long target, DataType type) {
        int done = 0;
        while (done < count) {
            int piece = piece(count - done, type);
            Matrix moved = elements(target + (long) type.bytes() * done, piece, type);
            long place = reserve(moved.bytes());
            HostCopy.store(source, from + done, pinned.host(), place, piece, type);
            copyToDevice(place, moved);
            done += piece;
        }
    }

    void uploadInts(int[] source, int count, long target) {
        context.enter();
        int done = 0;
        while (done < count) {
            int piece = piece(count - done, DataType.FLOAT32);
            long place = reserve(4L * piece);
            MemorySegment.copy(source, done, pinned.host(), JAVA_INT, place, piece);
            copyToDevice(place, Matrix.vector(target + 4L * done, piece));
            done += piece;
        }
    }

    private void copyToDevice(long place, Matrix target) {
        checkDriver(
                context.call(
                        "copy to the device",
                        Traffic.filling(target),
                        () ->
                                JCudaDriver.cuMemcpyHtoDAsync(
                                        base.withByteOffset(target.offset()),
                                        pinned.at(place),
                                        target.bytes(),
                                        context.stream())),
                "copying to the device");
        context.queued("copying to the device");
    }

    /** Waits for the stream of work and copies to the host. */
    void download(Matrix source, float[] target, int from) {
        context.enter();
        int run = run(source);
        for (int r = 0; r < source.rows() * source.columns() / run; r++) {
            download(source.at(r, 0), source.type(), target, from + r * run, run);
        }
    }

    private void download(long source, DataType type, float[] target, int from, int count) {
        int done = 0;
        while (done < count) {
            int piece = piece(count - done, type);
            Matrix moved = elements(source + (long) type.bytes() * done, piece, type);
            long place = reserve(moved.bytes());
            copyToHost(moved, place);
            await();
            HostCopy.load(pinned.host(), place, type, target, from + done, piece);
            done += piece;
        }
    }

    private void copyToHost(Matrix source, long place) {
        checkDriver(
                context.call(
                        "copy from the device",
                        Traffic.reading(source),
                        () ->
                                JCudaDriver.cuMemcpyDtoHAsync(
                                        pinned.at(place),
                                        base.withByteOffset(source.offset()),
                                        source.bytes(),
                                        context.stream())),
                "copying from the device");
    }

    /** What one copy moves. */
    private static Matrix elements(long offset, int count, DataType type) {
        return Matrix.dense(offset, 1, count, type);
    }

    private int piece(int count, DataType type) {
        return Math.toIntExact(Math.min(count, pinned.bytes() / type.bytes()));
    }

    private long reserve(long bytes) {
        if (used + bytes > pinned.bytes()) {
            await();
        }
        long place = used;
        used += aligned(bytes);
        return place;
    }

    private void await() {
        context.synchronize();
        used = 0;
    }

    @Override
    public void close() {
        pinned.close();
    }
}
