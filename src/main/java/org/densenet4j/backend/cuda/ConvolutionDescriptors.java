package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDnn;

import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnConvolutionDescriptor;
import jcuda.jcudnn.cudnnConvolutionMode;
import jcuda.jcudnn.cudnnDataType;
import jcuda.jcudnn.cudnnFilterDescriptor;
import jcuda.jcudnn.cudnnMathType;
import jcuda.jcudnn.cudnnTensorDescriptor;
import jcuda.jcudnn.cudnnTensorFormat;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;

import java.util.ArrayList;
import java.util.List;

/**
 * cuDNN's description of a convolution over dense NHWC images, with weights [out, kh, kw, in] that
 * are stored as images are; sums are taken in float32. Each direction has a convolution descriptor
 * of its own, because its algorithm decides the math type.
 */
final class ConvolutionDescriptors implements AutoCloseable {
    private static final int FLOATS = cudnnDataType.CUDNN_DATA_FLOAT;
    private static final int BFLOAT16 = cudnnDataType.CUDNN_DATA_BFLOAT16;
    private static final int NHWC = cudnnTensorFormat.CUDNN_TENSOR_NHWC;

    private final ConvolutionShape shape;
    private final List<Runnable> releases = new ArrayList<>();
    private final cudnnTensorDescriptor source;
    private final cudnnTensorDescriptor output;
    private final cudnnFilterDescriptor weights;
    private final cudnnConvolutionDescriptor[] convolutions =
            new cudnnConvolutionDescriptor[ConvolutionDirection.values().length];

    ConvolutionDescriptors(ConvolutionShape s, boolean tensorFloat32) {
        this.shape = s;
        try {
            source = tensor(s.images(), s.inputChannels(), s.height(), s.width());
            output = tensor(s.images(), s.outputChannels(), s.outputHeight(), s.outputWidth());
            weights = filter();
            int math = mathType(s, tensorFloat32);
            for (ConvolutionDirection direction : ConvolutionDirection.values()) {
                convolutions[direction.ordinal()] = descriptor();
                mathType(direction, math);
            }
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /**
     * How cuDNN may multiply before an algorithm says it: in float32 on tensor cores only where
     * TF32 is allowed, in bf16 always, since they multiply what is stored as it is.
     */
    private static int mathType(ConvolutionShape s, boolean tensorFloat32) {
        return tensorFloat32 || s.type() != DataType.FLOAT32
                ? cudnnMathType.CUDNN_DEFAULT_MATH
                : cudnnMathType.CUDNN_FMA_MATH;
    }

    private cudnnTensorDescriptor tensor(int n, int c, int h, int w) {
        cudnnTensorDescriptor descriptor = new cudnnTensorDescriptor();
        checkDnn(JCudnn.cudnnCreateTensorDescriptor(descriptor), shape);
        releases.add(() -> JCudnn.cudnnDestroyTensorDescriptor(descriptor));
        checkDnn(JCudnn.cudnnSetTensor4dDescriptor(descriptor, NHWC, stored(), n, c, h, w), shape);
        return descriptor;
    }

    private cudnnFilterDescriptor filter() {
        cudnnFilterDescriptor descriptor = new cudnnFilterDescriptor();
        checkDnn(JCudnn.cudnnCreateFilterDescriptor(descriptor), shape);
        releases.add(() -> JCudnn.cudnnDestroyFilterDescriptor(descriptor));
        checkDnn(
                JCudnn.cudnnSetFilter4dDescriptor(
                        descriptor,
                        stored(),
                        NHWC,
                        shape.outputChannels(),
                        shape.inputChannels(),
                        shape.kernel(),
                        shape.kernel()),
                shape);
        return descriptor;
    }

    /** How images and weights are stored. */
    private int stored() {
        return shape.type() == DataType.FLOAT32 ? FLOATS : BFLOAT16;
    }

    private cudnnConvolutionDescriptor descriptor() {
        cudnnConvolutionDescriptor descriptor = new cudnnConvolutionDescriptor();
        checkDnn(JCudnn.cudnnCreateConvolutionDescriptor(descriptor), shape);
        releases.add(() -> JCudnn.cudnnDestroyConvolutionDescriptor(descriptor));
        checkDnn(
                JCudnn.cudnnSetConvolution2dDescriptor(
                        descriptor,
                        shape.padding(),
                        shape.padding(),
                        shape.stride(),
                        shape.stride(),
                        1,
                        1,
                        cudnnConvolutionMode.CUDNN_CROSS_CORRELATION,
                        FLOATS),
                shape);
        return descriptor;
    }

    ConvolutionShape shape() {
        return shape;
    }

    cudnnTensorDescriptor source() {
        return source;
    }

    cudnnTensorDescriptor output() {
        return output;
    }

    cudnnFilterDescriptor weights() {
        return weights;
    }

    cudnnConvolutionDescriptor convolution(ConvolutionDirection direction) {
        return convolutions[direction.ordinal()];
    }

    /** Sets how a direction multiplies: cuDNN's {@code cudnnMathType_t}. */
    void mathType(ConvolutionDirection direction, int type) {
        checkDnn(JCudnn.cudnnSetConvolutionMathType(convolution(direction), type), shape);
    }

    @Override
    public void close() {
        releases.reversed().forEach(Runnable::run);
        releases.clear();
    }
}
