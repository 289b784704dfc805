package org.densenet4j.backend.cuda;

import org.densenet4j.backend.AppendedConvolution;
import org.densenet4j.backend.AppendedGradient;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;

import java.util.Optional;

/**
 * The 3x3 convolution of a dense layer by kernels that write its columns of the block, and that
 * make the gradient of those columns as they read it. Neither lies anywhere else.
 */
final class FusedAppendedConvolution implements AppendedConvolution {
    private static final int TAPS = 9;

    private final KernelLauncher layer;
    private final SmallOperations small;
    private final CudaKernels kernels;
    private final ProductKernels products;
    private final FusedLayers fused;
    private final FusedLayers.Appended parts;
    private final ConvolutionShape shape;

    /**
     * @param layer launches the kernels of the shape's program
     * @param small operations of the same arena
     * @param kernels of the same arena
     * @param products of the same arena, whose scratch is used
     * @param parts as {@code fused} has them for the shape
     */
    FusedAppendedConvolution(
            KernelLauncher layer,
            SmallOperations small,
            CudaKernels kernels,
            ProductKernels products,
            FusedLayers fused,
            FusedLayers.Appended parts,
            ConvolutionShape shape) {
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
    public void packForward(int lane, int part, Matrix weights, Matrix packed) {
        pack(weights, packed);
    }

    @Override
    public void packBackward(int lane, int part, Matrix weights, Matrix packed) {
        pack(weights, packed);
    }

    private void pack(Matrix weights, Matrix packed) {
        Matrix target = weights(packed);
        small.onElements(
                shape.type() == DataType.FLOAT32
                        ? SmallOperation.PACK_APPENDED_WEIGHTS
                        : SmallOperation.PACK_APPENDED_WEIGHTS_BF16,
                (long) target.rows() * target.columns(),
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
        RowShares shares = parts.forward().shares(z.rows(), fused.multiprocessors());
        Matrix tiles =
                Matrix.dense(products.scratchOffset(), 2 * shares.blocks(), columns.columns());
        append(parts, images, z, affine, packed, dropout, columns, Optional.of(tiles));
        kernels.combineStatistics(tiles, shares.rowsOfBlock(), z.rows(), partial);
    }

    /** By the kernel for so many images: those of a request may be few. */
    @Override
    public void forward(int images, Matrix z, Matrix affine, Matrix packed, Matrix columns) {
        FusedLayers.Appended ofImages = fused.appended(shape.withImages(images)).orElse(parts);
        append(ofImages, images, z, affine, packed, Dropout.NONE, columns, Optional.empty());
    }

    private void append(
            FusedLayers.Appended by,
            int images,
            Matrix z,
            Matrix affine,
            Matrix packed,
            Dropout dropout,
            Matrix columns,
            Optional<Matrix> tiles) {
        LayerKernel kernel = by.forward();
        RowShares shares = kernel.shares(z.rows(), fused.multiprocessors());
        layer.launch(
                kernel.name(),
                kernel.grid(shares.blocks(), 1),
                Traffic.reading(z, affine, weights(packed))
                        .writing(columns)
                        .writing(tiles.stream().toArray(Matrix[]::new))
                        .computing(shape.flops(images))
                        .walking(Walk.ofShares(shares)),
                ProductKernels.joined(
                        new Object[] {
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
                            by.forwardRing(),
                            shares.tilesOfBlock()
                        },
                        CudaKernels.dropout(dropout, products.base()),
                        new Object[] {
                            tiles.map(this::address).orElse(FusedPointwise.NO_STATISTICS)
                        }));
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

    /** What blocks have summed is added up together with other small operations. */
    @Override
    public void backward(int images, AppendedGradient g) {
        AppendedGradientKernel kernel = parts.gradient();
        int rows = g.z().rows();
        AppendedGradientKernel.Shares shares = kernel.shares(rows, fused.multiprocessors());
        RowShares ofData = shares.ofData();
        RowShares ofWeights = shares.ofWeights();
        int weightRows = TAPS * shape.inputChannels();
        Matrix weightTiles =
                Matrix.dense(
                        products.scratchOffset(),
                        ofWeights.blocks() * weightRows,
                        shape.outputChannels());
        Matrix tiles =
                Matrix.dense(
                        weightTiles.offset() + weightTiles.storedBytes(),
                        2 * ofData.blocks(),
                        g.z().columns());
        Matrix mean = g.columnStatistics().row(0);
        Matrix mean2 = g.zStatistics().row(0);
        Matrix z = g.z();
        Traffic ofBoth = Traffic.reading(g.blockGradient(), g.columns(), z);
        Traffic forData =
                ofBoth.alsoReading(g.correction(), mean, g.affine(), mean2, weights(g.packed()))
                        .writing(g.result(), tiles)
                        .computing(2 * shape.flops(images))
                        .walking(Walk.ofShares(ofData));
        // Blocks of other shares come to the same pixels at another time.
        Traffic forWeights =
                (shares.areTheSame() ? Traffic.reading() : ofBoth)
                        .writing(weightTiles)
                        .walking(Walk.ofShares(ofWeights));
        layer.launch(
                kernel.name(),
                kernel.grid(shares),
                forData.beside(forWeights),
                ProductKernels.joined(
                        new Object[] {
                            address(g.blockGradient()),
                            g.blockGradient().stride(),
                            address(g.columns()),
                            g.columns().stride(),
                            address(g.correction()),
                            g.correction().stride(),
                            address(mean)
                        },
                        CudaKernels.dropout(g.dropout(), products.base()),
                        new Object[] {
                            address(z),
                            z.stride(),
                            address(g.affine()),
                            g.affine().stride(),
                            g.columns().columns(),
                            z.columns(),
                            rows,
                            shape.height(),
                            shape.width(),
                            address(mean2),
                            address(g.packed()),
                            address(g.result()),
                            g.result().stride(),
                            kernel.data().ring(),
                            ofData.tilesOfBlock(),
                            kernel.weights().ring(),
                            ofWeights.tilesOfBlock(),
                            address(tiles),
                            address(weightTiles)
                        }));
        kernels.combineSums(tiles, g.partial());
        small.onElements(
                SmallOperation.ADD_APPENDED_PARTS,
                shape.weights(),
                Traffic.reading(weightTiles).updating(g.weightGradient()),
                address(weightTiles),
                ofWeights.blocks(),
                shape.outputChannels(),
                shape.inputChannels(),
                address(g.weightGradient()));
    }
}
