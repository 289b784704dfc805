package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntFunction;

/**
 * A 3x3 convolution by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2016, arXiv
 * 1509.09308): 36 products per 16 outputs instead of 144, in all three directions.
 *
 * <pre>
 * Y  = Aᵀ[ (G·g·Gᵀ) ⊙ (Bᵀ·d·B) ]A        summed over input channels: 36 matrix products
 * dX   the same of dY with g turned by 180 degrees
 * dg = Gᵀ[ (A·dY·Aᵀ) ⊙ (Bᵀ·d·B) ]G       summed over tiles: 36 matrix products
 * </pre>
 *
 * Tiles are worked on in groups whose transforms stay near the cache. Rounding errors are about
 * five times those of a direct float32 convolution, far below those of TF32. float32 only: with
 * bfloat16 instructions a direct convolution is faster. {@link CompiledWinograd} is faster than
 * both.
 */
final class WinogradConvolution implements HostConvolution {
    private final CpuArena arena;
    private final ConvolutionShape shape;
    private final Tiles tiles;
    private final WinogradTransforms transforms;
    private final WinogradWeightPacking packing;
    private final TileGroups groups;
    private final ConcurrentHashMap<Integer, Primitive> forward = new ConcurrentHashMap<>();
    private final ConcurrentHashMap<Integer, Primitive> backwardData = new ConcurrentHashMap<>();
    private final ConcurrentHashMap<Integer, Primitive> backwardWeights = new ConcurrentHashMap<>();

    WinogradConvolution(CpuArena arena, ConvolutionShape shape) {
        this.arena = arena;
        this.shape = shape;
        this.tiles = new Tiles(shape.height(), shape.width());
        this.groups = new TileGroups(shape);
        this.packing = new WinogradWeightPacking(arena, shape);
        this.transforms = new WinogradTransforms(arena.memory());
    }

    /**
     * Four times as many transformed weights as weights lie in memory once, and their gradient
     * twice for each lane: beyond this, they are larger than the features.
     */
    private static final long MOST_TRANSFORMED_BYTES = 16L << 20;

    /**
     * Whether a convolution has the form that the transforms are made for, and not too many
     * weights. With one channel, see {@link TileGroups#rows}.
     */
    static boolean fits(ConvolutionShape s) {
        return s.kernel() == 3
                && s.stride() == 1
                && s.padding() == 1
                && Math.min(s.inputChannels(), s.outputChannels()) > 1
                && 4L * s.weights() * Float.BYTES <= MOST_TRANSFORMED_BYTES;
    }

    @Override
    public ConvolutionShape shape() {
        return shape;
    }

    @Override
    public void packForward(int lane, int part, Matrix plain, Matrix packed) {
        packing.packForward(lane, plain, packed);
    }

    @Override
    public void packBackward(int lane, int part, Matrix plain, Matrix packed) {
        packing.packBackward(lane, plain, packed);
    }

    @Override
    public void forward(int lane, int images, Matrix source, Matrix packed, Matrix output) {
        filter(lane, images, source, packed, output, forward);
    }

    @Override
    public void backwardData(
            int lane, int images, Matrix outputGradient, Matrix packed, Matrix sourceGradient) {
        filter(lane, images, outputGradient, packed, sourceGradient, backwardData);
    }

    private void filter(
            int lane,
            int images,
            Matrix from,
            Matrix packed,
            Matrix to,
            ConcurrentHashMap<Integer, Primitive> products) {
        clearZeros(lane);
        int all = images * tiles.perImage();
        int group = groups.size(all);
        for (int first = 0; first < all; first += group) {
            int count = Math.min(group, all - first);
            TileBuffers v = buffers(lane, count, from.columns(), 0);
            TileBuffers m = buffers(lane, count, to.columns(), v.bytes());
            transforms.source(from, tiles, first, count, v);
            primitive(products, v.tiles(), n -> product(n, from.columns(), to.columns()))
                    .run(
                            lane,
                            primitiveScratch(lane),
                            arena.address(v.offset()),
                            arena.address(packed),
                            arena.address(m.offset()));
            transforms.output(m, tiles, first, count, to);
        }
    }

