package org.densenet4j.backend.cuda;

import jcuda.driver.JCudaDriver;

import org.densenet4j.backend.ChunkTask;
import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceArguments;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.DeviceTimer;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.LayerHalf;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.TracedCall;
import org.densenet4j.distributed.Communicator;
import org.jspecify.annotations.Nullable;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * An NVIDIA GPU: one lane, because a single stream fills it, and chunks that stay in its L2 cache.
 * Work is queued in order and runs asynchronously.
 */
final class CudaDevice implements Device {
    /** Largest cuDNN workspace that is worth its place in the arena, at least. */
    private static final long LEAST_WORKSPACE = 32L << 20;

    /** The oldest compute capability whose tensor cores multiply bf16. */
    private static final int BFLOAT16_ARCHITECTURE = 80;

    /**
     * A workspace may have a quarter of what its convolution reads and writes, where that is more.
     */
    private static final int WORKSPACE_SHARE = 4;

    /** Left to the driver and to libraries when a plan asks what is free. */
    private static final long RESERVE = 256L << 20;

    private final DeviceOptions options;
    private final CudaLibraries libraries;
    private final CudaContext context;
    private final DeviceAttributes attributes;
    private final KernelModule kernels;
    private final FusedLayers fusedLayers;
    private final LayerChoices layerChoices;
    private final Map<LayerProgram, KernelModule> layerPrograms = new HashMap<>();
    private final Cudnn cudnn;
    private final Optional<Cublas> cublas;
    private final String cublasVersion;
    private final Optional<DeviceTrace> trace;
    private final Map<ConvolutionShape, ConvolutionMemory> convolutionMemory = new HashMap<>();
    private final List<CudaArena> arenas = new ArrayList<>();
    private final ReentrantLock turn = new ReentrantLock(true);
    private @Nullable RankSums rankSums;
    private volatile boolean closed;

    CudaDevice(CudaLibraries libraries, DeviceOptions options) {
        this.options = options;
        this.libraries = libraries;
        libraries.load();
        libraries.requireDevice(options.index());
        this.cublasVersion = libraries.version(CudaLibrary.CUBLAS).orElse("");
        this.context = new CudaContext(options.index(), options.synchronous());
        this.attributes = context.attributes();
        Deque<AutoCloseable> opened = new ArrayDeque<>(List.of(context));
        try {
            this.kernels =
                    new KernelModule(
                            context, KernelImage.ptx(libraries, attributes.architecture()));
            opened.push(kernels);
            this.fusedLayers = fusedLayers();
            this.layerChoices = new LayerChoices(this, this::layerTimes);
            this.cudnn = new Cudnn(context, options.tensorFloat32());
            opened.push(cudnn);
            this.cublas =
                    libraries.hasCublas()
                            ? Optional.of(Cublas.open(libraries, context, options.tensorFloat32()))
                            : Optional.empty();
            cublas.ifPresent(opened::push);
            this.trace = options.trace() ? Optional.of(new DeviceTrace(context)) : Optional.empty();
        } catch (RuntimeException e) {
            throw Teardown.undo(opened, e);
        }
    }

    private FusedLayers fusedLayers() {
        return options.fusedLayers()
                ? new FusedLayers(
                        ProductKernels.hasTensorFloat32(attributes.architecture()),
                        options.tensorFloat32(),
                        attributes.multiprocessors(),
                        attributes.sharedBytes(),
                        cacheBytes())
                : FusedLayers.NONE;
    }

    /** Where times of layers on such a device, with these libraries and kernels, are kept. */
    private LayerTimesFile layerTimes() {
        String configuration =
                String.join(
                        ", ",
                        context.deviceName(),
                        attributes.multiprocessors() + " multiprocessors",
                        "driver " + DriverRelease.text(),
                        "cuDNN " + Cudnn.version(),
                        cublas.isPresent() ? "cuBLAS " + cublasVersion : "own products",
                        options.ownConvolutions() ? "own convolutions" : "its convolutions",
                        multipliesTensorFloat32() ? "TF32" : "fp32",
                        "kernels " + KernelSource.read(KernelSource.MAIN).fingerprint(""),
                        KernelSource.read(KernelSource.DENSE_LAYER).fingerprint(""));
        return new LayerTimesFile(configuration, CudaCache.layerTimes());
    }

    CudaContext context() {
        return context;
    }

    FusedLayers fused() {
        return fusedLayers;
    }

    /** The kernels of a program, which are loaded when a network needs them. */
    KernelModule kernels(LayerProgram program) {
        return layerPrograms.computeIfAbsent(
                program,
                p ->
                        new KernelModule(
                                context, KernelImage.ptx(libraries, attributes.architecture(), p)));
    }

