package org.densenet4j.profile;

import org.densenet4j.graph.Addition;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.PatchConvolution;
import org.densenet4j.graph.PixelHead;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Transition;
import org.densenet4j.graph.TransitionDown;
import org.densenet4j.graph.TransitionUp;
import org.densenet4j.plan.Operation;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** What operations belong together in a roofline. */
final class OperationKind {
    private static final String ENDS = "stem and head";
    private static final String DENSE = "dense layers";

    private final Map<String, String> kinds = new HashMap<>();

    private OperationKind() {}

    static OperationKind in(Graph graph) {
        OperationKind kind = new OperationKind();
        for (Node node : graph.nodes()) {
            kind.kinds.put(node.name(), of(node, graph));
        }
        return kind;
    }

    private static String of(Node node, Graph graph) {
        return switch (node) {
            case BottleneckLayer _, DepthwiseLayer _ -> DENSE;
            case PatchConvolution n ->
                    n.source().ranges().getFirst().of() == graph.input() ? ENDS : "transitions";
            case ConvolutionLayer layer -> convolution(layer, graph);
            case Transition _, TransitionDown _, TransitionUp _ -> "transitions";
            case PooledConvolution _, Classifier _, PixelHead _ -> ENDS;
            case Pooling _, Addition _ -> "pools and sums";
        };
    }

    /** A dense layer writes behind the columns that it reads. */
    private static String convolution(ConvolutionLayer layer, Graph graph) {
        Features written = layer.target().of();
        if (layer.source().ranges().stream().anyMatch(c -> c.of() == written)) {
            return DENSE;
        }
        boolean first = layer.source().ranges().stream().anyMatch(c -> c.of() == graph.input());
        return first ? ENDS : "convolutions";
    }

    /** The name of an operation's kind; dense layers and convolutions have one for each phase. */
    String of(Operation operation) {
        String kind = kinds.getOrDefault(operation.name(), ENDS);
        return kind.equals(DENSE) || kind.equals("convolutions")
                ? kind + ", " + operation.phase().name().toLowerCase(Locale.ROOT)
                : kind;
    }
}
