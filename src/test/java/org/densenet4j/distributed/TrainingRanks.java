package org.densenet4j.distributed;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Batch;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.SegmentationBatch;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.train.NonFiniteException;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.StepResult;
import org.densenet4j.train.Trainer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * Trains on every rank with its share of each batch, and alone in micro-batches of that size, and
 * leaves what it found in a file.
 */
final class TrainingRanks {
    private static final int BATCH = 8;
    private static final int STEPS = 3;
    private static final int SIDE = 8;

    private final Communicator world;
    private final Device device;
    private final List<String> found = new ArrayList<>();

    private TrainingRanks(Communicator world, Device device) {
        this.world = world;
        this.device = device;
    }

    public static void main(String[] arguments) throws IOException {
        Communicator world = Communicator.world();
        DeviceOptions one = DeviceOptions.defaults().withThreads(1).withDeterministic(true);
        try (Device device = Device.open("cpu", one)) {
            TrainingRanks ranks = new TrainingRanks(world, device);
            ranks.classify("images", 0);
            ranks.classify("dropout", 0.2);
            ranks.segment();
            ranks.unequal();
            ranks.refuse();
            ranks.ownLoop();
            ranks.beginAlike();
            Files.write(Path.of("rank-" + world.rank()), ranks.found);
        }
        world.close();
    }

    private static NetworkSpec network(double dropout) {
        return DenseNetSpec.bc(10, 4).classes(3).inputSize(SIDE).dropout(dropout).build();
    }

    private Trainer together(NetworkSpec spec) {
        return Trainer.of(spec, device)
                .batch(BATCH)
                .optimizer(Sgd.nesterov(0.1))
                .seed(42)
                .communicator(world)
                .open();
    }

    private Trainer alone(NetworkSpec spec) {
        return Trainer.of(spec, device)
                .batch(BATCH)
                .accumulate(world.worldSize())
                .optimizer(Sgd.nesterov(0.1))
                .seed(42)
                .open();
    }

    private void classify(String name, double dropout) {
        NetworkSpec spec = network(dropout);
        try (Trainer together = together(spec);
                Trainer again = together(spec);
                Trainer alone = alone(spec)) {
            for (int step = 0; step < STEPS; step++) {
                StepResult ours = together.step(images(step, share(BATCH)));
                StepResult repeated = again.step(images(step, share(BATCH)));
                StepResult theirs = alone.step(images(step, new int[] {0, BATCH}));
                if (step == 0) {
                    found.add(name + " off by " + distance(together.network(), alone.network()));
                }
                found.add(name + " hits " + (ours.correct() == theirs.correct()));
                found.add(name + " loss off by " + relative(ours.loss(), theirs.loss()));
                found.add(name + " images " + ours.images());
                found.add(name + " repeated " + repeated.equals(ours));
            }
            compare(name, together, again, alone);
        }
    }

    private void compare(String name, Trainer together, Trainer again, Trainer alone) {
        found.add(name + " same bits " + sameBits(together.network(), alone.network()));
        together.averageRunningStatistics();
        again.averageRunningStatistics();
        long hash = together.network().stateHash();
        found.add(name + " repeats " + (hash == again.network().stateHash()));
        found.add(name + " on all ranks " + onAll(hash));
        together.averageRunningStatistics();
        together.network().averageRunningStatistics(world);
        found.add(name + " averages once " + (hash == together.network().stateHash()));
    }

    /** Shares have different numbers of pixels with a label. */
    private void segment() {
        NetworkSpec spec =
                FcDenseNetSpec.uniform(1, 1, 2).classes(3).inputSize(SIDE).dropout(0.2).build();
        try (Trainer together = together(spec);
                Trainer again = together(spec);
                Trainer alone = alone(spec)) {
            for (int step = 0; step < STEPS; step++) {
                StepResult ours = together.step(pixels(step, share(BATCH)));
                StepResult theirs = alone.step(pixels(step, new int[] {0, BATCH}));
                again.step(pixels(step, share(BATCH)));
                found.add("pixels counted " + ours.pixels().equals(theirs.pixels()));
            }
            compare("pixels", together, again, alone);
        }
    }

    /** The last batch of an epoch: ranks have different numbers of images. */
    private void unequal() {
        int images = BATCH - 1;
        NetworkSpec spec = network(0);
        try (Trainer together = together(spec)) {
            StepResult result = together.step(images(0, share(images)));
            found.add("unequal images " + result.images());
            found.add("unequal finite " + (result.gradientNorm() > 0));
            together.step(images(1, share(BATCH)));
            together.averageRunningStatistics();
            found.add("unequal on all ranks " + onAll(together.network().stateHash()));
        }
    }

