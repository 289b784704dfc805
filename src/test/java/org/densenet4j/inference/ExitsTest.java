package org.densenet4j.inference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.Cifar;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.Glyphs;
import org.densenet4j.data.Normalisation;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.spec.MsdNetSpec;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;

/** Networks with several exits: as far as one of them, by budgets, and by thresholds. */
class ExitsTest {
    private static final MsdNetSpec SPEC =
            MsdNetSpec.builder()
                    .layersPerExit(2, 1, 1)
                    .growthFactors(1, 2)
                    .bottleneckFactors(1, 2)
                    .growthRate(4)
                    .initialChannels(6)
                    .exitChannels(8)
                    .classes(10)
                    .inputSize(32)
                    .build();

    @TempDir private static Path glyphs;
    private static Device device;
    private static Predictor predictor;
    private static RandomCase network;

    @BeforeAll
    static void open() throws IOException {
        device = Device.open("cpu", DeviceOptions.defaults().withThreads(2));
        network = RandomCase.of(SPEC, 5, 1);
        predictor = Predictor.of(SPEC, network::values).device(device).batch(2).open();
    }

    @AfterAll
    static void close() {
        predictor.close();
        device.close();
    }

    @Test
    void everyExitGivesTheLogitsOfTheWholePass() {
        List<Exit> exits = predictor.exits();
        assertEquals(List.of("exit1", "exit2", "exit3"), exits.stream().map(Exit::head).toList());
        assertEquals(SPEC.graph().multiplyAdds(), exits.getLast().multiplyAdds());
        for (Exit exit : exits) {
            assertArrayEquals(
                    predictor.logits(exit.head(), network.pixels, network.images),
                    predictor.logits(exit, network.pixels, network.images));
        }
    }

    @Test
    void aPassGoesOnFromWhereItStopped() throws IOException {
        InferencePlan plan = InferencePlan.of(SPEC).batch(5).on(device);
        try (InferenceNetwork alone = InferenceNetwork.open(plan, device, network::values)) {
            float[] logits = new float[50];
            float[] whole = new float[50];
            alone.forward(network.pixels, 0, 5);
            alone.logits("exit2", 5, whole, 0);
            alone.forward("exit1", network.pixels, 0, 5);
            IllegalStateException e =
                    assertThrows(
                            IllegalStateException.class, () -> alone.logits("exit2", 5, logits, 0));
            assertEquals(
                    "the last pass has not come to 'exit2'; call advance before", e.getMessage());
            alone.advance("exit2");
            alone.logits("exit2", 5, logits, 0);
            assertArrayEquals(whole, logits);
            alone.advance("exit1"); // which it has passed
            assertThrows(IllegalArgumentException.class, () -> alone.advance("exit4"));
        }
    }

    @Test
    void aBudgetIsWhatTheLastExitWithinItTakes() {
        List<Exit> exits = predictor.exits();
        assertEquals(exits.get(1), predictor.within(exits.get(1).multiplyAdds()));
        assertEquals(exits.get(0), predictor.within(exits.get(1).multiplyAdds() - 1));
        assertEquals(exits.get(2), predictor.within(Duration.ofMinutes(1)));
        IllegalArgumentException few =
                assertThrows(IllegalArgumentException.class, () -> predictor.within(1000));
        assertTrue(
                few.getMessage()
                        .startsWith("no exit comes within 1,000 multiply-adds an image; the first"),
                few.getMessage());
        IllegalArgumentException soon =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> predictor.within(Duration.ofNanos(1)));
        assertTrue(
                soon.getMessage().startsWith("no exit comes within 0.000 ms an image; the first"),
                soon.getMessage());
    }

    private static BatchLoader glyphs(int images) {
        Path folder = glyphs.resolve("of" + images);
        try {
            Glyphs.generate(folder, 5, images, 7);
            Dataset data = Cifar.cifar10(folder).test();
            return BatchLoader.of(data).batch(8).normalise(Normalisation.of(data));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void thresholdsLetSharesOfTheHeldOutImagesLeave() {
        ExitEvaluation heldOut = ExitEvaluation.of(predictor, glyphs(40));
        assertEquals(40, heldOut.images());
        List<Exit> exits = predictor.exits();
        // Shares 4/7, 2/7 and 1/7 of 40 images: the last exit takes what is left of 22 and 11.
        ExitEvaluation.Point half = heldOut.budgeted(ExitThresholds.of(heldOut, 0.5));
        double expected =
                (22.0 * exits.get(0).multiplyAdds()
                                + 11.0 * exits.get(1).multiplyAdds()
                                + 7.0 * exits.get(2).multiplyAdds())
                        / 40;
        assertEquals(expected, half.multiplyAdds(), 1);
        List<ExitEvaluation.Point> curve = heldOut.budgeted(heldOut);
        assertEquals(39, curve.size());
        List<ExitEvaluation.Point> anytime = heldOut.anytime();
        assertEquals(anytime.get(0).accuracy(), curve.getFirst().accuracy(), 0.1);
        assertTrue(curve.getFirst().multiplyAdds() < curve.getLast().multiplyAdds());
        assertTrue(curve.getFirst().seconds() < anytime.getLast().seconds());
        assertThrows(IllegalArgumentException.class, () -> ExitThresholds.of(heldOut, 0));
    }

    @Test
    void imagesLeaveWhereTheyAreSure() {
        double never = Double.POSITIVE_INFINITY;
        List<List<Double>> thresholds =
                List.of(List.of(0.0, 0.0), List.of(never, 0.0), List.of(never, never));
        for (int exit = 0; exit < 3; exit++) {
            List<List<Prediction>> found =
                    predictor.classify(
                            network.pixels,
                            network.images,
                            new ExitThresholds(thresholds.get(exit)),
                            1);
            float[] logits =
                    predictor.logits(predictor.exits().get(exit), network.pixels, network.images);
            for (int i = 0; i < network.images; i++) {
                float[] own = Arrays.copyOfRange(logits, i * 10, (i + 1) * 10);
                assertEquals(ClassLogits.best(own, 0, 10), found.get(i).getFirst().index());
            }
            List<List<Prediction>> all =
                    predictor.classify(
                            predictor.exits().get(exit), network.pixels, network.images, 1);
            for (int i = 0; i < network.images; i++) {
                Prediction other = all.get(i).getFirst();
                assertEquals(other.index(), found.get(i).getFirst().index());
                assertEquals(other.probability(), found.get(i).getFirst().probability(), 1e-6);
            }
        }
        List<EarlyPrediction> early =
                predictor.classifyEarly(
                        network.pixels, network.images, ExitThresholds.ofConfidence(0.1, 3), 1);
        early.forEach(p -> assertEquals(predictor.exits().getFirst(), p.exit()));
        assertThrows(
                IllegalArgumentException.class, () -> ExitThresholds.ofConfidence(Double.NaN, 3));
        ExitThresholds ofTwo = new ExitThresholds(List.of(0.5));
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> predictor.classify(network.pixels, 1, ofTwo, 1));
        assertEquals(
                "thresholds of 2 exits for a network of 3: find them with that network",
                e.getMessage());
    }
}
