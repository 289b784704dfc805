package org.densenet4j.inference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.densenet4j.backend.Device;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.weights.Model;
import org.densenet4j.weights.RandomModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;

/** Outputs beside the formulas, in double precision. */
class OutputActivationTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.bc(10, 4).classes(5).inputSize(8, 8).build();

    @TempDir private Path folder;

    private static double[] softmax(float[] logits, int at, int classes) {
        double sum = 0;
        for (int c = 0; c < classes; c++) {
            sum += Math.exp((double) logits[at + c]);
        }
        double[] all = new double[classes];
        for (int c = 0; c < classes; c++) {
            all[c] = Math.exp((double) logits[at + c]) / sum;
        }
        return all;
    }

    private static double sigmoid(double z) {
        return Math.exp(z) / (Math.exp(z) + 1);
    }

    @Test
    void outputsAreThoseOfTheFormulas() {
        SplittableRandom random = new SplittableRandom(5);
        for (int trial = 0; trial < 50; trial++) {
            int classes = random.nextInt(1, 9);
            float[] logits = new float[classes * random.nextInt(0, 6)];
            for (int i = 0; i < logits.length; i++) {
                logits[i] = (float) random.nextDouble(-80, 80);
            }
            float[] softmax = logits.clone();
            OutputActivation.SOFTMAX.apply(softmax, classes);
            float[] sigmoid = logits.clone();
            OutputActivation.SIGMOID.apply(sigmoid, classes);
            float[] none = logits.clone();
            OutputActivation.NONE.apply(none, classes);
            for (int i = 0; i < logits.length; i++) {
                double[] expected = softmax(logits, i / classes * classes, classes);
                assertEquals(expected[i % classes], softmax[i], 1e-7);
                assertEquals(sigmoid(logits[i]), sigmoid[i], 1e-7);
            }
            assertArrayEquals(logits, none);
        }
    }

    @Test
    void theLargestLogitsOverflowNothing() {
        float[] softmax = {Float.MAX_VALUE, -Float.MAX_VALUE, 0};
        OutputActivation.SOFTMAX.apply(softmax, 3);
        assertArrayEquals(new float[] {1, 0, 0}, softmax);
        float[] sigmoid = {Float.MAX_VALUE, -Float.MAX_VALUE, 0};
        OutputActivation.SIGMOID.apply(sigmoid, 3);
        assertArrayEquals(new float[] {1, 0, 0.5f}, sigmoid);
    }

    private Predictor.Builder predictor(Model model, Device device) {
        return Predictor.of(model).device(device).batch(2);
    }

    @Test
    void aPredictorsOutputsAreOfTheActivationItWasOpenedWith() throws IOException {
        RandomModel random = new RandomModel(SPEC, 3);
        float[] images = random.images(3, 4);
        try (Device device = Device.cpu();
                Model model = Model.open(random.write(folder.resolve("m.safetensors")));
                Predictor byDefault = predictor(model, device).open();
                Predictor sigmoids =
                        predictor(model, device).activation(OutputActivation.SIGMOID).open();
                Predictor values =
                        predictor(model, device).activation(OutputActivation.NONE).open()) {
            float[] logits = byDefault.logits(images, 3);
            assertEquals(OutputActivation.SOFTMAX, byDefault.activation());
            float[] probabilities = byDefault.outputs(images, 3);
            float[] sigmoid = sigmoids.outputs(images, 3);
            for (int i = 0; i < logits.length; i++) {
                double[] expected = softmax(logits, i / 5 * 5, 5);
                assertEquals(expected[i % 5], probabilities[i], 1e-6);
                assertEquals(sigmoid(logits[i]), sigmoid[i], 1e-6);
            }
            assertArrayEquals(logits, sigmoids.logits(images, 3));
            assertArrayEquals(logits, values.outputs(images, 3));

            List<Prediction> labels = sigmoids.classify(images, 3, 5).get(1);
            for (Prediction label : labels) {
                assertEquals(sigmoid(logits[5 + label.index()]), label.probability(), 1e-6);
            }
            IllegalStateException e =
                    assertThrows(IllegalStateException.class, () -> values.classify(images, 3, 1));
            assertEquals(
                    "with the activation NONE outputs are no probabilities of classes; use outputs,"
                            + " or open the predictor with SOFTMAX or SIGMOID",
                    e.getMessage());
        }
    }
}
