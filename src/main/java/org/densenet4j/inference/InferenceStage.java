package org.densenet4j.inference;

import org.densenet4j.plan.AdditionInference;
import org.densenet4j.plan.BandedConvolutionLayerInference;
import org.densenet4j.plan.BandedTransitionUpInference;
import org.densenet4j.plan.BottleneckLayerInference;
import org.densenet4j.plan.ClassifierInference;
import org.densenet4j.plan.ConvolutionLayerInference;
import org.densenet4j.plan.DepthwiseLayerInference;
import org.densenet4j.plan.NodeInference;
import org.densenet4j.plan.PatchConvolutionInference;
import org.densenet4j.plan.PixelClassifierInference;
import org.densenet4j.plan.PixelLogitsInference;
import org.densenet4j.plan.PooledConvolutionInference;
import org.densenet4j.plan.PoolingInference;
import org.densenet4j.plan.TransitionDownInference;
import org.densenet4j.plan.TransitionInference;
import org.densenet4j.plan.TransitionUpInference;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/** A part of the forward pass that runs as one operation of the plan. */
interface InferenceStage {
    /** Computes this stage's output for the first {@code images} images of the batch. */
    void forward(int images);

    /** The kinds of nodes, and what runs each; their weights are loaded. */
    static InferenceStage of(InferenceDevice on, NodeInference memory, WeightSource weights)
            throws IOException {
        return switch (memory) {
            case ConvolutionLayerInference m -> new ConvolutionStage(on, m, weights);
            case BandedConvolutionLayerInference m -> new BandedConvolutionStage(on, m, weights);
            case BottleneckLayerInference m -> new BottleneckStage(on, m, weights);
            case PooledConvolutionInference m -> PooledConvolutionStage.of(on, m, weights);
            case TransitionInference m -> new TransitionStage(on, m, weights);
            case ClassifierInference m -> new ClassifierStage(on, m, weights);
            case PixelClassifierInference m -> new PixelClassifierStage(on, m, weights);
            case PixelLogitsInference m -> new PixelLogitsStage(on, m, weights);
            case DepthwiseLayerInference m -> new DepthwiseStage(on, m, weights);
            case PatchConvolutionInference m -> new PatchConvolutionStage(on, m, weights);
            case PoolingInference m -> new PoolingStage(on, m, weights);
            case AdditionInference m -> new AdditionStage(on, m, weights);
            case TransitionDownInference m -> new TransitionDownStage(on, m, weights);
            case TransitionUpInference m -> new TransitionUpStage(on, m, weights);
            case BandedTransitionUpInference m -> new BandedTransitionUpStage(on, m, weights);
        };
    }
}
