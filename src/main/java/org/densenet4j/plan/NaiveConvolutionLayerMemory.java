package org.densenet4j.plan;

import org.densenet4j.graph.ConvolutionLayer;

/**
 * Memory of a dense layer without bottleneck, as an autograd framework runs it.
 *
 * @param layer what every strategy needs
 * @param copies what only this one keeps
 */
public record NaiveConvolutionLayerMemory(ConvolutionLayerMemory layer, Copies copies)
        implements NodeMemory {

    static NaiveConvolutionLayerMemory of(ConvolutionLayer node, Planner planner) {
        Copies copies = Copies.of(node, node.source(), planner);
        return new NaiveConvolutionLayerMemory(
                ConvolutionLayerMemory.withoutSource(node, planner), copies);
    }
}
