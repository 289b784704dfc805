package org.densenet4j.backend.cuda;

import jcuda.driver.CUdevice_attribute;
import jcuda.driver.JCudaDriver;

import org.densenet4j.backend.ChunkTask;
import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.DeviceTimer;
import org.densenet4j.backend.GemmShape;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * An NVIDIA GPU: one lane, because a single stream fills it, and chunks that stay in its L2 cache.
 * Work is queued in order and runs asynchronously.
 */
final class CudaDevice implements Device {
    /** Blocks of 256 threads that one multiprocessor holds at a time. */
    private static final int BLOCKS_PER_MULTIPROCESSOR = 6;

    /** Largest cuDNN workspace that is worth its place in the arena. */
    private static final long WORKSPACE_LIMIT = 32L << 20;

    /** Left to the driver and to libraries when a plan asks what is free. */
    private static final long RESERVE = 256L << 20;

    private final DeviceOptions options;
    private final CudaContext context;
    private final Cudnn cudnn;
    private final KernelModule kernels;
    private final boolean hasCublas;
    private final Map<ConvolutionShape, ConvolutionMemory> convolutionMemory = new HashMap<>();
    private final List<CudaArena> arenas = new ArrayList<>();
    private boolean closed;

    CudaDevice(CudaLibraries libraries, DeviceOptions options) {
        this.options = options;
        libraries.load();
        int devices = libraries.driver().orElseThrow().devices().size();
        if (options.index() >= devices) {
            throw new DeviceException(
                    "there is no CUDA device "
                            + options.index()
                            + "; this machine has "
                            + devices
                            + ", counted from 0");
        }
        this.hasCublas = libraries.hasCublas();
        this.context = new CudaContext(options.index());
        int architecture = 10 * context.capabilityMajor() + context.capabilityMinor();
        this.kernels = new KernelModule(context, KernelImage.ptx(libraries, architecture));
        this.cudnn = new Cudnn(context, options.tensorFloat32());
    }

    CudaContext context() {
        return context;
    }

    Cudnn cudnn() {
        return cudnn;
    }

    KernelModule kernels() {
        return kernels;
    }

    boolean hasCublas() {
        return hasCublas;
    }

    DeviceOptions options() {
        return options;
    }

    /** Whether our own products round to TF32: where that is asked for and the device can. */
    boolean ownProductsInTensorFloat32() {
        int architecture = 10 * context.capabilityMajor() + context.capabilityMinor();
        return options.tensorFloat32() && ProductKernels.hasTensorFloat32(architecture);
    }

    int blocksThatFill() {
        return BLOCKS_PER_MULTIPROCESSOR * context.multiprocessors();
    }

    @Override
    public String name() {
        return "cuda:" + options.index();
    }

    @Override
    public String description() {
        return name()
                + ", "
                + context.deviceName()
                + ", compute capability "
                + context.capabilityMajor()
                + "."
                + context.capabilityMinor()
                + ", cuDNN "
                + Cudnn.version()
                + ", "
                + (hasCublas ? "cuBLAS" : "products by our own kernel (no cuBLAS 12)")
                + ", "
                + (options.tensorFloat32() ? "TF32" : "fp32");
    }

    @Override
    public int lanes() {
        return 1;
    }

    @Override
    public long cacheBytes() {
        return context.attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE) / 2;
    }

    @Override
    public int leastChunks() {
        return 1;
    }

    @Override
    public DataType precision() {
        return options.precision();
    }

    @Override
    public boolean supports(DataType type) {
        return type == DataType.FLOAT32;
    }

    @Override
    public boolean stagesInput() {
        return true;
    }

    @Override
    public long availableBytes() {
        context.enter();
        long[] free = new long[1];
        long[] total = new long[1];
        CudaStatus.checkDriver(JCudaDriver.cuMemGetInfo(free, total), "asking for free memory");
        return Math.max(0, free[0] - RESERVE);
    }

    @Override
    public long kernelScratchBytes() {
        return Tiling.REDUCTION_BYTES;
    }

    @Override
    public long scratchBytes(GemmShape shape) {
        return hasCublas
                ? CublasGemm.workspaceBytes(context.capabilityMajor())
                : KernelGemm.scratchBytes(shape, context.multiprocessors());
    }

    @Override
    public ConvolutionMemory memory(ConvolutionShape shape) {
        return convolutionMemory.computeIfAbsent(
                shape,
                s -> CudaConvolution.memory(cudnn, s, WORKSPACE_LIMIT, options.deterministic()));
    }

    @Override
    public DeviceArena allocate(long bytes, long scratchOffset, long scratchBytesPerLane) {
        context.enter();
        arenas.removeIf(CudaArena::isClosed);
        CudaArena arena = new CudaArena(this, bytes, scratchOffset, scratchBytesPerLane);
        arenas.add(arena);
        return arena;
    }

    @Override
    public DeviceTimer timer(int marks) {
        return new CudaTimer(context, marks);
    }

    /** Queues the chunks one after the other: the device overlaps them as it can. */
    @Override
    public void forEachChunk(int chunks, ChunkTask task) {
        context.enter();
        for (int chunk = 0; chunk < chunks; chunk++) {
            task.run(0, chunk);
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        arenas.forEach(CudaArena::close);
        cudnn.close();
        kernels.close();
        context.close();
    }
}
