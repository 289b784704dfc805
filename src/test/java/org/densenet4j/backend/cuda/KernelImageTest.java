package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

import java.util.Optional;
import java.util.Set;

class KernelImageTest {
    private static final Set<String> JAR = Set.of("kernels_75.ptx", "kernels_80.ptx");

    private static Optional<String> chosen(int architecture, Set<String> jar) {
        return KernelImage.prebuilt(
                "kernels",
                architecture,
                name -> jar.contains(name) ? Optional.of(name) : Optional.empty());
    }

    @Test
    void aDeviceGetsTheNewestKernelsThatItCanRun() {
        assertEquals(Optional.of("kernels_75.ptx"), chosen(75, JAR));
        assertEquals(Optional.of("kernels_80.ptx"), chosen(80, JAR));
        assertEquals(Optional.of("kernels_80.ptx"), chosen(89, JAR));
        assertEquals(Optional.of("kernels_80.ptx"), chosen(120, JAR));
    }

    @Test
    void thereAreNoneForAnOlderDeviceOrInAJarThatWasBuiltWithoutNvcc() {
        assertEquals(Optional.empty(), chosen(70, JAR));
        assertEquals(Optional.empty(), chosen(90, Set.of()));
    }
}
