package org.densenet4j.profile;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceTimer;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.OperationListener;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.Operation;
import org.densenet4j.plan.Phase;
import org.densenet4j.profile.Profile.OperationProfile;
import org.densenet4j.train.Trainer;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * Times every operation of the training steps that run while it is attached.
 *
 * <pre>{@code
 * try (Profiler profiler = Profiler.attach(trainer, device)) {
 *     for (Batch batch : data) {
 *         trainer.step(batch);
 *     }
 *     ProfileReport.write(profiler.profile(), folder);
 * }
 * }</pre>
 *
 * Each execution of an operation is one sample: with micro-batches there are several in a step.
 * Evaluation passes in between are not counted. Attached, it takes two clock readings for each
 * operation, and a device that replays recorded steps runs them operation by operation; detached,
 * nothing is left of it. Costs are those of full batches, so give it full ones. Not thread-safe.
 */
public final class Profiler implements AutoCloseable {
    private static final int CALIBRATION = 1_000;

    private final Network network;
    private final MemoryPlan plan;
    private final String device;
    private final DeviceTimer timer;
    private final int operations;
    private final int stepStart;
    private final double markSeconds;
    private final boolean[] done;
    private final List<List<Double>> samples = new ArrayList<>();
    private final List<Double> steps = new ArrayList<>();
    private boolean inStep;
    private boolean closed;

    private Profiler(Network network, Device device) {
        this.network = network;
        this.plan = network.plan();
        plan.requireDevice(device);
        this.device = device.description();
        this.operations = plan.operations().size();
        this.stepStart = 2 * operations;
        this.timer = device.timer(2 * operations + 1);
        this.done = new boolean[operations];
        for (int i = 0; i < operations; i++) {
            samples.add(new ArrayList<>());
        }
        this.markSeconds = calibrate();
        network.listen(new Marks());
    }

    /**
     * Attaches to a trainer, in place of any other listener.
     *
     * @param trainer whose steps are measured
     * @param device the one that the trainer was opened on
     * @return the profiler, which the caller closes
     */
    public static Profiler attach(Trainer trainer, Device device) {
        Objects.requireNonNull(trainer, "trainer");
        Objects.requireNonNull(device, "device");
        return attach(trainer.network(), device);
    }

    /**
     * Attaches to a network, for training loops of one's own.
     *
     * @param network whose passes are measured
     * @param device that it runs on
     * @return the profiler, which the caller closes
     */
    public static Profiler attach(Network network, Device device) {
        Objects.requireNonNull(network, "network");
        Objects.requireNonNull(device, "device");
        return new Profiler(network, device);
    }

    /** Seconds that the marks of one operation take. */
    private double calibrate() {
        long start = System.nanoTime();
        for (int i = 0; i < CALIBRATION; i++) {
            timer.mark(0);
            timer.mark(1);
        }
        return (System.nanoTime() - start) / 1e9 / CALIBRATION;
    }

    /** {@return what was seen so far} */
    public Profile profile() {
        return profile(null);
    }

    /**
     * {@return what was seen before a step failed, its own operations included}
     *
     * @param failure what the step threw, or null
     */
    public Profile profile(@Nullable Throwable failure) {
        if (failure != null) {
            takeSamples();
        }
        List<OperationCost> costs = OperationCost.of(plan);
        List<OperationProfile> profiles = new ArrayList<>();
        for (Operation o : plan.operations()) {
            double[] seconds =
                    samples.get(o.index()).stream().mapToDouble(Double::doubleValue).toArray();
            profiles.add(new OperationProfile(o, costs.get(o.index()), Timing.of(seconds)));
        }
        return new Profile(
                plan,
                device,
                List.copyOf(profiles),
                List.copyOf(steps),
                null,
                markSeconds,
                failure == null ? null : failure.getMessage(),
                StepTrace.NONE);
    }

    /** Forgets everything seen so far, such as steps that warmed up. */
    public void reset() {
        samples.forEach(List::clear);
        steps.clear();
    }

    private boolean ranBackward() {
        for (Operation o : plan.operations()) {
            if (o.phase() == Phase.BACKWARD && done[o.index()]) {
                return true;
            }
        }
        return false;
    }

    private void takeSamples() {
        for (int i = 0; i < operations; i++) {
            if (done[i]) {
                samples.get(i).add(timer.seconds(2 * i, 2 * i + 1));
                done[i] = false;
            }
        }
    }

    /** Marks the two ends of every operation; reads the clock when a pass is over. */
    private final class Marks implements OperationListener {
        @Override
        public void before(int operation) {
            if (operation == 0) {
                beginPass();
            }
            timer.mark(2 * operation);
        }

        private void beginPass() {
            if (ranBackward()) {
                takeSamples();
            } else {
                // Nothing yet, or an evaluation pass: forward only.
                Arrays.fill(done, false);
                inStep = false;
            }
            if (!inStep) {
                timer.mark(stepStart);
                inStep = true;
            }
        }

        @Override
        public void after(int operation) {
            timer.mark(2 * operation + 1);
            done[operation] = true;
            if (operation == operations - 1) {
                takeSamples();
                steps.add(timer.seconds(stepStart, 2 * operation + 1));
                inStep = false;
            }
        }
    }

    /** Detaches. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            network.listen(OperationListener.NONE);
            timer.close();
        }
    }
}
