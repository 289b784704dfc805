package org.densenet4j.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.backend.cuda.OneRank;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.FamilySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Gradients are sent in buckets while the backward pass goes on, and never before they are done.
 */
class SumsBesideWorkTest {
    private static final int IMAGES = 2;
    private static final int RANKS = 2;

    /** Families whose nodes are of every kind; segmentation and residual networks among them. */
    private static final List<String> NETWORKS =
            List.of("bc-22-4", "plain-13-4", "fc-densenet-2-2-4", "cifar-resnet-8", "resnet18");

    private static NetworkSpec spec(String network) {
        return FamilySpec.preset(network).inputSize(32, 32).build();
    }

    private static float[] images(NetworkSpec spec, long seed) {
        float[] images =
                new float[IMAGES * spec.inputHeight() * spec.inputWidth() * spec.inputChannels()];
        SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) random.nextGaussian();
        }
        return images;
    }

    /** Runs a pass and returns the norm of the gradients that it leaves. */
    private static double pass(Network network, NetworkSpec spec, long seed, Communicator ranks) {
        int perImage = network.plan().memory().loss().labelsPerImage();
        int[] labels =
                new SplittableRandom(seed)
                        .ints((long) IMAGES * perImage, 0, spec.classes())
                        .toArray();
        int mean = RANKS * IMAGES * perImage;
        Pass pass = new Pass(IMAGES, Mode.TRAIN, 5, seed);
        network.input(images(spec, seed), IMAGES);
        network.trainingPass(pass, labels, 0, mean, ranks);
        return network.outcome(pass, mean).gradientNorm();
    }

    private static List<float[]> gradients(Network network) {
        return network.parameters().stream()
                .map(ParameterSpec::name)
                .map(network::gradient)
                .toList();
    }

    private static void assertSame(List<float[]> expected, List<float[]> actual) {
        assertEquals(expected.size(), actual.size());
        for (int i = 0; i < expected.size(); i++) {
            assertArrayEquals(expected.get(i), actual.get(i));
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void noBucketIsSentBeforeItsLastGradientAndTheNormSeesTheSums(MemoryStrategy strategy) {
        DeviceOptions options = DeviceOptions.defaults().withThreads(1).withDeterministic(true);
        for (String network : NETWORKS) {
            try (Device cpu = Device.open("cpu", options)) {
                assertOrder(network, strategy, cpu);
            }
        }
    }

    @Test
    void theSameOnEmulatedCudaKernels() {
        try (Device device = new EmulatedDevice(DeviceOptions.defaults())) {
            assertOrder("bc-22-4", MemoryStrategy.SHARED, device);
        }
    }

    private static void assertOrder(String network, MemoryStrategy strategy, Device device) {
        NetworkSpec spec = spec(network);
        SummingDevice summing = new SummingDevice(device);
        MemoryPlan plain = MemoryPlan.of(spec).strategy(strategy).batch(IMAGES).on(device);
        Device watched = summing.device();
        MemoryPlan shared = MemoryPlan.of(spec).strategy(strategy).batch(IMAGES).on(watched);
        try (Network expected = Network.open(plain, device, 3);
                Network actual = Network.open(shared, watched, 3)) {
            expected.zeroGradients();
            double norm = pass(expected, spec, 1, Communicator.alone());
            actual.zeroGradients();
            assertEquals(norm, pass(actual, spec, 1, new OneRank()), network);
            assertSame(gradients(expected), gradients(actual));
        }
        assertEquals(List.of(), summing.overwritten, network);
        assertTrue(summing.messages.size() > 1, network);
        List<String> log = summing.log;
        assertEquals(summing.messages.size(), log.stream().filter("sum"::equals).count());
        assertTrue(log.lastIndexOf("sum") < log.indexOf("await"), network);
        assertTrue(log.indexOf("await") < log.indexOf("squaredNorm"), network);
        // Work goes on beside all buckets but the last, which nothing but the norm is behind.
        assertTrue(log.indexOf("sum") + summing.messages.size() < log.indexOf("await"), network);
        assertEquals(log.indexOf("await"), log.lastIndexOf("sum") + 1, network);
    }

    @Test
    void twoEmulatedRanksStepAsOneThatAccumulates() throws Exception {
        NetworkSpec spec = spec("bc-22-4");
        List<float[]> expected = new ArrayList<>();
        double norm = 0;
        try (Device device = emulated();
                Network network = open(spec, device)) {
            network.zeroGradients();
            for (int rank = 0; rank < RANKS; rank++) {
                norm = pass(network, spec, rank, Communicator.alone());
            }
            expected.addAll(gradients(network));
        }
        try (ExecutorService pool = Executors.newFixedThreadPool(RANKS)) {
            List<Future<Double>> norms = new ArrayList<>();
            List<List<float[]>> found = new ArrayList<>();
            for (Communicator rank : ThreadRanks.of(RANKS)) {
                found.add(new ArrayList<>());
                norms.add(
                        pool.submit(
                                () -> {
                                    Device device = new SummingDevice(emulated()).device();
                                    try (device;
                                            Network network = open(spec, device)) {
                                        network.zeroGradients();
                                        double own = pass(network, spec, rank.rank(), rank);
                                        found.get(rank.rank()).addAll(gradients(network));
                                        return own;
                                    }
                                }));
            }
            for (int rank = 0; rank < RANKS; rank++) {
                assertEquals(norm, norms.get(rank).get());
                assertSame(expected, found.get(rank));
            }
        } catch (ExecutionException e) {
            throw new AssertionError(e.getCause());
        }
    }

    /** A chunk is the whole batch, so that both sums have the same terms. */
    private static Device emulated() {
        return new EmulatedDevice(
                DeviceOptions.defaults().withChunkFactor(Double.POSITIVE_INFINITY));
    }

    private static Network open(NetworkSpec spec, Device device) {
        return Network.open(MemoryPlan.of(spec).batch(IMAGES).on(device), device, 3);
    }
}
