package org.densenet4j.backend.cuda;

import org.densenet4j.backend.ChunkTask;
import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceTimer;
import org.densenet4j.backend.GemmShape;

import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;

/** An H100 as plans see it, with workspaces of 32 MiB; nothing runs on it. */
public class PlannedH100 implements Device {
    private static final long L2_BYTES = 50L << 20;
    private static final int SHARED_BYTES = 227 << 10;
    private static final long LIBRARY_WORKSPACE = 32L << 20;

    /**
     * What its fused kernels know of it.
     *
     * @param multiprocessors of a whole one, 132
     */
    static FusedLayers fusedLayers(boolean tensorFloat32, int multiprocessors) {
        return new FusedLayers(true, tensorFloat32, multiprocessors, SHARED_BYTES, L2_BYTES / 2);
    }

    @Override
    public String name() {
        return "planned";
    }

    @Override
    public String description() {
        return "an H100 to plan for";
    }

    @Override
    public int lanes() {
        return 1;
    }

    @Override
    public long cacheBytes() {
        return L2_BYTES / 2;
    }

    @Override
    public int leastChunks() {
        return 1;
    }

    @Override
    public boolean stagesInput() {
        return true;
    }

    @Override
    public DataType precision() {
        return DataType.FLOAT32;
    }

    @Override
    public boolean supports(DataType type) {
        return true;
    }

    @Override
    public long availableBytes() {
        return 80L << 30;
    }

    @Override
    public long kernelScratchBytes() {
        return Tiling.REDUCTION_BYTES;
    }

    @Override
    public long scratchBytes(GemmShape shape) {
        return LIBRARY_WORKSPACE;
    }

    @Override
    public ConvolutionMemory memory(ConvolutionShape shape) {
        return new ConvolutionMemory(
                (long) shape.type().bytes() * shape.weights(),
                4L * shape.weights(),
                LIBRARY_WORKSPACE);
    }

    @Override
    public DeviceArena allocate(long bytes, long scratchOffset, long scratchBytesPerLane) {
        throw new UnsupportedOperationException();
    }

    @Override
    public DeviceTimer timer(int marks) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void forEachChunk(int chunks, ChunkTask task) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Lock turn() {
        return new ReentrantLock();
    }

    @Override
    public boolean isClosed() {
        return false;
    }

    @Override
    public void close() {}
}
