package org.densenet4j.profile;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceTimer;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.engine.SgdStep;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.plan.MemoryPlan;

import java.util.Objects;
import java.util.SplittableRandom;

/**
 * What summing the gradients costs the ranks of a job: measured, of every rank on its own device,
 * by that device's clock, and averaged over the ranks.
 *
 * @param ranks how many there are
 * @param images of a rank's step
 * @param bytes of the gradients
 * @param sumSeconds of their sum when nothing else goes on
 * @param aloneSeconds of a step without the sum
 * @param sharedSeconds of a step with it
 */
public record RankCost(
        int ranks,
        int images,
        long bytes,
        double sumSeconds,
        double aloneSeconds,
        double sharedSeconds) {

    private static final int SEED = 1;

    /** {@return seconds of a step that work waits for the sum} */
    public double exposedSeconds() {
        return Math.max(0, sharedSeconds - aloneSeconds);
    }

    /** {@return share of the sum's time that work does not wait for, 0 to 1} */
    public double hiddenShare() {
        return sumSeconds == 0 ? 1 : Math.clamp(1 - exposedSeconds() / sumSeconds, 0, 1);
    }

    /** {@return images per second of all ranks together} */
    public double imagesPerSecond() {
        return ranks * images / sharedSeconds;
    }

    /** {@return how much of so many times one rank's speed the ranks have together} */
    public double efficiency() {
        return aloneSeconds / sharedSeconds;
    }

    /**
     * {@return the cost, on all ranks, each of which calls this}
     *
     * @param spec the network that is trained
     * @param images of a rank's step
     * @param precision of activations
     * @param device that has joined the communicator
     * @param communicator of the ranks that share the step
     * @param steps of each kind, the first half warm-up
     * @param warmUpSeconds shortest warm-up of each kind
     */
    public static RankCost measure(
            NetworkSpec spec,
            int images,
            DataType precision,
            Device device,
            Communicator communicator,
            int steps,
            double warmUpSeconds) {
        Objects.requireNonNull(spec, "spec");
        Objects.requireNonNull(precision, "precision");
        Objects.requireNonNull(device, "device");
        Objects.requireNonNull(communicator, "communicator");
        MemoryPlan plan = MemoryPlan.of(spec).batch(images).precision(precision).on(device);
        try (Network network = Network.open(plan, device, SEED);
                DeviceTimer timer = device.timer(2)) {
            Steps run = new Steps(network, timer, communicator, images, steps, warmUpSeconds);
            double[] seconds = {
                run.median(() -> network.allReduceGradients(communicator)),
                run.median(() -> run.step(Communicator.alone())),
                run.median(() -> run.step(communicator))
            };
            communicator.allReduce(seconds);
            int ranks = communicator.worldSize();
            return new RankCost(
                    ranks,
                    images,
                    plan.memory().parameterGradients().bytes(),
                    seconds[0] / ranks,
                    seconds[1] / ranks,
                    seconds[2] / ranks);
        }
    }

    /** Steps on the same random images. */
    private static final class Steps {
        private final Network network;
        private final DeviceTimer timer;
        private final Communicator communicator;
        private final int images;
        private final int steps;
        private final double warmUpSeconds;
        private final float[] pixels;
        private final int[] labels;

        Steps(
                Network network,
                DeviceTimer timer,
                Communicator communicator,
                int images,
                int steps,
                double warmUpSeconds) {
            this.network = network;
            this.timer = timer;
            this.communicator = communicator;
            this.images = images;
            this.steps = steps;
            this.warmUpSeconds = warmUpSeconds;
            NetworkSpec spec = network.plan().spec();
            SplittableRandom random = new SplittableRandom(SEED + communicator.rank());
            int floats = spec.inputHeight() * spec.inputWidth() * spec.inputChannels();
            this.pixels = new float[Math.multiplyExact(images, floats)];
            for (int i = 0; i < pixels.length; i++) {
                pixels[i] = (float) random.nextGaussian();
            }
            int perImage = network.plan().memory().loss().labelsPerImage();
            this.labels = random.ints((long) images * perImage, 0, spec.classes()).toArray();
        }

        /** What the device takes between two marks, from a start that all ranks have together. */
        double median(Runnable work) {
            long start = System.nanoTime();
            for (int number = 0; isCold(number, start); number++) {
                time(work);
            }
            double[] seconds = new double[steps - steps / 2];
            for (int i = 0; i < seconds.length; i++) {
                communicator.barrier();
                seconds[i] = time(work);
            }
            return Timing.of(seconds).median();
        }

        private double time(Runnable work) {
            timer.mark(0);
            work.run();
            timer.mark(1);
            return timer.seconds(0, 1);
        }

        /** All ranks take as many steps, so that nobody waits for one that has gone on. */
        private boolean isCold(int number, long start) {
            boolean here = number < steps / 2 || WarmedSteps.secondsSince(start) < warmUpSeconds;
            double[] cold = {here ? 1 : 0};
            communicator.allReduce(cold);
            return cold[0] > 0;
        }

        void step(Communicator ranks) {
            Pass pass = new Pass(images, Mode.TRAIN, SEED, 0);
            int mean = Math.multiplyExact(communicator.worldSize(), labels.length);
            network.zeroGradients();
            network.input(pixels, images);
            network.trainingPass(pass, labels, 0, mean, ranks);
            network.update(SgdStep.of(0));
        }
    }
}
