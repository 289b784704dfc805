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
        if (memory.norm().isPresent()) {
            String norm = memory.node().norm().orElseThrow().name();
            on.upload(weights.values(norm + ".weight"), memory.norm().get().gamma());
            on.upload(weights.values(norm + ".bias"), memory.norm().get().beta());
        }
    }

    @Override
    public void forward(int images) {
        source.prepare();
        on.forEachChunk(
                memory.images(),
                images,
                (_, chunk) -> pool(chunk, chunk.ofPixels(1).of(memory.pooled())));
        Matrix logits = memory.logits().rows(0, images);
        on.multiplyByTransposedInColumns(embeddings(images), memory.weights(), logits);
        on.device().forEachChunk(1, (_, _) -> on.kernels().addBias(logits, memory.bias()));
    }

    /** What the linear layer reads. */
    private Matrix embeddings(int images) {
        Matrix pooled = memory.pooled().rows(0, images);
        if (memory.norm().isEmpty()) {
            return pooled;
        }
        ClassifierInference.NormalisedMeans norm = memory.norm().get();
        Matrix out = norm.values().rows(0, images);
        Matrix statistics = norm.statistics().rows(0, images);
        float epsilon = (float) memory.node().norm().orElseThrow().epsilon();
        on.device()
                .forEachChunk(
                        1,
                        (_, _) ->
                                on.kernels()
                                        .layerNorm(
                                                pooled,
                                                norm.gamma(),
                                                norm.beta(),
                                                epsilon,
                                                statistics,
                                                out));
        return out;
    }

    /**
     * The layer normalisation of an image's means as scale and shift of its pixels, whose mean is
     * that of the means.
     */
    private void foldNorm(ClassifierInference.NormalisedMeans norm, int image) {
        int channels = norm.gamma().columns();
        float[] of = new float[2];
        float[] affine = new float[2 * channels];
        on.arena().download(norm.statistics().row(image), of, 0);
        on.arena().download(norm.gamma(), affine, 0);
        on.arena().download(norm.beta(), affine, channels);
        for (int c = 0; c < channels; c++) {
            affine[c] *= of[1];
            affine[channels + c] -= of[0] * affine[c];
        }
        on.upload(affine, norm.affine());
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
            case L2NormalisedSource _ -> // graphs refuse it
                    throw new IllegalStateException(memory.name());
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
        memory.norm().ifPresent(norm -> foldNorm(norm, image));
        on.device()
                .forEachChunk(
                        1,
                        (lane, _) -> {
                            source.copyTo(chunk, memory.normalised());
                            on.kernels().copy(memory.normalised(), memory.normalisedFloats());
                            memory.norm()
                                    .ifPresent(
                                            n ->
                                                    on.kernels()
                                                            .normalise(
                                                                    memory.normalisedFloats(),
                                                                    n.affine(),
                                                                    memory.normalisedFloats()));
                            on.multiplyByTransposed(
                                    lane,
                                    memory.normalisedFloats(),
                                    memory.weights(),
                                    memory.classMaps());
                        });
        return memory.classMaps();
    }
}
