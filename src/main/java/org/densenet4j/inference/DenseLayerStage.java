package org.densenet4j.inference;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.InferenceMemory.BlockPart;
import org.densenet4j.plan.InferenceMemory.LayerPart;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/**
 * A dense layer. With a bottleneck:
 *
 * <pre>
 * A = relu(bn1(X[:, :K]))     a chunk at a time
 * Z = A·W1ᵀ                   W1 has bn2's scale folded in; Z of a few images at a time
 * T = relu(Z + b)             b is bn2's shift; in place
 * Y = conv3x3(T)              appended to X
 * </pre>
 */
final class DenseLayerStage implements InferenceStage {
    private final InferenceDevice on;
    private final LayerPart part;
    private final Convolution convolution;
    private final Matrix prefix;
    private final Matrix newFeatures;
    private final int pixels;

    DenseLayerStage(
            InferenceDevice on,
            BlockPart block,
            LayerPart part,
            WeightSource source,
            double epsilon)
            throws IOException {
        this.on = on;
        this.part = part;
        this.convolution = on.arena().convolution(part.convolution());
        this.prefix = block.features().prefix(part.shape().prefixChannels());
        this.newFeatures =
                block.features().columns(part.shape().prefixChannels(), part.shape().growthRate());
        this.pixels = part.images().rowsPerImage();
        String name =
                "features.denseblock" + part.shape().block() + ".denselayer" + part.shape().index();
        on.upload(
                FoldedNormalisation.of(source, name + ".norm1", epsilon).affine(), part.affine1());
        if (part.bottleneck() == null) {
            on.pack(convolution, source.values(name + ".conv1.weight"), part.weights());
        } else {
            FoldedNormalisation norm2 = FoldedNormalisation.of(source, name + ".norm2", epsilon);
            on.upload(norm2.foldInto(source.values(name + ".conv1.weight")), part.weights1());
            on.upload(norm2.bias(), part.affine2());
            on.pack(convolution, source.values(name + ".conv2.weight"), part.weights());
        }
    }

    @Override
    public void forward(int images) {
        if (part.bottleneck() == null) {
            convolvePrefix(images);
            return;
        }
        for (int first = 0; first < images; first += part.group()) {
            int count = Math.min(part.group(), images - first);
            reduce(first, count);
            convolve(first, count);
        }
    }

    private void convolvePrefix(int images) {
        Chunks chunks = part.images();
        on.device()
                .forEachChunk(
                        chunks.count(images),
                        (lane, chunk) -> {
                            int first = chunks.firstRow(chunk);
                            int rows = chunks.rows(chunk, images);
                            Matrix a = part.normalised()[lane].rows(0, rows);
                            on.kernels().normaliseRelu(prefix.rows(first, rows), part.affine1(), a);
                            append(lane, chunks.images(chunk, images), a, first);
                        });
    }

    /** Z of some images. */
    private void reduce(int firstImage, int images) {
        Chunks chunks = part.rows();
        on.device()
                .forEachChunk(
                        chunks.count(images),
                        (lane, chunk) -> {
                            int first = chunks.firstRow(chunk);
                            int rows = chunks.rows(chunk, images);
                            Matrix x = prefix.rows(firstImage * pixels + first, rows);
                            Matrix a = part.normalised()[lane].rows(0, rows);
                            on.kernels().normaliseRelu(x, part.affine1(), a);
                            on.multiply(
                                    lane, a, part.weights1(), part.bottleneck().rows(first, rows));
                        });
    }

    /** The new features of the images that Z holds. */
    private void convolve(int firstImage, int images) {
        Chunks chunks = part.images();
        on.device()
                .forEachChunk(
                        chunks.count(images),
                        (lane, chunk) -> {
                            int first = chunks.firstRow(chunk);
                            Matrix t = part.bottleneck().rows(first, chunks.rows(chunk, images));
                            on.kernels().normaliseRelu(t, part.affine2(), t);
                            append(
                                    lane,
                                    chunks.images(chunk, images),
                                    t,
                                    firstImage * pixels + first);
                        });
    }

    private void append(int lane, int images, Matrix source, int firstRow) {
        Matrix y = part.output()[lane].rows(0, source.rows());
        convolution.forward(lane, images, source, part.weights(), y);
        on.kernels().copy(y, newFeatures.rows(firstRow, y.rows()));
    }
}
