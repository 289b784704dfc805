package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.io.Safetensors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/** Learning rates of every schedule beside what PyTorch recorded, step by step. */
class ScheduleParityTest {
    /** PyTorch adds some of them up from step to step. */
    private static final double TOLERANCE = 1e-12;

    private static final double RATE = 0.5;

    private Safetensors recorded;

    @BeforeEach
    void opens() throws IOException {
        recorded =
                Safetensors.open(
                        Path.of("src/test/resources/golden/optimisers/schedules.safetensors"));
    }

    @AfterEach
    void closes() throws IOException {
        recorded.close();
    }

    private double[] values(String name) {
        return recorded.tensor(name).toDoubles();
    }

    private void assertRates(String name, LearningRateSchedule schedule, int steps) {
        double[] expected = values(name + ".rates");
        double[] found = new double[expected.length];
        for (int step = 0; step < found.length; step++) {
            found[step] = schedule.rate((double) step / steps);
        }
        assertArrayEquals(expected, found, TOLERANCE, name);
    }

    @Test
    void cosinesAreThoseOfPyTorch() {
        assertRates("cosine", LearningRateSchedule.cosine(RATE), 20);
        assertRates("cosine-minimum", LearningRateSchedule.cosine(RATE, 0.05), 20);
        assertRates("restarts", LearningRateSchedule.restarts(RATE, 0, 5 / 20.0, 1), 20);
        assertRates("restarts-doubled", LearningRateSchedule.restarts(RATE, 0.05, 3 / 21.0, 2), 21);
    }

    @Test
    void oneCycleIsThatOfPyTorchWithItsMomentum() {
        OneCycle usual = new OneCycle(RATE, 0.3, 25, 1e4, true, 20);
        assertRates("one-cycle", usual, 20);
        assertMomenta("one-cycle", usual, 20);
        OneCycle other = new OneCycle(RATE, 0.4, 10, 100, true, 40);
        assertRates("one-cycle-adam", other, 40);
        assertMomenta("one-cycle-adam", other, 40);
    }

    private void assertMomenta(String name, OneCycle schedule, int steps) {
        double[] expected = values(name + ".momenta");
        for (int step = 0; step < expected.length; step++) {
            assertEquals(
                    expected[step],
                    schedule.momentum((double) step / steps).orElseThrow(),
                    TOLERANCE,
                    name);
        }
    }

    @Test
    void stepsAndPowersAreThoseOfPyTorch() {
        assertRates("polynomial", LearningRateSchedule.polynomial(RATE, 0.9), 20);
        assertRates("step", LearningRateSchedule.steps(RATE, 0.3, 0.25, 0.5, 0.75), 20);
        assertRates("multi-step", LearningRateSchedule.steps(RATE, 0.2, 0.2, 0.6, 0.75), 20);
        assertRates("exponential", LearningRateSchedule.exponential(RATE, 0.9, 20), 20);
    }

    @Test
    void plateausAreThoseOfPyTorchAlsoAfterAnInterruption() {
        for (boolean interrupted : new boolean[] {false, true}) {
            assertPlateau("plateau", 0.1, 2, 0, 0, interrupted);
            assertPlateau("plateau-cooldown", 0.5, 1, 3, 0.1 / RATE, interrupted);
        }
    }

    private void assertPlateau(
            String name,
            double factor,
            int patience,
            int cooldown,
            double least,
            boolean interrupted) {
        double[] losses = values(name + ".losses");
        double[] expected = values(name + ".rates");
        double[] found = new double[losses.length];
        Plateau plateau = new Plateau(factor, patience, 1e-4, cooldown, least, RATE);
        for (int epoch = 0; epoch < losses.length; epoch++) {
            found[epoch] = RATE * plateau.scale();
            plateau.step(losses[epoch]);
            if (interrupted) {
                String state = plateau.state();
                plateau = new Plateau(factor, patience, 1e-4, cooldown, least, RATE);
                plateau.restore(state);
            }
        }
        assertArrayEquals(expected, found, TOLERANCE, name);
    }

