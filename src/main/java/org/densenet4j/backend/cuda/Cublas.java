package org.densenet4j.backend.cuda;

import org.densenet4j.backend.GemmShape;

/**
 * cuBLAS with one handle on a device's stream, whichever way its functions are called.
 *
 * <p>cuBLAS is column-major: it sees each of our row-major operands transposed, so {@code Cᵀ =
 * Bᵀ·Aᵀ} is asked for, which is the same memory.
 */
abstract class Cublas implements AutoCloseable {
    /** Boundary on which a workspace has to start (cuBLAS documentation, cublasSetWorkspace). */
    static final long WORKSPACE_ALIGNMENT = 256;

    private long workspace;
    private long workspaceBytes;

    /**
     * Starts cuBLAS. That of CUDA 12 is called through JCuda, which is linked against it; any other
     * version, and that one where JCuda's half does not load, by its C functions.
     *
     * @param tensorFloat32 whether products may round their operands to TF32
     * @throws org.densenet4j.backend.DeviceException when it does not start
     */
    static Cublas open(CudaLibraries libraries, CudaContext context, boolean tensorFloat32) {
        return libraries.bindsCublas()
                ? new JCudaCublas(context, tensorFloat32)
                : new ForeignCublas(
                        libraries.functions(CudaLibrary.CUBLAS), context, tensorFloat32);
    }

    /** What NVIDIA recommends for a workspace: 32 MiB on Hopper and newer, 4 MiB before. */
    static long workspaceBytes(int architecture) {
        return architecture >= 90 ? 32L << 20 : 4L << 20;
    }

    /**
     * Makes products work in this device memory. The handle is the device's and the workspace an
     * arena's, so this is asked before every product and done when another arena's was set.
     *
     * @param address on {@link #WORKSPACE_ALIGNMENT}
     * @param bytes size; with 0 cuBLAS uses memory of its own
     */
    final void useWorkspace(long address, long bytes) {
        if (address == workspace && bytes == workspaceBytes) {
            return;
        }
        if (bytes > 0) {
            setWorkspace(address, bytes);
        } else {
            // Setting the stream takes back the workspace (cuBLAS documentation, cublasSetStream).
            setStream();
        }
        workspace = address;
        workspaceBytes = bytes;
    }

    abstract void setStream();

    abstract void setWorkspace(long address, long bytes);

    /** {@code c = op(a)·op(b)} or {@code c += op(a)·op(b)} of matrices at device addresses. */
    abstract void multiply(GemmShape shape, long a, long b, long c);

    @Override
    public abstract void close();
}
