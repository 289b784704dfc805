package org.densenet4j.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** How long lanes spin. */
class PatienceTest {
    private final Patience patience = new Patience();

    @Test
    void waitsThatAreLongerThanItMakeItShorterDownToAFloor() {
        assertEquals(Patience.MOST, patience.spins());
        for (int before = Patience.MOST; before > Patience.LEAST; before = patience.spins()) {
            patience.end(true);
            assertEquals(Math.max(Patience.LEAST, before / 2), patience.spins());
        }
        patience.end(true);
        assertEquals(Patience.LEAST, patience.spins());
    }

    @Test
    void shortWaitsBringItBackToWhatItWas() {
        while (patience.spins() > Patience.LEAST) {
            patience.end(true);
        }
        for (int before = Patience.LEAST; before < Patience.MOST; before = patience.spins()) {
            patience.end(false);
            assertTrue(patience.spins() > before);
        }
        patience.end(false);
        assertEquals(Patience.MOST, patience.spins());
    }

    @Test
    void oneLongWaitAmongManyShortOnesLeavesItLong() {
        for (int i = 0; i < 50; i++) {
            patience.end(true);
            assertTrue(patience.spins() >= Patience.MOST / 2, "wait " + i);
            for (int j = 0; j < 200; j++) {
                patience.end(false);
            }
        }
    }
}