    /** The loss of one rank is infinite. */
    private void refuse() {
        try (Trainer together = together(network(0))) {
            together.step(images(0, share(BATCH)));
            long before = together.network().stateHash();
            Batch batch = images(1, share(BATCH));
            if (world.rank() == world.worldSize() - 1) {
                Arrays.fill(batch.images(), Float.POSITIVE_INFINITY);
            }
            String refused = "no";
            try {
                together.step(batch);
            } catch (NonFiniteException e) {
                refused = "yes";
            }
            found.add("refused " + refused);
            found.add("unchanged " + (before == together.network().stateHash()));
            found.add("goes on " + (together.step(images(2, share(BATCH))).step() == 2));
        }
    }

    private void ownLoop() {
        try (Trainer together = together(network(0));
                Trainer stepped = together(network(0))) {
            Batch batch = images(0, share(BATCH));
            Network network = together.network();
            network.zeroGradients();
            network.input(batch.images(), batch.size());
            network.trainingPass(together.nextPass(batch.size()), batch.labels(), 0, BATCH);
            together.update();
            stepped.step(batch);
            found.add("own loop same bits " + sameBits(network, stepped.network()));
        }
    }

    /** Rank 0 has loaded weights that the others have not. */
    private void beginAlike() {
        try (Trainer together = together(network(0))) {
            String name = "classifier.bias";
            together.network().parameter(name, new float[] {world.rank(), 5, 6});
            together.step(images(0, share(BATCH)));
            together.averageRunningStatistics();
            found.add("begins alike " + onAll(together.network().stateHash()));
        }
    }

    // ---------------------------------------------------------------- data

    /** From and behind of this rank's part of so many images. */
    private int[] share(int images) {
        return new int[] {
            images * world.rank() / world.worldSize(),
            images * (world.rank() + 1) / world.worldSize()
        };
    }

    private static Batch images(int step, int[] range) {
        int count = range[1] - range[0];
        int[] labels = new int[count];
        float[] images = values(step, range, labels, 1, 3);
        return new Batch(images, labels, SIDE, SIDE, 3);
    }

    private static SegmentationBatch pixels(int step, int[] range) {
        int[] labels = new int[(range[1] - range[0]) * SIDE * SIDE];
        float[] images = values(step, range, labels, SIDE * SIDE, 4);
        for (int i = 0; i < labels.length; i++) {
            labels[i] = labels[i] == 3 ? SegmentationBatch.VOID : labels[i];
        }
        return new SegmentationBatch(
                images, labels, new int[range[1] - range[0]], SIDE, SIDE, 3, ImageMetadata.NONE);
    }

    /** Those of an image depend on the step and its place in the whole batch alone. */
    private static float[] values(int step, int[] range, int[] labels, int each, int kinds) {
        int floats = SIDE * SIDE * 3;
        float[] images = new float[(range[1] - range[0]) * floats];
        for (int i = range[0]; i < range[1]; i++) {
            Random random = new Random(1000L * step + i);
            for (int j = 0; j < floats; j++) {
                images[(i - range[0]) * floats + j] = (float) random.nextGaussian();
            }
            for (int j = 0; j < each; j++) {
                labels[(i - range[0]) * each + j] = random.nextInt(kinds);
            }
        }
        return images;
    }

    // ---------------------------------------------------------------- comparisons

    private static boolean sameBits(Network a, Network b) {
        for (ParameterSpec p : a.parameters()) {
            if (!Arrays.equals(a.parameter(p.name()), b.parameter(p.name()))
                    || !Arrays.equals(a.velocity(p.name()), b.velocity(p.name()))) {
                return false;
            }
        }
        return true;
    }

    /** Of the parameters, relative to their norm. */
    private static double distance(Network a, Network b) {
        double difference = 0;
        double norm = 0;
        for (ParameterSpec p : a.parameters()) {
            float[] x = a.parameter(p.name());
            float[] y = b.parameter(p.name());
            for (int i = 0; i < x.length; i++) {
                difference += (x[i] - y[i]) * (double) (x[i] - y[i]);
                norm += y[i] * (double) y[i];
            }
        }
        return Math.sqrt(difference / norm);
    }

    private static double relative(double a, double b) {
        return Math.abs(a - b) / Math.abs(b);
    }

    private boolean onAll(long hash) {
        double[] low = {hash & 0xFFFFFFFFL};
        world.allReduce(low);
        double[] high = {hash >>> 32};
        world.allReduce(high);
        return low[0] == (double) world.worldSize() * (hash & 0xFFFFFFFFL)
                && high[0] == (double) world.worldSize() * (hash >>> 32);
    }
}