    Cudnn cudnn() {
        return cudnn;
    }

    KernelModule kernels() {
        return kernels;
    }

    /** Whether operands are rounded to TF32: where that is asked for and the device can. */
    boolean multipliesTensorFloat32() {
        return options.tensorFloat32()
                && ProductKernels.hasTensorFloat32(attributes.architecture());
    }

    DeviceOptions options() {
        return options;
    }

    int blocksThatFill() {
        return Tiling.blocksPerMultiprocessor(attributes.architecture())
                * attributes.multiprocessors();
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
                + attributes.architecture() / 10
                + "."
                + attributes.architecture() % 10
                + ", cuDNN "
                + Cudnn.version()
                + ", "
                + (cublas.isPresent()
                        ? "cuBLAS " + cublasVersion
                        : "products by our own kernel (no cuBLAS)")
                + ", "
                + math();
    }

    /** How products and convolutions multiply. */
    private String math() {
        if (options.precision() == DataType.BFLOAT16) {
            return librariesMultiply(DataType.BFLOAT16)
                    ? "bf16"
                    : "bf16 (by our own kernels: this device's libraries have none)";
        }
        if (multipliesTensorFloat32()) {
            return "TF32";
        }
        return options.tensorFloat32() ? "fp32 (this device has no TF32)" : "fp32";
    }

    @Override
    public Map<String, String> facts() {
        Map<String, String> facts = new LinkedHashMap<>();
        DataType stored = options.precision();
        facts.put(
                "products", cublas(stored).isPresent() ? "cuBLAS-" + cublasVersion : "own-kernel");
        facts.put(
                "convolutions",
                convolvesByOwnKernel(stored)
                        ? "own-kernel"
                        : "cuDNN-" + Cudnn.version() + (cudnn.hasGaps() ? "+own-kernel" : ""));
        String floats = multipliesTensorFloat32() ? "tf32" : "fp32";
        facts.put("math", stored == DataType.FLOAT32 ? floats : stored.label());
        boolean fuses = fusedLayers.multiplies(options.precision());
        facts.put("layers", fuses ? "fused" : "libraries");
        if (fuses) {
            facts.put("choice", layerChoices.state());
        }
        facts.put("chunkFactor", String.valueOf(options.chunkFactor()));
        return facts;
    }

    @Override
    public int lanes() {
        return 1;
    }

    @Override
    public long cacheBytes() {
        return attributes.cacheBytes() / 2;
    }

    @Override
    public long chunkBytes(long keptBytes) {
        return new ChunkBudget(
                        options.chunkFactor(), cacheBytes(), attributes.memoryBytesPerSecond())
                .bytes(keptBytes);
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
        Objects.requireNonNull(type, "precision");
        return true;
    }

    /**
     * Whether cuDNN and cuBLAS multiply what is stored so: float32 anywhere, bf16 from compute
     * capability 8.0 on. Elsewhere our own kernels do.
     */
    boolean librariesMultiply(DataType type) {
        return type == DataType.FLOAT32 || attributes.architecture() >= BFLOAT16_ARCHITECTURE;
    }

    /** The cuBLAS that multiplies what is stored so, if there is one. */
    Optional<Cublas> cublas(DataType type) {
        return librariesMultiply(type) ? cublas : Optional.empty();
    }

    /** Whether convolutions of what is stored so are left to our own kernel. */
    boolean convolvesByOwnKernel(DataType type) {
        return options.ownConvolutions() || !librariesMultiply(type);
    }

    @Override
    public boolean stagesInput() {
        return true;
    }

    @Override
    public long availableBytes() {
        return inTurn(
                () -> {
                    context.enter();
                    long[] free = new long[1];
                    long[] total = new long[1];
                    CudaStatus.checkDriver(
                            JCudaDriver.cuMemGetInfo(free, total), "asking for free memory");
                    return Math.max(0, free[0] - RESERVE);
                });
    }

    @Override
    public long kernelScratchBytes() {
        return Tiling.REDUCTION_BYTES;
    }

    @Override
    public long scratchBytes(GemmShape shape) {
        return cublas(shape.operands()).isPresent()
                ? Cublas.workspaceBytes(attributes.architecture())
                : KernelGemm.scratchBytes(shape, attributes.multiprocessors());
    }

    @Override
    public ConvolutionMemory memory(ConvolutionShape shape) {
        return inTurn(() -> convolutionMemory.computeIfAbsent(shape, this::measure));
    }

    @Override
    public PointwiseMemory memory(PointwiseShape shape) {
        return fusedLayers.memory(shape).orElseGet(() -> Device.super.memory(shape));
    }

