package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DepthwiseShape;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.jspecify.annotations.Nullable;

/** What depthwise layers run, as launches: the kernels that networks with batch norm lack. */
final class CudaMixers {
    /** Rows of a block of a kernel that has a warp for each. */
    private static final int WARPS = 8;

    private final KernelLauncher launcher;
    private final long base;
    private final long scratchOffset;
    private final int blocks;

    /**
     * @param base device address of the arena
     * @param scratchOffset {@link Tiling#REDUCTION_BYTES} of the arena for sums of blocks
     * @param blocks how many blocks of 256 threads fill the device
     */
    CudaMixers(KernelLauncher launcher, long base, long scratchOffset, int blocks) {
        this.launcher = launcher;
        this.base = base;
        this.scratchOffset = scratchOffset;
        this.blocks = blocks;
    }

    private long address(Matrix m) {
        return base + m.offset();
    }

    /** Null where there is no matrix. */
    private long addressOf(@Nullable Matrix m) {
        return m == null ? 0 : address(m);
    }

    private static int strideOf(@Nullable Matrix m) {
        return m == null ? 0 : m.stride();
    }

    /** A warp for each row. */
    static Grid warps(int rows) {
        return new Grid(Math.ceilDiv(rows, WARPS), 1, 32, WARPS);
    }

    void depthwise(
            Matrix x, int images, DepthwiseShape s, Matrix weights, Matrix bias, Matrix out) {
        int rows = images * s.pixels();
        Tiling t = Tiling.of(rows, x.columns(), blocks, x, weights, bias, out);
        launcher.launch(
                t.entry("depthwise"),
                t.grid(),
                Traffic.reading(x, weights, bias).writing(out),
                address(x),
                x.stride(),
                s.height(),
                s.width(),
                s.kernel(),
                address(weights),
                weights.stride(),
                address(bias),
                address(out),
                out.stride(),
                rows,
                x.columns(),
                t.rowsPerTile());
    }

    void depthwiseGradient(
            Matrix gradient,
            int images,
            DepthwiseShape s,
            Matrix weights,
            boolean add,
            Matrix out) {
        int rows = images * s.pixels();
        Tiling t = Tiling.of(rows, out.columns(), blocks, gradient, weights, out);
        launcher.launch(
                t.entry("depthwise_gradient"),
                t.grid(),
                Traffic.reading(gradient, weights).storing(out, add),
                address(gradient),
                gradient.stride(),
                s.height(),
                s.width(),
                s.kernel(),
                address(weights),
                weights.stride(),
                add ? 1 : 0,
                address(out),
                out.stride(),
                rows,
                out.columns(),
                t.rowsPerTile());
    }

    void addDepthwiseWeightGradient(
            Matrix x, Matrix gradient, int images, DepthwiseShape s, Matrix sums) {
        int rows = images * s.pixels();
        Tiling t = Tiling.of(rows, x.columns(), blocks, x, gradient, sums).withRowTiles(s.taps());
        launcher.launch(
                t.entry("depthwise_weights"),
                t.grid(),
                Traffic.reading(x, gradient).updating(sums),
                address(x),
                x.stride(),
                address(gradient),
                gradient.stride(),
                s.height(),
                s.width(),
                s.kernel(),
                address(sums),
                sums.stride(),
                rows,
                x.columns());
    }

    void transpose(Matrix source, boolean add, Matrix target) {
        long elements = (long) target.rows() * target.columns();
        launcher.launch(
                "transpose_rows",
                Grid.of(elements, Tiling.THREADS),
                Traffic.reading(source).storing(target, add),
                address(source),
                source.stride(),
                add ? 1 : 0,
                address(target),
                target.stride(),
                target.rows(),
                target.columns());
    }

    void layerNorm(
            Matrix x, Matrix gamma, Matrix beta, float epsilon, Matrix statistics, Matrix out) {
        launcher.launch(
                CudaKernels.typed("layer_norm", x.type()),
                warps(x.rows()),
                Traffic.reading(x, gamma, beta).writing(statistics, out),
                address(x),
                x.stride(),
                address(gamma),
                address(beta),
                epsilon,
                address(statistics),
                statistics.stride(),
                address(out),
                out.stride(),
                x.rows(),
                x.columns());
    }

    /**
     * First the sums, since the gradient may be overwritten.
     *
     * @return sums of tiles [tiles, 2·C], which are still to be added up
     */
    Matrix layerNormSums(Matrix gradient, Matrix x, Matrix statistics) {
        Tiling t = Tiling.of(x.rows(), x.columns(), blocks, gradient, x);
        Matrix tiles = Matrix.dense(scratchOffset, t.rowTiles(), 2 * x.columns());
        launcher.launch(
                t.entry("layer_norm_sums"),
                t.grid(),
                Traffic.reading(gradient, x, statistics).writing(tiles),
                address(gradient),
                gradient.stride(),
                address(x),
                x.stride(),
                address(statistics),
                statistics.stride(),
                x.rows(),
                x.columns(),
                t.rowsPerTile(),
                address(tiles));
        return tiles;
    }