    @Test
    void recipesMakeTheSameSchedules() {
        Recipe recipe =
                Recipe.preset("cifar")
                        .with(Map.of("lr", "0.5", "epochs", "20", "optimiser", "sgd"));
        Map<String, String> cycle = Map.of("schedule", "onecycle", "warm-up", "3");
        assertRates("one-cycle", recipe.with(cycle).learningRate(20), 20);
        Map<String, String> sgdr = Map.of("schedule", "cosine", "restart-epochs", "5");
        assertRates("restarts", recipe.with(sgdr).learningRate(), 20);
        Map<String, String> least = Map.of("schedule", "cosine", "min-lr", "0.05");
        assertRates("cosine-minimum", recipe.with(least).learningRate(), 20);
        Map<String, String> power = Map.of("schedule", "polynomial", "power", "0.9");
        assertRates("polynomial", recipe.with(power).learningRate(), 20);
        assertEquals(
                0.5,
                recipe.with(Map.of("schedule", "plateau")).learningRate().rate(0.9),
                TOLERANCE);
    }

    @Test
    void aWarmUpLeavesRestartsAndMomentumAsTheyAre() {
        LearningRateSchedule cosine = LearningRateSchedule.restarts(1, 0, 0.5, 1);
        assertEquals(0.02 * cosine.rate(0.1), cosine.withWarmUp(0.1).rate(0), TOLERANCE);
        assertEquals(cosine.rate(0.5), cosine.withWarmUp(0.1).rate(0.5), TOLERANCE);
        assertEquals(1, cosine.rate(0.5), TOLERANCE);
        OneCycle cycle = new OneCycle(1, 0.3, 25, 1e4, true, 0);
        assertEquals(cycle.momentum(0.5), cycle.withWarmUp(0.1).momentum(0.5));
    }

    /** PyTorch compares the change of the rate itself with 1e-8. */
    @Test
    void aPlateauLeavesARateAloneThatWouldHardlyChange() {
        Plateau plateau = new Plateau(0.1, 0, 0, 0, 0, 1e-5);
        double[] scales = new double[6];
        for (int i = 0; i < scales.length; i++) {
            plateau.step(1);
            scales[i] = plateau.scale();
        }
        assertArrayEquals(new double[] {1, 0.1, 1e-2, 1e-3, 1e-3, 1e-3}, scales, 1e-15);
    }

    @Test
    void theLeastRateIsComparedWithTheOneThatIsScaledToTheBatch() {
        Recipe recipe =
                Recipe.preset("cifar").with(Map.of("batch", "16", "scale-learning-rate", "true"));
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> recipe.with(Map.of("schedule", "plateau", "min-lr", "0.05")));
        assertTrue(e.getMessage().contains("min-lr"), e.getMessage());
    }

    @Test
    void settingsThatMakeNoScheduleAreRefused() {
        Class<IllegalArgumentException> wrong = IllegalArgumentException.class;
        assertThrows(wrong, () -> LearningRateSchedule.cosine(0.1, 0.2));
        assertThrows(wrong, () -> LearningRateSchedule.restarts(0.1, 0, 0, 1));
        assertThrows(wrong, () -> LearningRateSchedule.restarts(0.1, 0, 0.5, 0));
        assertThrows(wrong, () -> LearningRateSchedule.polynomial(0.1, 0));
        assertThrows(wrong, () -> new Plateau(1, 1, 0, 0, 0, 0.1));
        assertThrows(wrong, () -> new Plateau(0.1, -1, 0, 0, 0, 0.1));
        Recipe recipe = Recipe.preset("cifar");
        assertThrows(wrong, () -> recipe.with(Map.of("min-lr", "0.2")));
        assertThrows(wrong, () -> recipe.with(Map.of("restart-factor", "0")));
        assertThrows(wrong, () -> recipe.with(Map.of("pct-start", "1")));
        Plateau plateau = new Plateau(0.1, 1, 0, 0, 0, 0.1);
        assertThrows(NumberFormatException.class, () -> plateau.restore("1"));
    }
}
