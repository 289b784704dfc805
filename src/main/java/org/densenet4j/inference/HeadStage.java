package org.densenet4j.inference;

import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.InferenceMemory.HeadPart;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/** BN-ReLU over the last block, global average pool, classifier; and class activation maps. */
final class HeadStage implements InferenceStage {
    private final InferenceDevice on;
    private final HeadPart part;
    private final Matrix features;

    HeadStage(InferenceDevice on, WeightSource source, double epsilon) throws IOException {
        this.on = on;
        this.part = on.memory().head();
        this.features = on.memory().blocks().getLast().features();
        on.upload(
                FoldedNormalisation.of(source, "features.norm5", epsilon).affine(), part.affine());
        on.upload(source.values("classifier.weight"), part.weights());
        on.upload(source.values("classifier.bias"), part.bias());
    }

    @Override
    public void forward(int images) {
        Chunks chunks = part.images();
        on.device()
                .forEachChunk(
                        chunks.count(images),
                        (lane, chunk) -> {
                            int count = chunks.images(chunk, images);
                            on.kernels()
                                    .normaliseReluGlobalPool(
                                            features.rows(
                                                    chunks.firstRow(chunk),
                                                    chunks.rows(chunk, images)),
                                            count,
                                            chunks.rowsPerImage(),
                                            part.affine(),
                                            part.pooled()
                                                    .rows(chunk * chunks.imagesPerChunk(), count));
                        });
        on.device()
                .forEachChunk(
                        1,
                        (lane, chunk) -> {
                            Matrix logits = part.logits().rows(0, images);
                            on.multiply(
                                    lane, part.pooled().rows(0, images), part.weights(), logits);
                            on.kernels().addBias(logits, part.bias());
                        });
    }

    /**
     * The class activation maps of one image of the last forward pass (Zhou et al. 2016, section
     * 2): the classifier applied to each pixel of the final features. The mean over pixels plus the
     * bias is the logit.
     */
    Matrix classMaps(int image) {
        int pixels = part.images().rowsPerImage();
        on.device()
                .forEachChunk(
                        1,
                        (lane, chunk) -> {
                            on.kernels()
                                    .normaliseRelu(
                                            features.rows(image * pixels, pixels),
                                            part.affine(),
                                            part.normalised());
                            on.kernels().copy(part.normalised(), part.normalisedFloats());
                            on.multiply(
                                    lane,
                                    part.normalisedFloats(),
                                    part.weights(),
                                    part.classMaps());
                        });
        return part.classMaps();
    }
}
