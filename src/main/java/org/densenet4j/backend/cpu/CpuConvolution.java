package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntFunction;

/**
 * A oneDNN convolution. Source and destination are dense NHWC (a strided destination would fall
 * back to reference code, hundreds of times slower); weights are in whatever layout oneDNN likes,
 * packed from the PyTorch layout before a pass.
 *
 * <p>A chunk may hold fewer images than the shape says; a primitive for that count is made when it
 * is first met and kept.
 */
final class CpuConvolution implements HostConvolution {
    private final CpuArena arena;
    private final ConvolutionShape shape;
    private final Layouts layouts;
    private final Primitive packForward;
    private final Primitive packBackward;
    private final Primitive unpackGradient;
    private final ConcurrentHashMap<Integer, Primitive> forward = new ConcurrentHashMap<>();
    private final ConcurrentHashMap<Integer, Primitive> backwardData = new ConcurrentHashMap<>();
    private final ConcurrentHashMap<Integer, Primitive> backwardWeights = new ConcurrentHashMap<>();

    CpuConvolution(CpuArena arena, ConvolutionShape shape) {
        this.arena = arena;
        this.shape = shape;
        this.layouts = new Layouts(arena.dnn(), shape);
        OneDnn dnn = arena.dnn();
        MemorySegment plain = plainWeights(dnn, shape);
        packForward = reorder("packing the weights of ", plain, layouts.forwardWeights, false);
        packBackward = reorder("packing the weights of ", plain, layouts.backwardWeights, false);
        unpackGradient = reorder("unpacking the gradient of ", layouts.gradient, plain, true);
        dnn.destroyDesc(plain);
    }

    private Primitive reorder(
            String what, MemorySegment from, MemorySegment to, boolean accumulate) {
        OneDnn dnn = arena.dnn();
        MemorySegment description = dnn.reorderDescription(what + shape, from, to, accumulate);
        try {
            return new Primitive(
                    dnn,
                    arena.lifetime(),
                    arena.lanes().count(),
                    what + shape,
                    description,
                    new int[] {OneDnn.ARG_SRC, OneDnn.ARG_DST},
                    from,
                    to);
        } finally {
            dnn.destroyDescription(description);
        }
    }

    @Override
    public ConvolutionShape shape() {
        return shape;
    }

    @Override
    public void packForward(int lane, int part, Matrix weights, Matrix packed) {
        pack(lane, packForward, weights, packed);
    }

    @Override
    public void packBackward(int lane, int part, Matrix weights, Matrix packed) {
        pack(lane, packBackward, weights, packed);
    }

    private void pack(int lane, Primitive primitive, Matrix from, Matrix to) {
        arena.dnn().singleThreaded();
        primitive.run(lane, arena.scratch(lane), arena.address(from), arena.address(to), null);
    }

    @Override
    public void forward(int lane, int images, Matrix source, Matrix packed, Matrix output) {
        primitive(forward, images, this::makeForward)
                .run(
                        lane,
                        arena.scratch(lane),
                        arena.address(source),
                        arena.address(packed),
                        arena.address(output));
    }

    @Override
    public void backwardData(
            int lane, int images, Matrix outputGradient, Matrix packed, Matrix sourceGradient) {
        primitive(backwardData, images, this::makeBackwardData)
                .run(
                        lane,
                        arena.scratch(lane),
                        arena.address(outputGradient),
                        arena.address(packed),
                        arena.address(sourceGradient));
    }

    @Override
    public void backwardWeights(
            int lane,
            int images,
            Matrix source,
            Matrix outputGradient,
            Matrix ofChunk,
            Matrix sum) {
        primitive(backwardWeights, images, this::makeBackwardWeights)
                .run(
                        lane,
                        arena.scratch(lane),
                        arena.address(source),
                        arena.address(outputGradient),
                        arena.address(ofChunk));
        arena.kernels().add(ofChunk, sum);
    }

    @Override
    public void reduceWeightGradient(int lane, int part, Matrix sums, Matrix gradient) {
        pack(lane, unpackGradient, arena.total(sums), gradient);
    }

    private static Primitive primitive(
            ConcurrentHashMap<Integer, Primitive> made, int images, IntFunction<Primitive> make) {
        Primitive primitive = made.get(images);
        return primitive != null ? primitive : made.computeIfAbsent(images, make::apply);
    }

    private Primitive makeForward(int images) {
        ConvolutionShape s = shape.withImages(images);
        OneDnn dnn = arena.dnn();
        MemorySegment source = source(dnn, s);
        MemorySegment output = output(dnn, s);
        MemorySegment description =
                dnn.convolutionForwardDescription(
                        s.toString(), source, layouts.forwardWeights, output, geometry(s));
        return arena.primitive(
                s.toString(),
                description,
                new int[] {OneDnn.ARG_SRC, OneDnn.ARG_WEIGHTS, OneDnn.ARG_DST},
                source,
                dnn.cloneDesc(layouts.forwardWeights),
                output);
    }

    private Primitive makeBackwardData(int images) {
        ConvolutionShape s = shape.withImages(images);
        OneDnn dnn = arena.dnn();
        MemorySegment source = source(dnn, s);
        MemorySegment output = output(dnn, s);
        MemorySegment hint =
                dnn.convolutionForwardDescription(
                        s.toString(), source, layouts.forwardWeights, output, geometry(s));
        MemorySegment description =
                dnn.convolutionBackwardDataDescription(
                        "data gradient of " + s,
                        source,
                        layouts.backwardWeights,
                        output,
                        geometry(s),
                        hint);
        dnn.destroyDescription(hint);
        return arena.primitive(
                "data gradient of " + s,
                description,
                new int[] {OneDnn.ARG_DIFF_DST, OneDnn.ARG_WEIGHTS, OneDnn.ARG_DIFF_SRC},
                output,
                dnn.cloneDesc(layouts.backwardWeights),
                source);
    }

