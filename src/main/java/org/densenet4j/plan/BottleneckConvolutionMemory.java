package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Window;

/** Scratch of the 3x3 half of a dense layer with a bottleneck: Y = conv3x3(relu(bn2(Z))). */
public sealed interface BottleneckConvolutionMemory {
    /** Rows of Z, and of Y, that are worked on together. */
    Chunks chunks();

    /** The convolution over one chunk. */
    ConvolutionShape shape();

    /** Y or dY of a chunk, dense, in each lane. */
    Matrix[] output();

    /** What the convolution works in. */
    ConvolutionScratch scratch();

    /**
     * Chunks of whole images.
     *
     * @param normalised T = relu(bn2(Z)), dense, in each lane; without rows for NAIVE, which keeps
     *     all of it
     */
    record OfImages(
            Chunks chunks,
            ConvolutionShape shape,
            Matrix[] normalised,
            Matrix[] output,
            ConvolutionScratch scratch)
            implements BottleneckConvolutionMemory {

        static OfImages of(BottleneckLayer node, Planner planner, Allocator.Frame frame) {
            int width = node.width();
            int k = node.growthRate();
            Chunks images =
                    planner.imageChunks(node.target().of().pixels(), 2 * planner.bytes(width + k));
            ConvolutionShape shape =
                    shapeOf(node, images.imagesPerChunk(), node.source().height(), planner);
            boolean naive = planner.strategy() == MemoryStrategy.NAIVE;
            return new OfImages(
                    images,
                    shape,
                    frame.activations(naive ? 0 : images.rowsPerChunk(), width),
                    frame.activations(images.rowsPerChunk(), k),
                    ConvolutionScratch.in(frame, shape, planner));
        }
    }

    /**
     * Bands of rows of images that do not fit the cache. All matrices and the convolution have the
     * halo, too, as if a band with its halo were an image.
     *
     * @param normalised T = relu(bn2(Z)) and, at another time, dT, dense, in each lane
     */
    record OfBands(
            Bands bands,
            ConvolutionShape shape,
            Matrix[] normalised,
            Matrix[] output,
            ConvolutionScratch scratch)
            implements BottleneckConvolutionMemory {
        /** Rows of pixels that the kernel reads above and below a band. */
        public static final int HALO = 1;

        private static OfBands of(
                BottleneckLayer node, Bands bands, Planner planner, Allocator.Frame frame) {
            int height = bands.rows() + 2 * HALO;
            int rows = height * bands.width();
            ConvolutionShape shape = shapeOf(node, 1, height, planner);
            return new OfBands(
                    bands,
                    shape,
                    frame.activations(rows, node.width()),
                    frame.activations(rows, node.growthRate()),
                    ConvolutionScratch.in(frame, shape, planner));
        }

        @Override
        public Chunks chunks() {
            return bands.chunks();
        }
    }

    /** Bands where an image is far larger than the cache, whole images otherwise. */
    static BottleneckConvolutionMemory of(
            BottleneckLayer node, Planner planner, Allocator.Frame frame) {
        int height = node.source().height();
        long scratch = planner.bytes(node.width() + node.growthRate());
        return planner.bands(height, node.source().width(), scratch, 1)
                .<BottleneckConvolutionMemory>map(bands -> OfBands.of(node, bands, planner, frame))
                .orElseGet(() -> OfImages.of(node, planner, frame));
    }

    private static ConvolutionShape shapeOf(
            BottleneckLayer node, int images, int height, Planner planner) {
        return planner.convolution(
                images,
                height,
                node.source().width(),
                node.width(),
                node.growthRate(),
                Window.THREE);
    }
}