    @Override
    public void backwardWeights(
            int lane,
            int images,
            Matrix source,
            Matrix outputGradient,
            Matrix ofChunk,
            Matrix sum) {
        clearZeros(lane);
        int all = images * tiles.perImage();
        int group = groups.size(all);
        for (int first = 0; first < all; first += group) {
            int count = Math.min(group, all - first);
            TileBuffers v = buffers(lane, count, shape.inputChannels(), 0);
            TileBuffers d = buffers(lane, count, shape.outputChannels(), v.bytes());
            transforms.source(source, tiles, first, count, v);
            transforms.outputGradient(outputGradient, tiles, first, count, d);
            primitive(backwardWeights, v.tiles(), this::weightProduct)
                    .run(
                            lane,
                            primitiveScratch(lane),
                            arena.address(d.offset()),
                            arena.address(v.offset()),
                            arena.address(sum));
        }
    }

    @Override
    public void reduceWeightGradient(int lane, int part, Matrix sums, Matrix gradient) {
        packing.reduceWeightGradient(lane, sums, gradient);
    }

    /** Other primitives use the same scratch. */
    private void clearZeros(int lane) {
        arena.scratch(lane).asSlice(0, groups.zeroBytes()).fill((byte) 0);
    }

    private TileBuffers buffers(int lane, int count, int channels, long behind) {
        long base = arena.scratchOffset(lane);
        TileBuffers buffers =
                new TileBuffers(
                        base + groups.fixedBytes() + behind,
                        TileGroups.rows(count),
                        TileGroups.padded(channels),
                        base,
                        base + groups.zeroBytes());
        if (count < buffers.tiles()) {
            arena.address(buffers.offset()).asSlice(0, buffers.bytes()).fill((byte) 0);
        }
        return buffers;
    }

    private MemorySegment primitiveScratch(int lane) {
        return arena.scratch(lane).asSlice(groups.bytes());
    }

    private static Primitive primitive(
            ConcurrentHashMap<Integer, Primitive> made, int tiles, IntFunction<Primitive> make) {
        Primitive primitive = made.get(tiles);
        return primitive != null ? primitive : made.computeIfAbsent(tiles, make::apply);
    }

    // ---------------------------------------------------------------- the 36 products

    /** {@code M[e] = V[e]·U[e]}: [tiles, from] by [from, to]. */
    private Primitive product(int count, int from, int to) {
        return TileProduct.filter(arena.dnn(), count, from, to)
                .primitive(arena, "Winograd products of " + shape);
    }

    /** {@code dU[e] += D[e]ᵀ·V[e]}: [out, tiles] by [tiles, in]. */
    private Primitive weightProduct(int count) {
        return TileProduct.weightGradient(
                        arena.dnn(), count, shape.inputChannels(), shape.outputChannels())
                .primitive(arena, "Winograd products of the weight gradient of " + shape);
    }

    /** Memory beside the operands, asked of oneDNN without allocating any of it. */
    static ConvolutionMemory memory(OneDnn dnn, ConvolutionShape s) {
        dnn.singleThreaded();
        TileGroups groups = new TileGroups(s);
        int in = s.inputChannels();
        int out = s.outputChannels();
        long scratch = 0;
        for (int count : groups.allSizes(s.images())) {
            for (TileProduct product :
                    List.of(
                            TileProduct.filter(dnn, count, in, out),
                            TileProduct.filter(dnn, count, out, in),
                            TileProduct.weightGradient(dnn, count, in, out))) {
                scratch = Math.max(scratch, product.scratchBytes());
            }
        }
        return new ConvolutionMemory(
                WinogradWeightPacking.weightBytes(s),
                WinogradWeightPacking.gradientBytes(s),
                Math.max(WinogradWeightPacking.scratchBytes(s), groups.bytes() + scratch));
    }

    @Override
    public void close() {
        packing.close();
        forward.values().forEach(Primitive::close);
        backwardData.values().forEach(Primitive::close);
        backwardWeights.values().forEach(Primitive::close);
    }
}
