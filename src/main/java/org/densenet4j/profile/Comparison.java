package org.densenet4j.profile;

import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.plan.MemoryStrategy;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The strategies side by side on the same network, data and seed.
 *
 * @param spec the network
 * @param batch images of a step
 * @param device one line about the device
 * @param budgetBytes memory that the largest batches are for
 * @param runs one for each strategy
 * @param agreements of each other strategy with the first that ran
 * @param sweeps memory and time while depth or batch grow
 * @param beside other networks, with the same batch
 */
public record Comparison(
        NetworkSpec spec,
        int batch,
        String device,
        long budgetBytes,
        List<StrategyRun> runs,
        List<Agreement> agreements,
        List<Sweep> sweeps,
        List<ComparedNetwork> beside) {

    /** {@return this network and those beside it} */
    public List<ComparedNetwork> networks() {
        return Stream.concat(Stream.of(new ComparedNetwork(spec, runs)), beside.stream()).toList();
    }

    /**
     * {@return the run of a strategy}
     *
     * @param strategy one that may have run
     */
    public Optional<StrategyRun> run(MemoryStrategy strategy) {
        Objects.requireNonNull(strategy, "strategy");
        return runs.stream().filter(r -> r.strategy() == strategy).findFirst();
    }
}
