package org.densenet4j.bench;

import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.graph.Read;

import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Batch norms that follow a convolution and nothing else, so that inference may have them in its
 * weights: inside a node, of what a node writes, or of the only one that reads a convolution's
 * output.
 */
final class FoldableNorms {
    private FoldableNorms() {}

    /** By the names of the convolutions. */
    static Map<String, Norm> of(Graph graph) {
        Map<Features, Read> readers = new IdentityHashMap<>();
        Map<Features, Integer> reads = new IdentityHashMap<>();
        for (Node node : graph.nodes()) {
            for (Read read : node.reads()) {
                read.ranges()
                        .forEach(
                                columns -> {
                                    readers.put(columns.of(), read);
                                    reads.merge(columns.of(), 1, Integer::sum);
                                });
            }
        }
        Map<String, Norm> norms = new LinkedHashMap<>();
        for (Node node : graph.nodes()) {
            switch (node) {
                case BottleneckLayer layer -> {
                    norms.put(layer.conv1(), layer.norm2());
                    layer.outputNorm().ifPresent(norm -> norms.put(layer.conv2(), norm));
                }
                case PooledConvolution stem -> norms.put(stem.convolution(), stem.norm());
                case ConvolutionLayer layer -> {
                    Features written = layer.target().of();
                    boolean alone =
                            layer.target().count() == written.channels() && reads.get(written) == 1;
                    if (layer.outputNorm().isPresent()) {
                        norms.put(layer.convolution(), layer.outputNorm().get());
                    } else if (alone
                            && readers.get(written) instanceof Read.Normalised read
                            && read.ranges().size() == 1
                            && read.channels() == written.channels()) {
                        norms.put(layer.convolution(), read.norm());
                    }
                }
                default -> {}
            }
        }
        return norms;
    }
}
