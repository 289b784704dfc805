package org.densenet4j.insight;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.engine.Network;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.NetworkShape;
import org.densenet4j.spec.Stem;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

class FeatureReuseTest {
    @TempDir private Path folder;

    private static DenseNetSpec spec(int bottleneckWidth) {
        return DenseNetSpec.builder()
                .name("odd")
                .growthRate(5)
                .layersPerBlock(3, 2)
                .initialChannels(7)
                .bottleneckWidth(bottleneckWidth)
                .compression(0.5)
                .stem(Stem.SMALL)
                .classes(3)
                .inputSize(8)
                .build();
    }

    /** Weights of which each connection has a value of its own: source + 10·target + 100·block. */
    private static Map<String, float[]> marked(NetworkShape shape, int width) {
        Map<String, float[]> weights = new HashMap<>();
        SplittableRandom signs = new SplittableRandom(3);
        for (var p : shape.parameters()) {
            float[] values = new float[(int) p.count()];
            int block = p.name().contains("block2") || p.name().contains("classifier") ? 2 : 1;
            int input = shape.blocks().get(block - 1).inputChannels();
            int target =
                    p.name().contains("denselayer")
                            ? p.name().charAt(p.name().indexOf("denselayer") + 10) - '0'
                            : shape.blocks().get(block - 1).layers().size() + 1;
            if (p.shape().size() > 1 && (width == 0 || !p.name().contains("conv2"))) {
                int inputs = p.shape().get(1);
                int taps = (int) (p.count() / p.shape().get(0) / inputs);
                for (int i = 0; i < values.length; i++) {
                    int channel = i / taps % inputs;
                    int source = channel < input ? 0 : (channel - input) / 5 + 1;
                    values[i] =
                            (source + 10 * target + 100 * block) * (signs.nextBoolean() ? 1 : -1);
                }
            }
            weights.put(p.name(), values);
        }
        return weights;
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 4})
    void everyConnectionIsTheMeanAbsoluteWeightOfItsOwnChannels(int width) {
        NetworkShape shape = NetworkShape.of(spec(width));
        FeatureReuse reuse = FeatureReuse.of(shape.spec(), marked(shape, width)::get);
        assertEquals(2, reuse.blocks().size());
        for (BlockReuse block : reuse.blocks()) {
            int targets = block.layers() + 1;
            assertEquals(targets * (targets + 1) / 2, block.connections().size());
            for (int target = 1; target <= targets; target++) {
                for (int source = 0; source < target; source++) {
                    Connection c = block.connection(source, target);
                    assertEquals(source, c.source());
                    assertEquals(target, c.target());
                    double expected = source + 10 * target + 100 * block.block();
                    assertEquals(expected, c.meanAbsolute(), 1e-9 * expected);
                    double strongest = expected + (target - 1 - source);
                    assertEquals(expected / strongest, c.shareOfTarget(), 1e-9);
                }
            }
        }
        assertEquals("transition1", reuse.blocks().get(0).targetName(4));
        assertEquals("classifier", reuse.blocks().get(1).targetName(3));
        assertEquals("input", reuse.blocks().get(0).sourceName(0));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 4})
    void connectionsTogetherAreAllWeightsThatReadFeatures(int width) {
        NetworkShape shape = NetworkShape.of(spec(width));
        long expected =
                shape.parameters().stream()
                        .filter(p -> p.shape().size() > 1)
                        .filter(p -> !p.name().contains("conv0"))
                        .filter(p -> width == 0 || !p.name().contains("conv2"))
                        .mapToLong(p -> p.count())
                        .sum();
        FeatureReuse reuse = FeatureReuse.of(shape.spec(), marked(shape, width)::get);
        assertEquals(expected, reuse.connections().stream().mapToLong(Connection::weights).sum());
    }

    @Test
    void aFreshNetworkIsEvenBecauseItsInitialisationIs() {
        try (Device device = Device.cpu();
                Network network =
                        Network.open(MemoryPlan.of(spec(4)).batch(1).on(device), device, 9)) {
            FeatureReuse reuse = FeatureReuse.of(network);
            // He et al. 2015: deviation sqrt(2/fan-in); E|w| of a normal is deviation·sqrt(2/pi).
            Connection c = reuse.blocks().get(0).connection(0, 3);
            double expected = Math.sqrt(2.0 / 17) * Math.sqrt(2 / Math.PI);
            assertEquals(expected, c.meanAbsolute(), 0.2 * expected);
        }
    }

    @Test
    void aCheckpointGivesWhatItsNetworkGives() throws IOException {
        Path file = folder.resolve("checkpoint.safetensors");
        try (Device device = Device.cpu();
                Trainer trainer = Trainer.of(spec(4), device).batch(1).open()) {
            trainer.save(file);
            assertEquals(
                    FeatureReuse.of(trainer.network()).connections(),
                    FeatureReuse.read(file).connections());
        }
    }

    @Test
    void brokenCheckpointsAreRefusedInOneLine() throws IOException {
        Path file = folder.resolve("no.safetensors");
        assertThrows(IOException.class, () -> FeatureReuse.read(file));
        Files.write(file, new byte[100]);
        String message =
                assertThrows(IOException.class, () -> FeatureReuse.read(file)).getMessage();
        assertTrue(message.contains("no.safetensors") && !message.contains("\n"), message);
    }

    @Test
    void weightsThatAreNotFiniteOrOfAnotherSizeAreRefused() {
        NetworkShape shape = NetworkShape.of(spec(4));
        Map<String, float[]> weights = marked(shape, 4);
        float[] some = weights.get("features.denseblock1.denselayer2.conv1.weight");
        some[some.length - 1] = Float.NaN;
        assertThrows(
                IllegalArgumentException.class, () -> FeatureReuse.of(shape.spec(), weights::get));
        weights.put(
                "features.denseblock1.denselayer2.conv1.weight",
                Arrays.copyOf(some, some.length - 1));
        assertThrows(
                IllegalArgumentException.class, () -> FeatureReuse.of(shape.spec(), weights::get));
    }

    @Test
    void thereIsNoConnectionBackwards() {
        NetworkShape shape = NetworkShape.of(spec(4));
        BlockReuse block = FeatureReuse.of(shape.spec(), marked(shape, 4)::get).blocks().getFirst();
        for (int[] pair :
                List.of(new int[] {1, 1}, new int[] {-1, 1}, new int[] {0, 0}, new int[] {0, 5})) {
            assertThrows(IllegalArgumentException.class, () -> block.connection(pair[0], pair[1]));
        }
    }
}
