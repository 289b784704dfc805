package org.densenet4j.standin;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.DeviceTimer;
import org.densenet4j.backend.cuda.OneRank;
import org.densenet4j.data.Batch;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Trainer;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.regex.Pattern;

/**
 * Run in a child on the stand-in: opens a device and a trainer, takes steps that run, are recorded
 * and are replayed, and closes both; again and again, each time with another call that fails.
 *
 * <p>Arguments: {@code lost} or {@code failing}, then how many calls of one function at its first
 * and at its last are tried, then every how-manieth in between, then {@code recorded} steps, {@code
 * traced} ones, or recorded {@code sums} of a rank. Prints one line for each finding and at the end
 * how many calls failed.
 */
final class FailingCalls {
    private static final DenseNetSpec SPEC = DenseNetSpec.preset("bc-10-4").inputSize(8).build();
    private static final int IMAGES = 2;
    private static final int STEPS = 4;
    private static final int ILLEGAL_ADDRESS = 700;

    /** An operation, and the name of the status that a library gave. */
    private static final Pattern MESSAGE =
            Pattern.compile(
                    "[^:]*\\p{L}{3,}[^:]*:.*\\b((CUDA_ERROR|CUDNN|CUBLAS)_\\w+|NCCL says \\w+).*");

    private final StandInControl control = StandInControl.ofThisProcess();
    private final Batch[] batches = {batch(1), batch(2)};
    private final DeviceOptions options;
    private final boolean sums;

    private FailingCalls(boolean traced, boolean sums) {
        this.sums = sums;
        options =
                DeviceOptions.defaults()
                        .withDeterministic(true)
                        .withSynchronous(traced)
                        .withTrace(traced);
    }

    private static Batch batch(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int side = SPEC.inputHeight();
        float[] pixels = new float[IMAGES * side * side * SPEC.inputChannels()];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) random.nextGaussian();
        }
        int[] labels = random.ints(IMAGES, 0, SPEC.classes()).toArray();
        return new Batch(pixels, labels, side, side, SPEC.inputChannels());
    }

    public static void main(String[] arguments) {
        boolean lost = arguments[0].equals("lost");
        int ends = Integer.parseInt(arguments[1]);
        int every = Integer.parseInt(arguments[2]);
        FailingCalls calls =
                new FailingCalls(arguments[3].equals("traced"), arguments[3].equals("sums"));
        // The first run loads libraries, which happens once in a process.
        List<Double> expected = calls.work();
        calls.control.failAt(0, 0, false);
        calls.work();
        List<Long> chosen = calls.choose(ends, every);
        for (long n : chosen) {
            calls.attempt(n, lost, expected);
        }
        System.out.println("failed " + chosen.size() + " of " + calls.total + " calls");
        System.exit(0);
    }

    private long total;

    /** The first and last calls of every function and some of those in between. */
    private List<Long> choose(int ends, int every) {
        total = control.seen();
        Map<String, List<Long>> byFunction = new HashMap<>();
        for (long n = 1; n <= total; n++) {
            byFunction.computeIfAbsent(control.function(n), f -> new ArrayList<>()).add(n);
        }
        List<Long> chosen = new ArrayList<>();
        for (List<Long> all : byFunction.values()) {
            for (int i = 0; i < all.size(); i++) {
                if (i < ends || i >= all.size() - ends || i % every == 0) {
                    chosen.add(all.get(i));
                }
            }
        }
        chosen.sort(null);
        return chosen;
    }

    private void attempt(long n, boolean lost, List<Double> expected) {
        long violations = control.violations();
        control.failAt(n, lost ? ILLEGAL_ADDRESS : 0, lost);
        String outcome;
        try {
            List<Double> losses = work();
            outcome = isClose(expected, losses) ? "" : "no exception, and losses " + losses;
        } catch (DeviceException e) {
            String message = String.valueOf(e.getMessage());
            outcome = MESSAGE.matcher(message).matches() ? "" : "message: " + message;
        } catch (Throwable e) {
            outcome = "not a DeviceException: " + e + " at " + List.of(e.getStackTrace());
        }
        String failed = control.failed();
        control.failAt(0, 0, false);
        String where = "call " + n + ", " + failed + ": ";
        if (failed.isEmpty()) {
            System.out.println(where + "did not happen");
        }
        if (!outcome.isEmpty()) {
            System.out.println(where + outcome);
        }
        if (!control.live().isEmpty()) {
            System.out.println(where + "still alive: " + control.live());
        }
        if (control.violations() != violations) {
            System.out.println(where + "a precondition was broken");
        }
    }

    /** What takes over where a library fails may round in another way. */
    private static boolean isClose(List<Double> expected, List<Double> losses) {
        boolean close = expected.size() == losses.size();
        for (int i = 0; close && i < losses.size(); i++) {
            close = Math.abs(losses.get(i) - expected.get(i)) <= 1e-3 * expected.get(i);
        }
        return close;
    }

    private List<Double> work() {
        return sums ? sumOfRank() : steps();
    }

    /** Steps that sum over the only rank there is. */
    private List<Double> sumOfRank() {
        List<Double> losses = new ArrayList<>();
        try (Device device = Device.open("cuda", options)) {
            OneRank rank = new OneRank();
            rank.join(device);
            MemoryPlan plan = MemoryPlan.of(SPEC).batch(IMAGES).on(device);
            try (Network network = Network.open(plan, device, 1)) {
                for (int step = 0; step < STEPS; step++) {
                    Pass pass = new Pass(IMAGES, Mode.TRAIN, 1, step);
                    Batch batch = batches[step % 2];
                    network.zeroGradients();
                    network.input(batch.images(), IMAGES);
                    network.trainingPass(pass, batch.labels(), 0, IMAGES, rank);
                    losses.add(network.outcome(pass, IMAGES).loss());
                }
            }
        }
        return losses;
    }

    private List<Double> steps() {
        List<Double> losses = new ArrayList<>();
        try (Device device = Device.open("cuda", options);
                DeviceTimer timer = device.timer(2);
                Trainer trainer = Trainer.of(SPEC, device).batch(IMAGES).open()) {
            timer.mark(0);
            for (int step = 0; step < STEPS; step++) {
                losses.add(trainer.step(batches[step % 2], batches[(step + 1) % 2]).loss());
            }
            timer.mark(1);
            timer.seconds(0, 1);
            device.takeTrace();
        }
        return losses;
    }
}
