package org.densenet4j.plan;

/** Memory of one node in inference: its weights, its scratch, and the results of heads. */
public sealed interface NodeInference
        permits ConvolutionLayerInference,
                BandedConvolutionLayerInference,
                PooledConvolutionInference,
                BottleneckLayerInference,
                TransitionInference,
                TransitionDownInference,
                TransitionUpInference,
                BandedTransitionUpInference,
                DepthwiseLayerInference,
                PatchConvolutionInference,
                PoolingInference,
                AdditionInference,
                HeadInference {}
