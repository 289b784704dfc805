package org.densenet4j.detection;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.Box;
import org.densenet4j.data.LabelledBox;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** All scores of a test together, and boxes as readers want them. */
class DetectionTallyTest {
    private static final int CLASSES = 3;

    private static Box box(Random random) {
        double left = 60 * random.nextDouble();
        double top = 60 * random.nextDouble();
        return new Box(
                left,
                top,
                left + 10 + 60 * random.nextDouble(),
                top + 10 + 60 * random.nextDouble());
    }

    private static Box near(Box box, Random random) {
        double x = 8 * random.nextDouble();
        return new Box(box.left() + x, box.top(), box.right() + x, box.bottom());
    }

    @Test
    void scoresAreThoseOfBothDefinitions() {
        Random random = new Random(5);
        DetectionTally tally = new DetectionTally(CLASSES);
        VocScores voc = new VocScores(CLASSES);
        CocoScores coco = new CocoScores(CLASSES);
        for (int image = 0; image < 20; image++) {
            List<LabelledBox> objects = new ArrayList<>();
            List<Detection> found = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                Box box = box(random);
                int label = random.nextInt(2); // the third class does not occur
                objects.add(new LabelledBox(box, label, i == 3, false, box.area()));
                found.add(new Detection(near(box, random), label, random.nextDouble()));
                found.add(new Detection(box(random), 2 - label, random.nextDouble()));
            }
            objects.add(new LabelledBox(box(random), 0, false, true, 100));
            tally.add(objects, found);
            voc.add(objects, found);
            coco.add(objects, found);
        }
        DetectionScores scores = tally.scores();
        assertEquals(20, scores.images());
        assertEquals(coco.averagePrecision(), scores.coco());
        assertEquals(coco.averagePrecisionAt(0.5), scores.coco50());
        assertEquals(coco.averagePrecisionAt(0.75), scores.coco75());
        assertEquals(coco.averagePrecision(CocoScores.Size.MEDIUM), scores.medium());
        assertEquals(voc.meanAveragePrecision(VocScores.Area.EXACT), scores.voc());
        assertEquals(voc.meanAveragePrecision(VocScores.Area.ELEVEN_POINTS), scores.voc2007());
        assertEquals(coco.averagePrecision(1, CocoScores.Size.ALL), scores.classes().get(1).coco());
        assertEquals(
                60, scores.classes().stream().mapToLong(DetectionScores.OfClass::objects).sum());
        assertEquals(
                160, scores.classes().stream().mapToLong(DetectionScores.OfClass::found).sum());
        assertTrue(Double.isNaN(scores.classes().get(2).voc()));
        assertTrue(scores.coco() > 0.1 && scores.coco() < scores.coco50());
    }

    @Test
    void boxesInPixelsEndAtTheBorderAndThoseOutsideAreLeftOut() {
        List<Detection> found =
                DetectionOutput.inPixels(
                        List.of(
                                new Detection(new Box(-0.5, 0.25, 0.5, 2), 1, 0.75),
                                new Detection(new Box(1.25, 0, 1.5, 1), 0, 0.5)),
                        100,
                        200);
        assertEquals(List.of(new Detection(new Box(0, 25, 100, 100), 1, 0.75)), found);
    }

    @Test
    void matchesAreThoseThatALossIsDividedBy() {
        Priors priors = Priors.dsod300Voc();
        MultiBoxLoss loss = MultiBoxLoss.of(priors, CLASSES);
        Random random = new Random(3);
        List<List<LabelledBox>> truth = new ArrayList<>();
        for (int image = 0; image < 3; image++) {
            Box box = box(random).scaled(0.005, 0.005);
            truth.add(
                    List.of(
                            new LabelledBox(box, image),
                            new LabelledBox(box(random).scaled(0.005, 0.005), 0, false, true, 1)));
        }
        truth.add(List.of());
        int matches =
                loss.of(
                                new float[4 * priors.size() * (1 + CLASSES)],
                                new float[4 * priors.size() * Priors.OFFSETS],
                                truth)
                        .matches();
        assertTrue(matches > 3);
        assertEquals(matches, loss.matches(truth));
    }
}
