package org.densenet4j.weights;

import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.PixelLogits;
import org.densenet4j.graph.Read;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The layers that make a network's logits, which depend on its classes.
 *
 * @param layers their names, such as {@code classifier}
 */
record Head(List<String> layers) {
    static Head of(Graph graph) {
        Set<String> layers = new LinkedHashSet<>();
        for (Node node : graph.heads()) {
            switch (node) {
                case Classifier n -> layers.add(n.linear());
                case PixelClassifier n -> layers.add(n.convolution());
                case PixelLogits n -> add(graph, n, layers);
                default -> throw new IllegalStateException(node.name());
            }
        }
        return new Head(List.copyOf(layers));
    }

    /** What a head reads is made by convolutions, and by a norm that stands between. */
    private static void add(Graph graph, PixelLogits head, Set<String> layers) {
        for (Columns read : head.source().ranges()) {
            for (Graph.WrittenNorm part : graph.norms(read)) {
                if (part.writer() instanceof ConvolutionLayer layer) {
                    layers.add(layer.convolution());
                }
            }
        }
        if (head.source() instanceof Read.Normalised n) {
            layers.add(n.norm().name());
        }
    }

    /** Whether a tensor is one of theirs. */
    boolean has(String name) {
        return layers.stream().anyMatch(layer -> name.startsWith(layer + "."));
    }
}
