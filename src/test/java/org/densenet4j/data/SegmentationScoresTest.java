package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;

class SegmentationScoresTest {
    private static final int VOID = SegmentationBatch.VOID;

    @Test
    void anExampleCountedByHand() {
        SegmentationScores scores = new SegmentationScores(4);
        int[] labels = {0, 0, 0, 1, 1, VOID, VOID, 2};
        int[] predictions = {0, 0, 1, 1, 0, 1, 3, 1};
        scores.add(labels, predictions);
        assertEquals(2 / 4.0, scores.iou(0));
        assertEquals(1 / 4.0, scores.iou(1));
        assertEquals(0, scores.iou(2));
        assertEquals(Double.NaN, scores.iou(3), "predicted for a void pixel alone");
        assertEquals((0.5 + 0.25 + 0) / 3, scores.meanIou(), 1e-15);
        assertEquals(3 / 6.0, scores.accuracy());
        assertEquals(6, scores.pixels());
    }

    /** As sets of pixels: what intersection and union are. */
    @Test
    void scoresAreThoseOfSetsOfPixelsHoweverTheyAreAdded() {
        SplittableRandom random = new SplittableRandom(1);
        for (int trial = 0; trial < 20; trial++) {
            int classes = random.nextInt(1, 7);
            int pixels = random.nextInt(1, 60);
            SegmentationScores whole = new SegmentationScores(classes);
            SegmentationScores merged = new SegmentationScores(classes);
            SegmentationScores tallied = new SegmentationScores(classes);
            int[] allLabels = new int[3 * pixels];
            int[] allPredictions = new int[3 * pixels];
            for (int image = 0; image < 3; image++) {
                int[] labels = random.ints(pixels, VOID, classes).toArray();
                int[] predictions = random.ints(pixels, 0, classes).toArray();
                System.arraycopy(labels, 0, allLabels, image * pixels, pixels);
                System.arraycopy(predictions, 0, allPredictions, image * pixels, pixels);
                SegmentationScores one = new SegmentationScores(classes);
                one.add(labels, predictions);
                merged.add(one);
                tallied.addTally(tally(labels, predictions, classes));
            }
            whole.add(allLabels, allPredictions);
            for (int c = 0; c < classes; c++) {
                Set<Integer> labelled = new HashSet<>();
                Set<Integer> predicted = new HashSet<>();
                for (int p = 0; p < allLabels.length; p++) {
                    if (allLabels[p] == c) {
                        labelled.add(p);
                    }
                    if (allLabels[p] != VOID && allPredictions[p] == c) {
                        predicted.add(p);
                    }
                }
                Set<Integer> union = new HashSet<>(labelled);
                union.addAll(predicted);
                labelled.retainAll(predicted);
                double expected =
                        union.isEmpty() ? Double.NaN : (double) labelled.size() / union.size();
                assertEquals(expected, whole.iou(c));
                assertEquals(expected, merged.iou(c));
                assertEquals(expected, tallied.iou(c));
            }
            assertEquals(whole.meanIou(), merged.meanIou());
            assertEquals(whole.accuracy(), tallied.accuracy());
        }
    }

    private static float[] tally(int[] labels, int[] predictions, int classes) {
        float[] tally = new float[1 + 3 * classes];
        tally[0] = 0.7f;
        for (int p = 0; p < labels.length; p++) {
            if (labels[p] != VOID) {
                tally[1 + labels[p]] += labels[p] == predictions[p] ? 1 : 0;
                tally[1 + classes + labels[p]]++;
                tally[1 + 2 * classes + predictions[p]]++;
            }
        }
        return tally;
    }

    /** More pixels than a float or an int counts. */
    @Test
    void sumsOfManyBatchesAreExact() {
        SegmentationScores scores = new SegmentationScores(2);
        float most = 1 << 24;
        for (int i = 0; i < 1000; i++) {
            scores.addTally(new float[] {0, most, 0, most, 1, most, 1});
        }
        assertEquals(1000L * ((1 << 24) + 1), scores.pixels());
        assertEquals(1000L * (1 << 24), scores.intersection(0));
    }

    @Test
    void withoutLabelsThereIsNoScore() {
        SegmentationScores scores = new SegmentationScores(2);
        scores.add(new int[] {VOID}, new int[] {1});
        assertEquals(Double.NaN, scores.meanIou());
        assertEquals(Double.NaN, scores.accuracy());
    }

    @Test
    void countsThatCannotBeAreRefusedAndNothingIsCounted() {
        SegmentationScores scores = new SegmentationScores(2);
        assertThrows(
                IllegalArgumentException.class,
                () -> scores.add(new int[] {0, 2}, new int[] {0, 0}));
        assertThrows(
                IllegalArgumentException.class,
                () -> scores.add(new int[] {0, 1}, new int[] {0, -1}));
        assertThrows(IllegalArgumentException.class, () -> scores.add(new int[2], new int[3]));
        assertThrows(IllegalArgumentException.class, () -> scores.addTally(new float[6]));
        assertThrows(
                IllegalArgumentException.class,
                () -> scores.addTally(new float[] {0, 0.5f, 0, 1, 0, 1, 0}));
        assertThrows(
                IllegalArgumentException.class,
                () -> scores.addTally(new float[] {0, 2, 0, 1, 1, 2, 0}));
        assertThrows(
                IllegalArgumentException.class,
                () -> scores.addTally(new float[] {0, 0, 0, 1, 1, 1, 0}));
        assertThrows(IllegalArgumentException.class, () -> new SegmentationScores(0));
        assertThrows(IllegalArgumentException.class, () -> scores.add(new SegmentationScores(3)));
        assertEquals(0, scores.pixels());
    }
}
