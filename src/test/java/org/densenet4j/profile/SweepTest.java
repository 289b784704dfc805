package org.densenet4j.profile;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.Test;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

class SweepTest {
    @Test
    void aFitFindsThePolynomialThatThePointsLieOn() {
        PolynomialFit fit =
                PolynomialFit.of(new double[] {1, 2, 3, 4}, new double[] {6, 11, 18, 27}, 2);
        assertArrayEquals(new double[] {3, 2, 1}, fit.coefficients(), 1e-9);
        assertTrue(fit.largestResidual() < 1e-12 && fit.rSquared() > 1 - 1e-12);
        assertThrows(
                IllegalArgumentException.class,
                () -> PolynomialFit.of(new double[] {1, 2}, new double[] {1, 2}, 2));
    }

    @Test
    void naiveMemoryIsQuadraticInDepthAndOursLinear() {
        List<Sweep.Point> points = new ArrayList<>();
        try (Device device = Device.cpu()) {
            for (MemoryStrategy s : MemoryStrategy.values()) {
                for (int depth = 40; depth <= 340; depth += 60) {
                    DenseNetSpec spec = DenseNetSpec.bc(depth, 12).build();
                    long bytes = MemoryPlan.of(spec).strategy(s).batch(64).on(device).peakBytes();
                    points.add(new Sweep.Point(s, depth, 64, bytes, null));
                }
            }
        }
        Sweep sweep = new Sweep(Sweep.Variable.DEPTH, "bc-L-12 at batch 64", points);
        double naiveLine = sweep.memoryFit(MemoryStrategy.NAIVE, 1).largestResidual();
        double naiveSquare = sweep.memoryFit(MemoryStrategy.NAIVE, 2).largestResidual();
        assertTrue(naiveLine > 0.05, "a line misses NAIVE by " + naiveLine);
        assertTrue(naiveSquare < 0.005, "a square misses NAIVE by " + naiveSquare);
        for (MemoryStrategy s : List.of(MemoryStrategy.SHARED, MemoryStrategy.RECOMPUTE)) {
            double line = sweep.memoryFit(s, 1).largestResidual();
            // The weights, a few per cent, grow with the square under every strategy.
            assertTrue(line < 0.03, "a line misses " + s + " by " + line);
        }
    }

    @Test
    void aThousandLayersArePlannedAndProfiledAtOnceAndTheLibraryIsAskedLittle() {
        AtomicInteger questions = new AtomicInteger();
        DenseNetSpec spec = DenseNetSpec.bc(1000, 12).build();
        try (Device device = Device.cpu()) {
            Device counting =
                    (Device)
                            Proxy.newProxyInstance(
                                    Device.class.getClassLoader(),
                                    new Class<?>[] {Device.class},
                                    (proxy, method, arguments) -> {
                                        questions.incrementAndGet();
                                        try {
                                            return method.invoke(device, arguments);
                                        } catch (InvocationTargetException e) {
                                            throw e.getCause();
                                        }
                                    });
            // Under a second on a quiet machine; the bound is for a busy one.
            Profile profile =
                    org.junit.jupiter.api.Assertions.assertTimeout(
                            Duration.ofSeconds(20),
                            () -> Profile.of(MemoryPlan.of(spec).batch(64).on(counting), "cpu"));
            assertTrue(profile.operations().size() > 990);
            assertTrue(questions.get() < 30_000, questions + " questions");
        }
    }
}
