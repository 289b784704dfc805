package org.densenet4j.backend.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.densenet4j.backend.AppendedConvolution;
import org.densenet4j.backend.ChunkTask;
import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceArguments;
import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.DeviceTimer;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseConvolution;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A GPU without a GPU: the CUDA backend's launches and tiling, with kernels emulated on the host,
 * our own products in cuBLAS's place and our own convolutions in cuDNN's.
 */
public final class EmulatedDevice implements Device {
    /** Few, so that one block has several rows, and several blocks several tiles. */
    private static final int MULTIPROCESSORS = 3;

    private static final int BLOCKS = 2 * MULTIPROCESSORS;

    private static final long MOST_BYTES = 1L << 32;

    private final Emulation emulation = Emulation.open();
    private final List<EmulatedArena> arenas = new ArrayList<>();
    private final DeviceOptions options;
    private final FusedLayers fused;
    private final Lock turn = new ReentrantLock();
    private final Set<Object> sequences = new HashSet<>();
    private boolean closed;

    /** One lane; the options choose TF32. */
    public EmulatedDevice(DeviceOptions options) {
        this.options = options;
        this.fused =
                options.fusedLayers()
                        ? PlannedH100.fusedLayers(options.tensorFloat32(), MULTIPROCESSORS)
                        : FusedLayers.NONE;
    }

    /** How many sequences of operations a device that records them would have recorded. */
    public int sequences() {
        return sequences.size();
    }

    @Override
    public String name() {
        return "emulated-cuda";
    }

    @Override
    public String description() {
        return "CUDA kernels emulated on the host";
    }

    @Override
    public Map<String, String> facts() {
        boolean rounds = options.precision() == DataType.FLOAT32 && options.tensorFloat32();
        return Map.of("math", rounds ? "tf32" : "fp32");
    }

    @Override
    public int lanes() {
        return 1;
    }

    /** Small, so that a pass has several chunks. */
    @Override
    public long cacheBytes() {
        return (long) (20_000 * options.chunkFactor());
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
        return options.precision();
    }

    @Override
    public boolean supports(DataType type) {
        return true;
    }

    @Override
    public long availableBytes() {
        return MOST_BYTES;
    }

    @Override
    public long kernelScratchBytes() {
        return Tiling.REDUCTION_BYTES;
    }

    @Override
    public long scratchBytes(GemmShape shape) {
        return KernelGemm.scratchBytes(shape, MULTIPROCESSORS);
    }

    @Override
    public ConvolutionMemory memory(ConvolutionShape shape) {
        return KernelConvolution.memory(shape, MULTIPROCESSORS);
    }

    @Override
    public PointwiseMemory memory(PointwiseShape shape) {
        return fused.memory(shape).orElseGet(() -> Device.super.memory(shape));
    }

    @Override
    public boolean takesWholeBatch(PointwiseShape shape) {
        return fused.pointwise(shape).isPresent();
    }

    @Override
    public Optional<ConvolutionMemory> appendedMemory(ConvolutionShape shape) {
        return fused.memory(shape);
    }

    @Override
    public DeviceArena allocate(long bytes, long scratchOffset, long scratchBytesPerLane) {
        checkOpen();
        DeviceArguments.checkArena(bytes, scratchOffset, scratchBytesPerLane, lanes());
        if (bytes > MOST_BYTES) {
            throw new DeviceException("the device refuses " + bytes + " bytes of memory");
        }
        EmulatedArena arena = new EmulatedArena(bytes, scratchOffset, scratchBytesPerLane);
        arenas.add(arena);
        return arena;
    }

    /** Emulated time means nothing: every mark is at 0. */
    @Override
    public DeviceTimer timer(int marks) {
        DeviceArguments.checkedMarks(marks);
        return new DeviceTimer() {
            @Override
            public void mark(int index) {
                DeviceArguments.checkMark("index", index, marks);
            }

            @Override
            public double seconds(int from, int to) {
                DeviceArguments.checkMark("from", from, marks);
                DeviceArguments.checkMark("to", to, marks);
                return 0;
            }

            @Override
            public void close() {}
        };
    }

