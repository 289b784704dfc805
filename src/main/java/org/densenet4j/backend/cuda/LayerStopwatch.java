package org.densenet4j.backend.cuda;

import org.densenet4j.backend.LayerHalf;

import java.util.Arrays;

/**
 * Times a half of a dense layer by fused kernels and by libraries. Both are recorded as CUDA
 * graphs, as steps are, so that no launch waits for the host; they run once to warm up and once
 * more as a recording, then in turn, and the median of each counts.
 */
final class LayerStopwatch {
    private static final int ROUNDS = 5;
    private static final int PROBE_BYTES = 1 << 20;

    private final CudaDevice device;

    /** Until the driver has shown that it cannot; said once is enough. */
    private boolean records = true;

    private boolean runs;

    LayerStopwatch(CudaDevice device) {
        this.device = device;
    }

    /** Whether the device's events tell the time; those of a stand-in for a driver may not. */
    boolean runs() {
        runs = runs || seesTimePass();
        return runs;
    }

    private boolean seesTimePass() {
        CudaContext context = device.context();
        try (CudaTimer timer = new CudaTimer(context, context.stream(), 2)) {
            timer.mark(0);
            try (CudaArena _ = new CudaArena(device, PROBE_BYTES, 0, PROBE_BYTES)) {
                timer.mark(1);
                return timer.seconds(0, 1) > 0;
            }
        }
    }

    /**
     * Times both ways, on memory that is freed again.
     *
     * @throws org.densenet4j.backend.DeviceMemoryException when the device has too little
     * @throws org.densenet4j.backend.DeviceException when something does not run
     */
    LayerTimes times(LayerHalf half) {
        TrialMemory memory = new TrialMemory();
        LayerTrial trial = LayerTrial.of(device, half, memory);
        CudaContext context = device.context();
        try (CudaArena arena = memory.allocate(device);
                StepGraphs graphs = new StepGraphs(context, records);
                CudaTimer timer = new CudaTimer(context, context.stream(), 4 * ROUNDS)) {
            trial.open(arena);
            Runnable fused = () -> graphs.replay("fused", trial::runFused, null);
            Runnable libraries = () -> graphs.replay("libraries", trial::runByLibraries, null);
            for (Runnable way : new Runnable[] {fused, libraries, fused, libraries}) {
                way.run();
            }
            records = graphs.state().equals("replayed");
            for (int round = 0; round < ROUNDS; round++) {
                timed(timer, 4 * round, fused);
                timed(timer, 4 * round + 2, libraries);
            }
            return new LayerTimes(median(timer, 0), median(timer, 2));
        }
    }

    private static void timed(CudaTimer timer, int mark, Runnable way) {
        timer.mark(mark);
        way.run();
        timer.mark(mark + 1);
    }

    private static double median(CudaTimer timer, int mark) {
        double[] seconds = new double[ROUNDS];
        Arrays.setAll(seconds, i -> timer.seconds(4 * i + mark, 4 * i + mark + 1));
        Arrays.sort(seconds);
        return seconds[ROUNDS / 2];
    }
}
