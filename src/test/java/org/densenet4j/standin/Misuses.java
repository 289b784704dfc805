package org.densenet4j.standin;

import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUgraph;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnConvolutionDescriptor;
import jcuda.jcudnn.cudnnConvolutionFwdAlgo;
import jcuda.jcudnn.cudnnConvolutionMode;
import jcuda.jcudnn.cudnnDataType;
import jcuda.jcudnn.cudnnFilterDescriptor;
import jcuda.jcudnn.cudnnHandle;
import jcuda.jcudnn.cudnnTensorDescriptor;
import jcuda.jcudnn.cudnnTensorFormat;
import jcuda.runtime.cudaStream_t;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;

/**
 * Run in a child on the stand-in with two devices: breaks preconditions, one after the other, and
 * prints for each whether that was found: {@code found NAME} or {@code missed NAME}.
 */
final class Misuses {
    private static final int BYTES = 1 << 20;
    private static final int N = 8;
    private static final Pointer ONE = Pointer.to(new float[] {1});
    private static final Pointer ZERO = Pointer.to(new float[] {0});

    private final StandInControl control = StandInControl.ofThisProcess();
    private final CUcontext context = new CUcontext();
    private final CUcontext other = new CUcontext();
    private final Queue stream = new Queue();
    private final Queue second = new Queue();
    private final CUdeviceptr memory = new CUdeviceptr();
    private final Pointer pinned = new Pointer();
    private final cublasHandle blas = new cublasHandle();
    private final cudnnHandle dnn = new cudnnHandle();

    /** A stream that hands its address to libraries. */
    private static final class Queue extends CUstream {
        cudaStream_t ofRuntime() {
            return new cudaStream_t(this);
        }
    }

    private Misuses() {
        CUdevice device = new CUdevice();
        require(JCudaDriver.cuDeviceGet(device, 1));
        require(JCudaDriver.cuDevicePrimaryCtxRetain(other, device));
        require(JCudaDriver.cuDeviceGet(device, 0));
        require(JCudaDriver.cuDevicePrimaryCtxRetain(context, device));
        require(JCudaDriver.cuCtxSetCurrent(context));
        require(JCudaDriver.cuStreamCreate(stream, 1));
        require(JCudaDriver.cuStreamCreate(second, 1));
        require(JCudaDriver.cuMemAlloc(memory, BYTES));
        require(JCudaDriver.cuMemAllocHost(pinned, BYTES));
        require(JCublas2.cublasCreate(blas));
        require(JCudnn.cudnnCreate(dnn));
        require(JCudnn.cudnnSetStream(dnn, stream.ofRuntime()));
    }

    private static void require(int status) {
        if (status != 0) {
            throw new AssertionError("status " + status);
        }
    }

    public static void main(String[] arguments) throws Exception {
        // Loads the libraries.
        try (Device device = Device.open("cuda", DeviceOptions.defaults())) {
            Misuses misuses = new Misuses();
            misuses.driver();
            misuses.capture();
            misuses.cublas();
            misuses.cudnn();
        }
        System.exit(0);
    }

    /** Does something wrong and says whether that was reported. */
    private void expect(String name, Runnable misuse) {
        long before = control.violations();
        misuse.run();
        System.out.println((control.violations() > before ? "found " : "missed ") + name);
    }

    private void driver() throws InterruptedException {
        expect(
                "copy beyond the memory",
                () -> JCudaDriver.cuMemcpyHtoDAsync(at(BYTES - 4), pinned, 8, stream));
        expect(
                "copy of memory that is not page-locked",
                () -> JCudaDriver.cuMemcpyHtoDAsync(memory, Pointer.to(new float[2]), 8, stream));
        expect(
                "clearing beyond the memory",
                () -> JCudaDriver.cuMemsetD8Async(memory, (byte) 0, BYTES + 1, stream));
        expect(
                "the legacy stream",
                () -> JCudaDriver.cuMemsetD8Async(memory, (byte) 0, 4, new CUstream()));
        expect(
                "memory freed twice",
                () -> {
                    CUdeviceptr block = new CUdeviceptr();
                    require(JCudaDriver.cuMemAlloc(block, 16));
                    require(JCudaDriver.cuMemFree(block));
                    JCudaDriver.cuMemFree(block);
                });
        expect(
                "an event destroyed twice",
                () -> {
                    CUevent event = new CUevent();
                    require(JCudaDriver.cuEventCreate(event, 0));
                    require(JCudaDriver.cuEventDestroy(event));
                    JCudaDriver.cuEventDestroy(event);
                });
        expect(
                "a stream of another context",
                () -> {
                    require(JCudaDriver.cuCtxSetCurrent(other));
                    JCudaDriver.cuStreamSynchronize(stream);
                    require(JCudaDriver.cuCtxSetCurrent(context));
                });
        Thread thread =
                Thread.ofPlatform()
                        .start(
                                () ->
                                        expect(
                                                "a thread without a context",
                                                () -> JCudaDriver.cuStreamSynchronize(stream)));
        thread.join();
    }

    private CUdeviceptr at(long offset) {
        return memory.withByteOffset(offset);
    }

