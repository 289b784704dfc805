package org.densenet4j.profile;

import org.densenet4j.plan.Bytes;
import org.densenet4j.report.Table;

import java.util.List;
import java.util.Locale;
import java.util.Objects;

/** What {@code bench} prints of several ranks. */
public final class RankTables {
    private RankTables() {}

    /**
     * {@return what a job's ranks measured, for a terminal}
     *
     * @param network such as {@code bc-100-12:64}
     * @param cost averaged over the ranks
     */
    public static String measured(String network, RankCost cost) {
        Objects.requireNonNull(network, "network");
        Objects.requireNonNull(cost, "cost");
        Table table =
                Table.of(
                        network + " on " + cost.ranks() + " ranks, measured",
                        "step alone",
                        "step with sum",
                        "sum alone",
                        "sum's rate",
                        "waited for",
                        "hidden",
                        "efficiency",
                        "images/s");
        table.row(
                Units.seconds(cost.aloneSeconds()),
                Units.seconds(cost.sharedSeconds()),
                Units.seconds(cost.sumSeconds()),
                Units.rate(cost.bytes() / cost.sumSeconds(), "B/s"),
                Units.seconds(cost.exposedSeconds()),
                Units.percent(cost.hiddenShare()),
                Units.percent(cost.efficiency()),
                String.format(Locale.ROOT, "%.1f", cost.imagesPerSecond()));
        return table.caption()
                + "; "
                + Bytes.format(cost.bytes())
                + " of gradients\n"
                + table.text();
    }

    /**
     * {@return a simulation, for a terminal: with the gradients in one message behind the backward
     * pass, as CPUs send them, and in buckets beside it, as GPUs do}
     *
     * @param network such as {@code bc-100-12:64}
     * @param device whose step is played
     * @param simulation of one rank's step
     * @param ranks numbers of ranks, a line of the table for each and each algorithm
     * @param wire that each rank sends over
     */
    public static String simulated(
            String network,
            String device,
            RankSimulation simulation,
            List<Integer> ranks,
            Wire wire) {
        Objects.requireNonNull(network, "network");
        Objects.requireNonNull(device, "device");
        Objects.requireNonNull(simulation, "simulation");
        Objects.requireNonNull(ranks, "ranks");
        Objects.requireNonNull(wire, "wire");
        Table table =
                Table.of(
                        "SIMULATION, not measured: " + network + " on each rank, " + device,
                        "ranks",
                        "algorithm",
                        "sums",
                        "step, one message",
                        "efficiency",
                        "step, buckets",
                        "efficiency",
                        "hidden");
        for (int n : ranks) {
            for (Wire.Algorithm algorithm : Wire.Algorithm.values()) {
                RankSimulation.Step one = simulation.step(n, wire, algorithm, false);
                RankSimulation.Step cut = simulation.step(n, wire, algorithm, true);
                table.row(
                        String.valueOf(n),
                        algorithm.name().toLowerCase(Locale.ROOT),
                        Units.seconds(one.sumSeconds()),
                        Units.seconds(one.stepSeconds()),
                        Units.percent(one.efficiency()),
                        Units.seconds(cut.stepSeconds()),
                        Units.percent(cut.efficiency()),
                        Units.percent(cut.hiddenShare()));
            }
        }
        return table.caption()
                + String.format(
                        Locale.ROOT,
                        "%na step alone takes %s; a rank sends %.1f GB/s, a message takes %.1f µs%n",
                        Units.seconds(simulation.aloneSeconds()),
                        wire.bytesPerSecond() / 1e9,
                        wire.latencySeconds() * 1e6)
                + table.text();
    }
}
