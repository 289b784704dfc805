package org.densenet4j.inference;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.PatchConvolutionInference;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/** A convolution of patches with a layer normalisation before or behind it. */
final class PatchConvolutionStage implements InferenceStage {
    private final InferenceDevice on;
    private final Kernels kernels;
    private final PatchConvolutionInference memory;
    private final RawSource source;
    private final int sourcePixels;
    private final Convolution convolution;
    private final Target target;

    PatchConvolutionStage(InferenceDevice on, PatchConvolutionInference memory, WeightSource from)
            throws IOException {
        this.on = on;
        this.kernels = on.kernels();
        this.memory = memory;
        this.source = new RawSource(on, memory.source());
        this.sourcePixels = memory.node().source().height() * memory.node().source().width();
        this.convolution = on.arena().convolution(memory.convolution());
        this.target = new Target(on, memory.target());
        String name = memory.node().convolution();
        String norm = memory.node().norm().name();
        on.pack(convolution, from.values(name + ".weight"), memory.weights());
        on.upload(from.values(name + ".bias"), memory.bias());
        on.upload(from.values(norm + ".weight"), memory.gamma());
        on.upload(from.values(norm + ".bias"), memory.beta());
    }

    @Override
    public void forward(int images) {
        on.forEachChunk(memory.images(), images, this::convolve);
        target.finish(images, memory.images());
    }

    private void convolve(int lane, Chunk chunk) {
        Chunk read = chunk.ofPixels(sourcePixels);
        boolean before = memory.node().normalisesInput();
        Matrix a = memory.sourceChunk()[lane];
        if (before) {
            a = read.in(a);
            normalise(lane, read.of(source.values()), a);
        } else {
            a = source.read(read, a);
        }
        Matrix y = chunk.in(memory.output()[lane]);
        convolution.forward(lane, chunk.images(), a, memory.weights(), y);
        kernels.addBias(y, memory.bias());
        if (before) {
            target.append(y, chunk);
        } else {
            normalise(lane, y, target.of(chunk));
            target.written(chunk);
        }
    }

    private void normalise(int lane, Matrix x, Matrix out) {
        kernels.layerNorm(
                x,
                memory.gamma(),
                memory.beta(),
                (float) memory.node().norm().epsilon(),
                memory.rowStatistics()[lane].rows(0, x.rows()),
                out);
    }
}
