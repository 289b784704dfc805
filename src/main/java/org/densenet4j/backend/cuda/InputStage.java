package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDriver;

import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.JCudaDriver;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/**
 * The next batch on its way to the device, on a stream of its own, while a step runs.
 *
 * <p>Two events keep the order: the stream of work waits for {@code arrived} before it takes the
 * batch, and the next copy waits for {@code taken}.
 *
 * <p>The caller's array is copied when it is staged. Whoever fills it again before its step would
 * train on old images with new labels, so what is staged is only taken while the array still looks
 * the same at some thousand places; otherwise it is copied as it is.
 */
final class InputStage implements AutoCloseable {
    /** Places compared: enough that another batch of images cannot agree in all of them. */
    private static final int SAMPLES = 4096;

    private final CudaContext context;
    private final CUdeviceptr base;
    private final PinnedMemory pinned;
    private final CUevent arrived = new CUevent();
    private final CUevent taken = new CUevent();
    private final Matrix staging;
    private float[] staged;
    private int stagedCount;
    private boolean closed;

    /** Page-locked memory is allocated here, with the first batch, and kept. */
    InputStage(CudaContext context, CUdeviceptr base, Matrix staging) {
        this.context = context;
        this.base = base;
        this.staging = staging;
        this.pinned = new PinnedMemory(context, staging.bytes());
        Deque<AutoCloseable> opened = new ArrayDeque<>(List.of(pinned));
        try {
            int flags = CUevent_flags.CU_EVENT_DISABLE_TIMING;
            checkDriver(JCudaDriver.cuEventCreate(arrived, flags), "making an event");
            opened.push(() -> free(arrived));
            checkDriver(JCudaDriver.cuEventCreate(taken, flags), "making an event");
            opened.push(() -> free(taken));
            // The first copy comes after whatever was queued before it, such as clearing the arena.
            checkDriver(JCudaDriver.cuEventRecord(taken, context.stream()), "recording an event");
        } catch (RuntimeException e) {
            throw Teardown.undo(opened, e);
        }
    }

    private static void free(CUevent event) {
        checkDriver(JCudaDriver.cuEventDestroy(event), "freeing an event");
    }

    void stage(float[] source, int count) {
        context.enter();
        staged = null;
        // The last copy from this memory must be over before it is filled again.
        checkDriver(JCudaDriver.cuStreamSynchronize(context.copyStream()), "waiting for a copy");
        HostCopy.store(source, 0, pinned.host(), 0, count, staging.type());
        checkDriver(
                JCudaDriver.cuStreamWaitEvent(context.copyStream(), taken, 0),
                "waiting for an event");
        checkDriver(
                context.copy(
                        "copy of the next batch to the device",
                        Traffic.filling(Matrix.dense(staging.offset(), 1, count, staging.type())),
                        () ->
                                JCudaDriver.cuMemcpyHtoDAsync(
                                        base.withByteOffset(staging.offset()),
                                        pinned.at(0),
                                        (long) staging.type().bytes() * count,
                                        context.copyStream())),
                "copying the next batch to the device");
        context.copied("copying the next batch to the device");
        checkDriver(JCudaDriver.cuEventRecord(arrived, context.copyStream()), "recording an event");
        staged = source;
        stagedCount = count;
    }

    /**
     * Whether this array, with its present values and stored like this, is what was staged last and
     * not yet taken.
     */
    boolean holds(float[] source, int count, DataType type) {
        if (source != staged || count != stagedCount || type != staging.type()) {
            return false;
        }
        for (int i = 0; i < SAMPLES; i++) {
            int place = (int) ((long) i * count / SAMPLES);
            if (!HostCopy.holds(pinned.host(), place, type, source[place])) {
                return false;
            }
        }
        return true;
    }

    /** Copies the staged batch to its place, on the device. */
    void take(Matrix target) {
        context.enter();
        checkDriver(
                JCudaDriver.cuStreamWaitEvent(context.stream(), arrived, 0),
                "waiting for an event");
        checkDriver(
                context.call(
                        "copy on the device",
                        Traffic.reading(target).writing(target),
                        () ->
                                JCudaDriver.cuMemcpyDtoDAsync(
                                        base.withByteOffset(target.offset()),
                                        base.withByteOffset(staging.offset()),
                                        target.bytes(),
                                        context.stream())),
                "taking the staged batch");
        context.queued("taking the staged batch");
        checkDriver(JCudaDriver.cuEventRecord(taken, context.stream()), "recording an event");
        staged = null;
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        Teardown teardown = new Teardown();
        teardown.step(context::enter);
        teardown.driver(
                JCudaDriver.cuStreamSynchronize(context.copyStream()), "waiting for a copy");
        teardown.step(() -> free(arrived));
        teardown.step(() -> free(taken));
        teardown.close(pinned);
        teardown.finish();
    }
}
