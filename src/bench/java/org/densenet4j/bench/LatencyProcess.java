package org.densenet4j.bench;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.profile.WarmedSteps;
import org.densenet4j.spec.DenseNetSpec;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.Locale;

/**
 * Loads a network, answers calls one after the other and times each. Arguments: model, batch,
 * precision, engine, variant, folder of {@link LatencyFiles}, threads, instruction set, seconds of
 * warm-up, most calls (0: only the first two), seconds of calls, when the process was started in
 * microseconds since 1970. Prints one line of {@code key=value}.
 */
public final class LatencyProcess {
    /** Of the largest logit. */
    private static final double MOST_DIFFERENCE = 1e-3;

    private static final double MOST_DIFFERENCE_BF16 = 3e-2;

    private final DenseNetSpec spec;
    private final int batch;
    private final Precision precision;
    private final LatencyFiles files;

    private LatencyProcess(String[] args) {
        spec = DenseNetSpec.preset(args[0]).build();
        batch = Integer.parseInt(args[1]);
        precision = Precision.valueOf(args[2]);
        files = new LatencyFiles(Path.of(args[5]));
    }

    /** Measures, and prints one line; what cannot compute the network here is refused. */
    public static void main(String[] args) throws Exception {
        double started = Long.parseLong(args[11]) / 1e6;
        double main = sinceEpoch() - started;
        try {
            new LatencyProcess(args).measure(args, started, main);
        } catch (RuntimeException e) {
            // An engine without this precision for these instructions says so only here.
            System.out.println("error: " + String.valueOf(e.getMessage()).split("\\R", 2)[0]);
            System.exit(ChildProcess.WRONG_INPUT);
        }
    }

    private void measure(String[] args, double started, double main) throws Exception {
        try (InferenceEngine engine = open(args)) {
            double loaded = sinceEpoch() - started;
            long start = System.nanoTime();
            float[] first = engine.logits(0);
            double firstCall = WarmedSteps.secondsSince(start);
            double answered = sinceEpoch() - started;
            start = System.nanoTime();
            float[] second = engine.logits(1);
            double secondCall = WarmedSteps.secondsSince(start);
            double difference = Math.max(difference(first, 0), difference(second, 1));
            double most = precision == Precision.FP32 ? MOST_DIFFERENCE : MOST_DIFFERENCE_BF16;
            if (!(difference <= most)) {
                throw new ArithmeticException(
                        String.format(
                                Locale.ROOT,
                                "its logits are off by %.1e of the largest one",
                                difference));
            }
            double[] calls =
                    calls(
                            engine,
                            Integer.parseInt(args[8]),
                            Integer.parseInt(args[9]),
                            Integer.parseInt(args[10]));
            System.out.printf(
                    Locale.ROOT,
                    "medianSeconds=%.7f p99Seconds=%.7f calls=%d mainSeconds=%.4f loadedSeconds=%.4f"
                            + " answerSeconds=%.4f firstCallSeconds=%.6f secondCallSeconds=%.6f"
                            + " difference=%.2e%n",
                    median(calls),
                    percentile99(calls),
                    calls.length,
                    main,
                    loaded,
                    answered,
                    firstCall,
                    secondCall,
                    difference);
        }
    }

    private static double sinceEpoch() {
        return microsecondsSinceEpoch() / 1e6;
    }

    /** The clock that parent and child share. */
    static long microsecondsSinceEpoch() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000 + now.getNano() / 1000;
    }

    private InferenceEngine open(String[] args) throws Exception {
        String variant = args[4];
        int threads = Integer.parseInt(args[6]);
        return switch (LatencyContender.Engine.valueOf(args[3])) {
            case DENSENET4J ->
                    new OwnEngine(
                            files,
                            spec,
                            batch,
                            precision,
                            DeviceOptions.defaults()
                                    .withThreads(threads)
                                    .withIsa(CpuIsa.named(args[7])));
            case ONNX_RUNTIME ->
                    new OnnxRuntimeEngine(
                            files, spec, batch, variant.equals(LatencyContender.SPINNING), threads);
            case LIBTORCH ->
                    new LibtorchEngine(files, spec, batch, PeerVariant.parse(variant), threads);
        };
    }

    /** The largest difference from what is right, as a share of the largest logit. */
    private double difference(float[] found, int number) throws IOException {
        int each = batch * spec.classes();
        float[] expected =
                LatencyFiles.array(LatencyFiles.read(files.logits(), (long) number * each, each));
        double largest = 0;
        double difference = found.length == each ? 0 : Double.POSITIVE_INFINITY;
        for (int i = 0; i < each; i++) {
            largest = Math.max(largest, Math.abs(expected[i]));
            // No number stays no number, and is refused.
            difference = Math.max(difference, Math.abs(expected[i] - (double) found[i]));
        }
        return difference / largest;
    }

    /** Seconds of each call after warming up. */
    private static double[] calls(InferenceEngine engine, int warmUpSeconds, int most, int seconds)
            throws Exception {
        double[] times = new double[most];
        int number = 0;
        long start = System.nanoTime();
        while (most > 0
                && (number < LatencySettings.FEWEST
                        || WarmedSteps.secondsSince(start) < warmUpSeconds)) {
            engine.logits(number++ % LatencyFiles.BATCHES);
        }
        int timed = 0;
        start = System.nanoTime();
        while (timed < most
                && (timed < LatencySettings.FEWEST || WarmedSteps.secondsSince(start) < seconds)) {
            long call = System.nanoTime();
            engine.logits(number++ % LatencyFiles.BATCHES);
            times[timed++] = WarmedSteps.secondsSince(call);
        }
        double[] sorted = Arrays.copyOf(times, timed);
        Arrays.sort(sorted);
        return sorted;
    }

    private static double median(double[] sorted) {
        int n = sorted.length;
        return n == 0 ? 0 : (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
    }

    /** The smallest that 99 % of the calls do not exceed; of fewer than 100 the slowest. */
    private static double percentile99(double[] sorted) {
        int n = sorted.length;
        return n == 0 ? 0 : sorted[(int) Math.ceil(0.99 * n) - 1];
    }
}
