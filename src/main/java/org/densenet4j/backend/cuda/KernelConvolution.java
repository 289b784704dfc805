package org.densenet4j.backend.cuda;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.util.List;

/**
 * A convolution by {@code cuda-kernels/convolution.cu}, channels-last: where cuDNN refuses a shape,
 * to check cuDNN's, and for tests. Weights are packed as for {@link CudaConvolution}, into [out,
 * kh, kw, in]. The order of sums is the same from run to run.
 */
record KernelConvolution(ProductKernels products, CudaKernels kernels, ConvolutionShape shape)
        implements Convolution {
    private static final List<ProductTiling.Tile> FORWARD =
            List.of(new ProductTiling.Tile(128, 64), new ProductTiling.Tile(128, 32));
    private static final List<ProductTiling.Tile> DATA = List.of(new ProductTiling.Tile(128, 64));
    private static final List<ProductTiling.Tile> WEIGHTS =
            List.of(new ProductTiling.Tile(64, 64), new ProductTiling.Tile(32, 128));

    /**
     * Memory beside the operands, on a device of so many multiprocessors. Fewer images may have
     * more parts; they get by with this scratch.
     */
    static ConvolutionMemory memory(ConvolutionShape s, int multiprocessors) {
        int taps = s.kernel() * s.kernel();
        int inputs = s.images() * s.height() * s.width();
        int outputs = s.images() * s.outputHeight() * s.outputWidth();
        int in = s.inputChannels();
        int out = s.outputChannels();
        long most = Long.MAX_VALUE;
        long forward =
                ProductTiling.of(outputs, out, taps * in, FORWARD, multiprocessors, most)
                        .scratchBytes();
        long data =
                ProductTiling.of(inputs, in, taps * out, DATA, multiprocessors, most)
                        .scratchBytes();
        long weights =
                ProductTiling.of(out, taps * in, outputs, WEIGHTS, multiprocessors, most)
                        .scratchBytes();
        return new ConvolutionMemory(
                (long) s.type().bytes() * s.weights(),
                4L * s.weights(),
                Math.max(Math.max(forward, data), weights));
    }

    private int taps() {
        return shape.kernel() * shape.kernel();
    }

    private int outputRows(int images) {
        return images * shape.outputHeight() * shape.outputWidth();
    }

    /** Packed weights, stored as images are, as a matrix of one row for each output channel. */
    Matrix filters(Matrix packed) {
        return filters(packed.offset(), shape.type());
    }

    /** The same of their gradient, which is float32 but for a chunk's that cuDNN writes. */
    Matrix filters(long offset, DataType type) {
        return Matrix.dense(offset, shape.outputChannels(), taps() * shape.inputChannels(), type);
    }

    /** Whether four neighbours of a pixel are one access and belong to one tap. */
    private int aligned(Matrix images, int channels) {
        return channels % 4 == 0 ? products.aligned(images) : 0;
    }

    /** A kernel's own operands and, behind them, what all three directions are told. */
    private Object[] withGeometry(Object... operands) {
        Object[] geometry = {
            shape.height(),
            shape.width(),
            shape.outputHeight(),
            shape.outputWidth(),
            shape.kernel(),
            shape.stride(),
            shape.padding()
        };
        return ProductKernels.joined(operands, geometry);
    }

    @Override
    public void packForward(int lane, int part, Matrix weights, Matrix packed) {
        kernels.packWeights(
                weights, shape.outputChannels(), shape.inputChannels(), taps(), filters(packed));
    }

    /** The same layout serves both directions. */
    @Override
    public void packBackward(int lane, int part, Matrix weights, Matrix packed) {
        packForward(lane, part, weights, packed);
    }

    @Override
    public void forward(int lane, int images, Matrix source, Matrix packed, Matrix output) {
        Matrix filters = filters(packed);
        int in = shape.inputChannels();
        products.launch(
                "convolution_forward",
                FORWARD,
                taps() * in,
                shape.type(),
                output.rows(0, outputRows(images)),
                false,
                Traffic.reading(source, filters).computing(shape.flops(images)),
                withGeometry(
                        products.address(source),
                        source.stride(),
                        in,
                        aligned(source, in),
                        products.address(filters),
                        products.aligned(filters)));
    }

    @Override
    public void backwardData(
            int lane, int images, Matrix outputGradient, Matrix packed, Matrix sourceGradient) {
        Matrix filters = filters(packed);
        int out = shape.outputChannels();
        products.launch(
                "convolution_data",
                DATA,
                taps() * out,
                shape.type(),
                sourceGradient.rows(0, images * shape.height() * shape.width()),
                false,
                Traffic.reading(outputGradient, filters).computing(shape.flops(images)),
                withGeometry(
                        products.address(outputGradient),
                        outputGradient.stride(),
                        out,
                        aligned(outputGradient, out),
                        products.address(filters),
                        aligned(filters, shape.inputChannels())));
    }

    /** {@code ofChunk} is not needed: the kernel adds to the sum itself. */
    @Override
    public void backwardWeights(
            int lane,
            int images,
            Matrix source,
            Matrix outputGradient,
            Matrix ofChunk,
            Matrix sum) {
        int in = shape.inputChannels();
        products.launch(
                "convolution_weights",
                WEIGHTS,
                outputRows(images),
                shape.type(),
                filters(sum.offset(), DataType.FLOAT32),
                true,
                Traffic.reading(source, outputGradient).computing(shape.flops(images)),
                withGeometry(
                        products.address(outputGradient),
                        outputGradient.stride(),
                        products.aligned(outputGradient),
                        products.address(source),
                        source.stride(),
                        in,
                        aligned(source, in)));
    }

    @Override
    public void reduceWeightGradient(int lane, int part, Matrix sums, Matrix gradient) {
        kernels.addUnpackedGradient(
                sums, shape.outputChannels(), shape.inputChannels(), taps(), gradient);
    }
}
