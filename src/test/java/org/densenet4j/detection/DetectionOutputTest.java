package org.densenet4j.detection;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.Box;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

class DetectionOutputTest {
    private static final Priors PRIORS = PriorsTest.small();

    @Test
    void whatStaysIsWhatTorchvisionKeeps() throws IOException {
        try (Recorded recorded = new Recorded()) {
            List<Detection> all = recorded.detections("nms.detections", 1).getFirst();
            List<Detection> kept = new ArrayList<>();
            for (int c = 0; c < 3; c++) {
                int label = c;
                kept.addAll(
                        NonMaximumSuppression.of(
                                all.stream().filter(one -> one.label() == label).toList(), 0.45));
            }
            kept.sort(Comparator.comparingDouble(Detection::score).reversed());
            List<Detection> wanted = new ArrayList<>();
            for (double index : recorded.doubles("nms.kept")) {
                wanted.add(all.get((int) index));
            }
            assertEquals(wanted, kept);
            assertTrue(kept.size() > 10 && kept.size() < 70, kept.size() + " stay");
        }
    }

    /** Background everywhere but where a test says something else. */
    private static float[] quiet() {
        float[] logits = new float[PRIORS.size() * 3];
        for (int p = 0; p < PRIORS.size(); p++) {
            logits[3 * p] = 12;
        }
        return logits;
    }

    @Test
    void aConfidentPriorIsFoundWhereItsOffsetsSay() {
        float[] logits = quiet();
        logits[3 * 20 + 2] = 14;
        float[] offsets = new float[PRIORS.size() * 4];
        offsets[4 * 20] = 2;
        List<List<Detection>> found = DetectionOutput.PUBLISHED.of(PRIORS, 2, logits, offsets);
        assertEquals(1, found.size());
        assertEquals(1, found.getFirst().size());
        Detection one = found.getFirst().getFirst();
        Box prior = PRIORS.box(20);
        assertEquals(1, one.label());
        assertEquals(1 / (1 + Math.exp(-2) + Math.exp(-14)), one.score(), 1e-9);
        assertEquals(prior.left() + 0.2 * prior.width(), one.box().left(), 1e-7);
        assertEquals(prior.bottom(), one.box().bottom(), 1e-7);
    }

    /** Prior 16 and 17 are squares at one cell, of sides 6 and 8.5: they overlap by 0.5. */
    @Test
    void overlappingBoxesOfAClassAreSuppressedAndOfTwoClassesAreNot() {
        float[] logits = quiet();
        logits[3 * 16 + 1] = 14;
        logits[3 * 17 + 1] = 13;
        float[] offsets = new float[PRIORS.size() * 4];
        assertEquals(1, DetectionOutput.PUBLISHED.of(PRIORS, 2, logits, offsets).getFirst().size());
        logits[3 * 17 + 1] = 0;
        logits[3 * 17 + 2] = 13;
        List<Detection> found = DetectionOutput.PUBLISHED.of(PRIORS, 2, logits, offsets).getFirst();
        assertEquals(List.of(0, 1), found.stream().map(Detection::label).toList());
    }

    @Test
    void theBestAreKeptInOrder() {
        float[] logits = new float[2 * PRIORS.size() * 3];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (i * 7919 % 101) / 20f;
        }
        float[] offsets = new float[2 * PRIORS.size() * 4];
        List<List<Detection>> all =
                new DetectionOutput(0, 400, 1, 1000).of(PRIORS, 2, logits, offsets);
        List<List<Detection>> few =
                new DetectionOutput(0, 400, 1, 5).of(PRIORS, 2, logits, offsets);
        assertEquals(2 * PRIORS.size(), all.getLast().size());
        assertEquals(all.getLast().subList(0, 5), few.getLast());
        for (int i = 1; i < all.getLast().size(); i++) {
            assertTrue(all.getLast().get(i - 1).score() >= all.getLast().get(i).score());
        }
    }

    @Test
    void arraysOfOtherPriorsAreRefused() {
        String message =
                assertThrows(
                                IllegalArgumentException.class,
                                () ->
                                        DetectionOutput.PUBLISHED.of(
                                                PRIORS, 3, quiet(), new float[88 * 4]))
                        .getMessage();
        assertTrue(message.startsWith("264 logits and 352 offsets are not of 88 priors"), message);
    }
}
