package org.densenet4j.train;

import static org.densenet4j.testing.CondensedNetwork.CLASSES;
import static org.densenet4j.testing.CondensedNetwork.FIRST;
import static org.densenet4j.testing.CondensedNetwork.SECOND;
import static org.densenet4j.testing.CondensedNetwork.SIDE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Batch;
import org.densenet4j.data.Normalisation;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.ThreadRanks;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.testing.CondensedNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;

/** Networks that are condensed while a trainer trains them. */
class LearnedGroupsTest {
    private static final int STEPS = 8;

    @TempDir private Path folder;

    private static Device device() {
        return Device.open("cpu", DeviceOptions.defaults().withThreads(1));
    }

    private static Trainer.Builder builder(Device device) {
        return Trainer.of(CondensedNetwork.graph(), device)
                .batch(6)
                .optimizer(Sgd.nesterov(0.1).withWeightDecay(1e-3));
    }

    private static Batch batch(long seed, int images) {
        Random random = new Random(seed);
        float[] pixels = new float[images * SIDE * SIDE * 3];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) random.nextGaussian();
        }
        return new Batch(pixels, random.ints(images, 0, CLASSES).toArray(), SIDE, SIDE, 3);
    }

    private static void train(Trainer trainer, int from, int to) {
        for (int s = from; s < to; s++) {
            trainer.condense((double) s / STEPS);
            trainer.step(batch(s, 6));
        }
    }

    /** Inputs of the first group that are left. */
    private static int left(Network network, LearnedGroups learned, int inputs) {
        float[] mask = network.mask(learned.weight());
        int left = 0;
        for (int i = 0; i < inputs; i++) {
            left += mask[i] == 1 ? 1 : 0;
        }
        return left;
    }

    @Test
    void checkpointsContinueWithWhatWasTakenAway() throws IOException {
        Path file = folder.resolve("half.safetensors");
        try (Device device = device();
                Trainer whole = builder(device).open();
                Trainer second = builder(device).seed(7).open()) {
            train(whole, 0, 3); // between the stages
            whole.save(file);
            assertEquals(
                    whole.checkpointBytes(),
                    bytes(file),
                    "what is told before is what a file takes");
            assertEquals(6, left(whole.network(), FIRST, 8));
            train(whole, 3, STEPS);
            assertEquals(2, left(whole.network(), FIRST, 8));
            assertEquals(4, left(whole.network(), SECOND, 12));

            second.condense(1); // more than what the file has left is no loss
            second.load(file);
            assertEquals(6, left(second.network(), FIRST, 8));
            assertFalse(second.condense(2.0 / STEPS), "it is at this stage");
            train(second, 3, STEPS);
            assertEquals(whole.network().stateHash(), second.network().stateHash());
        }
    }

    private static long bytes(Path file) throws IOException {
        long bytes = 0;
        try (Safetensors tensors = Safetensors.open(file)) {
            for (String name : tensors.names()) {
                bytes += Float.BYTES * tensors.tensor(name).count();
            }
        }
        return bytes;
    }

    @Test
    void aFileWithoutMasksOrWithOthersIsRefusedAndChangesNothing() throws IOException {
        Path file = folder.resolve("whole.safetensors");
        try (Device device = device();
                Trainer trainer = builder(device).open()) {
            train(trainer, 0, 3);
            trainer.save(file);
            train(trainer, 3, 4);
            long before = trainer.network().stateHash();
            Path without = changed(file, "without", null);
            assertEquals(
                    without + ": the tensor 'layer1.conv1.mask' is missing",
                    assertThrows(IOException.class, () -> trainer.load(without)).getMessage());
            Path wrong = changed(file, "wrong", 0.5f);
            assertEquals(
                    wrong + ": the mask of layer1.conv1.weight is 0.5 somewhere, neither 0 nor 1",
                    assertThrows(IOException.class, () -> trainer.load(wrong)).getMessage());
            assertEquals(before, trainer.network().stateHash());
        }
    }

    /** A copy with another first value of a mask, or without the mask. */
    private Path changed(Path file, String name, Float first) throws IOException {
        Path copy = folder.resolve(name + ".safetensors");
        try (Safetensors from = Safetensors.open(file)) {
            SafetensorsWriter to = new SafetensorsWriter().sealed();
            from.metadata().forEach(to::metadata);
            for (String tensor : from.names()) {
                float[] values = from.tensor(tensor).toFloats();
                boolean mask = tensor.equals(FIRST.mask());
                if (mask && first != null) {
                    values[0] = first;
                }
                if (!mask || first != null) {
                    List<Integer> shape =
                            from.tensor(tensor).shape().stream().map(Math::toIntExact).toList();
                    to.floats(tensor, shape, () -> values);
                }
            }
            to.write(copy);
        }
        return copy;
    }

    @Test
    void averagesOfTheWeightsHaveNoneThatWereTakenAway() {
        try (Device device = device();
                Trainer trainer =
                        builder(device).averageWeights(new WeightAverage(0.9, false)).open()) {
            train(trainer, 0, STEPS);
            trainer.exchangeAverages();
            float[] mask = trainer.network().mask(FIRST.weight());
            float[] average = trainer.network().parameter(FIRST.weight());
            for (int i = 0; i < mask.length; i++) {
                assertEquals(mask[i] == 0, average[i] == 0);
            }
            assertThrows(IllegalStateException.class, () -> trainer.condense(1));
        }
    }

    @Test
    void aGroupLassoPullsWeightsDownAndIsForNetworksWithLearnedGroupsOnly() {
        try (Device device = device();
                Trainer plain = builder(device).optimizer(Sgd.plain(0.5)).open();
                Trainer pulled =
                        builder(device).optimizer(Sgd.plain(0.5)).groupLasso(0.01).open()) {
            float[] w = plain.network().parameter(FIRST.weight());
            assertEquals(plain.step(batch(1, 6)).loss(), pulled.step(batch(1, 6)).loss());
            float[] without = plain.network().parameter(FIRST.weight());
            float[] with = pulled.network().parameter(FIRST.weight());
            double squares = 0;
            for (int o = 0; o < 8; o += 2) {
                squares += w[o * 8] * w[o * 8];
            }
            assertEquals(without[0] - 0.5 * 0.01 * w[0] / Math.sqrt(squares), with[0], 1e-6);
            assertArrayEquals(
                    plain.network().parameter("fc.weight"),
                    pulled.network().parameter("fc.weight"));

            DenseNetSpec dense = DenseNetSpec.preset("bc-22-12").build();
            assertEquals(
                    "group lasso = 0.1: the network '"
                            + dense.name()
                            + "' has no learned groups; use 0",
                    assertThrows(
                                    IllegalArgumentException.class,
                                    () -> Trainer.of(dense, device).groupLasso(0.1))
                            .getMessage());
            assertEquals(
                    "group lasso = -1.0: use a positive number, or 0 for none",
                    assertThrows(
                                    IllegalArgumentException.class,
                                    () -> builder(device).groupLasso(-1))
                            .getMessage());
        }
    }

    @Test
    void aRunTakesInputsAwayInItsFirstHalfAndSavesWhatIsLeft() throws IOException {
        Recipe recipe =
                Recipe.preset("cifar").with(Map.of("epochs", "4", "batch", "8", "input-size", "8"));
        try (Device device = device();
                Trainer trainer = recipe.trainer(CondensedNetwork.graph(), device).open();
                RunFolder run = RunFolder.create(folder.resolve("run"))) {
            List<Integer> left = new ArrayList<>();
            TrainingRun.of(trainer, recipe, run)
                    .data(new NoiseImages(24, 1), new NoiseImages(9, 99), Normalisation.CIFAR10)
                    .listener(
                            new TrainingListener() {
                                @Override
                                public void step(Step s) {
                                    left.add(left(trainer.network(), FIRST, 8));
                                }
                            })
                    .train();
            // 12 steps: the stages begin before the third, the fifth and the seventh
            assertEquals(List.of(8, 8, 6, 6, 4, 4, 2, 2, 2, 2, 2, 2), left);
        }
    }

    /** Rank 1 opens with other weights and no mask, and takes both from rank 0. */
    @Test
    void allRanksHaveTheMasksOfTheFirst() {
        List<Communicator> ranks = ThreadRanks.of(2);
        List<CompletableFuture<Long>> hashes = new ArrayList<>();
        for (Communicator rank : ranks) {
            hashes.add(
                    CompletableFuture.supplyAsync(
                            () -> {
                                try (Device device = device();
                                        Trainer trainer =
                                                builder(device)
                                                        .communicator(rank)
                                                        .groupLasso(1e-3)
                                                        .seed(rank.rank())
                                                        .open()) {
                                    if (rank.rank() == 0) {
                                        trainer.network().condense(0.2);
                                    }
                                    for (int s = 2; s < STEPS; s++) {
                                        trainer.condense((double) s / STEPS);
                                        trainer.step(batch(10 * s + rank.rank(), 3));
                                    }
                                    trainer.averageRunningStatistics();
                                    assertEquals(2, left(trainer.network(), FIRST, 8));
                                    return trainer.network().stateHash();
                                }
                            },
                            work -> new Thread(work, "rank " + rank.rank()).start()));
        }
        assertEquals(hashes.get(0).join(), hashes.get(1).join());
        assertTrue(hashes.get(0).join() != 1);
    }
}
