package org.densenet4j.inference;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.InferenceMemory.StemPart;
import org.densenet4j.spec.StemShape;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/**
 * The first convolution; of an ImageNet stem with its batch normalisation folded in, ReLU and
 * max-pool behind it.
 */
final class StemStage implements InferenceStage {
    private final InferenceDevice on;
    private final StemPart part;
    private final Convolution convolution;
    private final Matrix features;

    StemStage(InferenceDevice on, WeightSource source, double epsilon) throws IOException {
        this.on = on;
        this.part = on.memory().stem();
        this.convolution = on.arena().convolution(part.convolution());
        this.features = on.memory().blocks().getFirst().features().prefix(part.shape().channels());
        float[] weights = source.values("features.conv0.weight");
        if (part.affine() != null) {
            FoldedNormalisation norm = FoldedNormalisation.of(source, "features.norm0", epsilon);
            norm.foldInto(weights);
            on.upload(norm.bias(), part.affine());
        }
        on.pack(convolution, weights, part.weights());
    }

    @Override
    public void forward(int images) {
        StemShape s = part.shape();
        Chunks chunks = part.images();
        int inputPixels = s.inputHeight() * s.inputWidth();
        int outPixels = s.outHeight() * s.outWidth();
        on.device()
                .forEachChunk(
                        chunks.count(images),
                        (lane, chunk) -> {
                            int first = chunk * chunks.imagesPerChunk();
                            int count = chunks.images(chunk, images);
                            Matrix y = part.output()[lane].rows(0, chunks.rows(chunk, images));
                            Matrix out = features.rows(first * outPixels, count * outPixels);
                            convolution.forward(
                                    lane,
                                    count,
                                    on.memory()
                                            .input()
                                            .rows(first * inputPixels, count * inputPixels),
                                    part.weights(),
                                    y);
                            if (part.affine() == null) {
                                on.kernels().copy(y, out);
                            } else {
                                on.kernels()
                                        .normaliseReluMaxPool(
                                                y,
                                                count,
                                                s.convHeight(),
                                                s.convWidth(),
                                                part.affine(),
                                                out);
                            }
                        });
    }
}
