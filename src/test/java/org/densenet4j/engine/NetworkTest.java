package org.densenet4j.engine;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class NetworkTest {
    @Test
    void evaluationPassesAreRefusedABackwardPass() {
        DenseNetSpec spec = DenseNetSpec.preset("bc-22-12").classes(3).inputSize(16).build();
        Pass pass = new Pass(2, Mode.EVALUATE, 0, 0);
        try (Device device = Device.cpu();
                Network network =
                        Network.open(MemoryPlan.of(spec).batch(2).on(device), device, 0)) {
            assertRefused(() -> network.backward(pass));
            assertRefused(() -> network.trainingPass(pass, new int[] {0, 1}, 0, 2));
        }
    }

    private static void assertRefused(Executable work) {
        String message = assertThrows(IllegalStateException.class, work).getMessage();
        assertTrue(message.contains("use TRAIN, or FROZEN"), message);
    }
}
