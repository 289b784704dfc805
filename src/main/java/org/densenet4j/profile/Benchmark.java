package org.densenet4j.profile;

import org.jspecify.annotations.Nullable;

import java.util.List;

/**
 * How fast this engine is on this machine, and how close to what the machine can do.
 *
 * @param processor the processor's name; "" where unknown
 * @param device one line about the device
 * @param steps of each process, the first half warm-up
 * @param warmUpSeconds shortest warm-up of each process, but not of sweeps
 * @param rounds processes of each row
 * @param ceilings of the device in fp32; null when no row was asked for
 * @param rows what was measured
 * @param skipped one line for each thing that was not, and why
 * @param sweeps memory and time while one quantity grows
 */
public record Benchmark(
        String processor,
        String device,
        int steps,
        double warmUpSeconds,
        int rounds,
        @Nullable Ceilings ceilings,
        List<BenchmarkRow> rows,
        List<String> skipped,
        List<Sweep> sweeps) {}