    private Primitive makeBackwardWeights(int images) {
        ConvolutionShape s = shape.withImages(images);
        OneDnn dnn = arena.dnn();
        MemorySegment source = source(dnn, s);
        MemorySegment output = output(dnn, s);
        MemorySegment hint =
                dnn.convolutionForwardDescription(
                        s.toString(), source, layouts.forwardWeights, output, geometry(s));
        MemorySegment description =
                dnn.convolutionBackwardWeightsDescription(
                        "weight gradient of " + s,
                        source,
                        layouts.gradient,
                        output,
                        geometry(s),
                        hint);
        dnn.destroyDescription(hint);
        return arena.primitive(
                "weight gradient of " + s,
                description,
                new int[] {OneDnn.ARG_SRC, OneDnn.ARG_DIFF_DST, OneDnn.ARG_DIFF_WEIGHTS},
                source,
                output,
                dnn.cloneDesc(layouts.gradient));
    }

    @Override
    public void close() {
        packForward.close();
        packBackward.close();
        unpackGradient.close();
        forward.values().forEach(Primitive::close);
        backwardData.values().forEach(Primitive::close);
        backwardWeights.values().forEach(Primitive::close);
        layouts.close();
    }

    /** Memory beside the operands, asked of oneDNN without allocating any of it. */
    static ConvolutionMemory memory(OneDnn dnn, ConvolutionShape shape) {
        try (Layouts layouts = new Layouts(dnn, shape)) {
            return new ConvolutionMemory(
                    Math.max(dnn.size(layouts.forwardWeights), dnn.size(layouts.backwardWeights)),
                    dnn.size(layouts.gradient),
                    layouts.scratch);
        }
    }

    private static OneDnn.Geometry geometry(ConvolutionShape s) {
        return new OneDnn.Geometry(s.stride(), s.padding());
    }

    private static MemorySegment source(OneDnn dnn, ConvolutionShape s) {
        return nhwc(dnn, s.type(), s.images(), s.inputChannels(), s.height(), s.width());
    }

    private static MemorySegment output(OneDnn dnn, ConvolutionShape s) {
        return nhwc(
                dnn, s.type(), s.images(), s.outputChannels(), s.outputHeight(), s.outputWidth());
    }

    /** oneDNN names dimensions N, C, H, W whatever their order in memory. */
    private static MemorySegment nhwc(OneDnn dnn, DataType type, long n, long c, long h, long w) {
        return dnn.desc(type, new long[] {n, c, h, w}, new long[] {h * w * c, 1, w * c, c});
    }

    private static MemorySegment plainWeights(OneDnn dnn, ConvolutionShape s) {
        long k = s.kernel();
        long in = s.inputChannels();
        return dnn.desc(
                DataType.FLOAT32,
                new long[] {s.outputChannels(), in, k, k},
                new long[] {in * k * k, k * k, k, 1});
    }

    /** The weight layouts that oneDNN chooses for a shape, and its scratch. */
    private static final class Layouts implements AutoCloseable {
        private final OneDnn dnn;
        private final MemorySegment forwardWeights;
        private final MemorySegment backwardWeights;
        private final MemorySegment gradient;
        private final long scratch;

        Layouts(OneDnn dnn, ConvolutionShape s) {
            this.dnn = dnn;
            dnn.singleThreaded();
            MemorySegment source = source(dnn, s);
            MemorySegment output = output(dnn, s);
            MemorySegment any = anyWeights(dnn, s.type(), s);
            MemorySegment anyGradient = anyWeights(dnn, DataType.FLOAT32, s);
            String what = s.toString();
            MemorySegment f =
                    dnn.convolutionForwardDescription(what, source, any, output, geometry(s));
            MemorySegment d =
                    dnn.convolutionBackwardDataDescription(
                            what, source, any, output, geometry(s), f);
            MemorySegment w =
                    dnn.convolutionBackwardWeightsDescription(
                            what, source, anyGradient, output, geometry(s), f);
            forwardWeights = dnn.cloneDesc(dnn.weightsDesc(f));
            backwardWeights = dnn.cloneDesc(dnn.weightsDesc(d));
            gradient = dnn.cloneDesc(dnn.weightGradientDesc(w));
            scratch =
                    Math.max(
                            dnn.scratchBytes(f),
                            Math.max(dnn.scratchBytes(d), dnn.scratchBytes(w)));
            dnn.destroyDescription(w);
            dnn.destroyDescription(d);
            dnn.destroyDescription(f);
            dnn.destroyDesc(anyGradient);
            dnn.destroyDesc(any);
            dnn.destroyDesc(output);
            dnn.destroyDesc(source);
        }

        private static MemorySegment anyWeights(OneDnn dnn, DataType type, ConvolutionShape s) {
            return dnn.descAny(type, s.outputChannels(), s.inputChannels(), s.kernel(), s.kernel());
        }

        @Override
        public void close() {
            dnn.destroyDesc(forwardWeights);
            dnn.destroyDesc(backwardWeights);
            dnn.destroyDesc(gradient);
        }
    }
}
