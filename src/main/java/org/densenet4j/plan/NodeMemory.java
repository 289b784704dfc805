package org.densenet4j.plan;

/** Memory of one node: what it keeps between the passes, and its scratch. */
public sealed interface NodeMemory
        permits ConvolutionLayerMemory,
                NaiveConvolutionLayerMemory,
                BandedConvolutionLayerMemory,
                BottleneckLayerMemory,
                NaiveBottleneckLayerMemory,
                PooledConvolutionMemory,
                TransitionMemory,
                ClassifierMemory,
                PixelClassifierMemory,
                PixelLogitsMemory,
                DepthwiseLayerMemory,
                PatchConvolutionMemory,
                PoolingMemory,
                AdditionMemory,
                TransitionDownMemory,
                TransitionUpMemory,
                BandedTransitionUpMemory {}
