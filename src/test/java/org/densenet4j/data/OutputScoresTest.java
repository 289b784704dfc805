package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

class OutputScoresTest {
    private static final Path RECORDED = Path.of("src/test/resources/golden/scores.csv");

    @Test
    void scoresAreThoseOfScikitLearn() throws IOException {
        List<String> lines = Files.readAllLines(RECORDED);
        assertEquals(20, lines.size());
        for (String line : lines) {
            String[] cells = line.split(",", -1);
            int images = (cells.length - 3) / 2;
            OutputScores scores = new OutputScores(2);
            for (int i = 0; i < images; i++) {
                float value = Float.parseFloat(cells[3 + 2 * i]);
                float target = Float.parseFloat(cells[4 + 2 * i]);
                // The other output has the opposite labels, and an image without any.
                scores.add(new float[] {value, -value}, new float[] {target, 1 - target});
            }
            scores.add(new float[] {9, 9}, new float[] {Float.NaN, Float.NaN});
            OutputScores.Score score = scores.scores().getFirst();
            assertEquals(Double.parseDouble(cells[0]), score.auroc(), 1e-12);
            assertEquals(Double.parseDouble(cells[1]), score.averagePrecision(), 1e-12);
            assertEquals(Double.parseDouble(cells[2]), score.absoluteError(), 1e-6);
            assertEquals(images, score.positive() + score.negative());
            assertEquals(score.auroc(), scores.scores().get(1).auroc(), 1e-12);
        }
    }

    @Test
    void anOutputWithoutBothLabelsHasNoAreaAndIsLeftOutOfTheMean() {
        OutputScores scores = new OutputScores(3);
        scores.add(new float[] {1, 1, 1}, new float[] {1, 0, 1});
        scores.add(new float[] {2, 2, 2}, new float[] {1, 0, 0});
        List<OutputScores.Score> all = scores.scores();
        assertTrue(Double.isNaN(all.get(0).auroc()));
        assertEquals(1, all.get(0).averagePrecision());
        assertTrue(Double.isNaN(all.get(1).averagePrecision()));
        assertEquals(0, OutputScores.mean(all, OutputScores.Score::auroc));
    }

    @Test
    void outputsThatAreNoNumbersHaveNoScore() {
        OutputScores scores = new OutputScores(1);
        scores.add(new float[] {1, Float.NaN}, new float[] {1, 0});
        assertTrue(Double.isNaN(scores.scores().getFirst().auroc()));
    }

    @Test
    void otherNumbersOfTargetsAreRefused() {
        OutputScores scores = new OutputScores(2);
        assertThrows(IllegalArgumentException.class, () -> scores.add(new float[2], new float[4]));
        assertThrows(IllegalArgumentException.class, () -> scores.add(new float[3], new float[3]));
    }
}
