package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDriver;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;

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
            upload(source, from + r * run, run, target.at(r, 0));
        }
    }

    /** Elements that lie together: all of a dense matrix, else a row. */
    private static int run(Matrix m) {
        return m.isDense() ? m.rows() * m.columns() : m.columns();
    }

    private void upload(float[] source, int from, int count, long target) {
        int done = 0;
        while (done < count) {
            int piece = piece(count - done);
            long place = reserve(4L * piece);
            MemorySegment.copy(source, from + done, pinned.host(), JAVA_FLOAT, place, piece);
            copyToDevice(place, target + 4L * done, 4L * piece);
            done += piece;
        }
    }

    void uploadInts(int[] source, int count, long target) {
        context.enter();
        int done = 0;
        while (done < count) {
            int piece = piece(count - done);
            long place = reserve(4L * piece);
            MemorySegment.copy(source, done, pinned.host(), JAVA_INT, place, piece);
            copyToDevice(place, target + 4L * done, 4L * piece);
            done += piece;
        }
    }

    private void copyToDevice(long place, long target, long bytes) {
        checkDriver(
                context.call(
                        "copy to the device",
                        Traffic.filling(floats(target, bytes)),
                        () ->
                                JCudaDriver.cuMemcpyHtoDAsync(
                                        base.withByteOffset(target),
                                        pinned.at(place),
                                        bytes,
                                        context.stream())),
                "copying to the device");
        context.queued("copying to the device");
    }

    /** Waits for the stream of work and copies to the host. */
    void download(Matrix source, float[] target, int from) {
        context.enter();
        int run = run(source);
        for (int r = 0; r < source.rows() * source.columns() / run; r++) {
            download(source.at(r, 0), target, from + r * run, run);
        }
    }

    private void download(long source, float[] target, int from, int count) {
        int done = 0;
        while (done < count) {
            int piece = piece(count - done);
            long place = reserve(4L * piece);
            copyToHost(source + 4L * done, place, 4L * piece);
            await();
            MemorySegment.copy(pinned.host(), JAVA_FLOAT, place, target, from + done, piece);
            done += piece;
        }
    }

    private void copyToHost(long source, long place, long bytes) {
        checkDriver(
                context.call(
                        "copy from the device",
                        Traffic.reading(floats(source, bytes)),
                        () ->
                                JCudaDriver.cuMemcpyDtoHAsync(
                                        pinned.at(place),
                                        base.withByteOffset(source),
                                        bytes,
                                        context.stream())),
                "copying from the device");
    }

    private static Matrix floats(long offset, long bytes) {
        return Matrix.vector(offset, Math.toIntExact(bytes / 4));
    }

    private int piece(int count) {
        return Math.toIntExact(Math.min(count, pinned.bytes() / 4));
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
