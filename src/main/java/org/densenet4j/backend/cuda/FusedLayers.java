package org.densenet4j.backend.cuda;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;

import java.util.Optional;

/**
 * Which halves of dense layers run by the fused kernels of {@code cuda-kernels/dense_layer.cu} on a
 * device, and what they need. Others run by cuBLAS, cuDNN and the kernels of a step. The rule:
 *
 * <ul>
 *   <li>tensor cores of Ampere or newer, and bf16, or float32 where TF32 is allowed
 *   <li>at most 192 channels of the bottleneck in bf16, 128 in TF32, whole 16 bytes of them; an
 *       even number of columns that are read, and rows of them that start on 16 bytes
 *   <li>for the 3x3 convolution at most 48 new channels in bf16, 32 in TF32, a multiple of four, an
 *       even number of columns before them
 *   <li>kernels whose weights and rows fit the shared memory that a block of the device can have
 *       (docs/gpu.md has how long lines of an image may be)
 * </ul>
 *
 * @param tensorCores whether the device has those of Ampere or newer
 * @param tensorFloat32 whether float32 operands may be rounded to TF32
 * @param multiprocessors of the device
 * @param sharedBytes dynamic shared memory that a block can have
 * @param cacheBytes half of the level-2 cache: some devices keep lines in both halves of it
 */
