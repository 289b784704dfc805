package org.densenet4j.detection;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.Box;
import org.densenet4j.data.LabelledBox;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.List;
import java.util.Locale;

/** Average precision, worked out by hand and by what the definitions made of random scenes. */
class ScoresTest {
    private static final Box HERE = new Box(10, 10, 50, 50);
    private static final Box THERE = new Box(100, 100, 140, 180);
    private static final Box NOWHERE = new Box(200, 0, 240, 40);

    private static LabelledBox object(Box box) {
        return new LabelledBox(box, 0);
    }

    private static Detection found(Box box, double score) {
        return new Detection(box, 0, score);
    }

    @Test
    void scoresOfRandomScenesAreThoseOfTheDefinitions() throws IOException {
        try (Recorded recorded = new Recorded()) {
            List<List<LabelledBox>> objects = recorded.objects("scores.objects", 40);
            List<List<Detection>> detections = recorded.detections("scores.detections", 40);
            VocScores voc = new VocScores(5);
            CocoScores coco = new CocoScores(5);
            for (int i = 0; i < objects.size(); i++) {
                voc.add(objects.get(i), detections.get(i));
                coco.add(objects.get(i), detections.get(i));
            }
            double[] classes = recorded.doubles("scores.voc11.classes");
            for (int c = 0; c < classes.length; c++) {
                assertEquals(
                        classes[c], voc.averagePrecision(c, VocScores.Area.ELEVEN_POINTS), 1e-12);
            }
            assertTrue(Double.isNaN(classes[4]));
            assertEquals(
                    recorded.number("scores.voc11"),
                    voc.meanAveragePrecision(VocScores.Area.ELEVEN_POINTS),
                    1e-12);
            assertEquals(
                    recorded.number("scores.voc"),
                    voc.meanAveragePrecision(VocScores.Area.EXACT),
                    1e-12);
            assertEquals(recorded.number("scores.coco"), coco.averagePrecision(), 1e-12);
            assertEquals(recorded.number("scores.coco.50"), coco.averagePrecisionAt(0.5), 1e-12);
            assertEquals(recorded.number("scores.coco.75"), coco.averagePrecisionAt(0.75), 1e-12);
            for (CocoScores.Size size : CocoScores.Size.values()) {
                String name = size.name().toLowerCase(Locale.ROOT);
                double wanted =
                        recorded.number(
                                size == CocoScores.Size.ALL
                                        ? "scores.coco"
                                        : "scores.coco." + name);
                assertEquals(wanted, coco.averagePrecision(size), 1e-12, name);
            }
        }
    }

    /** Right, wrong, right of two objects: precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1. */
    @Test
    void handWorked() {
        VocScores voc = new VocScores(2);
        voc.add(
                List.of(object(HERE), object(THERE)),
                List.of(found(HERE, 0.9), found(NOWHERE, 0.8), found(THERE, 0.7)));
        assertEquals(
                (6 * 1.0 + 5 * 2.0 / 3) / 11,
                voc.averagePrecision(0, VocScores.Area.ELEVEN_POINTS),
                1e-12);
        assertEquals(0.5 + 0.5 * 2 / 3, voc.averagePrecision(0, VocScores.Area.EXACT), 1e-12);
        assertEquals(0.5 + 0.5 * 2 / 3, voc.meanAveragePrecision(VocScores.Area.EXACT), 1e-12);
        CocoScores coco = new CocoScores(2);
        coco.add(
                List.of(object(HERE), object(THERE)),
                List.of(found(HERE, 0.9), found(NOWHERE, 0.8), found(THERE, 0.7)));
        assertEquals((51 * 1.0 + 50 * 2.0 / 3) / 101, coco.averagePrecision(), 1e-12);
    }

    /** A box that overlaps by 0.8 is right up to there: seven of COCO's ten overlaps. */
    @Test
    void cocoAsksForTighterBoxesToo() {
        CocoScores coco = new CocoScores(1);
        Box tight = new Box(10, 10, 50, 42.04);
        coco.add(List.of(object(HERE)), List.of(found(tight, 1)));
        assertEquals(0.801, HERE.iou(tight), 1e-9);
        assertEquals(0.7, coco.averagePrecision(), 1e-12);
        assertEquals(1, coco.averagePrecisionAt(0.75), 1e-12);
    }

    @Test
    void anObjectIsFoundOnceAndDifficultOnesDoNotCount() {
        VocScores twice = new VocScores(1);
        twice.add(List.of(object(HERE)), List.of(found(HERE, 0.8), found(HERE, 0.9)));
        assertEquals(1, twice.averagePrecision(0, VocScores.Area.EXACT), 1e-12);
        twice.add(List.of(object(THERE)), List.of(found(THERE, 0.1)));
        // 1/2, then a duplicate, then 2/3 at recall 1
        assertEquals(0.5 + 0.5 * 2 / 3, twice.averagePrecision(0, VocScores.Area.EXACT), 1e-12);

        VocScores difficult = new VocScores(1);
        LabelledBox hard = new LabelledBox(THERE, 0, true, false, 1);
        difficult.add(List.of(object(HERE), hard), List.of(found(THERE, 0.9), found(HERE, 0.5)));
        assertEquals(1, difficult.averagePrecision(0, VocScores.Area.EXACT), 1e-12);
    }

    @Test
    void whatIsFoundInACrowdDoesNotCountHoweverOften() {
        CocoScores coco = new CocoScores(1);
        LabelledBox crowd = new LabelledBox(new Box(100, 0, 300, 300), 0, false, true, 60_000);
        coco.add(
                List.of(crowd, object(HERE)),
                List.of(found(THERE, 0.9), found(NOWHERE, 0.8), found(HERE, 0.7)));
        assertEquals(1, coco.averagePrecision(), 1e-12);
    }

    @Test
    void sizesOfObjectsAreToldByTheirAreas() {
        CocoScores coco = new CocoScores(1);
        LabelledBox small = new LabelledBox(HERE, 0, false, false, 1000);
        coco.add(List.of(small, object(THERE)), List.of(found(THERE, 0.9)));
        assertEquals(0, coco.averagePrecision(CocoScores.Size.SMALL), 1e-12);
        assertEquals(1, coco.averagePrecision(CocoScores.Size.MEDIUM), 1e-12);
        assertTrue(Double.isNaN(coco.averagePrecision(CocoScores.Size.LARGE)));
    }

    @Test
    void classesThatThereAreNotAreRefused() {
        VocScores voc = new VocScores(1);
        String message =
                assertThrows(
                                IllegalArgumentException.class,
                                () -> voc.add(List.of(), List.of(new Detection(HERE, 1, 1))))
                        .getMessage();
        assertEquals("class 1 of 1: use labels from 0", message);
    }
}
