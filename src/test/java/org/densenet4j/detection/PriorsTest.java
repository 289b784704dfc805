package org.densenet4j.detection;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.Box;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.List;
import java.util.SplittableRandom;

class PriorsTest {
    static Priors small() {
        return Priors.of(
                32,
                40,
                List.of(
                        new PriorGrid(4, 4, 8, 6, 12, List.of(2.0)),
                        new PriorGrid(2, 2, 16, 12, 24, List.of(2.0, 3.0))));
    }

    @Test
    void dsod300HasTheBoxesOfItsPaper() {
        Priors priors = Priors.dsod300Voc();
        assertEquals(8744, priors.size());
        assertEquals(
                List.of(5776, 2166, 600, 150, 36, 16),
                priors.grids().stream().map(PriorGrid::boxes).toList());
        assertEquals(-0.0366667, priors.box(0).left(), 1e-7);
        assertEquals(0.0633333, priors.box(0).right(), 1e-7);
        assertEquals(42.42641, 300 * priors.box(1).width(), 1e-5);
        assertEquals(30 * Math.sqrt(2), 300 * priors.box(2).width(), 1e-9);
        assertEquals(30 / Math.sqrt(2), 300 * priors.box(2).height(), 1e-9);
        assertEquals(30 / Math.sqrt(2), 300 * priors.box(3).width(), 1e-9);
    }

    /** Its step is 300 on a map of 2x2 cells. */
    @Test
    void centresOfTheSixthMapLieOutsideAsReleasedWeightsHaveIt() {
        Priors priors = Priors.dsod300Voc();
        double[] centres = new double[8];
        for (int cell = 0; cell < 4; cell++) {
            Box box = priors.box(8728 + 4 * cell);
            centres[2 * cell] = 300 * box.centreX();
            centres[2 * cell + 1] = 300 * box.centreY();
        }
        double[] wanted = {150, 150, 450, 150, 150, 450, 450, 450};
        for (int i = 0; i < wanted.length; i++) {
            assertEquals(wanted[i], centres[i], 1e-9);
        }
    }

    @Test
    void thoseForCocoAreSmaller() {
        Priors priors = Priors.dsod300Coco();
        assertEquals(8744, priors.size());
        assertEquals(21, 300 * priors.box(0).width(), 1e-9);
        assertEquals(Math.sqrt(21 * 45), 300 * priors.box(1).width(), 1e-9);
        assertEquals(Math.sqrt(261 * 315), 300 * priors.box(8729).width(), 1e-9);
    }

    @Test
    void priorsAreThoseOfTheRecordedGrids() throws IOException {
        try (Recorded recorded = new Recorded()) {
            double[] wanted = recorded.doubles("priors");
            Priors priors = small();
            assertEquals(wanted.length, 4 * priors.size());
            for (int i = 0; i < priors.size(); i++) {
                Box box = priors.box(i);
                assertEquals(wanted[4 * i], box.left(), 1e-12);
                assertEquals(wanted[4 * i + 1], box.top(), 1e-12);
                assertEquals(wanted[4 * i + 2], box.right(), 1e-12);
                assertEquals(wanted[4 * i + 3], box.bottom(), 1e-12);
            }
        }
    }

    @Test
    void offsetsAreInUnitsOfThePriorAndTheVariances() {
        Priors priors = small();
        Box prior = priors.box(7);
        double[] none = priors.encode(7, prior);
        double[] moved = priors.encode(7, prior.moved(0.3 * prior.width(), -0.2 * prior.height()));
        Box larger =
                new Box(
                        prior.centreX() - prior.width(),
                        prior.centreY() - prior.height() / 4,
                        prior.centreX() + prior.width(),
                        prior.centreY() + prior.height() / 4);
        double[] grown = priors.encode(7, larger);
        for (int i = 0; i < 4; i++) {
            assertEquals(0, none[i], 1e-12);
        }
        assertEquals(3, moved[0], 1e-12);
        assertEquals(-2, moved[1], 1e-12);
        assertEquals(Math.log(2) / 0.2, grown[2], 1e-12);
        assertEquals(-Math.log(2) / 0.2, grown[3], 1e-12);
    }

    @Test
    void decodingUndoesEncoding() {
        SplittableRandom random = new SplittableRandom(5);
        Priors priors = Priors.dsod300Voc();
        for (int i = 0; i < 200; i++) {
            int prior = random.nextInt(priors.size());
            double x = random.nextDouble();
            double y = random.nextDouble();
            Box box = new Box(x, y, x + 0.01 + random.nextDouble(), y + 0.01 + random.nextDouble());
            double[] code = priors.encode(prior, box);
            float[] offsets = new float[5];
            for (int j = 0; j < 4; j++) {
                offsets[1 + j] = (float) code[j];
            }
            Box again = priors.decode(prior, offsets, 1);
            assertEquals(box.left(), again.left(), 1e-5);
            assertEquals(box.top(), again.top(), 1e-5);
            assertEquals(box.right(), again.right(), 1e-5);
            assertEquals(box.bottom(), again.bottom(), 1e-5);
        }
    }

    /** Two images, two numbers a prior: 64 and 24 priors. */
    @Test
    void outputsOfGridsAreJoinedImageByImageAndSplitAgain() {
        float[] first = new float[2 * 64 * 2];
        float[] second = new float[2 * 24 * 2];
        for (int i = 0; i < first.length; i++) {
            first[i] = i;
        }
        for (int i = 0; i < second.length; i++) {
            second[i] = 1000 + i;
        }
        Priors priors = small();
        float[] joined = priors.join(List.of(first, second), 2);
        assertEquals(2 * 88 * 2, joined.length);
        assertEquals(127, joined[127]);
        assertEquals(1000, joined[128]);
        assertEquals(128, joined[176]);
        assertEquals(1048, joined[176 + 128]);
        List<float[]> split = priors.split(joined, 2);
        assertArrayEquals(first, split.get(0));
        assertArrayEquals(second, split.get(1));
        assertThrows(IllegalArgumentException.class, () -> priors.join(List.of(first, first), 2));
        assertThrows(IllegalArgumentException.class, () -> priors.split(new float[3], 2));
    }

    @Test
    void gridsThatMakeNoSenseAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> new PriorGrid(0, 1, 8, 1, 2, List.of()));
        assertThrows(IllegalArgumentException.class, () -> new PriorGrid(1, 1, 8, 3, 2, List.of()));
        assertThrows(
                IllegalArgumentException.class, () -> new PriorGrid(1, 1, 8, 1, 2, List.of(0.5)));
        String message =
                assertThrows(IllegalArgumentException.class, () -> Priors.of(32, 32, List.of()))
                        .getMessage();
        assertTrue(message.contains("use 1 or more"), message);
    }
}
