package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

class KernelSourceTest {
    @Test
    void everyKernelFileTravelsInTheJar() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("cuda-kernels"))) {
            Set<String> expected =
                    files.filter(Files::isRegularFile)
                            .map(f -> f.getFileName().toString())
                            .collect(Collectors.toCollection(TreeSet::new));
            assertEquals(expected, KernelSource.read().files().keySet());
        }
    }

    @Test
    void theFingerprintChangesWithTheCompilation() {
        KernelSource source = KernelSource.read();
        assertEquals(source.fingerprint("a"), KernelSource.read().fingerprint("a"));
        assertNotEquals(source.fingerprint("a"), source.fingerprint("b"));
    }
}
