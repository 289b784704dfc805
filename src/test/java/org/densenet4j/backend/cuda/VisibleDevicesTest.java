package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** Why a driver shows no device, by the environment and the device nodes. */
class VisibleDevicesTest {
    @TempDir private Path root;

    private VisibleDevices devices(Map<String, String> environment) {
        return new VisibleDevices(environment, root, false);
    }

    private void node(String name) throws IOException {
        Files.createDirectories(root.resolve("dev"));
        Files.createFile(root.resolve("dev").resolve(name));
    }

    @Test
    void aVariableThatHidesAllIsNamed() throws IOException {
        node("nvidiactl");
        node("nvidia-uvm");
        for (String value : new String[] {"", " ", "-1"}) {
            CauseAndMend reason = devices(Map.of("CUDA_VISIBLE_DEVICES", value)).whyNone();
            assertTrue(reason.cause().contains("hides every device"), reason.line());
            assertEquals("unset it", reason.mend());
        }
    }

    @Test
    void aNameThatThereIsNotIsNamed() throws IOException {
        node("nvidiactl");
        node("nvidia-uvm");
        for (String value : new String[] {"5", "GPU-8932f937", "MIG-ce1b4d94"}) {
            CauseAndMend reason = devices(Map.of("CUDA_VISIBLE_DEVICES", value)).whyNone();
            String cause = "CUDA_VISIBLE_DEVICES=" + value + " names no device of this machine";
            assertEquals(cause, reason.cause());
            assertTrue(reason.mend().contains("nvidia-smi -L"), reason.line());
        }
    }

    @Test
    void missingNodesAreToldBeforeNames() {
        CauseAndMend reason = devices(Map.of("CUDA_VISIBLE_DEVICES", "0")).whyNone();
        assertEquals("there is no device node /dev/nvidiactl", reason.cause());
        assertTrue(reason.mend().contains("--gpus all"), reason.line());
    }

    @Test
    void aContainerWithoutDevicesIsToldSo() {
        CauseAndMend reason = devices(Map.of("NVIDIA_VISIBLE_DEVICES", "void")).whyNone();
        assertTrue(reason.cause().contains("NVIDIA_VISIBLE_DEVICES=void"), reason.line());
    }

    @Test
    void theNodeOfUnifiedMemoryIsMissed() throws IOException {
        node("nvidiactl");
        assertEquals(
                "there is no device node /dev/nvidia-uvm",
                devices(Map.of()).nodes().orElseThrow().cause());
        node("nvidia-uvm");
        assertEquals(Optional.empty(), devices(Map.of()).nodes());
    }

    @Test
    void wslHasANodeOfItsOwn() throws IOException {
        node("dxg");
        assertEquals(Optional.empty(), devices(Map.of()).nodes());
    }

    @Test
    void numbersAreCountedAmongTheVisible() {
        assertEquals("counted from 0", devices(Map.of()).counted());
        assertEquals(
                "counted from 0 among those of CUDA_VISIBLE_DEVICES=MIG-1,MIG-2",
                devices(Map.of("CUDA_VISIBLE_DEVICES", "MIG-1,MIG-2")).counted());
    }
}
