package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDnn;

import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnHandle;
import jcuda.runtime.cudaStream_t;

import java.util.EnumSet;
import java.util.Set;

/** cuDNN on a context's stream. */
final class Cudnn implements AutoCloseable {
    private final CudaContext context;
    private final cudnnHandle handle = new cudnnHandle();
    private final boolean tensorFloat32;
    private final Set<ConvolutionDirection> without = EnumSet.noneOf(ConvolutionDirection.class);
    private boolean closed;

    /**
     * @param tensorFloat32 whether convolutions may round their operands to TF32
     */
    Cudnn(CudaContext context, boolean tensorFloat32) {
        this.context = context;
        this.tensorFloat32 = tensorFloat32;
        context.enter();
        checkDnn(JCudnn.cudnnCreate(handle), "starting cuDNN");
        try {
            cudaStream_t stream = new cudaStream_t(context.stream());
            checkDnn(JCudnn.cudnnSetStream(handle, stream), "giving cuDNN its stream");
        } catch (RuntimeException e) {
            JCudnn.cudnnDestroy(handle);
            throw e;
        }
    }

    CudaContext context() {
        return context;
    }

    /** The handle, for a call from the current thread. */
    cudnnHandle handle() {
        context.enter();
        return handle;
    }

    boolean tensorFloat32() {
        return tensorFloat32;
    }

    /** Told that our own kernel runs a direction; whether that is the first time. */
    boolean fallsBack(ConvolutionDirection direction) {
        return without.add(direction);
    }

    /** Whether our own kernel has run what cuDNN did not. */
    boolean hasGaps() {
        return !without.isEmpty();
    }

    /** Whether a status says that an operation is not supported: 3000 to 3999 in version 9. */
    static boolean isNotSupported(int status) {
        return status / 1000 == 3;
    }

    /** Such as 9.5.1. */
    static String version() {
        return LibraryVersion.ofCudnn(JCudnn.cudnnGetVersion());
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            context.enter();
            checkDnn(JCudnn.cudnnDestroy(handle), "closing cuDNN");
        }
    }
}