record FusedLayers(
        boolean tensorCores,
        boolean tensorFloat32,
        int multiprocessors,
        int sharedBytes,
        long cacheBytes) {

    /** Nothing is fused. */
    static final FusedLayers NONE = new FusedLayers(false, false, 1, 0, 0);

    /** A 1x1 convolution's kernels for a number of rows. */
    record Pointwise(
            LayerProgram program, LayerKernel forward, LayerKernel backward, int backwardColumns) {}

    /**
     * A 3x3 convolution's kernels for a number of rows.
     *
     * @param forwardRing rows of the ring, or pixels of a window
     */
    record Appended(
            LayerProgram program,
            LayerKernel forward,
            int forwardRing,
            AppendedGradientKernel gradient) {}

    /**
     * Whether what a kernel reads once would leave nothing else in the cache: its lines then give
     * way before those that the next kernel reads ({@code Keeping} of {@code
     * cuda-kernels/panels.cuh}).
     *
     * @param bytes of one operand, or of all such together
     */
    boolean givesWay(long bytes) {
        return bytes > cacheBytes;
    }

    /** Whether anything of this storage type is fused. */
    boolean multiplies(DataType type) {
        return tensorCores && (type == DataType.BFLOAT16 || tensorFloat32);
    }

    /** Which part of the rule keeps a 1x1 convolution from being fused. */
    Optional<String> hindrance(PointwiseShape s) {
        return hindrance(s.type(), unfit(s), pointwise(s).isPresent());
    }

    /** Which part of the rule keeps a 3x3 convolution from being fused. */
    Optional<String> hindrance(ConvolutionShape s) {
        return hindrance(s.type(), unfit(s), appended(s).isPresent());
    }

    private Optional<String> hindrance(DataType type, Optional<String> unfit, boolean fused) {
        return fused || !multiplies(type)
                ? Optional.empty()
                : Optional.of(unfit.orElse("shared-memory"));
    }

    private static Optional<String> unfit(PointwiseShape s) {
        if (s.composed()) {
            return Optional.of("slower");
        }
        if (!s.aligned()) {
            return Optional.of("rows-not-on-16-bytes");
        }
        if (s.inputChannels() % 2 != 0) {
            return Optional.of("odd-columns");
        }
        return unfit(s.type(), s.outputChannels(), 0);
    }

    private static Optional<String> unfit(ConvolutionShape s) {
        if (s.kernel() != 3 || s.stride() != 1 || s.padding() != 1) {
            return Optional.of("not-3x3");
        }
        if (s.outputChannels() % 4 != 0) {
            return Optional.of("new-channels-not-in-fours");
        }
        return unfit(s.type(), s.inputChannels(), s.outputChannels());
    }

    private static Optional<String> unfit(DataType type, int width, int newChannels) {
        Optional<LayerProgram> program = LayerProgram.of(type, width, newChannels);
        if (program.isEmpty()) {
            boolean tooWide = LayerProgram.of(type, width, 0).isEmpty();
            return Optional.of(tooWide ? "bottleneck-too-wide" : "too-many-new-channels");
        }
        return width % program.get().chunk() == 0
                ? Optional.empty()
                : Optional.of("bottleneck-not-in-16-bytes");
    }

    Optional<Pointwise> pointwise(PointwiseShape s) {
        if (!multiplies(s.type()) || unfit(s).isPresent()) {
            return Optional.empty();
        }
        return LayerProgram.of(s.type(), s.outputChannels(), 0).flatMap(p -> pointwise(p, s));
    }

    private Optional<Pointwise> pointwise(LayerProgram program, PointwiseShape s) {
        PointwiseKernels kernels = new PointwiseKernels(program, sharedBytes);
        return kernels.forward(s.rows(), s.inputChannels(), multiprocessors)
                .flatMap(
                        forward ->
                                kernels.backward()
                                        .map(
                                                backward ->
                                                        new Pointwise(
                                                                program,
                                                                forward,
                                                                backward,
                                                                kernels.backwardColumns())));
    }

    /** What a 1x1 convolution needs, where it has kernels. */
    Optional<PointwiseMemory> memory(PointwiseShape s) {
        return pointwise(s).map(kernels -> memory(kernels, s));
    }

    private PointwiseMemory memory(Pointwise kernels, PointwiseShape s) {
        long shares = mostShares(kernels, s);
        long sums = (long) s.outputChannels() + 2;
        return new PointwiseMemory(
                (long) kernels.program().width()
                        * PointwiseKernels.packedStride(kernels.program(), s.inputChannels())
                        * s.type().bytes(),
                0,
                0,
                4 * shares * sums * s.inputChannels(),
                0);
    }

    /** Blocks of the backward kernel along the rows, at most. */
    int mostShares(Pointwise kernels, PointwiseShape s) {
        int blocks = multiprocessors * kernels.backward().blocksOfMultiprocessor();
        int across = Math.ceilDiv(s.inputChannels(), kernels.backwardColumns());
        int tiles = Math.ceilDiv(s.rows(), kernels.backward().rowsOfTile());
        return Math.clamp(blocks / across, 1, tiles);
    }

    Optional<Appended> appended(ConvolutionShape s) {
        if (!multiplies(s.type()) || unfit(s).isPresent()) {
            return Optional.empty();
        }
        return LayerProgram.of(s.type(), s.inputChannels(), s.outputChannels())
                .flatMap(p -> appended(p, s));
    }

    private Optional<Appended> appended(LayerProgram program, ConvolutionShape s) {
        AppendedKernels kernels =
                new AppendedKernels(program, s.inputChannels(), s.width(), sharedBytes);
        int rows = s.images() * s.height() * s.width();
        Optional<LayerKernel> forward = kernels.forward(rows, multiprocessors);
        Optional<AppendedGradientKernel> gradient = kernels.gradient(rows, multiprocessors);
        if (forward.isEmpty() || gradient.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(
                new Appended(
                        program,
                        forward.get(),
                        kernels.forwardRing(forward.get()),
                        gradient.get()));
    }

    /** What a 3x3 convolution needs, where it has kernels. */
    Optional<ConvolutionMemory> memory(ConvolutionShape s) {
        return appended(s).map(kernels -> memory(kernels, s));
    }

    private ConvolutionMemory memory(Appended kernels, ConvolutionShape s) {
        LayerProgram p = kernels.program();
        AppendedGradientKernel gradient = kernels.gradient();
        long ofWeights = gradient.mostShares(gradient.weights(), multiprocessors);
        long ofData = gradient.mostShares(gradient.data(), multiprocessors);
        return new ConvolutionMemory(
                9L * p.newChannels() * p.panels(p.width()) * LayerProgram.PANEL_BYTES,
                0,
                4L * ofWeights * s.weights() + 8L * ofData * s.inputChannels());
    }
}
