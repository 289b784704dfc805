package org.densenet4j.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** How long lanes spin. */
class PatienceTest {
    private final Patience patience = new Patience();

    /** A wait for so many looks; how often was looked before sleeping. */
    private int spins(int looks) {
        patience.begin();
        int spins = 0;
        for (int i = 0; i < looks; i++) {
            spins += patience.lasts() ? 1 : 0;
        }
        patience.end();
        return spins;
    }

    @Test
    void waitsThatAreLongerThanItMakeItShorterDownToAFloor() {
        int before = spins(2 * Patience.MOST);
        assertEquals(Patience.MOST, before);
        while (before > Patience.LEAST) {
            int spins = spins(2 * Patience.MOST);
            assertEquals(Math.max(Patience.LEAST, before / 2), spins);
            before = spins;
        }
        assertEquals(Patience.LEAST, spins(2 * Patience.MOST));
    }

    @Test
    void shortWaitsBringItBackToWhatItWas() {
        while (spins(2 * Patience.MOST) > Patience.LEAST) {}
        int waits = 0;
        while (spins(1) == 1 && waits < Patience.MOST) {
            waits++;
        }
        assertEquals(Patience.MOST, spins(2 * Patience.MOST));
    }

    @Test
    void oneLongWaitAmongManyShortOnesLeavesItLong() {
        for (int i = 0; i < 50; i++) {
            spins(2 * Patience.MOST);
            for (int j = 0; j < 200; j++) {
                assertEquals(1, spins(1));
            }
        }
        assertTrue(spins(2 * Patience.MOST) >= Patience.MOST / 2);
    }
}
