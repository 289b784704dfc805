package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import jcuda.driver.JCudaDriver;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Which of two drivers a process is bound to after the first did not start. */
@EnabledOnOs(OS.LINUX)
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
class DriverBindingTest {
    /** What keeps a library loaded after the last dlclose. */
    private static final String NEVER_UNLOADED = "-Wl,-z,nodelete";

    @TempDir private Path folder;

    /** Run in a child: prints which driver each way of finding one leads to. */
    static final class Child {
        private Child() {}

        public static void main(String[] arguments) throws Throwable {
            CudaLibraries libraries = CudaLibraries.find();
            System.out.println("problem " + libraries.problem().orElse("none"));
            if (libraries.driver().isEmpty()) {
                return;
            }
            System.out.println("asked " + libraries.driver().get().version());
            System.out.println("by name " + versionByName());
            libraries.load(CudaLibrary.DRIVER);
            int[] version = new int[1];
            JCudaDriver.cuInit(0);
            JCudaDriver.cuDriverGetVersion(version);
            System.out.println("JCuda " + version[0]);
            try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
                System.out.println(
                        "loaded "
                                + maps.filter(line -> line.contains("libcuda.so.1"))
                                        .map(line -> line.substring(line.indexOf('/')))
                                        .distinct()
                                        .toList());
            }
        }

        /** As the runtime inside cuDNN and cuBLAS finds its driver. */
        private static int versionByName() throws Throwable {
            SymbolLookup functions = SymbolLookup.libraryLookup("libcuda.so.1", Arena.global());
            MethodHandle get =
                    Linker.nativeLinker()
                            .downcallHandle(
                                    functions.findOrThrow("cuDriverGetVersion"),
                                    FunctionDescriptor.of(JAVA_INT, ADDRESS));
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment out = arena.allocate(JAVA_INT);
                assertEquals(0, (int) get.invokeExact(out));
                return out.get(JAVA_INT, 0);
            }
        }
    }

    private String child() throws IOException {
        ChildJvm child =
                ChildJvm.run(
                        folder,
                        Map.of(
                                "LD_LIBRARY_PATH",
                                folder.resolve("stubs") + ":" + folder.resolve("driver")),
                        Child.class.getName());
        assertEquals(0, child.exitCode(), child.err());
        return child.out();
    }

    @Test
    void everyWayLeadsToTheDriverThatStarts() throws IOException {
        List<FakeCuda.Card> card = List.of(new FakeCuda.Card("Card", 90));
        FakeCuda.driverForJCuda(folder.resolve("stubs"), 34, 11_000, card);
        FakeCuda.driverForJCuda(folder.resolve("driver"), 0, 12_080, card);
        String out = child();
        assertTrue(out.contains("asked 12080"), out);
        assertTrue(out.contains("by name 12080"), out);
        assertTrue(out.contains("JCuda 12080"), out);
        assertTrue(out.contains("loaded [" + folder.resolve("driver/libcuda.so.1") + "]"), out);
    }

    @Test
    void aDriverThatIsTooOldIsUnloadedToo() throws IOException {
        List<FakeCuda.Card> card = List.of(new FakeCuda.Card("Card", 90));
        FakeCuda.driverForJCuda(folder.resolve("stubs"), 0, 11_040, card);
        FakeCuda.driverForJCuda(folder.resolve("driver"), 0, 12_080, card);
        String out = child();
        assertTrue(out.contains("by name 12080"), out);
        assertTrue(out.contains("JCuda 12080"), out);
    }

    @Test
    void aDriverThatCannotBeUnloadedIsNamed() throws IOException {
        FakeCuda.driver(folder.resolve("stubs"), 34, 12_000, List.of(), NEVER_UNLOADED);
        FakeCuda.driver(folder.resolve("driver"), 0, 12_080, 1);
        String out = child();
        assertTrue(out.contains("it cannot be unloaded to try another"), out);
        assertTrue(out.contains("; take its folder out of LD_LIBRARY_PATH"), out);
    }

    @Test
    void partsOfTheSameCudnnAreLoadedWhereTheLoadersPathHasOthers() throws Exception {
        Path other = folder.resolve("other");
        FakeCuda.driver(folder.resolve("driver"), 0, 12_080, 1);
        FakeCuda.cudnn(other, 13_000, 90_800);
        FakeCuda.cudnn(folder.resolve("home/lib64"), 12_060, 90_501);
        ChildJvm child =
                ChildJvm.run(
                        folder,
                        Map.of(
                                "LD_LIBRARY_PATH",
                                other + ":" + folder.resolve("driver"),
                                "CUDA_HOME",
                                folder.resolve("home").toString()),
                        Parts.class.getName());
        assertEquals(0, child.exitCode(), child.err());
        assertEquals("90501", child.out().strip());
    }

    /** Run in a child: which version a part has that is opened by its name, as cuDNN does. */
    static final class Parts {
        private Parts() {}

        public static void main(String[] arguments) throws Throwable {
            CudaLibraries libraries = CudaLibraries.find();
            libraries.functions(CudaLibrary.CUDNN);
            MethodHandle version =
                    Linker.nativeLinker()
                            .downcallHandle(
                                    SymbolLookup.libraryLookup("libcudnn_ops.so.9", Arena.global())
                                            .findOrThrow("version"),
                                    FunctionDescriptor.of(JAVA_INT));
            System.out.println((int) version.invokeExact());
        }
    }
}
