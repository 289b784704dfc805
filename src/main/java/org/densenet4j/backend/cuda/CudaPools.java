package org.densenet4j.backend.cuda;

import org.densenet4j.backend.BlurFilter;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PoolShape;

/**
 * The pools without normalisation as launches of {@code max_pool.cu}, {@code average_pool.cu} and
 * {@code blur_pool.cu}.
 */
final class CudaPools {
    private final KernelLauncher launcher;
    private final long base;
    private final int blocks;

    CudaPools(KernelLauncher launcher, long base, int blocks) {
        this.launcher = launcher;
        this.base = base;
        this.blocks = blocks;
    }

    private long address(Matrix m) {
        return base + m.offset();
    }

    void maxPool(Matrix x, int images, PoolShape s, Matrix out) {
        perWindow("max_pool", x, images, s, out);
    }

    void averagePool(Matrix x, int images, PoolShape s, Matrix out) {
        if (s.isGlobal()) {
            // One window an image: too few rows for a thread each.
            Tiling t = Tiling.of(x.rows(), x.columns(), blocks, x, out).withRowTiles(images);
            launcher.launch(
                    t.entry("global_average_pool", x.type(), out.type()),
                    t.grid(),
                    Traffic.reading(x).writing(out),
                    address(x),
                    x.stride(),
                    s.pixels(),
                    address(out),
                    out.stride(),
                    x.columns());
            return;
        }
        perWindow("average_pool", x, images, s, out);
    }

    private void perWindow(String kernel, Matrix x, int images, PoolShape s, Matrix out) {
        int rows = images * s.outPixels();
        Tiling t = Tiling.of(rows, x.columns(), blocks, x, out);
        launcher.launch(
                t.entry(kernel, x.type(), out.type()),
                t.grid(),
                Traffic.reading(x).writing(out),
                address(x),
                x.stride(),
                s.height(),
                s.width(),
                s.kernelHeight(),
                s.kernelWidth(),
                s.stride(),
                s.padding(),
                s.outHeight(),
                s.outWidth(),
                address(out),
                out.stride(),
                rows,
                x.columns(),
                t.rowsPerTile());
    }

    void maxPoolGradient(Matrix pooledGradient, Matrix x, int images, PoolShape s, Matrix out) {
        int rows = images * s.pixels();
        Tiling t = Tiling.of(rows, x.columns(), blocks, pooledGradient, x, out);
        launcher.launch(
                t.entry("max_pool_gradient"),
                t.grid(),
                Traffic.reading(pooledGradient, x).writing(out),
                address(pooledGradient),
                pooledGradient.stride(),
                address(x),
                x.stride(),
                s.height(),
                s.width(),
                s.kernelHeight(),
                s.kernelWidth(),
                s.stride(),
                s.padding(),
                s.outHeight(),
                s.outWidth(),
                address(out),
                out.stride(),
                rows,
                x.columns(),
                t.rowsPerTile());
    }

    void averagePoolGradient(Matrix pooledGradient, int images, PoolShape s, Matrix out) {
        int rows = images * s.pixels();
        Tiling t = Tiling.of(rows, out.columns(), blocks, pooledGradient, out);
        launcher.launch(
                t.entry("average_pool_gradient", pooledGradient.type(), out.type()),
                t.grid(),
                Traffic.reading(pooledGradient).writing(out),
                address(pooledGradient),
                pooledGradient.stride(),
                s.height(),
                s.width(),
                s.kernelHeight(),
                s.kernelWidth(),
                s.stride(),
                s.padding(),
                s.outHeight(),
                s.outWidth(),
                address(out),
                out.stride(),
                rows,
                out.columns(),
                t.rowsPerTile());
    }

    void blurPool(Matrix x, int images, int height, int width, Matrix out) {
        int outRows = images * BlurFilter.outputs(height) * BlurFilter.outputs(width);
        blur("blur_pool", x, height, width, outRows, out);
    }

    void blurPoolGradient(Matrix pooledGradient, int images, int height, int width, Matrix out) {
        blur("blur_pool_gradient", pooledGradient, height, width, images * height * width, out);
    }

    private void blur(String kernel, Matrix from, int height, int width, int rows, Matrix out) {
        Tiling t = Tiling.of(rows, out.columns(), blocks, from, out);
        launcher.launch(
                t.entry(kernel),
                t.grid(),
                Traffic.reading(from).writing(out),
                address(from),
                from.stride(),
                height,
                width,
                BlurFilter.outputs(height),
                BlurFilter.outputs(width),
                address(out),
                out.stride(),
                rows,
                out.columns(),
                t.rowsPerTile());
    }
}
