package org.densenet4j.insight;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.data.Batch;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

class PruneReportTest {
    private static final List<Double> SHARES = List.of(0.5, 0.2);

    private final Device device = Device.cpu();
    private Network network;
    private List<Batch> data;

    @BeforeEach
    void open() {
        DenseNetSpec spec =
                DenseNetSpec.builder()
                        .name("tiny")
                        .growthRate(3)
                        .layersPerBlock(3, 2)
                        .initialChannels(5)
                        .bottleneckWidth(4)
                        .compression(0.5)
                        .stem(Stem.SMALL)
                        .classes(4)
                        .inputSize(6)
                        .build();
        MemoryPlan plan =
                MemoryPlan.of(spec).strategy(MemoryStrategy.RECOMPUTE).batch(5).on(device);
        network = Network.open(plan, device, 4);
        data = List.of(batch(5, 1), batch(3, 2));
    }

    @AfterEach
    void close() {
        network.close();
        device.close();
    }

    private static Batch batch(int images, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] pixels = new float[images * 6 * 6 * 3];
        int[] labels = new int[images];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) random.nextGaussian();
        }
        for (int i = 0; i < images; i++) {
            labels[i] = random.nextInt(4);
        }
        return new Batch(pixels, labels, 6, 6, 3);
    }

    private static Map<String, float[]> parameters(Network network) {
        Map<String, float[]> values = new HashMap<>();
        for (ParameterSpec p : network.parameters()) {
            values.put(p.name(), network.parameter(p.name()));
        }
        return values;
    }

    @Test
    void theNetworkIsTheSameAfterwardsAlsoWhenTheDataFails() {
        Map<String, float[]> before = parameters(network);
        PruneReport.of(network, Ranking.WEIGHT, SHARES, () -> data);
        int[] asked = new int[1];
        assertThrows(
                IllegalStateException.class,
                () ->
                        PruneReport.of(
                                network,
                                Ranking.WEIGHT,
                                SHARES,
                                () -> {
                                    if (asked[0]++ == 2) {
                                        throw new IllegalStateException("disk");
                                    }
                                    return data;
                                }));
        parameters(network).forEach((name, values) -> assertArrayEquals(before.get(name), values));
    }

    @Test
    void eachRowIsTheNetworkWithItsWeakestConnectionsAtZero() {
        PruneReport report = PruneReport.of(network, Ranking.TARGET, SHARES, () -> data);
        assertEquals(List.of(0.0, 0.2, 0.5), report.rows().stream().map(r -> r.share()).toList());
        PruneReport.Row half = report.rows().get(2);
        assertEquals(Math.round(0.5 * report.connections().size()), half.masked());
        assertEquals(8, half.images());

        // The same by hand: a network in which the masked connections are zero to begin with.
        long zeros = 0;
        for (Connection c : report.connections().subList(0, half.masked())) {
            float[] values = network.parameter(c.weightName());
            int inputs =
                    network.parameters().stream()
                            .filter(p -> p.name().equals(c.weightName()))
                            .findFirst()
                            .orElseThrow()
                            .shape()
                            .get(1);
            for (int i = 0; i < values.length; i++) {
                int channel = i % inputs; // all kernels are 1x1 here
                if (channel >= c.firstChannel() && channel < c.firstChannel() + c.channels()) {
                    values[i] = 0;
                    zeros++;
                }
            }
            network.parameter(c.weightName(), values);
        }
        assertEquals(zeros, half.maskedWeights());
        PruneReport masked = PruneReport.of(network, Ranking.TARGET, List.of(), () -> data);
        assertEquals(masked.rows().getFirst().loss(), half.loss(), 1e-9);
        assertEquals(masked.rows().getFirst().correct(), half.correct());
    }

    @Test
    void whatHasNoWeightGoesFirstAndCostsNothing() {
        String name = "features.denseblock1.denselayer3.conv1.weight"; // [12, 11, 1, 1]
        float[] values = network.parameter(name);
        for (int i = 0; i < values.length; i++) {
            if (i % 11 >= 5 && i % 11 < 8) {
                values[i] = 0;
            }
        }
        network.parameter(name, values);
        PruneReport report = PruneReport.of(network, Ranking.WEIGHT, List.of(0.06), () -> data);
        Connection first = report.connections().getFirst();
        assertEquals(0, first.meanAbsolute());
        assertEquals(1, first.source());
        assertEquals(3, first.target());
        assertEquals(1, report.rows().get(1).masked());
        assertEquals(report.rows().get(0).loss(), report.rows().get(1).loss());
        assertEquals(0.06, report.largestWithin(0).orElseThrow().share());
    }

    @Test
    void allMaskedIsAGuess() {
        PruneReport report = PruneReport.of(network, Ranking.WEIGHT, List.of(1.0), () -> data);
        assertEquals(Math.log(4), report.rows().get(1).loss(), 1e-5);
        assertEquals(report.rows().get(1).allWeights(), report.rows().get(1).maskedWeights());
    }

    @Test
    void sharesOutOfRangeAndEmptyDataAreRefused() {
        for (double share : new double[] {0, -0.1, 1.01, Double.NaN}) {
            assertThrows(
                    IllegalArgumentException.class,
                    () -> PruneReport.of(network, Ranking.WEIGHT, List.of(share), () -> data));
        }
        assertThrows(
                IllegalArgumentException.class,
                () -> PruneReport.of(network, Ranking.WEIGHT, SHARES, List::of));
    }

    @Test
    void theAnswerIsTheLargestShareBeforeTheAccuracyFalls() {
        PruneReport.Row[] rows = {
            row(0, 90), row(0.1, 91), row(0.2, 89), row(0.3, 50), row(0.5, 90)
        };
        PruneReport report = new PruneReport(Ranking.WEIGHT, List.of(), List.of(rows));
        assertEquals(0.2, report.largestWithin(0.01).orElseThrow().share());
        assertEquals(0.1, report.largestWithin(0).orElseThrow().share());
        assertTrue(report.largestWithin(-0.05).isEmpty());
    }

    private static PruneReport.Row row(double share, long correct) {
        return new PruneReport.Row(share, 0, 0, 1, 1, correct, 100);
    }
}
