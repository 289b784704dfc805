package org.densenet4j.testing;

import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;

/**
 * A small network of two dense layers with learned groups: 8 and 12 inputs, in 2 and 4 groups of
 * which a quarter and a third is left, and 3x3 convolutions in 2 groups.
 */
public final class CondensedNetwork {
    /** Height and width of the images, which have three channels. */
    public static final int SIDE = 8;

    /** Classes. */
    public static final int CLASSES = 3;

    /** Of the first layer. */
    public static final LearnedGroups FIRST = new LearnedGroups("layer1.conv1.weight", 2, 4);

    /** Of the second layer. */
    public static final LearnedGroups SECOND = new LearnedGroups("layer2.conv1.weight", 4, 3);

    private CondensedNetwork() {}

    /** The network. */
    public static Graph graph() {
        Graph.Builder graph = Graph.builder("condensed", SIDE, SIDE, 3);
        Features x = new Features("x", SIDE, SIDE, 16);
        graph.add(
                ConvolutionLayer.of(
                        "stem", Read.raw(graph.input().all()), Window.THREE, x.prefix(8)));
        for (int layer = 1; layer <= 2; layer++) {
            String name = "layer" + layer;
            graph.add(
                    new BottleneckLayer(
                            name,
                            Read.normalisedRelu(norm(name + ".norm1"), x.prefix(4 + 4 * layer)),
                            8,
                            name + ".conv1",
                            norm(name + ".norm2"),
                            name + ".conv2",
                            2,
                            Drops.NOTHING,
                            x.columns(4 + 4 * layer, 4)));
        }
        return graph.learnedGroups(FIRST)
                .learnedGroups(SECOND)
                .add(
                        new Classifier(
                                "head", Read.normalisedRelu(norm("norm"), x.all()), "fc", CLASSES))
                .build();
    }

    private static Norm norm(String name) {
        return new Norm(name, 1e-5, 0.1);
    }
}
