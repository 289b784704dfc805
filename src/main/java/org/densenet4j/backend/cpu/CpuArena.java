package org.densenet4j.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import org.densenet4j.backend.BFloat16;
import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PackedOperandMemory;
import org.densenet4j.backend.PointwiseConvolution;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.distributed.Communicator;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** One block of host memory, the kernels on it, and the oneDNN primitives made for its plan. */
final class CpuArena implements DeviceArena {
    /** Values to round that are worth another lane, and that a lane rounds at a time. */
    private static final int LEAST_ROUNDED = 1 << 14;

    private final Host host;
    private final Lanes lanes;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory;
    private final Optional<CompiledPasses> passes;
    private final Kernels kernels;
    private final long scratchOffset;
    private final long scratchBytesPerLane;
    private final Optional<CompiledProducts> compiledProducts;
    private final Optional<TiledProducts> tiledProducts;
    private final Optional<TripletProducts> tripletProducts;
    private final Map<GemmShape, Primitive> products = new ConcurrentHashMap<>();
    private final Map<ConvolutionShape, HostConvolution> convolutions = new ConcurrentHashMap<>();
    private final Map<PointwiseShape, HostPointwise> pointwise = new ConcurrentHashMap<>();
    private boolean closed;

    CpuArena(Host host, Lanes lanes, long bytes, long scratchOffset, long scratchBytesPerLane) {
        this.host = host;
        this.lanes = lanes;
        this.scratchOffset = scratchOffset;
        this.scratchBytesPerLane = scratchBytesPerLane;
        this.memory = HostMemory.allocate(bytes, arena);
        this.passes = host.target().map(target -> new CompiledPasses(target, arena, memory));
        this.kernels = new CpuKernels(memory, passes, host.vectorApi());
        this.compiledProducts = host.target().map(target -> new CompiledProducts(this, target));
        this.tiledProducts = host.target().map(target -> new TiledProducts(this, target));
        this.tripletProducts = host.target().map(target -> new TripletProducts(this, target));
    }

    OneDnn dnn() {
        return host.dnn();
    }

    /** Room for a kernel's arguments, for each lane. */
    Arguments[] arguments(Class<? extends Enum<?>> names) {
        Arguments[] arguments = new Arguments[lanes.count()];
        Arrays.setAll(arguments, lane -> new Arguments(arena, names));
        return arguments;
    }

    /** Threads that share the work between passes, too. */
    Lanes lanes() {
        return lanes;
    }

    /** Lifetime of small native objects that belong to this arena. */
    Arena lifetime() {
        return arena;
    }

    MemorySegment memory() {
        return memory;
    }

    MemorySegment address(Matrix matrix) {
        return address(matrix.offset());
    }

    MemorySegment address(long offset) {
        return memory.asSlice(offset);
    }

    MemorySegment scratch(int lane) {
        return address(scratchOffset(lane));
    }

    long scratchOffset(int lane) {
        return scratchOffset + lane * scratchBytesPerLane;
    }

    /** Zeros. */
    void fill(long offset, long bytes) {
        memory.asSlice(offset, bytes).fill((byte) 0);
    }

    /** Adds all rows of a matrix to its first, and returns that. */
    Matrix total(Matrix sums) {
        Matrix total = sums.row(0);
        for (int row = 1; row < sums.rows(); row++) {
            kernels.add(sums.row(row), total);
        }
        return total;
    }

    /** Compiles a primitive and frees what it was described with. */
    Primitive primitive(
            String what, MemorySegment description, int[] keys, MemorySegment... descs) {
        requireOpen();
        Primitive primitive =
                new Primitive(dnn(), arena, lanes.count(), what, description, keys, descs);
        dnn().destroyDescription(description);
        for (MemorySegment desc : descs) {
            dnn().destroyDesc(desc);
        }
        if (primitive.scratchBytes() > scratchBytesPerLane) {
            primitive.close();
            throw new DeviceException(
                    what
                            + " needs "
                            + primitive.scratchBytes()
                            + " bytes of scratch, the plan has "
                            + scratchBytesPerLane);
        }
        return primitive;
    }

    @Override
    public long bytes() {
        return memory.byteSize();
    }

    @Override
    public Kernels kernels() {
        return kernels;
    }

