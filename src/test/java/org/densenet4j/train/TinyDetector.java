package org.densenet4j.train;

import org.densenet4j.detection.PriorGrid;
import org.densenet4j.detection.Priors;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Transition;
import org.densenet4j.graph.Window;
import org.densenet4j.spec.DetectionSpec;

import java.util.List;

/** Two grids of boxes behind three convolutions, of a user's own: fast, and no good. */
public record TinyDetector(Graph graph, int classes) implements DetectionSpec {
    public static final int SIDE = 32;

    private static final Priors PRIORS =
            Priors.of(
                    SIDE,
                    SIDE,
                    List.of(
                            new PriorGrid(8, 8, 4, 8, 12, List.of(2.0)),
                            new PriorGrid(4, 4, 8, 16, 24, List.of())));

    public static TinyDetector of(int classes) {
        Graph.Builder graph = Graph.builder("tiny", SIDE, SIDE, 3);
        Features x1 = new Features("x1", 16, 16, 8);
        Features x2 = new Features("x2", 8, 8, 16);
        Features x3 = new Features("x3", 4, 4, 16);
        graph.add(
                ConvolutionLayer.of(
                        "stem", Read.raw(graph.input().all()), new Window(3, 2, 1), x1.all()));
        transition(graph, "transition1", x1, x2);
        transition(graph, "transition2", x2, x3);
        head(graph, "class0", x2, 4 * (1 + classes));
        head(graph, "offset0", x2, 4 * Priors.OFFSETS);
        head(graph, "class1", x3, 2 * (1 + classes));
        head(graph, "offset1", x3, 2 * Priors.OFFSETS);
        return new TinyDetector(graph.build(), classes);
    }

    private static void transition(Graph.Builder graph, String name, Features from, Features to) {
        Read.Normalised read = Read.normalisedRelu(Norm.of(name + ".norm"), from.all());
        graph.add(new Transition(name, read, name + ".conv", to.all()));
    }

    private static void head(Graph.Builder graph, String name, Features x, int outputs) {
        Read read = Read.normalisedRelu(Norm.of(name + ".norm"), x.all());
        graph.add(new PixelClassifier(name, read, name + ".conv", outputs));
    }

    @Override
    public String name() {
        return graph.name();
    }

    @Override
    public Priors priors() {
        return PRIORS;
    }

    @Override
    public List<String> classHeads() {
        return List.of("class0", "class1");
    }

    @Override
    public List<String> offsetHeads() {
        return List.of("offset0", "offset1");
    }
}
