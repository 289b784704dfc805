package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.DepthwiseLayer;

/**
 * Scratch of the gate of a depthwise layer: a few numbers for each image of a chunk, in each lane.
 *
 * @param means [images, k] of the layer's output
 * @param logits [images, k]
 * @param logitsGradient [images, k]
 * @param meansGradient [images, k]
 * @param weightSums one sum of the weight gradient for each lane
 * @param biasSums one sum of the bias gradient for each lane
 */
public record DepthwiseGateMemory(
        Matrix[] means,
        Matrix[] logits,
        Matrix[] logitsGradient,
        Matrix[] meansGradient,
        Matrix[] weightSums,
        Matrix biasSums) {

    static DepthwiseGateMemory of(
            DepthwiseLayer node, int images, Planner planner, Allocator.Frame frame) {
        int k = node.growthRate();
        DepthwiseGateMemory memory =
                new DepthwiseGateMemory(
                        frame.perLane(images, k),
                        frame.perLane(images, k),
                        frame.perLane(images, k),
                        frame.perLane(images, k),
                        frame.perLane(k, k),
                        frame.rowPerLane(k));
        planner.noteProducts(
                1,
                memory.means[0],
                memory.logits[0],
                memory.logitsGradient[0],
                memory.meansGradient[0]);
        return memory;
    }
}
