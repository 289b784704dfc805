package org.densenet4j.backend.cuda;

import org.densenet4j.backend.LayerHalf;

/** A half of a dense layer that can run both ways on the same operands. */
interface LayerTrial {

    /** Prepares to run in an arena that the trial's memory was allocated as. */
    void open(CudaArena arena);

    /** Queues what a training step does of it, forward and backward, by fused kernels. */
    void runFused();

    /** Queues the same by libraries and the kernels of a step, chunk by chunk. */
    void runByLibraries();

    /**
     * A trial of a half.
     *
     * @param memory is asked for all that it needs
     */
    static LayerTrial of(CudaDevice device, LayerHalf half, TrialMemory memory) {
        memory.scratch(device.kernelScratchBytes());
        return switch (half) {
            case LayerHalf.Bottleneck b -> new BottleneckTrial(device, b, memory);
            case LayerHalf.NewFeatures f -> new NewFeaturesTrial(device, f, memory);
        };
    }
}