    @Override
    public void forEachChunk(int chunks, ChunkTask task) {
        DeviceArguments.checkChunks(chunks, task);
        checkOpen();
        for (int chunk = 0; chunk < chunks; chunk++) {
            task.run(0, chunk);
        }
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("the device is closed");
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

    @Override
    public void close() {
        closed = true;
        arenas.forEach(EmulatedArena::close);
    }

    /** Host memory in the place of device memory. */
    private final class EmulatedArena implements DeviceArena {
        private final Arena lifetime = Arena.ofShared();
        private final MemorySegment memory;
        private final GatheredLaunch gathered = new GatheredLaunch();
        private final KernelLauncher launcher;
        private final SmallOperations small;
        private final CudaKernels kernels;
        private final ProductKernels products;
        private float[] staged;
        private Matrix staging;

        EmulatedArena(long bytes, long scratchOffset, long scratchBytes) {
            memory = lifetime.allocate(bytes, 256);
            launcher =
                    (kernel, grid, traffic, arguments) -> {
                        checkOpen();
                        gathered.launch();
                        emulation.launch(kernel, grid, traffic, arguments);
                    };
            small = new SmallOperations(emulation, gathered, true);
            kernels = new CudaKernels(launcher, small, memory.address(), scratchOffset, BLOCKS);
            products =
                    new ProductKernels(
                            launcher,
                            memory.address(),
                            scratchOffset,
                            scratchBytes,
                            MULTIPROCESSORS,
                            options.tensorFloat32());
        }

        private void checkOpen() {
            if (!lifetime.scope().isAlive()) {
                throw new IllegalStateException("the arena is closed");
            }
        }

        @Override
        public long bytes() {
            return memory.byteSize();
        }

        @Override
        public Kernels kernels() {
            checkOpen();
            return kernels;
        }

        @Override
        public void multiply(int lane, GemmShape shape, Matrix a, Matrix b, Matrix c) {
            checkOpen();
            new KernelGemm(products).multiply(shape, a, b, c);
        }

        @Override
        public Convolution convolution(ConvolutionShape shape) {
            checkOpen();
            return new KernelConvolution(products, kernels, shape);
        }

        @Override
        public PointwiseConvolution pointwise(PointwiseShape shape) {
            return fused.pointwise(shape)
                    .<PointwiseConvolution>map(
                            parts ->
                                    new FusedPointwise(
                                            launcher, small, kernels, products, fused, parts,
                                            shape))
                    .orElseGet(() -> DeviceArena.super.pointwise(shape));
        }

        @Override
        public AppendedConvolution appended(ConvolutionShape shape) {
            return new FusedAppendedConvolution(
                    launcher,
                    small,
                    kernels,
                    products,
                    fused,
                    fused.appended(shape).orElseThrow(),
                    shape);
        }

        @Override
        public void upload(float[] source, int from, Matrix target) {
            checkOpen();
            gathered.launch();
            if (source == staged && from == 0) {
                MemorySegment.copy(
                        memory, staging.offset(), memory, target.offset(), target.bytes());
                staged = null;
                return;
            }
            for (int r = 0; r < target.rows(); r++) {
                HostCopy.store(
                        source,
                        from + r * target.columns(),
                        memory,
                        target.at(r, 0),
                        target.columns(),
                        target.type());
            }
        }

        @Override
        public void stage(float[] source, int count, Matrix target) {
            HostCopy.store(source, 0, memory, target.offset(), count, target.type());
            staged = source;
            staging = target;
        }

        @Override
        public void replay(Object key, Runnable work) {
            sequences.add(key);
            work.run();
        }

        @Override
        public void uploadInts(int[] source, int count, long offset) {
            checkOpen();
            gathered.launch();
            MemorySegment.copy(source, 0, memory, JAVA_INT, offset, count);
        }

        @Override
        public void download(Matrix source, float[] target, int from) {
            checkOpen();
            gathered.launch();
            for (int r = 0; r < source.rows(); r++) {
                HostCopy.load(
                        memory,
                        source.at(r, 0),
                        source.type(),
                        target,
                        from + r * source.columns(),
                        source.columns());
            }
        }

        @Override
        public void close() {
            if (lifetime.scope().isAlive()) {
                small.close();
                lifetime.close();
            }
        }
    }
}
