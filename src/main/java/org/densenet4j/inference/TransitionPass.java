package org.densenet4j.inference;

import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.InferenceMemory.TransitionPart;
import org.densenet4j.spec.TransitionShape;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/** BN-ReLU, average pool, 1x1 convolution into the first columns of the next block. */
final class TransitionPass implements InferenceStage {
    private final InferenceDevice on;
    private final TransitionPart part;
    private final Matrix features;
    private final Matrix output;

    TransitionPass(InferenceDevice on, TransitionPart part, WeightSource source, double epsilon)
            throws IOException {
        this.on = on;
        this.part = part;
        int index = part.shape().index();
        this.features = on.memory().blocks().get(index - 1).features();
        this.output =
                on.memory().blocks().get(index).features().prefix(part.shape().outputChannels());
        String name = "features.transition" + index;
        on.upload(FoldedNormalisation.of(source, name + ".norm", epsilon).affine(), part.affine());
        on.upload(source.values(name + ".conv.weight"), part.weights());
    }

    @Override
    public void forward(int images) {
        TransitionShape s = part.shape();
        Chunks chunks = part.images();
        int outPixels = s.outHeight() * s.outWidth();
        on.device()
                .forEachChunk(
                        chunks.count(images),
                        (lane, chunk) -> {
                            int count = chunks.images(chunk, images);
                            int rows = count * outPixels;
                            Matrix pooled = part.pooled()[lane].rows(0, rows);
                            on.kernels()
                                    .normaliseReluAveragePool(
                                            features.rows(
                                                    chunks.firstRow(chunk),
                                                    chunks.rows(chunk, images)),
                                            count,
                                            s.height(),
                                            s.width(),
                                            part.affine(),
                                            pooled);
                            int first = chunk * chunks.imagesPerChunk() * outPixels;
                            on.multiply(lane, pooled, part.weights(), output.rows(first, rows));
                        });
    }
}
