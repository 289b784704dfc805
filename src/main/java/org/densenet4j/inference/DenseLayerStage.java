package org.densenet4j.inference;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseConvolution;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.InferenceMemory.BlockPart;
import org.densenet4j.plan.InferenceMemory.LayerPart;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/**
 * A dense layer. With a bottleneck:
 *
 * <pre>
 * A = relu(bn1(X[:, :K]))     a chunk at a time, or less
 * Z = A·W1ᵀ                   W1 has bn2's scale folded in; Z of a few images at a time
 * T = relu(Z + b)             b is bn2's shift; in place
 * Y = conv3x3(T)              appended to X
 * </pre>
 */
final class DenseLayerStage implements InferenceStage {
    private final InferenceDevice on;
    private final LayerPart part;
    private final PointwiseConvolution pointwise;
    private final Matrix weights1;
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
            pointwise = null;
            weights1 = null;
            on.pack(convolution, source.values(name + ".conv1.weight"), part.weights());
        } else {
            FoldedNormalisation norm2 = FoldedNormalisation.of(source, name + ".norm2", epsilon);
            float[] folded = norm2.foldInto(source.values(name + ".conv1.weight"));
            pointwise = on.arena().pointwise(part.pointwise());
            weights1 = on.pack(pointwise, part.pointwise(), folded, part.weights1());
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
        int perLane = part.group() / on.device().lanes();
        int tasks = Math.ceilDiv(images, Math.max(1, perLane));
        if (perLane > 0 && tasks >= on.device().lanes()) {
            on.device().forEachChunk(tasks, (lane, task) -> wholeImages(lane, task, images));
            return;
        }
        for (int first = 0; first < images; first += part.group()) {
            int count = Math.min(part.group(), images - first);
            reduce(first, count);
            convolve(first, count);
        }
    }

    /**
     * Both convolutions of a few images on one lane: without batch statistics nothing has to wait
     * for the other images, and Z stays in the lane's cache.
     */
    private void wholeImages(int lane, int task, int images) {
        int perLane = part.group() / on.device().lanes();
        int first = task * perLane;
        int count = Math.min(perLane, images - first);
        Matrix z = part.bottleneck().rows(lane * perLane * pixels, count * pixels);
        Chunks rows = part.rows();
        for (int chunk = 0; chunk < rows.count(count); chunk++) {
            Matrix zRows = z.rows(rows.firstRow(chunk), rows.rows(chunk, count));
            reduce(lane, first * pixels + rows.firstRow(chunk), zRows);
        }
        Chunks convolved = part.images();
        for (int chunk = 0; chunk < convolved.count(count); chunk++) {
            Matrix t = z.rows(convolved.firstRow(chunk), convolved.rows(chunk, count));
            int firstRow = first * pixels + convolved.firstRow(chunk);
            convolve(lane, convolved.images(chunk, count), t, firstRow);
        }
    }

    /** {@code Z = relu(bn1(X[:, :K]))·W1ᵀ} of some rows. */
    private void reduce(int lane, int firstRow, Matrix z) {
        pointwise.forward(
                lane,
                prefix.rows(firstRow, z.rows()),
                part.affine1(),
                weights1,
                part.reduce()[lane],
                z);
    }

    /** New features of some images from their Z, which may become T in place. */
    private void convolve(int lane, int images, Matrix z, int firstRow) {
        Matrix y = part.output()[lane].rows(0, z.rows());
        convolution.forward(on.kernels(), lane, images, z, part.affine2(), z, part.weights(), y);
        on.kernels().copy(y, newFeatures.rows(firstRow, y.rows()));
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
                            Matrix y = part.output()[lane].rows(0, rows);
                            int count = chunks.images(chunk, images);
                            convolution.forward(lane, count, a, part.weights(), y);
                            on.kernels().copy(y, newFeatures.rows(first, rows));
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
                            reduce(
                                    lane,
                                    firstImage * pixels + first,
                                    part.bottleneck().rows(first, rows));
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
                            convolve(
                                    lane,
                                    chunks.images(chunk, images),
                                    part.bottleneck().rows(first, chunks.rows(chunk, images)),
                                    firstImage * pixels + first);
                        });
    }
}
