package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.profile.Sweep;
import org.densenet4j.spec.FamilySpec;
import org.junit.jupiter.api.Test;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.util.List;

class SweepRangeTest {
    private static List<Integer> values(SweepRange range) {
        return range.places().stream().map(SweepRange.Place::value).toList();
    }

    private static SweepRange of(Sweep.Variable variable, String model, int batch) {
        return SweepRange.of(variable, model, FamilySpec.preset(model).build(), batch);
    }

    @Test
    void everyPlaceOfEveryRangeIsANetwork() {
        for (String model : List.of("bc-100-12", "plain-40-12", "cifar-resnet-56")) {
            for (Sweep.Variable variable : Sweep.Variable.values()) {
                for (SweepRange.Place p : of(variable, model, 64).places()) {
                    assertTrue(p.point().spec().classes() > 0);
                    assertEquals(p.point(), BenchPoint.parse(p.point().toString()));
                }
            }
        }
    }

    @Test
    void rangesEndAtTheModelAndItsBatch() {
        assertEquals(
                List.of(22, 40, 64, 82, 100), values(of(Sweep.Variable.DEPTH, "bc-100-12", 64)));
        assertEquals(
                List.of(14, 26, 32, 44, 56),
                values(of(Sweep.Variable.DEPTH, "cifar-resnet-56", 64)));
        assertEquals(
                "cifar-resnet-L at batch 32",
                of(Sweep.Variable.DEPTH, "cifar-resnet-56", 64).fixed());
        assertEquals(List.of(4, 8, 16, 32, 64), values(of(Sweep.Variable.BATCH, "bc-100-12", 64)));
        assertEquals(List.of(1, 2), values(of(Sweep.Variable.BATCH, "bc-100-12", 2)));
    }

    @Test
    void smallImagesGrowAndLargeOnesShrinkByWholeStrides() {
        assertEquals(
                List.of(32, 48, 64, 96, 128), values(of(Sweep.Variable.SIZE, "bc-100-12", 64)));
        assertEquals(
                List.of(32, 96, 128, 192, 224), values(of(Sweep.Variable.SIZE, "densenet121", 16)));
        for (String model : List.of("resnet50", "fc-densenet103")) {
            assertEquals(List.of(32, 96, 128, 192, 224), values(of(Sweep.Variable.SIZE, model, 8)));
        }
        assertEquals(
                List.of(32, 48, 64, 96, 128),
                values(of(Sweep.Variable.SIZE, "cifar-resnet-20", 8)));
    }

    @Test
    void aSweepWithoutStepsIsOfPlansAndMemoryFollowsThePixels() throws IOException {
        try (Device device = Device.cpu()) {
            Sweep sweep =
                    new SweepRun(new ModelOption(), List.of(), 1, 0, device)
                            .run(
                                    of(Sweep.Variable.SIZE, "bc-40-12", 16),
                                    new PrintStream(new ByteArrayOutputStream()));
            assertEquals(15, sweep.points().size());
            for (MemoryStrategy strategy : MemoryStrategy.values()) {
                assertTrue(sweep.memoryFit(strategy, 1).largestResidual() < 0.05);
            }
        }
    }
}
