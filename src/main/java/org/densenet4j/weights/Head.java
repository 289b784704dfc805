package org.densenet4j.weights;

import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.PixelClassifier;

import java.util.List;

/**
 * The layers that make a network's logits, which depend on its classes.
 *
 * @param layers their names, such as {@code classifier}
 */
record Head(List<String> layers) {
    static Head of(Graph graph) {
        return new Head(
                graph.heads().stream()
                        .map(
                                node ->
                                        switch (node) {
                                            case Classifier n -> n.linear();
                                            case PixelClassifier n -> n.convolution();
                                            default -> throw new IllegalStateException(node.name());
                                        })
                        .toList());
    }

    /** Whether a tensor is one of theirs. */
    boolean has(String name) {
        return layers.stream().anyMatch(layer -> name.startsWith(layer + "."));
    }
}
