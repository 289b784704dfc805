package org.densenet4j.engine;

import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.NetworkMemory;

/** Exponential moving averages of parameters and running statistics, where the plan has them. */
final class MovingAverages {
    private final Compute compute;
    private final NetworkMemory memory;

    /** Whether the network computes with them, and they hold what is trained. */
    private boolean exchanged;

    MovingAverages(Compute compute) {
        this.compute = compute;
        this.memory = compute.memory();
    }

    boolean exist() {
        return memory.averages() != null;
    }

    boolean areExchanged() {
        return exchanged;
    }

    void areExchanged(boolean value) {
        require();
        exchanged = value;
    }

    void require() {
        if (!exist()) {
            throw new IllegalStateException(
                    "the plan has no room for averages of the weights; plan with an optimiserState"
                            + " that has them, or open the trainer with averageWeights");
        }
    }

    /** Both vectors, each with its average and with memory that nothing needs between steps. */
    private void forEach(Work work) {
        work.on(memory.parameters(), memory.averages(), memory.parameterGradients());
        work.on(memory.running(), memory.runningAverages(), memory.runningBefore());
    }

    private interface Work {
        void on(Matrix values, Matrix averages, Matrix free);
    }

    void start() {
        require();
        requireTrained();
        forEach((values, averages, free) -> compute.copy(values, averages));
    }

    void follow(double decay) {
        require();
        requireTrained();
        if (!(decay >= 0 && decay <= 1)) {
            throw new IllegalArgumentException("decay = " + decay + ": use a number from 0 to 1");
        }
        forEach(
                (values, averages, free) ->
                        compute.forEachSlice(
                                values.columns(),
                                (first, count) ->
                                        compute.kernels()
                                                .movingAverage(
                                                        values.columns(first, count),
                                                        averages.columns(first, count),
                                                        (float) (1 - decay))));
    }

    void requireTrained() {
        if (exchanged) {
            throw new IllegalStateException(
                    "the network holds its averages; exchangeAverages() before it is trained on");
        }
    }

    void exchange() {
        require();
        forEach(
                (values, averages, free) -> {
                    compute.copy(values, free);
                    compute.copy(averages, values);
                    compute.copy(free, averages);
                });
        exchanged = !exchanged;
    }
}
