package org.densenet4j.backend.cuda;

import org.densenet4j.backend.Matrix;

/** L2 normalisation over the channels of each row, as launches. */
final class CudaL2Norm {
    private final KernelLauncher launcher;
    private final long base;
    private final long scratchOffset;
    private final int blocks;

    /**
     * @param base device address of the arena
     * @param scratchOffset {@link Tiling#REDUCTION_BYTES} of the arena for sums of blocks
     * @param blocks how many blocks of 256 threads fill the device
     */
    CudaL2Norm(KernelLauncher launcher, long base, long scratchOffset, int blocks) {
        this.launcher = launcher;
        this.base = base;
        this.scratchOffset = scratchOffset;
        this.blocks = blocks;
    }

    private long address(Matrix m) {
        return base + m.offset();
    }

    void l2Norm(Matrix x, Matrix scale, float epsilon, Matrix out) {
        launcher.launch(
                CudaKernels.typed("l2_norm", x.type()),
                CudaMixers.warps(x.rows()),
                Traffic.reading(x, scale).writing(out),
                address(x),
                x.stride(),
                address(scale),
                epsilon,
                address(out),
                out.stride(),
                x.rows(),
                x.columns());
    }

    void inverses(Matrix x, float epsilon, Matrix inverses) {
        launcher.launch(
                CudaKernels.typed("l2_norm_inverses", x.type()),
                CudaMixers.warps(x.rows()),
                Traffic.reading(x).writing(inverses),
                address(x),
                x.stride(),
                epsilon,
                address(inverses),
                inverses.stride(),
                x.rows(),
                x.columns());
    }

    /**
     * First the sums, since the gradient may be overwritten.
     *
     * @return sums of tiles [tiles, C], which are still to be added up
     */
    Matrix sums(Matrix gradient, Matrix x, Matrix inverses) {
        Tiling t = Tiling.of(x.rows(), x.columns(), blocks, gradient, x);
        Matrix tiles = Matrix.dense(scratchOffset, t.rowTiles(), x.columns());
        launcher.launch(
                t.entry("l2_norm_sums"),
                t.grid(),
                Traffic.reading(gradient, x, inverses).writing(tiles),
                address(gradient),
                gradient.stride(),
                address(x),
                x.stride(),
                address(inverses),
                inverses.stride(),
                x.rows(),
                x.columns(),
                t.rowsPerTile(),
                address(tiles));
        return tiles;
    }

    void gradient(Matrix gradient, Matrix x, Matrix scale, Matrix inverses, Matrix out) {
        launcher.launch(
                CudaKernels.typed("l2_norm_gradient", x.type()),
                CudaMixers.warps(x.rows()),
                Traffic.reading(gradient, x, scale, inverses).writing(out),
                address(gradient),
                gradient.stride(),
                address(x),
                x.stride(),
                address(scale),
                address(inverses),
                inverses.stride(),
                address(out),
                out.stride(),
                x.rows(),
                x.columns());
    }
}
