package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;

/**
 * What a convolution with more than one pixel works in.
 *
 * @param packedWeights the weights in the device's layout
 * @param weightPart a chunk's weight gradient, in each lane
 * @param weightSums one sum of it for each lane
 */
public record ConvolutionScratch(Matrix packedWeights, Matrix[] weightPart, Matrix weightSums) {

    static ConvolutionScratch in(
            Allocator.Frame frame, ConvolutionShape convolution, Planner planner) {
        return in(frame, planner.memory(convolution));
    }

    static ConvolutionScratch in(Allocator.Frame frame, ConvolutionMemory m) {
        int gradient = Allocator.floats(m.packedGradient());
        return new ConvolutionScratch(
                frame.vector(Allocator.floats(m.packedWeights())),
                frame.perLane(1, gradient),
                frame.rowPerLane(gradient));
    }
}
