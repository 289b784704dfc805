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

/** cuDNN's description of a convolution over dense NHWC images, with weights [out, kh, kw, in]. */
final class ConvolutionDescriptors implements AutoCloseable {
    private final ConvolutionShape shape;
    private final cudnnTensorDescriptor source;
    private final cudnnTensorDescriptor output;
    private final cudnnFilterDescriptor weights = new cudnnFilterDescriptor();
    private final cudnnConvolutionDescriptor convolution = new cudnnConvolutionDescriptor();

    ConvolutionDescriptors(ConvolutionShape s, boolean tensorFloat32) {
        this.shape = s;
        this.source = tensor(s.images(), s.inputChannels(), s.height(), s.width());
        this.output = tensor(s.images(), s.outputChannels(), s.outputHeight(), s.outputWidth());
        int floats = cudnnDataType.CUDNN_DATA_FLOAT;
        checkDnn(JCudnn.cudnnCreateFilterDescriptor(weights), s);
        checkDnn(
                JCudnn.cudnnSetFilter4dDescriptor(
                        weights,
                        floats,
                        cudnnTensorFormat.CUDNN_TENSOR_NHWC,
                        s.outputChannels(),
                        s.inputChannels(),
                        s.kernel(),
                        s.kernel()),
                s);
        checkDnn(JCudnn.cudnnCreateConvolutionDescriptor(convolution), s);
        checkDnn(
                JCudnn.cudnnSetConvolution2dDescriptor(
                        convolution,
                        s.padding(),
                        s.padding(),
                        s.stride(),
                        s.stride(),
                        1,
                        1,
                        cudnnConvolutionMode.CUDNN_CROSS_CORRELATION,
                        floats),
                s);
        // The default lets cuDNN round fp32 operands to TF32 on Ampere and later.
        int math = tensorFloat32 ? cudnnMathType.CUDNN_DEFAULT_MATH : cudnnMathType.CUDNN_FMA_MATH;
        checkDnn(JCudnn.cudnnSetConvolutionMathType(convolution, math), s);
    }

    private cudnnTensorDescriptor tensor(int n, int c, int h, int w) {
        cudnnTensorDescriptor descriptor = new cudnnTensorDescriptor();
        checkDnn(JCudnn.cudnnCreateTensorDescriptor(descriptor), shape);
        checkDnn(
                JCudnn.cudnnSetTensor4dDescriptor(
                        descriptor,
                        cudnnTensorFormat.CUDNN_TENSOR_NHWC,
                        cudnnDataType.CUDNN_DATA_FLOAT,
                        n,
                        c,
                        h,
                        w),
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

    cudnnConvolutionDescriptor convolution() {
        return convolution;
    }

    @Override
    public void close() {
        JCudnn.cudnnDestroyConvolutionDescriptor(convolution);
        JCudnn.cudnnDestroyFilterDescriptor(weights);
        JCudnn.cudnnDestroyTensorDescriptor(output);
        JCudnn.cudnnDestroyTensorDescriptor(source);
    }
}
