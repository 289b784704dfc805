package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.BottleneckLayer;

/**
 * Memory of a dense layer with a bottleneck, as an autograd framework runs it.
 *
 * @param layer what every strategy needs
 * @param copies what only this one keeps of the prefix
 * @param bottleneckNormalised BN-ReLU output of Z [N·H·W, 4k]
 */
public record NaiveBottleneckLayerMemory(
        BottleneckLayerMemory layer, Copies copies, Matrix bottleneckNormalised)
        implements NodeMemory {

    static NaiveBottleneckLayerMemory of(BottleneckLayer node, Planner planner) {
        BottleneckLayerMemory layer = BottleneckLayerMemory.of(node, planner);
        Copies copies = Copies.of(node, node.source(), planner);
        Matrix normalised =
                planner.allocator()
                        .activations(
                                node.name() + ".bottleneck.normalised",
                                Category.COPIES,
                                planner.rows(node.innerPixels()),
                                node.width(),
                                planner.schedule().forward(node),
                                planner.schedule().keeps(node));
        return new NaiveBottleneckLayerMemory(layer, copies, normalised);
    }

    /** {@return Y or dY of a chunk of images, dense, in each lane} */
    public Matrix[] output() {
        return ((BottleneckConvolutionMemory.OfImages) layer.convolution()).output();
    }
}
