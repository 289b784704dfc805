package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDriver;

import jcuda.Pointer;
import jcuda.driver.JCudaDriver;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;

/**
 * Page-locked host memory, which the device copies from and to while the host goes on. Owned by an
 * arena and freed with it.
 */
final class PinnedMemory implements AutoCloseable {
    /** Java sees it as one buffer. */
    static final long MOST_BYTES = Integer.MAX_VALUE;

    private final CudaContext context;
    private final Pointer pointer = new Pointer();
    private final MemorySegment memory;
    private boolean closed;

    PinnedMemory(CudaContext context, long bytes) {
        this.context = context;
        context.enter();
        checkDriver(
                JCudaDriver.cuMemAllocHost(pointer, bytes),
                "allocating " + bytes + " bytes of page-locked host memory");
        memory =
                MemorySegment.ofBuffer(
                        pointer.getByteBuffer(0, bytes).order(ByteOrder.nativeOrder()));
    }

    long bytes() {
        return memory.byteSize();
    }

    /** The memory as the host sees it. */
    MemorySegment host() {
        return memory;
    }

    /** An address inside it, for a copy by the device. */
    Pointer at(long offset) {
        return pointer.withByteOffset(offset);
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            context.enter();
            checkDriver(JCudaDriver.cuMemFreeHost(pointer), "freeing page-locked host memory");
        }
    }
}
