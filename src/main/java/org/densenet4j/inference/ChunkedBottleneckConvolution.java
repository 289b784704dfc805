package org.densenet4j.inference;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BottleneckLayerInference;
import org.densenet4j.plan.Chunk;

/**
 * The 3x3 half of a dense layer with a bottleneck where T takes Z's place, and Y of a chunk may lie
 * in scratch memory.
 */
final class ChunkedBottleneckConvolution implements BottleneckConvolution {
    private final InferenceDevice on;
    private final BottleneckLayerInference memory;
    private final Convolution convolution;
    private final Matrix affine;
    private final Target target;

    /** Of Z. */
    private final int pixels;

    /** Of the new features. */
    private final int outPixels;

    ChunkedBottleneckConvolution(
            InferenceDevice on,
            BottleneckLayerInference memory,
            float[] weights,
            Matrix affine,
            Target target) {
        this.on = on;
        this.memory = memory;
        this.affine = affine;
        this.target = target;
        this.pixels = memory.rows().rowsPerImage();
        this.outPixels = memory.images().rowsPerImage();
        this.convolution = on.arena().convolution(memory.convolution());
        on.pack(convolution, weights, memory.weights());
    }

    @Override
    public void forward(int lane, Chunk chunk, int firstImage, Matrix z) {
        Chunk ofBatch = chunk.behind(firstImage, outPixels);
        Matrix y = place(lane, ofBatch);
        Matrix t = chunk.ofPixels(pixels).of(z);
        convolution.forward(on.kernels(), lane, chunk.images(), t, affine, t, memory.weights(), y);
        target.append(y, ofBatch);
    }

    @Override
    public int mostBands() {
        return convolution.mostBands();
    }

    @Override
    public void forwardBand(int lane, int image, int band, int bands, int firstImage, Matrix z) {
        int width = memory.node().target().of().width();
        int first = convolution.firstLine(band, bands) * width;
        int rows = convolution.firstLine(band + 1, bands) * width - first;
        Chunk lines =
                new Chunk(band, image * outPixels + first, rows, image, 1)
                        .behind(firstImage, outPixels);
        Matrix y = place(lane, lines);
        convolution.forwardBand(
                lane, band, bands, z.rows(image * pixels, pixels), affine, memory.weights(), y);
        target.append(y, lines);
    }

    private Matrix place(int lane, Chunk chunk) {
        return target.place(convolution, chunk, memory.output()[lane]);
    }
}
