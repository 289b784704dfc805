package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.DeviceException;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Run-time compilation, where NVRTC is installed: it needs no GPU. */
class NvrtcTest {
    private static final KernelSource STEP = KernelSource.read(KernelSource.MAIN);

    private Nvrtc nvrtc;

    @BeforeEach
    void findNvrtc() {
        CudaLibraries libraries = CudaLibraries.find();
        Assumptions.assumeTrue(libraries.hasNvrtc(), "no NVRTC on this machine");
        nvrtc = new Nvrtc(libraries.functions(CudaLibrary.NVRTC));
    }

    @Test
    void theKernelsCompileForEveryArchitecture() {
        for (int architecture : new int[] {75, 80, 86, 90}) {
            String ptx = nvrtc.compile(STEP, List.of(), architecture);
            assertTrue(ptx.contains(".target sm_" + architecture), architecture + "");
            assertTrue(ptx.contains(".entry normalise_relu_v4"));
        }
    }

    @Test
    void everyProgramOfADenseLayerCompiles() {
        KernelSource source = KernelSource.read(KernelSource.DENSE_LAYER);
        for (LayerProgram program : LayerProgram.all()) {
            String ptx = nvrtc.compile(source, program.definitions(), 80);
            assertTrue(ptx.contains(".entry pointwise_backward_" + program.suffix()));
        }
    }

    @Test
    void anUnknownNewDeviceGetsTheNewestArchitectureThatTheCompilerKnows() {
        assertTrue(nvrtc.architecture(999) >= 90);
        assertEquals(80, nvrtc.architecture(80));
        assertThrows(DeviceException.class, () -> nvrtc.architecture(20));
    }

    @Test
    void kernelsAreCompiledOnceAndThenTakenFromTheCache(@TempDir Path cache) throws IOException {
        Path folder = cache.resolve("not yet there");
        String first = KernelImage.compiled(nvrtc, STEP, List.of(), 80, folder);
        List<Path> files;
        try (Stream<Path> all = Files.list(folder)) {
            files = all.toList();
        }
        assertEquals(1, files.size());
        assertEquals(first, Files.readString(files.getFirst()));
        Files.writeString(files.getFirst(), "taken from the cache");
        assertEquals(
                "taken from the cache", KernelImage.compiled(nvrtc, STEP, List.of(), 80, folder));
    }
}
