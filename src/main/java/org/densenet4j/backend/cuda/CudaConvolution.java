package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDnn;

import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.jcudnn.JCudnn;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;

import java.util.HashMap;
import java.util.Map;

/**
 * A convolution by cuDNN, channels-last. Weights are packed from PyTorch's layout before a pass and
 * read by both the forward pass and the data gradient; the weight gradient is added up by cuDNN
 * itself over the chunks of a pass and unpacked once.
 */
final class CudaConvolution implements Convolution, AutoCloseable {
    private static final Pointer ONE = Pointer.to(new float[] {1});
    private static final Pointer ZERO = Pointer.to(new float[] {0});

    /** A chunk's number of images decides on cuDNN's descriptors and algorithms. */
    private record Ready(ConvolutionDescriptors descriptors, ConvolutionAlgorithms algorithms) {}

    private final Cudnn cudnn;
    private final CudaKernels kernels;
    private final CUdeviceptr base;
    private final Pointer workspace;
    private final long workspaceBytes;
    private final boolean deterministic;
    private final ConvolutionShape shape;
    private final Map<Integer, Ready> ready = new HashMap<>();

    CudaConvolution(
            Cudnn cudnn,
            CudaKernels kernels,
            CUdeviceptr base,
            long workspaceOffset,
            long workspaceBytes,
            boolean deterministic,
            ConvolutionShape shape) {
        this.cudnn = cudnn;
        this.kernels = kernels;
        this.base = base;
        this.workspace = base.withByteOffset(workspaceOffset);
        this.workspaceBytes = workspaceBytes;
        this.deterministic = deterministic;
        this.shape = shape;
    }

    /** Memory beside the operands, by cuDNN's heuristics; nothing is allocated. */
    static ConvolutionMemory memory(
            Cudnn cudnn, ConvolutionShape shape, long limit, boolean deterministic) {
        try (ConvolutionDescriptors d = new ConvolutionDescriptors(shape, cudnn.tensorFloat32())) {
            long weights = 4L * shape.weights();
            return new ConvolutionMemory(
                    weights,
                    weights,
                    ConvolutionAlgorithms.of(cudnn, d, limit, deterministic).workspaceBytes());
        }
    }

    private Ready ready(int images) {
        return ready.computeIfAbsent(
                images,
                count -> {
                    ConvolutionDescriptors d =
                            new ConvolutionDescriptors(
                                    shape.withImages(count), cudnn.tensorFloat32());
                    return new Ready(
                            d, ConvolutionAlgorithms.of(cudnn, d, workspaceBytes, deterministic));
                });
    }

    private Pointer at(Matrix matrix) {
        return base.withByteOffset(matrix.offset());
    }

    @Override
    public ConvolutionShape shape() {
        return shape;
    }

    private int taps() {
        return shape.kernel() * shape.kernel();
    }

    @Override
    public void packForward(int lane, int part, Matrix weights, Matrix packed) {
        kernels.packWeights(weights, shape.outputChannels(), shape.inputChannels(), taps(), packed);
    }

    /** The same layout serves both directions. */
    @Override
    public void packBackward(int lane, int part, Matrix weights, Matrix packed) {
        packForward(lane, part, weights, packed);
    }

    @Override
    public void forward(int lane, int images, Matrix source, Matrix packed, Matrix output) {
        Ready r = ready(images);
        ConvolutionDescriptors d = r.descriptors;
        checkDnn(
                JCudnn.cudnnConvolutionForward(
                        cudnn.handle(),
                        ONE,
                        d.source(),
                        at(source),
                        d.weights(),
                        at(packed),
                        d.convolution(),
                        r.algorithms.forward(),
                        workspace,
                        workspaceBytes,
                        ZERO,
                        d.output(),
                        at(output)),
                d.shape());
    }

    @Override
    public void backwardData(
            int lane, int images, Matrix outputGradient, Matrix packed, Matrix sourceGradient) {
        Ready r = ready(images);
        ConvolutionDescriptors d = r.descriptors;
        int status =
                JCudnn.cudnnConvolutionBackwardData(
                        cudnn.handle(),
                        ONE,
                        d.weights(),
                        at(packed),
                        d.output(),
                        at(outputGradient),
                        d.convolution(),
                        r.algorithms.backwardData(),
                        workspace,
                        workspaceBytes,
                        ZERO,
                        d.source(),
                        at(sourceGradient));
        if (status != 0) {
            checkDnn(status, "data gradient of " + d.shape());
        }
    }

    /** {@code ofChunk} is not needed: cuDNN adds to the sum itself. */
    @Override
    public void backwardWeights(
            int lane,
            int images,
            Matrix source,
            Matrix outputGradient,
            Matrix ofChunk,
            Matrix sum) {
        Ready r = ready(images);
        ConvolutionDescriptors d = r.descriptors;
        int status =
                JCudnn.cudnnConvolutionBackwardFilter(
                        cudnn.handle(),
                        ONE,
                        d.source(),
                        at(source),
                        d.output(),
                        at(outputGradient),
                        d.convolution(),
                        r.algorithms.backwardFilter(),
                        workspace,
                        workspaceBytes,
                        ONE,
                        d.weights(),
                        at(sum));
        if (status != 0) {
            checkDnn(status, "weight gradient of " + d.shape());
        }
    }

    @Override
    public void reduceWeightGradient(int lane, int part, Matrix sums, Matrix gradient) {
        kernels.addUnpackedGradient(
                sums, shape.outputChannels(), shape.inputChannels(), taps(), gradient);
    }

    @Override
    public void close() {
        ready.values().forEach(r -> r.descriptors.close());
        ready.clear();
    }
}
