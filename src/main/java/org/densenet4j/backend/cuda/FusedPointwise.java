package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseConvolution;
import org.densenet4j.backend.PointwiseGradient;
import org.densenet4j.backend.PointwiseShape;

import java.util.Optional;

/**
 * The bottleneck of a dense layer by kernels that read X once forward, and X and G once backward.
 * Nothing of the normalised prefix leaves a multiprocessor.
 */
final class FusedPointwise implements PointwiseConvolution {
    /** In the place of tiles: no sums are made, nor is there memory for them. */
    static final long NO_STATISTICS = 0;

    private final KernelLauncher layer;
    private final SmallOperations small;
    private final CudaKernels kernels;
    private final ProductKernels products;
    private final FusedLayers fused;
    private final FusedLayers.Pointwise parts;
    private final PointwiseShape shape;

    /**
     * @param layer launches the kernels of the shape's program
     * @param small operations of the same arena
     * @param kernels of the same arena
     * @param products of the same arena, whose scratch is used
     * @param parts as {@code fused} has them for the shape
     */
    FusedPointwise(
            KernelLauncher layer,
            SmallOperations small,
            CudaKernels kernels,
            ProductKernels products,
            FusedLayers fused,
            FusedLayers.Pointwise parts,
            PointwiseShape shape) {
        this.layer = layer;
        this.small = small;
        this.kernels = kernels;
        this.products = products;
        this.fused = fused;
        this.parts = parts;
        this.shape = shape;
    }

    private long address(Matrix m) {
        return products.address(m);
    }

    @Override
    public Matrix packForward(int lane, Matrix weight, Matrix packed) {
        return pack(weight, packed);
    }

    @Override
    public Matrix packBackward(int lane, Matrix weight, Matrix packed) {
        return pack(weight, packed);
    }

    private Matrix pack(Matrix weight, Matrix packed) {
        int rows = parts.program().width();
        int stride = PointwiseKernels.packedStride(parts.program(), weight.columns());
        Matrix target = Matrix.dense(packed.offset(), rows, stride, shape.type());
        small.onElements(
                shape.type() == DataType.FLOAT32
                        ? SmallOperation.PACK_POINTWISE_WEIGHTS
                        : SmallOperation.PACK_POINTWISE_WEIGHTS_BF16,
                (long) rows * stride,
                Traffic.reading(weight).writing(target),
                address(weight),
                weight.stride(),
                weight.rows(),
                weight.columns(),
                address(target),
                rows,
                stride);
        return target;
    }

    @Override
    public void forward(int lane, Matrix x, Matrix affine, Matrix weights, Matrix chunk, Matrix z) {
        FusedLayers.Pointwise ofRows = fused.pointwise(shape.withRows(x.rows())).orElse(parts);
        LayerKernel kernel = ofRows.forward();
        RowShares shares = kernel.shares(x.rows(), fused.multiprocessors());
        multiply(kernel, shares, x, affine, weights, z, Optional.empty());
    }

    @Override
    public void forward(
            Kernels unused,
            int lane,
            Matrix x,
            Matrix affine,
            Matrix weights,
            Matrix chunk,
            Matrix z,
            Matrix partial) {
        LayerKernel kernel = parts.forward();
        RowShares shares = kernel.shares(x.rows(), fused.multiprocessors());
        Matrix tiles = Matrix.dense(products.scratchOffset(), 2 * shares.blocks(), z.columns());
        multiply(kernel, shares, x, affine, weights, z, Optional.of(tiles));
        kernels.combineStatistics(tiles, shares.rowsOfBlock(), z.rows(), partial);
    }

    private void multiply(
            LayerKernel kernel,
            RowShares shares,
            Matrix x,
            Matrix affine,
            Matrix weights,
            Matrix z,
            Optional<Matrix> tiles) {
        boolean giveWay = fused.givesWay(x.bytes());
        layer.launch(
                kernel.name(),
                kernel.grid(shares.blocks(), 1),
                Traffic.reading(x, affine, weights)
                        .writing(z)
                        .writing(tiles.stream().toArray(Matrix[]::new))
                        .computing(flops(x, z))
                        .walking(Walk.ofShares(shares).backwards().givingWay(giveWay, x)),
                address(x),
                x.stride(),
                address(affine),
                affine.stride(),
                address(weights),
                weights.stride(),
                address(z),
                z.stride(),
                x.rows(),
                x.columns(),
                z.columns(),
                shares.tilesOfBlock(),
                giveWay ? 1 : 0,
                tiles.map(this::address).orElse(NO_STATISTICS));
    }

    private static long flops(Matrix x, Matrix z) {
        return 2L * x.rows() * x.columns() * z.columns();
    }

    @Override
    public void backward(int lane, PointwiseGradient g, Matrix chunk) {
        LayerKernel kernel = parts.backward();
        Matrix x = g.x();
        int across = Math.ceilDiv(x.columns(), parts.backwardColumns());
        int most = fused.mostShares(parts, shape.withRows(x.rows()));
        RowShares shares = RowShares.of(x.rows(), kernel.rowsOfTile(), most);
        int outputs = g.z().columns();
        Matrix weightTiles =
                Matrix.dense(products.scratchOffset(), shares.blocks() * outputs, x.columns());
        Matrix tiles =
                Matrix.dense(
                        weightTiles.offset() + weightTiles.storedBytes(),
                        2 * shares.blocks(),
                        x.columns());
        Matrix mean2 = g.zStatistics().row(0);
        Matrix mean = g.statistics().row(0);
        boolean giveWay = fused.givesWay(x.bytes() + g.blockGradient().bytes());
        layer.launch(
                kernel.name(),
                kernel.grid(across, shares.blocks()),
                Traffic.reading(g.result(), g.z(), g.correction(), mean2, x, g.affine(), mean)
                        .updating(g.blockGradient())
                        .writing(weightTiles, tiles)
                        .computing(2 * flops(x, g.z()))
                        .walking(
                                Walk.ofShares(shares)
                                        .backwards()
                                        .givingWay(giveWay, x, g.blockGradient())),
                address(g.result()),
                g.result().stride(),
                address(g.z()),
                g.z().stride(),
                address(g.correction()),
                g.correction().stride(),
                address(mean2),
                address(x),
                x.stride(),
                address(g.affine()),
                g.affine().stride(),
                address(mean),
                address(g.factor()),
                address(g.weight()),
                g.weight().stride(),
                address(g.blockGradient()),
                g.blockGradient().stride(),
                x.rows(),
                x.columns(),
                outputs,
                shares.tilesOfBlock(),
                giveWay ? 1 : 0,
                address(weightTiles),
                address(tiles));
        kernels.combineSums(tiles, g.partial());
        small.onElements(
                SmallOperation.ADD_PARTS,
                (long) outputs * x.columns(),
                Traffic.reading(weightTiles).updating(g.weightSum()),
                address(weightTiles),
                shares.blocks(),
                outputs,
                x.columns(),
                address(g.weightSum()),
                g.weightSum().stride(),
                1);
    }
}
