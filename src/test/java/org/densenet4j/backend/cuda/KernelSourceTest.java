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
    private final KernelSource source = KernelSource.read(KernelSource.MAIN);

    @Test
    void everyKernelFileTravelsInTheJar() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("cuda-kernels"))) {
            Set<String> expected =
                    files.filter(Files::isRegularFile)
                            .map(f -> f.getFileName().toString())
                            .collect(Collectors.toCollection(TreeSet::new));
            Set<String> travelling = new TreeSet<>(source.files().keySet());
            travelling.addAll(KernelSource.read(KernelSource.DENSE_LAYER).files().keySet());
            assertEquals(expected, travelling);
        }
    }

    @Test
    void theFingerprintChangesWithTheCompilation() {
        KernelSource again = KernelSource.read(KernelSource.MAIN);
        assertEquals(source.fingerprint("a"), again.fingerprint("a"));
        assertNotEquals(source.fingerprint("a"), source.fingerprint("b"));
    }
}
