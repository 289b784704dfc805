package org.densenet4j.contract;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;

import java.util.function.Consumer;

/** A device that is open for all tests of a class, and random cases on it. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class OpenedDevice {
    /** Of how many cases one is run: where the same kernels run all of them elsewhere. */
    private static final int SHARE = Integer.getInteger("densenet4j.contract.share", 1);

    Device device;

    abstract Device open(DeviceOptions options);

    /** How activations are stored in these tests. */
    DataType storage() {
        return DataType.FLOAT32;
    }

    @BeforeAll
    void openDevice() {
        device = open(DeviceOptions.defaults().withThreads(2));
        assumeTrue(
                device.supports(storage()),
                () -> "no " + storage() + " on " + device.description());
    }

    @AfterAll
    void closeDevice() {
        // Null where the device is not on this machine and the class was skipped.
        if (device != null) {
            device.close();
        }
    }

    /** Runs a test on some random cases, each in an arena of its own; failures name the case. */
    final void forRandomCases(int count, Consumer<GuardedArena> test) {
        for (int seed = 1; seed <= Math.ceilDiv(count, SHARE); seed++) {
            try (GuardedArena arena = new GuardedArena(device, storage(), seed)) {
                test.accept(arena);
            }
        }
    }
}
