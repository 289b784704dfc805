package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ChunkTask;
import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceArguments;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.DeviceTimer;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.PackedOperandMemory;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.cpu.asm.MachineCode;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The processors of this machine: one lane per thread, each working on its own cache-sized chunk.
 */
final class CpuDevice implements Device {
    /**
     * A third of a common second-level cache of 2 MB, and most of one of 1 MB: the operands that
     * are streamed by want room beside it.
     */
    private static final long CACHE_BYTES = 640L << 10;

    /** A fixed number, so that sums per chunk do not depend on the number of threads. */
    private static final int LEAST_CHUNKS = 8;

    private final Host host;
    private final Lanes lanes;
    private final long cacheBytes;
    private final DataType precision;
    private final List<CpuArena> arenas = new ArrayList<>();

    // Asking oneDNN takes a fraction of a millisecond and plans ask the same again and again.
    private final Map<GemmShape, Long> productScratch = new ConcurrentHashMap<>();
    private final Map<ConvolutionShape, ConvolutionMemory> convolutionMemory =
            new ConcurrentHashMap<>();
    private final ReentrantLock turn = new ReentrantLock(true);
    private volatile boolean closed;

    CpuDevice(DeviceOptions options) {
        this.precision = options.precision();
        this.cacheBytes = Math.max(1, (long) (CACHE_BYTES * options.chunkFactor()));
        this.host = Host.of(options);
        noticeSlowdowns(options);
        int threads =
                options.threads() > 0
                        ? options.threads()
                        : Runtime.getRuntime().availableProcessors();
        this.lanes = new Lanes(threads, options.deterministic(), host.dnn()::singleThreaded);
    }

    /** Tells what is missing here; not what the caller turned off. */
    private void noticeSlowdowns(DeviceOptions options) {
        if (options.isa() != CpuIsa.NONE && MachineCode.supported() && !MachineCode.allowed()) {
            SlowdownNotice.once(
                    "this system lets no memory become executable (a hardened kernel or"
                            + " container), so the engine's own machine code is off and training"
                            + " is about half as fast; allow it, such as by SELinux's execmem");
        }
        if (host.target().isEmpty() && options.vectorApi() && !host.vectorApi()) {
            SlowdownNotice.loopsWithoutVectors();
        }
    }

    @Override
    public String name() {
        return "cpu";
    }

    @Override
    public String description() {
        return "cpu, "
                + lanes.count()
                + (lanes.count() == 1 ? " thread, " : " threads, ")
                + "oneDNN "
                + host.dnn().version()
                + ", "
                + instructions();
    }

    private String instructions() {
        if (host.target().isPresent()) {
            Target target = host.target().get();
            boolean tiles = precision == DataType.BFLOAT16 ? target.tiles() : target.triplets();
            return "machine code for " + target.set().title() + (tiles ? " and tiles (AMX)" : "");
        }
        return host.vectorApi()
                ? StoredVector.bits() + "-bit vectors"
                : "plain loops (start the JVM with " + SlowdownNotice.VECTOR_FLAG + " for speed)";
    }

    @Override
    public int lanes() {
        return lanes.count();
    }

    @Override
    public long cacheBytes() {
        return cacheBytes;
    }

    @Override
    public int leastChunks() {
        return LEAST_CHUNKS;
    }

    @Override
    public boolean stagesInput() {
        return false;
    }

    @Override
    public DataType precision() {
        return precision;
    }

    @Override
    public boolean supports(DataType type) {
        Objects.requireNonNull(type, "precision");
        return host.target().isPresent() || host.dnn().multiplies(type);
    }

    @Override
    public long availableBytes() {
        return HostMemory.available();
    }

    @Override
    public long kernelScratchBytes() {
        return 0;
    }

    @Override
    public long scratchBytes(GemmShape shape) {
        Objects.requireNonNull(shape, "shape");
        return productScratch.computeIfAbsent(shape, s -> CpuArena.scratchBytes(host, s));
    }

    @Override
    public Optional<PackedOperandMemory> packedMemory(GemmShape shape) {
        Objects.requireNonNull(shape, "shape");
        return CpuArena.packedMemory(host, shape);
    }

    @Override
    public ConvolutionMemory memory(ConvolutionShape shape) {
        Objects.requireNonNull(shape, "shape");
        return convolutionMemory.computeIfAbsent(
                shape, s -> ConvolutionMethod.of(host, s).memory(host, s));
    }

    @Override
    public PointwiseMemory memory(PointwiseShape shape) {
        Objects.requireNonNull(shape, "shape");
        return host.target()
                .map(target -> PointwiseMethod.of(target, shape).memory(target, shape))
                .orElseGet(() -> Device.super.memory(shape));
    }

    @Override
    public DeviceArena allocate(long bytes, long scratchOffset, long scratchBytesPerLane) {
        DeviceArguments.checkArena(bytes, scratchOffset, scratchBytesPerLane, lanes.count());
        turn.lock();
        try {
            if (closed) {
                throw new IllegalStateException("the device is closed");
            }
            arenas.removeIf(CpuArena::isClosed);
            CpuArena arena = new CpuArena(host, lanes, bytes, scratchOffset, scratchBytesPerLane);
            arenas.add(arena);
            return arena;
        } finally {
            turn.unlock();
        }
    }

    @Override
    public void forEachChunk(int chunks, ChunkTask task) {
        DeviceArguments.checkChunks(chunks, task);
        lanes.forEachChunk(chunks, task);
    }

    @Override
    public DeviceTimer timer(int marks) {
        return new HostTimer(DeviceArguments.checkedMarks(marks));
    }

    @Override
    public Lock turn() {
        return turn;
    }

    @Override
    public boolean isClosed() {
        return closed;
    }

    @Override
    public void close() {
        turn.lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            lanes.close();
            arenas.forEach(CpuArena::close);
        } finally {
            turn.unlock();
        }
    }
}
