package org.densenet4j.backend.cuda;

import org.densenet4j.backend.AppendedConvolution;
import org.densenet4j.backend.AppendedGradient;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;

/**
 * The 3x3 convolution of a dense layer by kernels that write its columns of the block, and that
 * make the gradient of those columns as they read it. Neither lies anywhere else.
 */
final class FusedAppendedConvolution implements AppendedConvolution {
    private static final int TAPS = 9;

    private final KernelLauncher layer;
    private final CudaKernels kernels;
    private final ProductKernels products;
    private final int multiprocessors;
    private final FusedLayers.Appended parts;
    private final ConvolutionShape shape;

    /**
     * @param layer launches the kernels of the shape's program
     * @param kernels of the same arena
     * @param products of the same arena, whose scratch is used
     * @param parts the kernels for the shape
     */
    FusedAppendedConvolution(
            KernelLauncher layer,
            CudaKernels kernels,
            ProductKernels products,
            int multiprocessors,
            FusedLayers.Appended parts,
            ConvolutionShape shape) {
        this.layer = layer;
        this.kernels = kernels;
        this.products = products;
        this.multiprocessors = multiprocessors;
        this.parts = parts;
        this.shape = shape;
    }

    private long address(Matrix m) {
        return products.address(m);
    }

    @Override
    public void packForward(int lane, int part, Matrix weights, Matrix packed) {
        pack(weights, packed);
    }

    @Override
    public void packBackward(int lane, int part, Matrix weights, Matrix packed) {
        pack(weights, packed);
    }

    private void pack(Matrix weights, Matrix packed) {
        Matrix target = weights(packed);
        layer.launch(
                "pack_appended_weights_" + parts.program().suffix(),
                Grid.of((long) target.rows() * target.columns(), Tiling.THREADS),
                Traffic.reading(weights).writing(target),
                address(weights),
                shape.outputChannels(),
                shape.inputChannels(),
                address(target),
                parts.program().newChannels(),
                target.columns());
    }

    @Override
    public void forward(
            int images,
            Matrix z,
            Matrix affine,
            Matrix packed,
            Dropout dropout,
            Matrix columns,
            Matrix partial) {
        LayerKernel kernel = parts.forward();
        RowShares shares = kernel.shares(z.rows(), multiprocessors);
        Matrix tiles =
                Matrix.dense(products.scratchOffset(), 2 * shares.blocks(), columns.columns());
        layer.launch(
                kernel.name(),
                kernel.grid(shares.blocks(), 1),
                Traffic.reading(z, affine, weights(packed))
                        .writing(columns, tiles)
                        .computing(shape.flops(images)),
                address(z),
                z.stride(),
                address(affine),
                affine.stride(),
                address(packed),
                address(columns),
                columns.stride(),
                columns.columns(),
                z.columns(),
                z.rows(),
                shape.height(),
                shape.width(),
                parts.forwardRing(),
                shares.tilesOfBlock(),
                CudaKernels.threshold(dropout),
                dropout.layerThreshold(),
                dropout.keptScale(),
                (int) dropout.seed(),
                (int) (dropout.seed() >>> 32),
                products.base() + dropout.counter(),
                dropout.layer(),
                address(tiles));
        kernels.combineStatistics(tiles, shares.rowsOfBlock(), z.rows(), partial);
    }

    /** The packed weights as a matrix of what they hold. */
    private Matrix weights(Matrix packed) {
        LayerProgram p = parts.program();
        return Matrix.dense(
                packed.offset(),
                TAPS * p.newChannels(),
                p.panels(p.width()) * p.panelElements(),
                shape.type());
    }

    @Override
    public void backward(int images, AppendedGradient g) {
        data(images, g);
        weightGradient(images, g);
    }

    private void data(int images, AppendedGradient g) {
        LayerKernel kernel = parts.data();
        RowShares shares = kernel.shares(g.z().rows(), multiprocessors);
        Matrix tiles = Matrix.dense(products.scratchOffset(), 2 * shares.blocks(), g.z().columns());
        Matrix mean2 = g.zStatistics().row(0);
        layer.launch(
                kernel.name(),
                kernel.grid(shares.blocks(), 1),
                traffic(g, mean2, weights(g.packed()))
                        .writing(g.result(), tiles)
                        .computing(shape.flops(images)),
                ProductKernels.joined(
                        operands(g, parts.dataRing(), shares),
                        new Object[] {
                            address(mean2),
                            address(g.packed()),
                            address(g.result()),
                            g.result().stride(),
                            address(tiles)
                        }));
        kernels.combineSums(tiles, g.partial());
    }

    private void weightGradient(int images, AppendedGradient g) {
        LayerKernel kernel = parts.weights();
        RowShares shares = kernel.shares(g.z().rows(), multiprocessors);
        int rows = TAPS * shape.inputChannels();
        Matrix tiles =
                Matrix.dense(
                        products.scratchOffset(), shares.blocks() * rows, shape.outputChannels());
        layer.launch(
                kernel.name(),
                kernel.grid(shares.blocks(), 1),
                traffic(g).writing(tiles).computing(shape.flops(images)),
                ProductKernels.joined(
                        operands(g, parts.weightsRing(), shares), new Object[] {address(tiles)}));
        products.addParts(
                tiles,
                shares.blocks(),
                Matrix.dense(g.weightSum().offset(), rows, shape.outputChannels()),
                true);
    }

    private static Traffic traffic(AppendedGradient g, Matrix... more) {
        Matrix mean = g.columnStatistics().row(0);
        Traffic read =
                Traffic.reading(
                        g.blockGradient(), g.columns(), g.correction(), mean, g.z(), g.affine());
        return read.alsoReading(more);
    }

    /** {@code APPENDED_GRADIENT_PARAMETERS} of {@code cuda-kernels/appended_gradient.cuh}. */
    private Object[] operands(AppendedGradient g, int ring, RowShares shares) {
        Dropout dropout = g.dropout();
        return new Object[] {
            address(g.blockGradient()),
            g.blockGradient().stride(),
            address(g.columns()),
            g.columns().stride(),
            address(g.correction()),
            g.correction().stride(),
            address(g.columnStatistics().row(0)),
            CudaKernels.threshold(dropout),
            dropout.layerThreshold(),
            dropout.keptScale(),
            (int) dropout.seed(),
            (int) (dropout.seed() >>> 32),
            products.base() + dropout.counter(),
            dropout.layer(),
            address(g.z()),
            g.z().stride(),
            address(g.affine()),
            g.affine().stride(),
            g.columns().columns(),
            g.z().columns(),
            g.z().rows(),
            shape.height(),
            shape.width(),
            ring,
            shares.tilesOfBlock()
        };
    }

    @Override
    public void reduceWeightGradient(int lane, int part, Matrix sums, Matrix gradient) {
        Matrix sum = Matrix.vector(sums.offset(), shape.weights());
        layer.launch(
                "add_appended_gradient_" + parts.program().suffix(),
                Grid.of(shape.weights(), Tiling.THREADS),
                Traffic.reading(sum).updating(gradient),
                address(sum),
                shape.outputChannels(),
                shape.inputChannels(),
                address(gradient));
    }
}
