package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.LayerNorm;
import org.densenet4j.plan.ClassifierMemory;

/** Layer normalisation of a head's means: a row for each image, in float32. */
final class HeadNorm {
    private final Kernels kernels;
    private final ClassifierMemory.NormalisedMeans memory;
    private final float epsilon;
    private final Matrix gamma;
    private final Matrix beta;
    private final Matrix gammaGradient;
    private final Matrix betaGradient;

    HeadNorm(Compute compute, LayerNorm norm, ClassifierMemory.NormalisedMeans memory) {
        this.kernels = compute.kernels();
        this.memory = memory;
        this.epsilon = (float) norm.epsilon();
        this.gamma = compute.vector(norm.name() + ".weight");
        this.beta = compute.vector(norm.name() + ".bias");
        this.gammaGradient = compute.vectorGradient(norm.name() + ".weight");
        this.betaGradient = compute.vectorGradient(norm.name() + ".bias");
    }

    /** What the linear layer reads, of the first images. */
    Matrix output(int images) {
        return memory.values().rows(0, images);
    }

    void forward(Matrix means) {
        int images = means.rows();
        Matrix statistics = memory.statistics().rows(0, images);
        kernels.layerNorm(means, gamma, beta, epsilon, statistics, output(images));
    }

    /** From the gradient of the output to that of the means, in place. */
    void backward(Matrix means, Matrix gradient) {
        Matrix statistics = memory.statistics().rows(0, means.rows());
        kernels.fill(memory.sums(), 0);
        kernels.layerNormGradient(gradient, means, gamma, statistics, memory.sums(), gradient);
        kernels.add(memory.sums().row(0), betaGradient);
        kernels.add(memory.sums().row(1), gammaGradient);
    }
}
