package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.DeviceTimer;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.TracedCall;
import org.junit.jupiter.api.Test;

import java.util.List;

class TimedCallsTest {
    private static final Traffic TRAFFIC = Traffic.filling(Matrix.vector(0, 25)).computing(7);

    /** A second passes with every mark. */
    private static final class Clock implements DeviceTimer {
        private final double[] at = new double[4];
        private int now;
        private boolean closed;

        @Override
        public void mark(int index) {
            at[index] = now++;
        }

        @Override
        public double seconds(int from, int to) {
            return at[to] - at[from];
        }

        @Override
        public void close() {
            closed = true;
        }
    }

    private final Clock clock = new Clock();
    private final TimedCalls calls = new TimedCalls(clock, 2, false);

    @Test
    void callsOfOneNameAreAddedUp() {
        calls.call("a", TRAFFIC, () -> 0);
        calls.call("b", TRAFFIC, () -> 0);
        calls.call("a", TRAFFIC, () -> 0);
        assertEquals(
                List.of(
                        new TracedCall("a", 2, 2, 200, 14, false),
                        new TracedCall("b", 1, 1, 100, 7, false)),
                calls.take());
        assertEquals(List.of(), calls.take(), "begins anew");
    }

    @Test
    void moreCallsThanMarksLoseNothing() {
        for (int i = 0; i < 7; i++) {
            calls.call("a", TRAFFIC, () -> 0);
        }
        assertEquals(List.of(new TracedCall("a", 7, 7, 700, 49, false)), calls.take());
    }

    @Test
    void aCallThatFailsIsNotCountedAndItsStatusComesBack() {
        assertEquals(9, calls.call("a", TRAFFIC, () -> 9));
        assertThrows(
                DeviceException.class,
                () ->
                        calls.call(
                                "a",
                                TRAFFIC,
                                () -> {
                                    throw new DeviceException("refused");
                                }));
        assertEquals(0, calls.call("b", TRAFFIC, () -> 0));
        assertEquals(List.of(new TracedCall("b", 1, 1, 100, 7, false)), calls.take());
    }

    @Test
    void theClockIsClosedWithIt() {
        calls.close();
        assertEquals(true, clock.closed);
    }
}
