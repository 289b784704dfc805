package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.LayerHalf;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Window;

import java.util.Optional;

/** Scratch of the 3x3 half of a dense layer with a bottleneck: Y = conv3x3(relu(bn2(Z))). */
public sealed interface BottleneckConvolutionMemory {
    /** {@return rows of Z, and of Y, that are worked on together} */
    Chunks chunks();

    /** {@return the convolution over one chunk} */
    ConvolutionShape shape();

    /** {@return what the convolution works in} */
    ConvolutionScratch scratch();

    /**
     * Chunks of whole images.
     *
     * @param chunks of whole images; the rows counted are those of the convolution's output
     * @param inner the same chunks of Z
     * @param shape of the convolution over one chunk
     * @param normalised T of a chunk; without rows for NAIVE, which keeps all of it
     * @param output Y or dY of a chunk, dense, in each lane
     * @param scratch of the convolution
     */
    record OfImages(
            Chunks chunks,
            Chunks inner,
            ConvolutionShape shape,
            Matrix[] normalised,
            Matrix[] output,
            ConvolutionScratch scratch)
            implements BottleneckConvolutionMemory {

        static Chunks chunks(BottleneckLayer node, Planner planner) {
            int pixels = node.target().of().pixels();
            long ofZ = Math.ceilDiv(planner.bytes(node.width()) * node.innerPixels(), pixels);
            return planner.imageChunks(pixels, 2 * (ofZ + planner.bytes(node.growthRate())));
        }

        static OfImages of(BottleneckLayer node, Planner planner, Allocator.Frame frame) {
            int width = node.width();
            int k = node.growthRate();
            Chunks images = chunks(node, planner);
            Chunks inner = images.ofPixels(node.innerPixels());
            ConvolutionShape shape =
                    planner.convolution(
                            images.imagesPerChunk(),
                            node.source().height(),
                            node.source().width(),
                            width,
                            k,
                            node.window());
            boolean naive = planner.strategy() == MemoryStrategy.NAIVE;
            return new OfImages(
                    images,
                    inner,
                    shape,
                    frame.activations(naive ? 0 : inner.rowsPerChunk(), width),
                    frame.activations(images.rowsPerChunk(), k),
                    ConvolutionScratch.in(frame, shape, planner));
        }
    }

    /**
     * The whole batch at once, on a device that keeps what is between Z and the block to itself.
     * The gradient of the new columns is corrected as it is read, with their values: where no
     * reader normalises them, these may be gone by then. An even number of columns lies before
     * them, since two are the fewest that are written together.
     *
     * @param chunks one, of the whole batch
     * @param shape of the convolution over the batch
     * @param scratch of the convolution
     */
    record Appended(Chunks chunks, ConvolutionShape shape, ConvolutionScratch scratch)
            implements BottleneckConvolutionMemory {

        static Optional<Appended> of(BottleneckLayer node, Planner planner, Allocator.Frame frame) {
            ConvolutionShape shape =
                    planner.convolution(
                            planner.batch(),
                            node.source().height(),
                            node.source().width(),
                            node.width(),
                            node.growthRate(),
                            Window.THREE);
            boolean normalised =
                    planner.graph().epsilon(node.target().of()).isPresent()
                            || node.outputNorm().isPresent();
            if (!normalised || node.stride() > 1 || node.target().from() % 2 != 0) {
                return Optional.empty();
            }
            // Where a layer would be cut into bands otherwise, the device's rule decides.
            LayerHalf half =
                    new LayerHalf.NewFeatures(
                            shape,
                            OfImages.chunks(node, planner).imagesPerChunk(),
                            planner.layout(node.target()).stride());
            if (half.isFusedOn(planner.device())
                    && OfBands.bands(node, planner).isEmpty()
                    && !planner.fuses(half)) {
                return Optional.empty();
            }
            return planner.appendedMemory(shape)
                    .map(
                            memory ->
                                    new Appended(
                                            planner.wholeBatch(node.target().of().pixels()),
                                            shape,
                                            ConvolutionScratch.in(frame, memory)));
        }
    }

    /**
     * Bands of rows of images that do not fit the cache. All matrices and the convolution have the
     * halo, too: the row above and the one below that the kernel reads.
     *
     * @param convolved bands of Y, and the rows of T that are read for each
     * @param shape of the convolution over one band
     * @param normalised T of a band with its halo and, at another time, dT
     * @param output Y or dY of a band with its halo, dense, in each lane
     * @param scratch of the convolution
     */
    record OfBands(
            ConvolvedBands convolved,
            ConvolutionShape shape,
            Matrix[] normalised,
            Matrix[] output,
            ConvolutionScratch scratch)
            implements BottleneckConvolutionMemory {

        static Optional<Bands> bands(BottleneckLayer node, Planner planner) {
            long scratch = planner.bytes(node.width() + node.growthRate());
            return planner.bands(node.source().height(), node.source().width(), scratch, 1)
                    .filter(_ -> node.stride() == 1);
        }

        static OfBands of(
                BottleneckLayer node, Bands bands, Planner planner, Allocator.Frame frame) {
            ConvolvedBands convolved =
                    new ConvolvedBands(bands, Window.THREE, bands.height(), bands.width(), 0, 0);
            ConvolutionShape shape = convolved.shape(node.width(), node.growthRate(), planner);
            return new OfBands(
                    convolved,
                    shape,
                    frame.activations(convolved.readPixels(), node.width()),
                    frame.activations(convolved.convolvedPixels(), node.growthRate()),
                    ConvolutionScratch.in(frame, shape, planner));
        }

        @Override
        public Chunks chunks() {
            return convolved.bands().chunks();
        }
    }
}