    void layerNormGradient(Matrix gradient, Matrix x, Matrix gamma, Matrix statistics, Matrix out) {
        launcher.launch(
                CudaKernels.typed("layer_norm_gradient", x.type()),
                warps(x.rows()),
                Traffic.reading(gradient, x, gamma, statistics).writing(out),
                address(gradient),
                gradient.stride(),
                address(x),
                x.stride(),
                address(gamma),
                address(statistics),
                statistics.stride(),
                address(out),
                out.stride(),
                x.rows(),
                x.columns());
    }

    void gelu(Matrix x, Matrix out) {
        Tiling t = Tiling.of(x.rows(), x.columns(), blocks, x, out);
        launcher.launch(
                t.entry("gelu"),
                t.grid(),
                Traffic.reading(x).writing(out),
                address(x),
                x.stride(),
                address(out),
                out.stride(),
                x.rows(),
                x.columns(),
                t.rowsPerTile());
    }

    void geluGradient(Matrix gradient, Matrix x, Matrix out) {
        Tiling t = Tiling.of(x.rows(), x.columns(), blocks, gradient, x, out);
        launcher.launch(
                t.entry("gelu_gradient"),
                t.grid(),
                Traffic.reading(gradient, x).writing(out),
                address(gradient),
                gradient.stride(),
                address(x),
                x.stride(),
                address(out),
                out.stride(),
                x.rows(),
                x.columns(),
                t.rowsPerTile());
    }

    void dropPath(Dropout dropout, int firstImage, Matrix factors) {
        launcher.launch(
                "drop_path",
                Grid.of(factors.rows(), Tiling.THREADS),
                Traffic.filling(factors),
                dropout.layerThreshold(),
                dropout.keptScale(),
                (int) dropout.seed(),
                (int) (dropout.seed() >>> 32),
                base + dropout.counter(),
                dropout.layer(),
                firstImage,
                address(factors),
                factors.stride(),
                factors.rows());
    }

    void scaleImages(
            Matrix x,
            Matrix scale,
            @Nullable Matrix logits,
            Matrix factors,
            @Nullable Matrix means,
            Matrix out) {
        Matrix z = logits == null ? scale : logits;
        Matrix plus = means == null ? scale : means;
        Tiling t = Tiling.of(x.rows(), x.columns(), blocks, x, out, scale, z, plus);
        Traffic traffic = Traffic.reading(x, scale, factors).writing(out);
        traffic = logits == null ? traffic : traffic.alsoReading(logits);
        launcher.launch(
                t.entry("scale_images"),
                t.grid(),
                means == null ? traffic : traffic.alsoReading(means),
                address(x),
                x.stride(),
                x.rows() / factors.rows(),
                address(scale),
                addressOf(logits),
                strideOf(logits),
                address(factors),
                factors.stride(),
                addressOf(means),
                strideOf(means),
                address(out),
                out.stride(),
                x.rows(),
                x.columns(),
                t.rowsPerTile());
    }

    void imageProducts(Matrix a, Matrix b, Matrix sums) {
        Tiling t = Tiling.of(a.rows(), a.columns(), blocks, a, b, sums).withRowTiles(sums.rows());
        launcher.launch(
                t.entry("image_products"),
                t.grid(),
                Traffic.reading(a, b).writing(sums),
                address(a),
                a.stride(),
                address(b),
                b.stride(),
                a.rows() / sums.rows(),
                address(sums),
                sums.stride(),
                a.columns());
    }

    void scaleGradient(
            Matrix sums,
            Matrix scale,
            @Nullable Matrix logits,
            Matrix factors,
            @Nullable Matrix logitsGradient) {
        Traffic traffic = Traffic.reading(scale, factors).updating(sums);
        if (logits != null && logitsGradient != null) {
            traffic = traffic.alsoReading(logits).writing(logitsGradient);
        }
        launcher.launch(
                "scale_gradient",
                Grid.of((long) sums.rows() * sums.columns(), Tiling.THREADS),
                traffic,
                address(sums),
                sums.stride(),
                address(scale),
                addressOf(logits),
                strideOf(logits),
                address(factors),
                factors.stride(),
                addressOf(logitsGradient),
                strideOf(logitsGradient),
                sums.rows(),
                sums.columns());
    }
}
