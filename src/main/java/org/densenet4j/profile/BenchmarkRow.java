package org.densenet4j.profile;

import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.Objects;
import java.util.function.ToDoubleFunction;

/**
 * Training steps under one strategy, or forward passes of inference, in one precision.
 *
 * @param model a preset's name
 * @param batch images of a step
 * @param work training or inference
 * @param precision fp32 or bf16
 * @param strategy what is kept between the passes; null for inference
 * @param flops that one step needs
 * @param predictedBytes the plan's peak
 * @param activationBytes of the plan beside the model's state
 * @param measured one for each round
 */
public record BenchmarkRow(
        String model,
        int batch,
        Work work,
        String precision,
        @Nullable MemoryStrategy strategy,
        long flops,
        long predictedBytes,
        long activationBytes,
        List<Measurement> measured) {

    /** What a step is. */
    public enum Work {
        /** Forward pass, backward pass, optimiser. */
        TRAINING,
        /** A forward pass in evaluation mode, nothing kept. */
        INFERENCE;

        /**
         * {@return FLOPs that a step with this plan's network and batch needs}
         *
         * @param plan of training or of inference, as this is
         */
        public long flops(MemoryPlan plan) {
            Objects.requireNonNull(plan, "plan");
            return this == TRAINING ? UsefulFlops.training(plan) : UsefulFlops.inference(plan);
        }
    }

    /** The strategy, or inference. */
    String name() {
        return strategy == null ? "inference" : strategy.name();
    }

    /** Median over the rounds of each round's median. */
    double seconds() {
        return median(m -> m.stepTime().median());
    }

    double imagesPerSecond() {
        return batch / seconds();
    }

    double flopsPerSecond() {
        return flops / seconds();
    }

    /** Size of the arena. */
    long allocatedBytes() {
        return measured.getFirst().allocatedBytes();
    }

    /** Median growth of resident memory; 0 where the system does not tell. */
    long residentBytes() {
        return Math.round(median(Measurement::residentBytes));
    }

    private double median(ToDoubleFunction<Measurement> value) {
        return Timing.of(measured.stream().mapToDouble(value).toArray()).median();
    }
}
