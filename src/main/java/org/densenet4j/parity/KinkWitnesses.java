package org.densenet4j.parity;

import org.densenet4j.graph.Addition;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.TransitionDown;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The parameters whose gradients show which way a network's kinks went, by the names of layers that
 * {@link org.densenet4j.reference.Kink} has. Of a ReLU it is the shift that is added to its inputs,
 * of a max-pool the weights of the convolution that made the values that it chooses from.
 */
final class KinkWitnesses {
    private final Map<String, String> parameters = new HashMap<>();
    private final Set<String> poolsOfReLUs = new HashSet<>();

    private KinkWitnesses() {}

    static KinkWitnesses of(Graph graph) {
        KinkWitnesses witnesses = new KinkWitnesses();
        for (Node node : graph.nodes()) {
            for (Read read : node.reads()) {
                if (read instanceof Read.Normalised n && n.relu()) {
                    witnesses.shift(n.norm().name(), n.norm().name());
                }
            }
            node.outputNorm().ifPresent(n -> witnesses.shift(n.name(), n.name()));
            node.innerNorms().forEach(n -> witnesses.shift(n.norm().name(), n.norm().name()));
            witnesses.add(graph, node);
        }
        return witnesses;
    }

    private void add(Graph graph, Node node) {
        switch (node) {
            case Addition n when n.relu() && n.branch() instanceof Read.Normalised branch ->
                    shift(n.name(), branch.norm().name());
            case PooledConvolution n -> {
                String pool = n.convolution().replace("conv", "pool");
                parameters.put(pool, n.convolution() + ".weight");
                poolsOfReLUs.add(pool);
            }
            case TransitionDown n ->
                    parameters.put(n.name() + ".pool", n.convolution() + ".weight");
            case Pooling n -> {
                String pool = n.name() + ".pool";
                maker(graph, n.source().ranges().getFirst())
                        .ifPresent(c -> parameters.put(pool, c + ".weight"));
                if (n.source().isBehindRelu()) {
                    poolsOfReLUs.add(pool);
                }
            }
            default -> {}
        }
    }

    private void shift(String layer, String norm) {
        parameters.put(layer, norm + ".bias");
    }

    /** The convolution that writes exactly these columns. */
    private static Optional<String> maker(Graph graph, Columns columns) {
        return graph.nodes().stream()
                .filter(node -> node.writes().filter(columns::equals).isPresent())
                .filter(ConvolutionLayer.class::isInstance)
                .map(node -> ((ConvolutionLayer) node).convolution())
                .findFirst();
    }

    /** The parameter that shows a layer's kinks; empty where none does. */
    Optional<String> parameter(String layer) {
        return Optional.ofNullable(parameters.get(layer));
    }

    /**
     * Layers from the last to the first, so that the kinks that a layer's witness depends on come
     * before it. A pool of a ReLU's outputs has its witness before that ReLU, so it comes behind.
     *
     * @param forward in the order of the forward pass
     */
    List<String> lastFirst(List<String> forward) {
        List<String> layers = new ArrayList<>(forward.reversed());
        for (int i = 0; i + 1 < layers.size(); i++) {
            if (poolsOfReLUs.contains(layers.get(i))) {
                layers.add(i + 1, layers.remove(i));
                i++;
            }
        }
        return layers;
    }
}
