package org.densenet4j.detection;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.Box;
import org.densenet4j.data.LabelledBox;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

class MultiBoxLossTest {
    private static final Priors PRIORS = PriorsTest.small();
    private static final int CLASSES = 4;

    private static float[] random(int length, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static List<List<LabelledBox>> two() {
        return List.of(
                List.of(
                        new LabelledBox(new Box(0.1, 0.2, 0.35, 0.5), 2),
                        new LabelledBox(new Box(0.4, 0.1, 0.9, 0.8), 0)),
                List.of(new LabelledBox(new Box(0.5, 0.5, 0.75, 0.7), 3)));
    }

    @Test
    void lossAndGradientsAreThoseThatPyTorchRecorded() throws IOException {
        try (Recorded recorded = new Recorded()) {
            MultiBoxLoss.Outcome outcome =
                    MultiBoxLoss.of(PRIORS, CLASSES)
                            .of(
                                    recorded.floats("loss.logits"),
                                    recorded.floats("loss.offsets"),
                                    recorded.objects("loss.objects", 3));
            assertEquals(recorded.number("loss.matches"), outcome.matches());
            assertEquals(recorded.number("loss.loss"), outcome.loss(), 1e-10);
            assertEquals(outcome.loss(), outcome.classLoss() + outcome.offsetLoss(), 1e-12);
            assertClose(recorded.doubles("loss.logits.gradient"), outcome.logitsGradient());
            assertClose(recorded.doubles("loss.offsets.gradient"), outcome.offsetsGradient());
        }
    }

    private static void assertClose(double[] wanted, float[] got) {
        assertEquals(wanted.length, got.length);
        for (int i = 0; i < wanted.length; i++) {
            assertEquals(wanted[i], got[i], 1e-7 * Math.max(1, Math.abs(wanted[i])), "at " + i);
        }
    }

    @Test
    void gradientsAreFiniteDifferences() {
        MultiBoxLoss loss = MultiBoxLoss.of(PRIORS, CLASSES).withOffsetWeight(0.7);
        float[] logits = random(2 * PRIORS.size() * (1 + CLASSES), 1);
        float[] offsets = random(2 * PRIORS.size() * 4, 2);
        MultiBoxLoss.Outcome outcome = loss.of(logits, offsets, two());
        float step = 1f / 1024;
        int seen = 0;
        for (boolean ofLogits : new boolean[] {true, false}) {
            float[] values = ofLogits ? logits : offsets;
            float[] gradient = ofLogits ? outcome.logitsGradient() : outcome.offsetsGradient();
            for (int i = 0; i < values.length; i++) {
                if (gradient[i] == 0) {
                    continue; // which negatives count changes at some of these
                }
                float before = values[i];
                values[i] = before + step;
                double more = loss.of(logits, offsets, two()).loss();
                values[i] = before - step;
                double less = loss.of(logits, offsets, two()).loss();
                values[i] = before;
                double slope = (more - less) / (2 * (double) step);
                // A negative at the edge of those that count may drop out on the way.
                boolean smooth = Math.abs(more + less - 2 * outcome.loss()) < 1e-5;
                if (smooth) {
                    assertEquals(slope, gradient[i], 2e-5, "at " + i);
                    seen++;
                }
            }
        }
        assertTrue(seen > 60, seen + " gradients");
    }

    @Test
    void anImageWithoutObjectsAddsNothing() {
        MultiBoxLoss loss = MultiBoxLoss.of(PRIORS, CLASSES);
        int logits = PRIORS.size() * (1 + CLASSES);
        MultiBoxLoss.Outcome nothing =
                loss.of(random(logits, 3), random(PRIORS.size() * 4, 4), List.of(List.of()));
        assertEquals(0, nothing.loss());
        assertEquals(0, nothing.matches());
        assertArrayEquals(new float[logits], nothing.logitsGradient());
        MultiBoxLoss.Outcome both =
                loss.of(
                        random(2 * logits, 3),
                        random(2 * PRIORS.size() * 4, 4),
                        List.of(List.of(), two().getLast()));
        MultiBoxLoss.Outcome alone =
                loss.of(
                        Arrays.copyOfRange(random(2 * logits, 3), logits, 2 * logits),
                        Arrays.copyOfRange(
                                random(2 * PRIORS.size() * 4, 4),
                                PRIORS.size() * 4,
                                2 * PRIORS.size() * 4),
                        List.of(two().getLast()));
        assertEquals(alone.loss(), both.loss(), 1e-12);
    }

    @Test
    void threeNegativesCountForEachMatchAndTheyAreTheHardest() {
        float[] logits = random(PRIORS.size() * (1 + CLASSES), 7);
        List<List<LabelledBox>> one = List.of(two().getLast());
        MultiBoxLoss.Outcome outcome =
                MultiBoxLoss.of(PRIORS, CLASSES).of(logits, new float[PRIORS.size() * 4], one);
        int counted = 0;
        double easiest = Double.POSITIVE_INFINITY;
        double hardestOfTheRest = 0;
        PriorMatch match = PriorMatch.of(PRIORS, List.of(one.getFirst().getFirst().box()), 0.5);
        for (int p = 0; p < PRIORS.size(); p++) {
            int at = p * (1 + CLASSES);
            double sum = 0;
            for (int c = 0; c <= CLASSES; c++) {
                sum += Math.exp(logits[at + c]);
            }
            double hardness = Math.log(sum) - logits[at];
            if (outcome.logitsGradient()[at] != 0) {
                counted++;
                easiest = match.object(p) < 0 ? Math.min(easiest, hardness) : easiest;
            } else {
                hardestOfTheRest = Math.max(hardestOfTheRest, hardness);
            }
        }
        assertEquals(4 * outcome.matches(), counted);
        assertTrue(easiest > hardestOfTheRest, easiest + " " + hardestOfTheRest);
    }

    /** Both objects lie on one prior: the one that overlaps it more gets it, the other the next. */
    @Test
    void everyObjectGetsAPriorOfItsOwn() {
        Box prior = PRIORS.box(20);
        List<Box> objects =
                List.of(prior.moved(0.3 * prior.width(), 0), prior.moved(0.1 * prior.width(), 0));
        PriorMatch match = PriorMatch.of(PRIORS, objects, 0.99);
        assertEquals(1, match.object(20));
        int others = 0;
        for (int p = 0; p < PRIORS.size(); p++) {
            others += match.object(p) == 0 ? 1 : 0;
        }
        assertEquals(1, others);
        assertEquals(1 / (1 + 2 * 0.1 / 0.9), match.overlap(20), 1e-12);
    }

    @Test
    void crowdsAndBoxesWithoutAreaAreLeftOut() {
        Box box = new Box(0.2, 0.2, 0.6, 0.6);
        List<LabelledBox> left =
                List.of(
                        new LabelledBox(box, 1, false, true, 1),
                        new LabelledBox(new Box(0.2, 0.2, 0.2, 0.6), 1));
        MultiBoxLoss.Outcome outcome =
                MultiBoxLoss.of(PRIORS, CLASSES)
                        .of(
                                random(PRIORS.size() * (1 + CLASSES), 7),
                                new float[PRIORS.size() * 4],
                                List.of(left));
        assertEquals(0, outcome.matches());
    }

    @Test
    void whatDoesNotFitIsSaidInOneLine() {
        MultiBoxLoss loss = MultiBoxLoss.of(PRIORS, 1);
        String length =
                assertThrows(
                                IllegalArgumentException.class,
                                () -> loss.of(new float[3], new float[4], two()))
                        .getMessage();
        assertTrue(length.startsWith("logits: 2 images with 88 priors of 2 numbers"), length);
        String label =
                assertThrows(
                                IllegalArgumentException.class,
                                () -> loss.of(new float[2 * 88 * 2], new float[2 * 88 * 4], two()))
                        .getMessage();
        assertTrue(label.contains("object of class 2: the loss has 1 classes"), label);
    }
}
