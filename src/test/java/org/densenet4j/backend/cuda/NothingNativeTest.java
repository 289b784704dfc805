package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.Device;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** CUDA costs nothing, and breaks nothing, until somebody asks for it. */
@EnabledOnOs(OS.LINUX)
class NothingNativeTest {
    @TempDir private Path folder;

    /** Run in a child: initialises every class of the package and uses the CPU. */
    static final class Child {
        private Child() {}

        public static void main(String[] arguments) throws Exception {
            Path classes = Path.of(arguments[0]);
            Path here = classes.resolve("org/densenet4j/backend/cuda");
            try (Stream<Path> files = Files.walk(here)) {
                List<String> names =
                        files.map(f -> classes.relativize(f).toString())
                                .filter(n -> n.endsWith(".class") && !n.contains("package-info"))
                                .map(n -> n.replace(File.separatorChar, '.'))
                                .map(n -> n.substring(0, n.length() - ".class".length()))
                                .sorted()
                                .toList();
                for (String name : names) {
                    Class.forName(name, true, Child.class.getClassLoader());
                }
                System.out.println("classes " + names.size());
            }
            CudaLibraries libraries = CudaLibraries.find();
            if (arguments.length > 1) {
                libraries.problem();
            }
            Device.cpu().close();
            try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
                System.out.println(
                        "loaded "
                                + maps.map(line -> line.substring(line.lastIndexOf('/') + 1))
                                        .filter(n -> n.matches("lib(cu|nv|JC|JN).*"))
                                        .distinct()
                                        .sorted()
                                        .toList());
            }
        }
    }

    @Test
    void classesOfThePackageLoadNoNativeLibrary() throws IOException {
        ChildJvm child = child();
        assertEquals(0, child.exitCode(), child.err());
        assertEquals("loaded []", child.out().lines().toList().get(1), child.out());
        assertFalse(Files.exists(folder.resolve("cache")), "nothing is unpacked");
    }

    @Test
    void askingForTheProblemLoadsTheDriverAndCudnn() throws IOException {
        ChildJvm child = child("ask");
        assertEquals(0, child.exitCode(), child.err());
        assertEquals(
                "loaded [libcuda.so.1, libcudnn.so.9]",
                child.out().lines().toList().get(1),
                child.out());
    }

    private ChildJvm child(String... more) throws IOException {
        assumeTrue(CudaPlatform.isSupported(), "CUDA exists on x86-64 only");
        Path libraries = folder.resolve("libs");
        FakeCuda.driver(libraries, 0, 12_060, 1);
        FakeCuda.cudnn(libraries, 12_060);
        FakeCuda.cublas(libraries);
        var source = CudaLibraries.class.getProtectionDomain().getCodeSource();
        Path classes = Path.of(source.getLocation().getPath());
        assumeTrue(Files.isDirectory(classes), "classes in a folder, not in a jar");
        List<String> arguments = new ArrayList<>(List.of(classes.toString()));
        arguments.addAll(List.of(more));
        return ChildJvm.run(
                folder,
                Map.of("DENSENET4J_CUDA_LIBS", libraries.toString()),
                Child.class.getName(),
                arguments.toArray(new String[0]));
    }
}
