package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.data.Batch;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.ThreadRanks;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.plan.Buffer;
import org.densenet4j.plan.Category;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.RdNetSpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;

/** What optimisers remember, and averages of the weights: their memory, and their files. */
class OptimiserStateTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.builder()
                    .growthRate(3)
                    .initialChannels(5)
                    .layersPerBlock(1, 2)
                    .classes(3)
                    .inputSize(8)
                    .dropout(0.1)
                    .build();

    private static final RdNetSpec WITHOUT_BATCH_NORMS =
            RdNetSpec.builder()
                    .growthRates(8, 6)
                    .layersPerStage(1, 1)
                    .halvingStages(2)
                    .initialChannels(16)
                    .patch(2)
                    .kernel(3)
                    .expansion(2)
                    .inputSize(8)
                    .classes(3)
                    .build();

    private static final List<Optimiser> ALL =
            List.of(
                    Sgd.plain(0.1).withMomentum(0.9).withDampening(0.5),
                    Adam.of(0.01),
                    Adam.decoupled(0.01).withAmsgrad(),
                    Rmsprop.of(0.01),
                    Rmsprop.of(0.01).withMomentum(0.9),
                    Rmsprop.of(0.01).withMomentum(0.9).withCentring());

    private final Device device =
            Device.open("cpu", DeviceOptions.defaults().withThreads(1).withDeterministic(true));

    @AfterEach
    void closes() {
        device.close();
    }

    private static Batch batch(long seed) {
        Random random = new Random(seed);
        float[] images = new float[4 * 8 * 8 * 3];
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) random.nextGaussian();
        }
        return new Batch(images, random.ints(4, 0, 3).toArray(), 8, 8, 3);
    }

    private Trainer trainer(Optimiser optimiser, WeightAverage average) {
        return Trainer.of(SPEC, device)
                .batch(4)
                .optimizer(optimiser)
                .averageWeights(average)
                .open();
    }

    /** Everything that a checkpoint holds. */
    private static List<float[]> state(Network network) {
        List<float[]> all = new ArrayList<>();
        for (ParameterSpec p : network.parameters()) {
            all.add(network.parameter(p.name()));
            for (String state : network.optimiserState()) {
                all.add(network.optimiserState(state, p.name()));
            }
            if (network.hasAverages()) {
                all.add(network.average(p.name()));
            }
        }
        for (ParameterSpec p : network.runningStatistics()) {
            all.add(network.runningStatistic(p.name()));
            if (network.hasAverages()) {
                all.add(network.average(p.name()));
            }
        }
        return all;
    }

    private static void assertSame(Trainer expected, Trainer found, String what) {
        List<float[]> a = state(expected.network());
        List<float[]> b = state(found.network());
        assertEquals(a.size(), b.size());
        for (int i = 0; i < a.size(); i++) {
            assertArrayEquals(a.get(i), b.get(i), what);
        }
    }

    @Test
    void allThatIsRememberedIsPlannedToTheByte() {
        for (DataType precision : DataType.values()) {
            for (MemoryStrategy strategy : MemoryStrategy.values()) {
                for (Optimiser optimiser : ALL) {
                    for (boolean averages : new boolean[] {false, true}) {
                        checkPlan(precision, strategy, optimiser, averages);
                    }
                }
            }
        }
    }

    private void checkPlan(
            DataType precision, MemoryStrategy strategy, Optimiser optimiser, boolean averages) {
        if (!device.supports(precision)) {
            return;
        }
        Trainer.Builder builder =
                Trainer.of(SPEC, device)
                        .batch(4)
                        .accumulate(2)
                        .precision(precision)
                        .strategy(strategy)
                        .optimizer(optimiser)
                        .averageWeights(averages ? new WeightAverage(0.9, false) : null);
        MemoryPlan plan = builder.plan();
        try (Trainer trainer = builder.open()) {
            assertEquals(plan.peakBytes(), trainer.network().allocatedBytes());
            assertTrue(Double.isFinite(trainer.step(batch(1)).loss()));
        }
        int vectors = optimiser.step(0, 1, 1).state().size();
        int length = plan.memory().parameterLayout().length();
        int statistics = plan.memory().runningLayout().length();
        long expected = 4L * length * vectors + (averages ? 4L * (length + statistics) : 0);
        long planned =
                plan.buffers().stream()
                        .filter(b -> b.category() == Category.OPTIMISER)
                        .mapToLong(Buffer::bytes)
                        .sum();
        assertEquals(expected, planned, optimiser + " " + averages);
    }

    @Test
    void everyOptimiserContinuesBitForBit(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("c.safetensors");
        WeightAverage average = new WeightAverage(0.9, true);
        for (Optimiser optimiser : ALL) {
            try (Trainer whole = trainer(optimiser, average);
                    Trainer continued = trainer(optimiser, average)) {
                whole.step(batch(1));
                whole.step(batch(2));
                whole.save(file);
                whole.step(batch(3));
                continued.load(file);
                continued.step(batch(3));
                assertSame(whole, continued, optimiser.toString());
            }
        }
    }

    @Test
    void aFileOfAveragesIsContinuedWithWhatWasTrained(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("best.safetensors");
        WeightAverage average = new WeightAverage(0.9, false);
        try (Trainer whole = trainer(Adam.of(0.01), average);
                Trainer continued = trainer(Adam.of(0.01), average);
                Trainer without = trainer(Adam.of(0.01), null)) {
            whole.step(batch(1));
            whole.exchangeAverages();
            String name = whole.network().parameters().getFirst().name();
            float[] averaged = whole.network().parameter(name);
            whole.save(file);
            IllegalStateException e =
                    assertThrows(IllegalStateException.class, () -> whole.step(batch(2)));
            assertTrue(e.getMessage().contains("holds its averages"), e.getMessage());
            whole.exchangeAverages();
            continued.load(file);
            assertSame(whole, continued, "after the load");
            whole.step(batch(2));
            continued.step(batch(2));
            assertSame(whole, continued, "after a step");
            without.load(file);
            assertArrayEquals(averaged, without.network().parameter(name));
        }
    }

    @Test
    void averagesOfAFileWithoutThemStartAtItsWeights(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("c.safetensors");
        try (Trainer before = trainer(Sgd.nesterov(0.1), null);
                Trainer after = trainer(Sgd.nesterov(0.1), new WeightAverage(0.5, false))) {
            before.step(batch(1));
            before.save(file);
            after.load(file);
            after.step(batch(2));
            for (ParameterSpec p : before.network().parameters()) {
                float[] start = before.network().parameter(p.name());
                float[] end = after.network().parameter(p.name());
                float[] mean = after.network().average(p.name());
                for (int i = 0; i < start.length; i++) {
                    assertEquals((start[i] + end[i]) / 2, mean[i], 1e-6, p.name());
                }
            }
        }
    }

    /** timm: {@code ema = decay·ema + (1 − decay)·value} of parameters and statistics. */
    @Test
    void averagesFollowParametersAndStatisticsOnBothBackends() {
        for (boolean warmUp : new boolean[] {false, true}) {
            for (boolean emulated : new boolean[] {false, true}) {
                try (Device d =
                        emulated
                                ? new EmulatedDevice(DeviceOptions.defaults())
                                : Device.open("cpu", DeviceOptions.defaults().withThreads(2))) {
                    checkAverages(SPEC, d, new WeightAverage(0.6, warmUp));
                    checkAverages(WITHOUT_BATCH_NORMS, d, new WeightAverage(0.6, warmUp));
                }
            }
        }
    }

    /** Rank 1 opens with other weights, and there are no running statistics to share. */
    @Test
    void ranksOfANetworkWithoutBatchNormsAgreeBitForBit() {
        List<CompletableFuture<Long>> hashes = new ArrayList<>();
        for (Communicator rank : ThreadRanks.of(2)) {
            hashes.add(
                    CompletableFuture.supplyAsync(
                            () -> hashOf(rank),
                            work -> new Thread(work, "rank " + rank.rank()).start()));
        }
        assertEquals(hashes.get(0).join(), hashes.get(1).join());
    }

    private static long hashOf(Communicator rank) {
        try (Device d = Device.open("cpu", DeviceOptions.defaults().withThreads(1));
                Trainer trainer =
                        Trainer.of(WITHOUT_BATCH_NORMS, d)
                                .batch(8) // of both ranks
                                .optimizer(Adam.decoupled(0.01))
                                .averageWeights(new WeightAverage(0.6, true))
                                .communicator(rank)
                                .seed(rank.rank())
                                .open()) {
            for (int step = 0; step < 3; step++) {
                trainer.step(batch(10L * step + rank.rank()));
            }
            trainer.averageRunningStatistics();
            return trainer.network().stateHash();
        }
    }

    private static void checkAverages(NetworkSpec spec, Device d, WeightAverage average) {
        try (Trainer trainer =
                Trainer.of(spec, d)
                        .batch(4)
                        .optimizer(Sgd.nesterov(0.1))
                        .averageWeights(average)
                        .open()) {
            Network network = trainer.network();
            List<ParameterSpec> all = new ArrayList<>(network.parameters());
            all.addAll(network.runningStatistics());
            List<float[]> expected = new ArrayList<>();
            all.forEach(p -> expected.add(value(network, p)));
            for (int step = 1; step <= 4; step++) {
                trainer.step(batch(step));
                // timm's ModelEmaV3: the first update with a warm-up copies.
                double decay = average.warmUp() ? Math.min(0.6, 1 - Math.pow(step, -2.0 / 3)) : 0.6;
                for (int i = 0; i < all.size(); i++) {
                    float[] now = value(network, all.get(i));
                    for (int j = 0; j < now.length; j++) {
                        expected.get(i)[j] =
                                (float) (decay * expected.get(i)[j] + (1 - decay) * now[j]);
                    }
                }
            }
            List<float[]> trained = new ArrayList<>();
            all.forEach(p -> trained.add(value(network, p)));
            for (int i = 0; i < all.size(); i++) {
                assertArrayEquals(
                        expected.get(i),
                        network.average(all.get(i).name()),
                        1e-5f,
                        all.get(i).name());
            }
            trainer.exchangeAverages();
            assertTrue(network.areAveragesExchanged());
            for (int i = 0; i < all.size(); i++) {
                assertArrayEquals(expected.get(i), value(network, all.get(i)), 1e-5f);
                assertArrayEquals(trained.get(i), network.average(all.get(i).name()));
            }
            trainer.exchangeAverages();
            assertFalse(network.areAveragesExchanged());
            for (int i = 0; i < all.size(); i++) {
                assertArrayEquals(trained.get(i), value(network, all.get(i)));
            }
        }
    }

    private static float[] value(Network network, ParameterSpec p) {
        return p.role() == ParameterSpec.Role.RUNNING_STATISTIC
                ? network.runningStatistic(p.name())
                : network.parameter(p.name());
    }

    @Test
    void aStepThatThePlanHasNoRoomForChangesNothing() {
        try (Trainer trainer = trainer(Sgd.nesterov(0.1), null)) {
            Network network = trainer.network();
            String name = network.parameters().getFirst().name();
            float[] before = network.parameter(name);
            trainer.step(batch(1));
            float[] after = network.parameter(name);
            IllegalStateException e =
                    assertThrows(
                            IllegalStateException.class,
                            () -> network.update(Adam.of(0.1).step(0.1, 1, 1)));
            assertTrue(
                    e.getMessage().contains("no room for the optimiser's exp_avg"), e.getMessage());
            assertArrayEquals(after, network.parameter(name));
            assertFalse(Arrays.equals(before, after));
            assertThrows(IllegalStateException.class, trainer::exchangeAverages);
        }
    }
}
