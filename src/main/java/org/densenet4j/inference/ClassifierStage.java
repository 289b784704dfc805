package org.densenet4j.inference;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PoolShape;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.ClassifierInference;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/**
 * A head for whole images: global average pool, mostly behind BN-ReLU, and linear classifier; and
 * class activation maps.
 */
final class ClassifierStage implements InferenceStage {
    private final InferenceDevice on;
    private final ClassifierInference memory;
    private final Source source;
    private final PoolShape pool;

    ClassifierStage(InferenceDevice on, ClassifierInference memory, WeightSource weights)
            throws IOException {
        this.on = on;
        this.memory = memory;
        this.source = Source.of(on, memory.source(), weights);
        this.pool =
                PoolShape.global(memory.node().source().height(), memory.node().source().width());
        String linear = memory.node().linear();
        on.upload(weights.values(linear + ".weight"), memory.weights());
        on.upload(weights.values(linear + ".bias"), memory.bias());
    }

    @Override
    public void forward(int images) {
        source.prepare();
        on.forEachChunk(
                memory.images(),
                images,
                (_, chunk) -> pool(chunk, chunk.ofPixels(1).of(memory.pooled())));
        Matrix logits = memory.logits().rows(0, images);
        on.multiplyInColumns(memory.pooled().rows(0, images), memory.weights(), logits);
        on.device().forEachChunk(1, (_, _) -> on.kernels().addBias(logits, memory.bias()));
    }

    private void pool(Chunk chunk, Matrix pooled) {
        Matrix x = chunk.of(source.values());
        switch (source) {
            case NormalisedSource normalised ->
                    on.kernels()
                            .normaliseReluGlobalPool(
                                    x,
                                    chunk.images(),
                                    memory.images().rowsPerImage(),
                                    normalised.affine(),
                                    pooled);
            case RawSource _ -> on.kernels().averagePool(x, chunk.images(), pool, pooled);
        }
    }

    /**
     * The class activation maps of one image of the last forward pass (Zhou et al. 2016, section
     * 2): the classifier applied to each pixel of the final features. The mean over pixels plus the
     * bias is the logit.
     */
    Matrix classMaps(int image) {
        int pixels = memory.images().rowsPerImage();
        Chunk chunk = new Chunk(0, image * pixels, pixels, image, 1);
        on.device()
                .forEachChunk(
                        1,
                        (lane, _) -> {
                            source.copyTo(chunk, memory.normalised());
                            on.kernels().copy(memory.normalised(), memory.normalisedFloats());
                            on.multiply(
                                    lane,
                                    memory.normalisedFloats(),
                                    memory.weights(),
                                    memory.classMaps());
                        });
        return memory.classMaps();
    }
}
