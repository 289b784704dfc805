package org.densenet4j.spec;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Initialisation;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.ParameterSpec.Role;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

class InitialiserTest {
    private static float[] filled(Initialiser initialiser, ParameterSpec p) {
        float[] values = new float[Math.toIntExact(p.count())];
        initialiser.fill(p, values);
        return values;
    }

    private static double mean(float[] values) {
        return IntStream.range(0, values.length).mapToDouble(i -> values[i]).average().orElse(0);
    }

    private static double variance(float[] values) {
        double mean = mean(values);
        return IntStream.range(0, values.length)
                .mapToDouble(i -> (values[i] - mean) * (values[i] - mean))
                .average()
                .orElse(0);
    }

    private static double largest(float[] values) {
        return IntStream.range(0, values.length)
                .mapToDouble(i -> Math.abs(values[i]))
                .max()
                .orElse(0);
    }

    private static ParameterSpec parameter(Graph graph, String name) {
        return graph.parameters().stream()
                .filter(p -> p.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    /** Runs are repeated from their seed: the values of the first release stay as they are. */
    @ParameterizedTest
    @CsvSource({"bc-16-4, -2361857806303432478", "plain-10-3, 7642890744283395756"})
    void valuesOfDenseNetsNeverChange(String model, long expected) {
        Graph graph = DenseNetSpec.preset(model).build().graph();
        long seed = -5_000_000_017L;
        long hash = 0;
        for (ParameterSpec p : graph.parameters()) {
            float[] values = filled(Initialiser.seeded(seed), p);
            assertArrayEquals(values, filled(Initialiser.of(graph, seed), p), p.name());
            for (float value : values) {
                hash = 31 * hash + Float.floatToRawIntBits(value);
            }
        }
        assertEquals(expected, hash);
    }

    /** √(6/fan-in) bounds a uniform distribution with the variance 2/fan-in. */
    @Test
    void weightsOfFcDenseNetsAreUniformWithTheVarianceOfHeEtAl() {
        Graph graph = FcDenseNetSpec.fcDenseNet56().build().graph();
        assertEquals(Initialisation.HE_UNIFORM, graph.initialisation());
        Initialiser initialiser = Initialiser.of(graph, 3);
        for (String name :
                List.of(
                        "denseBlocksDown.4.layers.3.conv.weight",
                        "transDownBlocks.4.conv.weight",
                        "transUpBlocks.0.convTrans.weight")) {
            ParameterSpec p = parameter(graph, name);
            float[] values = filled(initialiser, p);
            double bound = Math.sqrt(6.0 / p.fanIn());
            assertTrue(largest(values) <= bound, name);
            assertTrue(largest(values) > 0.99 * bound, name);
            assertEquals(0, mean(values), 0.02 * bound, name);
            assertEquals(2.0 / p.fanIn(), variance(values), 0.03 * 2 / p.fanIn(), name);
        }
        for (ParameterSpec p : graph.parameters()) {
            if (!p.role().isWeight()) {
                float[] expected = new float[Math.toIntExact(p.count())];
                Arrays.fill(expected, p.role() == Role.BN_WEIGHT ? 1 : 0);
                assertArrayEquals(expected, filled(initialiser, p), p.name());
            }
        }
    }

    /** Outputs times pixels of the kernel: what one input goes into. */
    @Test
    void convolutionsOfResNetsAreNormalWithTheVarianceOfTheirFanOut() {
        Graph graph = ResNetSpec.resnet50().build().graph();
        assertEquals(Initialisation.RESNET, graph.initialisation());
        Initialiser initialiser = Initialiser.of(graph, 3);
        float[] wide = filled(initialiser, parameter(graph, "layer1.1.conv1.weight"));
        assertEquals(2.0 / 64, variance(wide), 0.04 * 2 / 64);
        float[] square = filled(initialiser, parameter(graph, "layer2.1.conv2.weight"));
        assertEquals(2.0 / (128 * 9), variance(square), 0.03 * 2 / (128 * 9));
        assertEquals(0, mean(square), 0.01 * Math.sqrt(2.0 / (128 * 9)));
        float[] stem = filled(initialiser, parameter(graph, "conv1.weight"));
        assertEquals(2.0 / (64 * 49), variance(stem), 0.06 * 2 / (64 * 49));
        double deviation = Math.sqrt(2.0 / (64 * 49));
        assertTrue(largest(stem) > 3 * deviation, "no uniform distribution");
    }

    @Test
    void theClassifierOfAResNetStartsWithABias() {
        Graph graph = ResNetSpec.resnet18().build().graph();
        Initialiser initialiser = Initialiser.of(graph, 3);
        double bound = 1 / Math.sqrt(512);
        for (String name : List.of("fc.weight", "fc.bias")) {
            float[] values = filled(initialiser, parameter(graph, name));
            assertTrue(largest(values) <= bound, name);
            assertTrue(largest(values) > 0.98 * bound, name);
            assertEquals(bound * bound / 3, variance(values), 0.1 * bound * bound / 3, name);
        }
        float[] weight = filled(initialiser, parameter(graph, "fc.weight"));
        float[] bias = filled(initialiser, parameter(graph, "fc.bias"));
        assertNotEquals(weight[0], bias[0]);
        ParameterSpec other = ParameterSpec.of("head.bias", Role.LINEAR_BIAS, 10);
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> initialiser.fill(other, new float[10]));
        assertEquals("the bias 'head.bias' is none of this network's", e.getMessage());
    }

    @Test
    void aGraphOfOnesOwnStartsAsItSays() {
        Graph normal = linear(Graph.builder("mine", 8, 8, 3));
        Graph uniform =
                linear(Graph.builder("mine", 8, 8, 3).initialisation(Initialisation.HE_UNIFORM));
        assertEquals(Initialisation.DENSENET, normal.initialisation());
        ParameterSpec p = parameter(normal, "conv.weight");
        double bound = Math.sqrt(6.0 / p.fanIn());
        assertTrue(largest(filled(Initialiser.of(normal, 1), p)) > bound);
        assertTrue(largest(filled(Initialiser.of(uniform, 1), p)) <= bound);
    }

    private static Graph linear(Graph.Builder graph) {
        Columns x = new Features("x", 8, 8, 200).all();
        Read images = Read.raw(graph.input().all());
        return graph.add(
                        new ConvolutionLayer(
                                "stem", images, Window.THREE, "conv", false, Drops.NOTHING, x))
                .add(new Classifier("head", Read.raw(x), "fc", 2))
                .build();
    }
}
