package org.densenet4j.inference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.engine.Mode;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.reference.ReferenceNetwork;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.ResNetSpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/** Predictors of networks that say of every pixel what it shows, and what they refuse. */
class PixelPredictorTest {
    private static final int CLASSES = 5;
    private static final int PIXELS = 9 * 14;

    private final Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(2));

    @AfterEach
    void closes() {
        device.close();
    }

    private static NetworkSpec fcDenseNet(boolean batchStatistics) {
        return FcDenseNetSpec.builder()
                .name("small-fc")
                .growthRate(3)
                .initialChannels(4)
                .downLayers(2)
                .bottleneckLayers(1)
                .upLayers(2)
                .inputSize(9, 14)
                .classes(CLASSES)
                .evaluatesWithBatchStatistics(batchStatistics)
                .build();
    }

    private Predictor open(RandomCase c, int batch) throws IOException {
        return Predictor.of(c.spec, c::values).device(device).batch(batch).open();
    }

    private static double[] expected(RandomCase c) {
        return c.reference()
                .forward(c.pixelsAsDoubles(), Mode.EVALUATE, ReferenceNetwork.Dropout.NONE);
    }

    @Test
    void theClassOfAPixelIsThatOfItsLargestLogit() throws IOException {
        RandomCase c = RandomCase.of(fcDenseNet(false), 5, 1);
        double[] logits = expected(c);
        try (Predictor predictor = open(c, 2)) {
            int[] found = predictor.pixelClasses(c.pixels, 5);
            assertEquals(5 * PIXELS, found.length);
            for (int i = 0; i < found.length; i++) {
                for (int k = 0; k < CLASSES; k++) {
                    double margin = logits[i * CLASSES + found[i]] - logits[i * CLASSES + k];
                    assertTrue(margin > -1e-4, "pixel " + i + ": " + margin);
                }
            }
            assertTrue(Arrays.stream(found).distinct().count() > 1, "all of one class");
            assertEquals(0, predictor.pixelClasses(c.pixels, 0).length);
        }
    }

    @Test
    void theProbabilitiesOfEveryPixelAddUpToOne() throws IOException {
        RandomCase c = RandomCase.of(fcDenseNet(false), 3, 2);
        double[] logits = expected(c);
        try (Predictor predictor = open(c, 2)) {
            float[] found = predictor.outputs(c.pixels, 3);
            assertEquals(logits.length, found.length);
            for (int i = 0; i < found.length; i += CLASSES) {
                double sum = 0;
                for (int k = 0; k < CLASSES; k++) {
                    sum += Math.exp(logits[i + k]);
                }
                for (int k = 0; k < CLASSES; k++) {
                    assertEquals(Math.exp(logits[i + k]) / sum, found[i + k], 1e-4);
                }
            }
        }
    }

    @Test
    void withStatisticsOfTheBatchResultsDependOnTheImagesBeside() throws IOException {
        RandomCase c = RandomCase.of(fcDenseNet(true), 2, 3);
        try (Predictor one = open(c, 1);
                Predictor both = open(c, 2)) {
            float[] apart = one.logits(c.pixels, 2);
            float[] together = both.logits(c.pixels, 2);
            assertNotEquals(apart[0], together[0], 1e-3f);
            RandomCase first = RandomCase.of(fcDenseNet(true), 1, 3);
            double[] alone = expected(first);
            assertArrayEquals(first.pixels, Arrays.copyOf(c.pixels, first.pixels.length));
            double[] expectedTogether = expected(c);
            for (int i = 0; i < alone.length; i++) {
                assertEquals(alone[i], apart[i], 1e-3);
            }
            for (int i = 0; i < together.length; i++) {
                assertEquals(expectedTogether[i], together[i], 1e-3);
            }
        }
    }

    /** The early head is the last of a network without what comes behind. */
    @Test
    void everyHeadHasItsLogits() throws IOException {
        RandomCase both = RandomCase.of(twoHeads(true), 3, 6);
        RandomCase early = RandomCase.of(twoHeads(false), 3, 6);
        try (Predictor predictor = open(both, 2);
                Predictor alone = open(early, 2)) {
            float[] expected = alone.logits(both.pixels, 3);
            assertArrayEquals(expected, predictor.logits("early", both.pixels, 3), 1e-5f);
            assertArrayEquals(
                    predictor.logits(both.pixels, 3), predictor.logits("head", both.pixels, 3));
            assertEquals(3 * 2, predictor.logits(both.pixels, 3).length);
            refuses("'late'; there is early, head", () -> predictor.logits("late", both.pixels, 1));
        }
    }

    private static Graph twoHeads(boolean both) {
        Graph.Builder graph = Graph.builder("two heads", 6, 5, 2);
        Features x = new Features("x", 6, 5, 4);
        Features y = new Features("y", 6, 5, 3);
        Read images = Read.raw(graph.input().all());
        graph.add(convolution("one", images, x.all()));
        graph.add(new Classifier("early", Read.raw(x.all()), "early", 4));
        if (both) {
            graph.add(convolution("two", Read.raw(x.all()), y.all()));
            graph.add(new Classifier("head", Read.raw(y.all()), "last", 2));
        }
        return graph.build();
    }

    private static ConvolutionLayer convolution(String name, Read source, Columns target) {
        return new ConvolutionLayer(name, source, Window.THREE, name, true, Drops.NOTHING, target);
    }

    @Test
    void whatOnlyClassifiersOfImagesHaveIsRefusedInOneLine() throws IOException {
        RandomCase c = RandomCase.of(fcDenseNet(true), 2, 4);
        InferencePlan plan = InferencePlan.of(c.spec).batch(2).on(device);
        try (Predictor predictor = open(c, 2);
                InferenceNetwork network = InferenceNetwork.open(plan, device, c::values)) {
            assertTrue(predictor.classifiesPixels());
            assertEquals(CLASSES, predictor.classes());
            assertEquals(List.of("class 0", "class 1"), predictor.classNames().subList(0, 2));
            assertThrows(IllegalStateException.class, predictor::normalisation);
            network.forward(c.pixels, 0, 2);
            refuses("no embeddings", predictor::embeddingLength);
            refuses("no embeddings", () -> predictor.embeddings(c.pixels, 1));
            refuses("no embeddings", () -> network.embeddings(1, new float[99], 0));
            refuses("no class activation maps", () -> predictor.heatMap(c.pixels, 0));
            refuses("no class activation maps", () -> network.classMaps(0));
            refuses("no classes of images", () -> predictor.classify(c.pixels, 1, 1));
            assertEquals(PIXELS * CLASSES, network.logitsPerImage());
            network.logits(2, new float[2 * PIXELS * CLASSES], 0);
            refuses("target: ", () -> network.logits(2, new float[2 * CLASSES], 0));
        }
    }

    @Test
    void classesOfPixelsNeedANetworkThatHasThem() throws IOException {
        RandomCase c = RandomCase.of(ResNetSpec.cifar(8).inputSize(8).build(), 2, 5);
        try (Predictor predictor = open(c, 2)) {
            assertFalse(predictor.classifiesPixels());
            String why = "'" + c.spec.name() + "' classifies images, not pixels";
            refuses(why, () -> predictor.pixelClasses(c.pixels, 1));
            assertEquals(64, predictor.embeddingLength());
            float[] image = Arrays.copyOf(c.pixels, c.pixels.length / 2);
            float[] bias = c.values("fc.bias");
            float[] logits = predictor.logits(image, 1);
            for (int k = 0; k < logits.length; k++) {
                double sum = 0;
                float[] map = predictor.heatMap(image, k).values();
                for (float value : map) {
                    sum += value;
                }
                assertEquals(logits[k], sum / map.length + bias[k], 1e-4, "class " + k);
            }
        }
    }

    private static void refuses(String why, Executable call) {
        Exception refused = assertThrows(IllegalArgumentException.class, call);
        assertTrue(refused.getMessage().contains(why), refused.toString());
    }
}
