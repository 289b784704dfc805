package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.List;

class LearningRateScheduleTest {
    @ParameterizedTest
    @ValueSource(doubles = {1e-9, 0.0002, 1 / 300.0, 0.05, 0.5, 1})
    void aWarmUpRisesToTheScheduleAndNeverAboveIt(double share) {
        for (LearningRateSchedule schedule :
                List.of(
                        LearningRateSchedule.constant(0.1),
                        LearningRateSchedule.cosine(0.1),
                        LearningRateSchedule.steps(0.1, 0.1, share / 2, 0.9),
                        LearningRateSchedule.steps(0.1, 10, share / 2, 0.9),
                        progress -> 0.1 * progress)) {
            LearningRateSchedule warm = schedule.withWarmUp(share);
            double before = -1;
            for (int i = 0; i < 1000; i++) {
                double progress = i * share / 1000;
                double rate = warm.rate(progress);
                assertTrue(rate <= schedule.rate(progress), rate + " at " + progress);
                assertTrue(rate >= before, rate + " at " + progress);
                before = rate;
            }
            assertEquals(schedule.rate(share), warm.rate(share));
            assertEquals(schedule.rate(1), warm.rate(1));
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {1e-9, 1 / 300.0, 0.5, 1})
    void aWarmUpIsLinearAndItsFirstStepIsOne(double share) {
        LearningRateSchedule warm = LearningRateSchedule.constant(0.1).withWarmUp(share);
        double first = warm.rate(0);
        assertTrue(first > 0 && first < 0.01, "first " + first);
        for (double part : new double[] {0.1, 0.25, 0.5, 0.9}) {
            assertEquals(first + (0.1 - first) * part, warm.rate(part * share), 1e-12);
        }
    }

    @Test
    void noWarmUpIsTheScheduleItself() {
        assertEquals(0.1, LearningRateSchedule.cosine(0.1).withWarmUp(0).rate(0));
    }

    @Test
    void aCosineStaysDown() {
        assertEquals(0, LearningRateSchedule.cosine(0.1).rate(1.5));
    }

    private static void refuses(String why, Executable call) {
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, call);
        assertTrue(e.getMessage().contains(why), e.getMessage());
    }

    @Test
    void whatIsNoScheduleIsRefused() {
        refuses("milestone = 0.5", () -> LearningRateSchedule.steps(1, 0.1, 0.75, 0.5));
        refuses("milestone = NaN", () -> LearningRateSchedule.steps(1, 0.1, Double.NaN));
        refuses("milestone = -0.5", () -> LearningRateSchedule.steps(1, 0.1, -0.5));
        refuses("factor = -0.1", () -> LearningRateSchedule.steps(1, -0.1, 0.5));
        refuses("factor = NaN", () -> LearningRateSchedule.steps(1, Double.NaN, 0.5));
        refuses("learning rate = -1.0", () -> LearningRateSchedule.steps(-1, 0.1, 0.5));
        refuses("learning rate = NaN", () -> LearningRateSchedule.constant(Double.NaN));
        refuses("learning rate = -1.0", () -> LearningRateSchedule.step(-1));
        refuses("learning rate = Infinity", () -> LearningRateSchedule.cosine(1 / 0.0));
        LearningRateSchedule schedule = LearningRateSchedule.constant(0.1);
        refuses("warm-up = -0.1", () -> schedule.withWarmUp(-0.1));
        refuses("warm-up = 2.0", () -> schedule.withWarmUp(2));
        refuses("warm-up = NaN", () -> schedule.withWarmUp(Double.NaN));
        NullPointerException e =
                assertThrows(
                        NullPointerException.class,
                        () -> LearningRateSchedule.steps(1, 0.1, (double[]) null));
        assertEquals("milestones", e.getMessage());
    }
}
