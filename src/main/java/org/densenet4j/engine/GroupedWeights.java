package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.plan.BlockDiagonal;
import org.densenet4j.plan.BottleneckLayerMemory;

/**
 * The weights of a dense layer's 3x3 convolution, and where their gradient goes. Those of a
 * convolution in groups are put into a block-diagonal matrix, whose blocks are the groups: on all
 * devices it is then a convolution as the others are.
 *
 * <p>The zeros cost multiplications, but groups of a few channels would leave vectors half empty
 * without them, and all that devices do for a 3x3 convolution without groups is had for them, too.
 */
final class GroupedWeights {
    private final Kernels kernels;
    private final Matrix weights;
    private final Matrix gradient;
    private final BlockDiagonal whole;
    private final int groups;

    private GroupedWeights(
            Kernels kernels, Matrix weights, Matrix gradient, BlockDiagonal whole, int groups) {
        this.kernels = kernels;
        this.weights = weights;
        this.gradient = gradient;
        this.whole = whole;
        this.groups = groups;
    }

    static GroupedWeights of(Compute compute, BottleneckLayerMemory memory) {
        BottleneckLayer node = memory.node();
        String name = node.conv2() + ".weight";
        Matrix weights = compute.weight(name);
        Matrix gradient = compute.weightGradient(name);
        return new GroupedWeights(
                compute.kernels(),
                weights,
                gradient,
                memory.blockDiagonal().orElseGet(() -> new BlockDiagonal(weights, gradient)),
                node.groups());
    }

    /** The weights [k, 4k·9] to be packed for a pass. */
    Matrix whole() {
        if (groups > 1) {
            kernels.fill(whole.weights(), 0);
            for (int group = 0; group < groups; group++) {
                kernels.copy(rows(weights, group), block(whole.weights(), group));
            }
        }
        return whole.weights();
    }

    /** Where the gradient of {@link #whole} is added to. */
    Matrix gradientOfWhole() {
        if (groups > 1) {
            kernels.fill(whole.gradient(), 0);
        }
        return whole.gradient();
    }

    /** Behind the passes that have added to {@link #gradientOfWhole}. */
    void finishGradient() {
        for (int group = 0; group < groups && groups > 1; group++) {
            kernels.add(block(whole.gradient(), group), rows(gradient, group));
        }
    }

    private Matrix rows(Matrix matrix, int group) {
        int outputs = matrix.rows() / groups;
        return matrix.rows(group * outputs, outputs);
    }

    private Matrix block(Matrix matrix, int group) {
        int inputs = matrix.columns() / groups;
        return rows(matrix, group).columns(group * inputs, inputs);
    }
}