    private void capture() {
        expect(
                "allocation while a step is recorded",
                () -> captured(() -> JCudaDriver.cuMemAlloc(new CUdeviceptr(), 16)));
        expect(
                "a wait while a step is recorded",
                () -> captured(() -> JCudaDriver.cuStreamSynchronize(stream)));
        expect(
                "a wait for another stream while a step is recorded",
                () -> captured(() -> JCudaDriver.cuStreamSynchronize(second)));
        CUevent event = new CUevent();
        require(JCudaDriver.cuEventCreate(event, 0));
        require(JCudaDriver.cuEventRecord(event, second));
        expect(
                "a recorded step that waits for what is not recorded",
                () -> captured(() -> JCudaDriver.cuStreamWaitEvent(stream, event, 0)));
        require(JCudaDriver.cuEventDestroy(event));
        expect(
                "a recording that never began",
                () -> JCudaDriver.cuStreamEndCapture(stream, new CUgraph()));
    }

    private void captured(Runnable work) {
        int mode = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        require(JCudaDriver.cuStreamBeginCapture(stream, mode));
        work.run();
        CUgraph graph = new CUgraph();
        if (JCudaDriver.cuStreamEndCapture(stream, graph) == 0) {
            JCudaDriver.cuGraphDestroy(graph);
        }
    }

    private void cublas() {
        require(JCublas2.cublasSetStream(blas, stream.ofRuntime()));
        expect(
                "a product without workspace while a step is recorded",
                () -> captured(() -> multiply(N, 0, 4096)));
        expect(
                "a workspace that is not aligned",
                () -> JCublas2.cublasSetWorkspace(blas, at(64), 4096));
        expect(
                "a workspace beyond the memory",
                () -> JCublas2.cublasSetWorkspace(blas, at(BYTES - 256), 4096));
        expect("rows that are too short", () -> multiply(N - 1, 0, 4096));
        expect("an operand beyond the memory", () -> multiply(N, BYTES - 4, 4096));
        require(JCublas2.cublasSetWorkspace(blas, at(0), 4096));
        expect("an operand in the workspace", () -> multiply(N, 0, 8192));
        expect(
                "a product in another context",
                () -> {
                    require(JCudaDriver.cuCtxSetCurrent(other));
                    multiply(N, 4096, 8192);
                    require(JCudaDriver.cuCtxSetCurrent(context));
                });
    }

    private void multiply(int stride, long a, long c) {
        JCublas2.cublasSgemm(blas, 0, 0, N, N, N, ONE, at(a), stride, at(16384), N, ZERO, at(c), N);
    }

    private void cudnn() {
        int nhwc = cudnnTensorFormat.CUDNN_TENSOR_NHWC;
        int real = cudnnDataType.CUDNN_DATA_FLOAT;
        cudnnTensorDescriptor x = new cudnnTensorDescriptor();
        cudnnTensorDescriptor y = new cudnnTensorDescriptor();
        cudnnFilterDescriptor w = new cudnnFilterDescriptor();
        cudnnConvolutionDescriptor c = new cudnnConvolutionDescriptor();
        require(JCudnn.cudnnCreateTensorDescriptor(x));
        require(JCudnn.cudnnCreateTensorDescriptor(y));
        require(JCudnn.cudnnCreateFilterDescriptor(w));
        require(JCudnn.cudnnCreateConvolutionDescriptor(c));
        require(JCudnn.cudnnSetTensor4dDescriptor(x, nhwc, real, 1, 4, N, N));
        require(JCudnn.cudnnSetTensor4dDescriptor(y, nhwc, real, 1, 4, N, N));
        require(JCudnn.cudnnSetFilter4dDescriptor(w, real, nhwc, 4, 4, 3, 3));
        int correlation = cudnnConvolutionMode.CUDNN_CROSS_CORRELATION;
        require(JCudnn.cudnnSetConvolution2dDescriptor(c, 1, 1, 1, 1, 1, 1, correlation, real));
        int algorithm = cudnnConvolutionFwdAlgo.CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
        long enough = 65536;
        convolve("a workspace of cuDNN that is too small", x, w, c, y, algorithm, 512, 16);
        convolve("a workspace of cuDNN that is not aligned", x, w, c, y, algorithm, 64, enough);
        convolve("an operand in cuDNN's workspace", x, w, c, y, algorithm, 262144, enough);
        require(JCudnn.cudnnSetTensor4dDescriptor(y, nhwc, real, 1, 5, N, N));
        convolve("descriptors that do not fit", x, w, c, y, algorithm, 512, enough);
        int nchw = cudnnTensorFormat.CUDNN_TENSOR_NCHW;
        require(JCudnn.cudnnSetTensor4dDescriptor(y, nchw, real, 1, 4, N, N));
        convolve("a layout that does not fit", x, w, c, y, algorithm, 512, enough);
        require(JCudnn.cudnnDestroyTensorDescriptor(y));
        convolve("a descriptor that was destroyed", x, w, c, y, algorithm, 512, enough);
    }

    private void convolve(
            String name,
            cudnnTensorDescriptor x,
            cudnnFilterDescriptor w,
            cudnnConvolutionDescriptor c,
            cudnnTensorDescriptor y,
            int algorithm,
            long workspace,
            long workspaceBytes) {
        expect(
                name,
                () ->
                        JCudnn.cudnnConvolutionForward(
                                dnn,
                                ONE,
                                x,
                                at(262144),
                                w,
                                at(131072),
                                c,
                                algorithm,
                                at(workspace),
                                workspaceBytes,
                                ZERO,
                                y,
                                at(524288)));
    }
}