    @Override
    public void multiply(int lane, GemmShape shape, Matrix a, Matrix b, Matrix c) {
        if (TiledProducts.has(host, shape)) {
            tiledProducts().multiply(lane, shape, a, b, c);
            return;
        }
        if (!host.multiplies(shape.operands())) {
            WidenedProduct product = new WidenedProduct(shape);
            long room = scratchOffset(lane) + scratchBytesPerLane - product.bytes();
            product.run(this, lane, room, a, b, c);
            return;
        }
        if (TripletProducts.has(host, shape)) {
            tripletProducts().multiply(lane, shape, a, b, c);
            return;
        }
        if (CompiledProducts.has(host, shape)) {
            compiledProducts.orElseThrow().multiply(lane, shape, a, b, c);
            return;
        }
        Primitive product = products.get(shape);
        if (product == null) {
            product = products.computeIfAbsent(shape, this::makeProduct);
        }
        product.run(lane, scratch(lane), address(a), address(b), address(c));
    }

    /** What products need whose second operand is panels of tiles. */
    static Optional<PackedOperandMemory> packedMemory(Host host, GemmShape s) {
        if (TiledProducts.hasPacked(host, s)) {
            return Optional.of(TiledProducts.packedMemory(s));
        }
        if (TripletProducts.hasPacked(host, s)) {
            return Optional.of(TripletProducts.packedMemory(s));
        }
        return Optional.empty();
    }

    @Override
    public Matrix pack(int lane, GemmShape shape, Matrix b, Matrix packed) {
        requireOpen();
        if (TiledProducts.hasPacked(host, shape)) {
            tiledProducts().pack(shape, b, packed.offset());
            return packed;
        }
        if (TripletProducts.hasPacked(host, shape)) {
            tripletProducts().pack(lane, b, shape.transposeB(), packed.offset());
            return packed;
        }
        return b;
    }

    @Override
    public void multiplyPacked(int lane, GemmShape shape, Matrix a, Matrix b, Matrix c) {
        requireOpen();
        if (TiledProducts.hasPacked(host, shape)) {
            tiledProducts().multiplyByPanels(lane, a, b.offset(), c, shape.accumulate());
        } else if (TripletProducts.hasPacked(host, shape)) {
            tripletProducts().multiplyByPacked(lane, a, b.offset(), c, shape.accumulate());
        } else {
            DeviceArena.super.multiplyPacked(lane, shape, a, b, c);
        }
    }

    private Primitive makeProduct(GemmShape shape) {
        requireOpen();
        OneDnn dnn = dnn();
        MemorySegment a = a(dnn, shape);
        MemorySegment b = b(dnn, shape);
        MemorySegment c = c(dnn, shape);
        return primitive(
                shape.toString(),
                dnn.matmulDescription(shape.toString(), a, b, c, shape.accumulate()),
                new int[] {OneDnn.ARG_SRC, OneDnn.ARG_WEIGHTS, OneDnn.ARG_DST},
                a,
                b,
                c);
    }

    TiledProducts tiledProducts() {
        return tiledProducts.orElseThrow();
    }

    TripletProducts tripletProducts() {
        return tripletProducts.orElseThrow();
    }

    static long scratchBytes(Host host, GemmShape shape) {
        if (TiledProducts.has(host, shape)) {
            return TiledProducts.scratchBytes(shape);
        }
        if (!host.multiplies(shape.operands())) {
            WidenedProduct product = new WidenedProduct(shape);
            return Scratch.rounded(scratchBytes(host, product.floats())) + product.bytes();
        }
        if (TripletProducts.has(host, shape)) {
            return TripletProducts.scratchBytes(shape);
        }
        if (CompiledProducts.has(host, shape)) {
            return CompiledProducts.scratchBytes(host, shape);
        }
        OneDnn dnn = host.dnn();
        dnn.singleThreaded();
        MemorySegment a = a(dnn, shape);
        MemorySegment b = b(dnn, shape);
        MemorySegment c = c(dnn, shape);
        MemorySegment description =
                dnn.matmulDescription(shape.toString(), a, b, c, shape.accumulate());
        long bytes = dnn.scratchBytes(description);
        dnn.destroyDescription(description);
        dnn.destroyDesc(a);
        dnn.destroyDesc(b);
        dnn.destroyDesc(c);
        return bytes;
    }

    private static MemorySegment a(OneDnn dnn, GemmShape s) {
        return operand(dnn, s.operands(), s.m(), s.k(), s.lda(), s.transposeA());
    }

    private static MemorySegment b(OneDnn dnn, GemmShape s) {
        return operand(dnn, s.operands(), s.k(), s.n(), s.ldb(), s.transposeB());
    }

