package org.densenet4j.inference;

import org.densenet4j.backend.AppendedConvolution;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BottleneckLayerInference;
import org.densenet4j.plan.Chunk;

/**
 * The 3x3 half of a dense layer with a bottleneck on a device that reads Z and writes the block's
 * columns, and has T and Y nowhere else.
 */
final class AppendedBottleneckConvolution implements BottleneckConvolution {
    private final AppendedConvolution convolution;
    private final Matrix weights;
    private final Matrix affine;
    private final Target target;

    /** Of Z, and of the new features. */
    private final int pixels;

    AppendedBottleneckConvolution(
            InferenceDevice on,
            BottleneckLayerInference memory,
            float[] weights,
            Matrix affine,
            Target target) {
        this.weights = memory.weights();
        this.affine = affine;
        this.target = target;
        this.pixels = memory.images().rowsPerImage();
        this.convolution = on.arena().appended(memory.convolution());
        on.pack(convolution, memory.convolution(), weights, this.weights);
    }

    @Override
    public void forward(int lane, Chunk chunk, int firstImage, Matrix z) {
        Chunk ofBatch = chunk.behind(firstImage, pixels);
        convolution.forward(chunk.images(), chunk.of(z), affine, weights, target.of(ofBatch));
        target.written(ofBatch);
    }

    @Override
    public int mostBands() {
        return 1;
    }

    @Override
    public void forwardBand(int lane, int image, int band, int bands, int firstImage, Matrix z) {
        throw new UnsupportedOperationException("a device that appends takes whole images");
    }
}
