package org.densenet4j.backend.cuda;

/**
 * What a half of a dense layer takes, forward and backward together.
 *
 * @param fused seconds by fused kernels
 * @param libraries seconds by cuBLAS or cuDNN and the kernels of a step
 */
record LayerTimes(double fused, double libraries) {
    /** Whether both are times that something takes. */
    boolean arePlausible() {
        return fused > 0 && libraries > 0 && Double.isFinite(fused + libraries);
    }

    /** Whether the fused kernels take no longer. */
    boolean preferFused() {
        return fused <= libraries;
    }
}
