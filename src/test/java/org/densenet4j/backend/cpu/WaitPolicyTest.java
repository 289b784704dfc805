package org.densenet4j.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.DeviceException;
import org.junit.jupiter.api.Test;

/** What the environment says about waiting. */
class WaitPolicyTest {
    @Test
    void lanesSpinForLongUnlessTheyAreToldNotTo() {
        assertEquals(WaitPolicy.ACTIVE, WaitPolicy.of(null));
        assertEquals(WaitPolicy.ACTIVE, WaitPolicy.of(""));
        assertEquals(WaitPolicy.ACTIVE, WaitPolicy.of("active"));
        assertEquals(WaitPolicy.PASSIVE, WaitPolicy.of("passive"));
        assertTrue(WaitPolicy.PASSIVE.spins() < WaitPolicy.ACTIVE.spins() / 10);
    }

    @Test
    void anotherWordIsRefusedInOneLine() {
        DeviceException e = assertThrows(DeviceException.class, () -> WaitPolicy.of("Passive"));
        assertEquals("DENSENET4J_WAIT=Passive: use active or passive", e.getMessage());
    }
}
