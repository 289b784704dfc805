package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDriver;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.JCudaDriver;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/**
 * The next batch on its way to the device, on a stream of its own, while a step runs.
 *
 * <p>Two events keep the order: the stream of work waits for {@code arrived} before it takes the
 * batch, and the next copy waits for {@code taken}.
 */
final class InputStage implements AutoCloseable {
    private final CudaContext context;
    private final CUdeviceptr base;
    private final PinnedMemory pinned;
    private final CUevent arrived = new CUevent();
    private final CUevent taken = new CUevent();
    private float[] staged;
    private Matrix staging;

    /** Page-locked memory is allocated here, with the first batch, and kept. */
    InputStage(CudaContext context, CUdeviceptr base, Matrix staging) {
        this.context = context;
        this.base = base;
        this.staging = staging;
        this.pinned = new PinnedMemory(context, staging.bytes());
        int flags = CUevent_flags.CU_EVENT_DISABLE_TIMING;
        checkDriver(JCudaDriver.cuEventCreate(arrived, flags), "making an event");
        checkDriver(JCudaDriver.cuEventCreate(taken, flags), "making an event");
        checkDriver(JCudaDriver.cuEventRecord(taken, context.stream()), "recording an event");
    }

    void stage(float[] source, int count) {
        context.enter();
        // The last copy from this memory must be over before it is filled again.
        checkDriver(JCudaDriver.cuStreamSynchronize(context.copyStream()), "waiting for a copy");
        MemorySegment.copy(source, 0, pinned.host(), JAVA_FLOAT, 0, count);
        checkDriver(
                JCudaDriver.cuStreamWaitEvent(context.copyStream(), taken, 0),
                "waiting for an event");
        checkDriver(
                JCudaDriver.cuMemcpyHtoDAsync(
                        base.withByteOffset(staging.offset()),
                        pinned.at(0),
                        4L * count,
                        context.copyStream()),
                "copying the next batch to the device");
        checkDriver(JCudaDriver.cuEventRecord(arrived, context.copyStream()), "recording an event");
        staged = source;
    }

    /** Whether this array is what was staged last and not yet taken. */
    boolean holds(float[] source) {
        return source == staged;
    }

    /** Copies the staged batch to its place, on the device. */
    void take(Matrix target) {
        context.enter();
        checkDriver(
                JCudaDriver.cuStreamWaitEvent(context.stream(), arrived, 0),
                "waiting for an event");
        checkDriver(
                JCudaDriver.cuMemcpyDtoDAsync(
                        base.withByteOffset(target.offset()),
                        base.withByteOffset(staging.offset()),
                        target.bytes(),
                        context.stream()),
                "taking the staged batch");
        checkDriver(JCudaDriver.cuEventRecord(taken, context.stream()), "recording an event");
        staged = null;
    }

    @Override
    public void close() {
        context.enter();
        JCudaDriver.cuStreamSynchronize(context.copyStream());
        JCudaDriver.cuEventDestroy(arrived);
        JCudaDriver.cuEventDestroy(taken);
        pinned.close();
    }
}
