package org.densenet4j.standin;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.engine.SgdStep;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.plan.GradientBucket;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.DenseNetSpec;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Run in a child on the stand-in: steps of one rank, or, as the only rank, the same steps with the
 * ranks' images one after the other. Prints the parameters, and how steps ran.
 *
 * <p>Arguments: rank, number of ranks, the file that they meet in or {@code mpi}, and the step at
 * which rank 1 ends without a word, or -1.
 */
final class RankedSteps {
    private static final DenseNetSpec SPEC = DenseNetSpec.preset("bc-16-4").inputSize(8).build();
    private static final int SHARDS = 2;
    private static final int IMAGES = 3;
    private static final int STEPS = 5;

    private final Communicator communicator;
    private final int endsAt;

    private RankedSteps(Communicator communicator, int endsAt) {
        this.communicator = communicator;
        this.endsAt = endsAt;
    }

    public static void main(String[] arguments) throws IOException {
        Communicator communicator = communicator(arguments);
        RankedSteps steps = new RankedSteps(communicator, Integer.parseInt(arguments[3]));
        // A chunk is the whole batch, so that a sum of two passes has the terms of two ranks.
        DeviceOptions options =
                DeviceOptions.defaults()
                        .withDeterministic(true)
                        .withChunkFactor(Double.POSITIVE_INFINITY);
        try (Device device = Device.open("cuda", options)) {
            if (communicator.worldSize() > 1) {
                device.join(communicator);
            }
            MemoryPlan plan = MemoryPlan.of(SPEC).batch(IMAGES).on(device);
            System.out.println("buckets " + GradientBucket.of(plan).size());
            try (Network network = Network.open(plan, device, 7)) {
                steps.run(network);
            }
            // A trainer's ranks ask each other after every step: none leaves before the others.
            communicator.close();
        } catch (DeviceException e) {
            System.out.println("problem " + e.getMessage());
        }
        System.out.flush();
        System.exit(0);
    }

    private static Communicator communicator(String[] arguments) throws IOException {
        int rank = Integer.parseInt(arguments[0]);
        int worldSize = Integer.parseInt(arguments[1]);
        if (arguments[2].equals("mpi")) {
            Communicator world = Communicator.world();
            // A launcher may mix the lines of its ranks.
            System.setOut(new PrintStream("rank-" + world.rank(), UTF_8));
            return world;
        }
        return worldSize == 1
                ? Communicator.alone()
                : new LoopbackRanks(rank, worldSize, Path.of(arguments[2]));
    }

    private void run(Network network) {
        for (int step = 0; step < STEPS; step++) {
            network.zeroGradients();
            int first = communicator.worldSize() == 1 ? 0 : communicator.rank();
            int last = communicator.worldSize() == 1 ? SHARDS - 1 : first;
            double norm = 0;
            for (int shard = first; shard <= last; shard++) {
                if (communicator.rank() == 1 && step == endsAt) {
                    Runtime.getRuntime().halt(3);
                }
                norm = pass(network, step, shard);
            }
            System.out.println("norm " + norm);
            network.update(SgdStep.of(0.1).withMomentum(0.9, true));
        }
        System.out.println("recording " + network.recording());
        System.out.println("parameters " + parameters(network));
    }

    private double pass(Network network, int step, int shard) {
        SplittableRandom random = new SplittableRandom(100 * step + shard);
        int side = SPEC.inputHeight();
        float[] images = new float[IMAGES * side * side * SPEC.inputChannels()];
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) random.nextGaussian();
        }
        int[] labels = random.ints(IMAGES, 0, SPEC.classes()).toArray();
        Pass pass = new Pass(IMAGES, Mode.TRAIN, 1, step);
        network.input(images, IMAGES);
        network.trainingPass(pass, labels, 0, SHARDS * IMAGES, communicator);
        return network.outcome(pass, SHARDS * IMAGES).gradientNorm();
    }

    private static String parameters(Network network) {
        IntStream hashes =
                network.parameters().stream()
                        .map(ParameterSpec::name)
                        .mapToInt(name -> Arrays.hashCode(network.parameter(name)));
        return Arrays.toString(hashes.toArray());
    }
}