    private static MemorySegment c(OneDnn dnn, GemmShape s) {
        return operand(dnn, s.result(), s.m(), s.n(), s.ldc(), false);
    }

    private static MemorySegment operand(
            OneDnn dnn, DataType type, long rows, long columns, long stride, boolean transposed) {
        return dnn.desc(
                type,
                new long[] {rows, columns},
                transposed ? new long[] {1, stride} : new long[] {stride, 1});
    }

    @Override
    public Convolution convolution(ConvolutionShape shape) {
        requireOpen();
        return convolutions.computeIfAbsent(
                shape, s -> ConvolutionMethod.of(host, s).open(this, host, s));
    }

    /** One that uses the arena's own products. */
    HostConvolution pointConvolution(InstructionSet set, ConvolutionShape shape) {
        return new CompiledPointConvolution(this, set, compiledProducts.orElseThrow(), shape);
    }

    @Override
    public PointwiseConvolution pointwise(PointwiseShape shape) {
        requireOpen();
        if (host.target().isEmpty()) {
            return DeviceArena.super.pointwise(shape);
        }
        Target target = host.target().get();
        return pointwise.computeIfAbsent(
                shape, s -> PointwiseMethod.of(target, s).open(this, target, s));
    }

    @Override
    public void upload(float[] source, int from, Matrix target) {
        if (target.isDense()) {
            upload(source, from, target.rows() * target.columns(), target);
            return;
        }
        for (int r = 0; r < target.rows(); r++) {
            upload(source, from + r * target.columns(), target.columns(), target.row(r));
        }
    }

    /** Elements that lie one behind the other, from a matrix's first on. */
    private void upload(float[] source, int from, int count, Matrix target) {
        long at = target.offset();
        if (target.type() == DataType.FLOAT32) {
            MemorySegment.copy(source, from, memory, JAVA_FLOAT, at, count);
            return;
        }
        lanes.forEachPart(
                count,
                LEAST_ROUNDED,
                (lane, first, n) -> round(lane, source, from + first, n, at + 2L * first));
    }

    /** To bfloat16, by way of a lane's scratch. */
    private void round(int lane, float[] source, int from, int count, long to) {
        int piece = (int) Math.min(LEAST_ROUNDED, scratchBytesPerLane / Float.BYTES);
        if (piece == 0) {
            for (int i = 0; i < count; i++) {
                memory.set(JAVA_SHORT, to + 2L * i, BFloat16.of(source[from + i]));
            }
            return;
        }
        for (int i = 0; i < count; i += piece) {
            int n = Math.min(piece, count - i);
            Matrix floats = Matrix.vector(scratchOffset(lane), n);
            MemorySegment.copy(source, from + i, memory, JAVA_FLOAT, floats.offset(), n);
            kernels.copy(floats, new Matrix(to + 2L * i, 1, n, n, DataType.BFLOAT16));
        }
    }

    @Override
    public void stage(float[] source, int count, Matrix staging) {
        // Host memory is the device's memory: there is nothing to copy ahead.
    }

    @Override
    public void replay(Object key, Runnable work) {
        work.run();
    }

    /** The host's memory is the device's: it is summed where it lies. */
    @Override
    public void allReduce(Matrix vector, Communicator communicator) {
        requireOpen();
        communicator.allReduce(memory.asSlice(vector.offset(), vector.bytes()));
    }

    @Override
    public void uploadInts(int[] source, int count, long offset) {
        MemorySegment.copy(source, 0, memory, JAVA_INT, offset, count);
    }

    @Override
    public void download(Matrix source, float[] target, int from) {
        for (int r = 0; r < source.rows(); r++) {
            int start = from + r * source.columns();
            long at = source.at(r, 0);
            if (source.type() == DataType.FLOAT32) {
                MemorySegment.copy(memory, JAVA_FLOAT, at, target, start, source.columns());
            } else {
                for (int c = 0; c < source.columns(); c++) {
                    target[start + c] = BFloat16.toFloat(memory.get(JAVA_SHORT, at + 2L * c));
                }
            }
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the arena is closed");
        }
    }

    boolean isClosed() {
        return closed;
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        products.values().forEach(Primitive::close);
        convolutions.values().forEach(HostConvolution::close);
        pointwise.values().forEach(HostPointwise::close);
        passes.ifPresent(CompiledPasses::close);
        compiledProducts.ifPresent(CompiledProducts::close);
        tiledProducts.ifPresent(TiledProducts::close);
        tripletProducts.ifPresent(TripletProducts::close);
        arena.close();
    }
}
