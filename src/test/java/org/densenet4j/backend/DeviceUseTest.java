package org.densenet4j.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import java.util.concurrent.CompletableFuture;

class DeviceUseTest {
    private final Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1));
    private final DeviceUse use = new DeviceUse("network", device);

    @AfterEach
    void closes() {
        device.close();
    }

    /** What another thread is told that begins a turn, or empty when it gets it. */
    private String otherBegins() {
        return elsewhere(() -> use.begin().close());
    }

    private static String elsewhere(Runnable work) {
        return CompletableFuture.supplyAsync(
                        () -> {
                            try {
                                work.run();
                                return "";
                            } catch (IllegalStateException e) {
                                return e.getMessage();
                            }
                        })
                .join();
    }

    @Test
    void aTurnIsEndedOnceHoweverOftenItIsClosed() {
        DeviceUse turn = use.begin();
        turn.close();
        turn.close();
        assertEquals("", otherBegins());
    }

    @Test
    void closingAnInnerTurnTwiceLeavesTheOuterOne() {
        try (DeviceUse _ = use.begin()) {
            DeviceUse inner = use.begin();
            inner.close();
            inner.close();
            assertTrue(otherBegins().contains("another thread is using this network"));
        }
        assertEquals("", otherBegins());
    }

    @Test
    void aTurnBelongsToItsThread() {
        try (DeviceUse turn = use.begin()) {
            assertTrue(elsewhere(turn::close).contains("has to end that itself"));
            assertTrue(otherBegins().contains("another thread is using this network"));
        }
        assertEquals("", otherBegins());
    }
}
