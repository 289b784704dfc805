package org.densenet4j.backend.cuda;

import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;

/** Matrix products of an arena by the device's cuBLAS, whose workspace is part of the arena. */
final class CublasGemm implements Gemm {
    private final Cublas cublas;
    private final CudaContext context;
    private final long base;
    private final long workspace;
    private final long workspaceBytes;

    /**
     * @param base device address of the arena
     * @param scratchOffset of the arena's scratch; the workspace begins at the first address in it
     *     that cuBLAS accepts
     * @param scratchBytes its size
     */
    CublasGemm(
            Cublas cublas, CudaContext context, long base, long scratchOffset, long scratchBytes) {
        this.cublas = cublas;
        this.context = context;
        this.base = base;
        long start = base + scratchOffset;
        this.workspace =
                Math.ceilDiv(start, Cublas.WORKSPACE_ALIGNMENT) * Cublas.WORKSPACE_ALIGNMENT;
        this.workspaceBytes = Math.max(0, start + scratchBytes - workspace);
    }

    @Override
    public void multiply(GemmShape s, Matrix a, Matrix b, Matrix c) {
        cublas.useWorkspace(workspace, workspaceBytes);
        context.call(
                "cuBLAS gemm",
                Traffic.of(s, a, b, c),
                () -> {
                    cublas.multiply(s, base + a.offset(), base + b.offset(), base + c.offset());
                    return 0;
                });
        context.queued(s);
    }
}
