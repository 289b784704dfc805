package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.io.Csv;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** What stands in a run's text files, read back. */
class RunFilesTest {
    @TempDir private Path temporary;

    private RunFolder folder;

    @BeforeEach
    void open() throws IOException {
        folder = RunFolder.create(temporary.resolve("run"));
    }

    private static EpochResult epoch(int number, double loss, double accuracy, double rate) {
        return new EpochResult(
                number, number * 5L, 0.1, loss, accuracy, loss, accuracy, 1, 2.5, rate, 0.01);
    }

    @Test
    void aLossThatIsNotFiniteIsAnEmptyCellAndIsReadAgain() throws IOException {
        folder.append(epoch(1, Double.NaN, Double.NaN, 100), List.of("a"));
        folder.append(epoch(2, 0.5, 0.75, 300), List.of("a"));
        List<String> lines = Files.readAllLines(folder.file(RunFolder.METRICS));
        assertEquals("1,5,0.100000,,,,,1.000000,2.50,100.0,0.0100", lines.get(1));
        assertEquals(3, lines.size());
        List<double[]> epochs = folder.metrics().epochs();
        assertTrue(Double.isNaN(epochs.get(0)[3]));
        assertEquals(0.5, epochs.get(1)[3]);
        RunSummary.write(folder, "bc-10-4", Map.of(), List.of(), BestBy.ACCURACY);
        String page = Files.readString(folder.file(RunFolder.SUMMARY));
        assertTrue(page.contains("<dt>best test accuracy</dt><dd>75.00 %</dd>"));
        assertTrue(page.contains("<dt>images per second</dt><dd>150.0</dd>"), "as many in each");
        assertFalse(page.contains(">NaN"), "a number or nothing");
        folder.close();
    }

    @Test
    void aConfusionMatrixIsReadWhateverTheNamesOfItsClasses() throws IOException {
        List<String> names = List.of("two\nlines", "a,\"b\"", "=1+1");
        Csv csv = Csv.of("class", names.get(0), names.get(1), names.get(2));
        for (int label = 0; label < 3; label++) {
            csv.row(names.get(label), label, 10 + label, 20 + label);
        }
        folder.write(RunFolder.CONFUSION, csv.toString());
        assertArrayEquals(new int[][] {{0, 10, 20}, {1, 11, 21}, {2, 12, 22}}, folder.confusion());
        folder.close();
    }
}
