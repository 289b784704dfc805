package org.densenet4j.plan;

import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;

import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Batch normalisations that inference folds into the convolution before them: their scale into its
 * weights, their shift into its bias, and their ReLU into the pass that adds it. That is exact
 * where the convolution writes all columns of a matrix and one read behind BN-ReLU is all that
 * reads them, as between the convolutions of a ResNet. What several nodes read, each behind a
 * normalisation of its own, stays as it is; so do the sums of a ResNet, which normalise while they
 * add, and everything where statistics are those of the batch at hand.
 */
final class FoldedNorms {
    private final Map<Features, Norm> folded = new IdentityHashMap<>();

    private FoldedNorms(Graph graph) {
        if (graph.evaluatesWithBatchStatistics()) {
            return;
        }
        Map<Features, Integer> reads = new IdentityHashMap<>();
        Set<Columns> convolved = new HashSet<>();
        for (Node node : graph.nodes()) {
            for (Read read : node.reads()) {
                read.ranges().forEach(c -> reads.merge(c.of(), 1, Integer::sum));
            }
            if (node instanceof ConvolutionLayer layer) {
                convolved.add(layer.target());
            }
        }
        for (Node node : graph.nodes()) {
            if (!(node instanceof ConvolutionLayer || node instanceof Pooling)) {
                continue;
            }
            for (Read read : node.reads()) {
                Columns first = read.ranges().getFirst();
                Features of = first.of();
                if (read instanceof Read.Normalised n
                        && n.relu()
                        && n.ranges().equals(List.of(of.all()))
                        && reads.get(of) == 1
                        && convolved.contains(of.all())) {
                    folded.put(of, n.norm());
                }
            }
        }
    }

    static FoldedNorms of(Graph graph) {
        return new FoldedNorms(graph);
    }

    /** The normalisation, with the ReLU behind it, that is folded into what writes some columns. */
    Optional<Norm> into(Columns target) {
        return Optional.ofNullable(folded.get(target.of()));
    }

    /** Whether the normalisation of a read is done before it is read. */
    boolean isFolded(Read read) {
        return folded.containsKey(read.ranges().getFirst().of());
    }
}
