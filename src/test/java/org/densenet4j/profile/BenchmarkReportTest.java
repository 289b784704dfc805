package org.densenet4j.profile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.plan.MemoryStrategy;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;

class BenchmarkReportTest {
    private static Measurement seconds(Double... seconds) {
        return new Measurement(3_000_000, 5_000_000, List.of(seconds), List.of());
    }

    private static BenchmarkRow row(MemoryStrategy strategy, Measurement... measured) {
        return new BenchmarkRow(
                "bc-10-4",
                4,
                BenchmarkRow.Work.TRAINING,
                "fp32",
                strategy,
                20_000_000_000L,
                3_000_000,
                2_000_000,
                List.of(measured));
    }

    private static Benchmark of(List<BenchmarkRow> rows, List<Sweep> sweeps) {
        Ceilings ceilings = rows.isEmpty() ? null : new Ceilings(100e9, 50e9);
        return new Benchmark(
                "a processor", "cpu", 8, 10, 3, ceilings, rows, List.of("bf16: no"), sweeps);
    }

    @Test
    void aRowIsTheMedianOfItsRoundsMedians() {
        BenchmarkRow row =
                row(
                        MemoryStrategy.SHARED,
                        seconds(9.0, 0.4, 0.1),
                        seconds(0.5, 0.5),
                        seconds(7.0, 7.0));
        assertEquals(0.5, row.seconds());
        assertEquals(8, row.imagesPerSecond());
        assertEquals(40e9, row.flopsPerSecond());
    }

    @Test
    void theTableSaysHowCloseToThePeakAStepIs() {
        String text =
                BenchmarkReport.text(
                        of(List.of(row(MemoryStrategy.SHARED, seconds(0.5))), List.of()));
        assertTrue(text.contains("at best 100 GFLOP/s"), text);
        assertTrue(text.contains("40.0 %") && text.contains("SHARED"), text);
        assertTrue(text.contains("skipped: bf16: no"), text);
    }

    @Test
    void aSweepIsTabledByTheImageWithItsFit() {
        List<Sweep.Point> points = new ArrayList<>();
        for (MemoryStrategy s : MemoryStrategy.values()) {
            for (int side : new int[] {10, 20, 30, 40}) {
                // 3 MB and 2 ms for each hundred pixels.
                points.add(
                        new Sweep.Point(
                                s, side, 2, 30_000L * side * side, seconds(2e-5 * side * side)));
            }
        }
        Benchmark b =
                of(List.of(), List.of(new Sweep(Sweep.Variable.SIZE, "x at batch 2", points)));
        String text = BenchmarkReport.text(b);
        assertTrue(text.contains("by pixels a side, x at batch 2"), text);
        assertTrue(text.contains("1.5 MB") && text.contains("1.00 ms"), "one image's share");
        assertTrue(text.contains("0.03000·P") && text.contains("P = pixels of an image"), text);
        assertFalse(text.contains("at best"), "no row, no peak");
        String json = BenchmarkReport.json(b);
        assertTrue(json.contains("\"fitsAreOver\" : \"P = pixels of an image\""), json);
        assertTrue(json.contains("\"peakFlopsPerSecond\" : null"), json);
    }
}
