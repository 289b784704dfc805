package org.densenet4j.plan;

/** Memory of one node in inference: its weights, its scratch, and the results of heads. */
public sealed interface NodeInference
        permits ConvolutionLayerInference,
                PooledConvolutionInference,
                BottleneckLayerInference,
                TransitionInference,
                TransitionDownInference,
                TransitionUpInference,
                PoolingInference,
                AdditionInference,
                HeadInference {}