    @Override
    public boolean takesWholeBatch(PointwiseShape shape) {
        return fusedLayers.pointwise(shape).isPresent();
    }

    @Override
    public Optional<ConvolutionMemory> appendedMemory(ConvolutionShape shape) {
        return fusedLayers.memory(shape);
    }

    @Override
    public Optional<String> hindrance(PointwiseShape shape) {
        return fusedLayers.hindrance(shape);
    }

    @Override
    public Optional<String> hindrance(ConvolutionShape shape) {
        return fusedLayers.hindrance(shape);
    }

    @Override
    public boolean fuses(LayerHalf half, boolean mayMeasure) {
        Objects.requireNonNull(half, "half");
        return inTurn(() -> layerChoices.fuses(half, mayMeasure));
    }

    private ConvolutionMemory measure(ConvolutionShape shape) {
        ConvolutionMemory own = KernelConvolution.memory(shape, attributes.multiprocessors());
        return convolvesByOwnKernel(shape.type())
                ? own
                : CudaConvolution.memory(
                        cudnn, shape, own, workspaceLimit(shape), options.deterministic());
    }

    private static long workspaceLimit(ConvolutionShape s) {
        long pixels = (long) s.height() * s.width() * s.inputChannels();
        long outputs = (long) s.outputHeight() * s.outputWidth() * s.outputChannels();
        long bytes = s.type().bytes() * s.images() * (pixels + outputs);
        return Math.max(LEAST_WORKSPACE, bytes / WORKSPACE_SHARE);
    }

    @Override
    public DeviceArena allocate(long bytes, long scratchOffset, long scratchBytesPerLane) {
        DeviceArguments.checkArena(bytes, scratchOffset, scratchBytesPerLane, lanes());
        return inTurn(
                () -> {
                    context.enter();
                    arenas.removeIf(CudaArena::isClosed);
                    CudaArena arena =
                            new CudaArena(this, bytes, scratchOffset, scratchBytesPerLane);
                    arenas.add(arena);
                    return arena;
                });
    }

    @Override
    public void join(Communicator communicator) {
        join(communicator, communicator.rank(), communicator.worldSize());
    }

    /** The same as another rank than the communicator's, for a test on a single GPU. */
    void join(Communicator communicator, int rank, int worldSize) {
        Supplier<Nccl> nccl = () -> new Nccl(libraries.functions(CudaLibrary.NCCL));
        inTurn(
                () -> {
                    if (rankSums == null || !rankSums.isOf(communicator)) {
                        RankSums before = rankSums;
                        rankSums = null;
                        if (before != null) {
                            before.close();
                        }
                        rankSums =
                                RankSums.join(
                                        context,
                                        communicator,
                                        rank,
                                        worldSize,
                                        nccl,
                                        () -> arenas.forEach(CudaArena::forgetRecordings));
                        layerChoices.agree(communicator, rank);
                    }
                    return rankSums;
                });
    }

    /** The sums over ranks, once this device has joined others. */
    Optional<RankSums> rankSums() {
        return Optional.ofNullable(rankSums);
    }

    @Override
    public DeviceTimer timer(int marks) {
        return new CudaTimer(context, context.stream(), DeviceArguments.checkedMarks(marks));
    }

    @Override
    public List<TracedCall> takeTrace() {
        return inTurn(() -> trace.map(DeviceTrace::take).orElse(List.of()));
    }

    /** Queues the chunks one after the other: the device overlaps them as it can. */
    @Override
    public void forEachChunk(int chunks, ChunkTask task) {
        DeviceArguments.checkChunks(chunks, task);
        context.enter();
        for (int chunk = 0; chunk < chunks; chunk++) {
            task.run(0, chunk);
        }
    }

    @Override
    public Lock turn() {
        return turn;
    }

    @Override
    public boolean isClosed() {
        return closed;
    }

    private <T> T inTurn(Supplier<T> work) {
        turn.lock();
        try {
            if (closed) {
                throw new IllegalStateException("the device is closed");
            }
            return work.get();
        } finally {
            turn.unlock();
        }
    }

    @Override
    public void close() {
        turn.lock();
        try {
            if (!closed) {
                closed = true;
                free();
            }
        } finally {
            turn.unlock();
        }
    }

    private void free() {
        Teardown teardown = new Teardown();
        arenas.forEach(teardown::close);
        rankSums().ifPresent(teardown::close);
        trace.ifPresent(teardown::close);
        cublas.ifPresent(teardown::close);
        teardown.close(cudnn);
        layerPrograms.values().forEach(teardown::close);
        teardown.close(kernels);
        teardown.close(context);
        teardown.finish();
    }
}
