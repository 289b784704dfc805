package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Where libraries are found, in file systems made for the purpose. */
@EnabledOnOs(OS.LINUX)
class CudaLibrariesTest {
    private static final List<String> CUDNN =
            List.of(
                    "libcudnn.so.9",
                    "libcudnn_graph.so.9",
                    "libcudnn_ops.so.9",
                    "libcudnn_cnn.so.9",
                    "libcudnn_heuristic.so.9",
                    "libcudnn_engines_precompiled.so.9");

    @TempDir private Path root;

    private Path put(String folder, String... files) throws IOException {
        Path path = Files.createDirectories(root.resolve(folder));
        for (String file : files) {
            Files.writeString(path.resolve(file), "no library");
        }
        return path;
    }

    private Path putCudnn(String folder) throws IOException {
        return put(folder, CUDNN.toArray(new String[0]));
    }

    private CudaLibraries find(Map<String, String> environment) {
        return CudaLibraries.find(
                LibraryPlace.all(environment, root, root.resolve("cache/cuda"), false),
                new VisibleDevices(environment, root, false));
    }

    private static List<String> causes(CudaLibraries libraries) {
        return libraries.rejected().stream().map(r -> r.reason().cause()).toList();
    }

    private static String origin(CudaLibraries libraries, CudaLibrary library) {
        return libraries.get(library).map(FoundLibrary::origin).orElse("not found");
    }

    @Test
    void placesAreSearchedFromTheMostExplicitToTheCache() throws IOException {
        Path given = putCudnn("given");
        Path onPath = putCudnn("on-path");
        Path home = putCudnn("home/lib64").getParent();
        putCudnn("usr/lib/x86_64-linux-gnu");
        putCudnn("usr/local/cuda-12.6/lib64");
        putCudnn("cache/cuda/12.6-9.5-1.5.11");
        Map<String, String> all =
                Map.of(
                        "DENSENET4J_CUDA_LIBS", given.toString(),
                        "LD_LIBRARY_PATH", "/nowhere::" + onPath,
                        "CUDA_HOME", home.toString());
        assertEquals("DENSENET4J_CUDA_LIBS", origin(find(all), CudaLibrary.CUDNN));
        Files.delete(given.resolve("libcudnn.so.9"));
        assertEquals("LD_LIBRARY_PATH", origin(find(all), CudaLibrary.CUDNN));
        Files.delete(onPath.resolve("libcudnn.so.9"));
        assertEquals("system", origin(find(all), CudaLibrary.CUDNN));
        Files.delete(root.resolve("usr/lib/x86_64-linux-gnu/libcudnn.so.9"));
        assertEquals("CUDA_HOME", origin(find(all), CudaLibrary.CUDNN));
        Files.delete(home.resolve("lib64/libcudnn.so.9"));
        assertEquals("/usr/local/cuda-12.6", origin(find(all), CudaLibrary.CUDNN));
        Files.delete(root.resolve("usr/local/cuda-12.6/lib64/libcudnn.so.9"));
        assertEquals("cache", origin(find(all), CudaLibrary.CUDNN));
        Files.delete(root.resolve("cache/cuda/12.6-9.5-1.5.11/libcudnn.so.9"));
        assertEquals("not found", origin(find(all), CudaLibrary.CUDNN));
    }

    @Test
    void theLoadersConfigurationIsRead() throws IOException {
        putCudnn("opt/odd/place");
        Files.writeString(
                put("etc/ld.so.conf.d").resolve("odd.conf"), "# comment\n/opt/odd/place\n");
        assertEquals("system", origin(find(Map.of()), CudaLibrary.CUDNN));
    }

    @Test
    void pipsFoldersAreFoundFromSitePackages() throws IOException {
        putCudnn("site-packages/nvidia/cudnn/lib");
        put("site-packages/nvidia/cublas/lib", "libcublas.so.12", "libcublasLt.so.12");
        put("site-packages/nvidia/cuda_nvrtc/lib", "libnvrtc.so.12", "libnvrtc-builtins.so.12.6");
        put("site-packages/nvidia/nccl/lib", "libnccl.so.2");
        for (String given : List.of("site-packages", "site-packages/nvidia")) {
            CudaLibraries found =
                    find(Map.of("DENSENET4J_CUDA_LIBS", root.resolve(given).toString()));
            assertTrue(found.path(CudaLibrary.CUDNN).isPresent());
            assertTrue(found.hasCublas());
            assertTrue(found.hasNvrtc());
            assertTrue(found.path(CudaLibrary.NCCL).isPresent());
        }
    }

    @Test
    void theActiveEnvironmentsOfPythonAndCondaAreSearched() throws IOException {
        Path venv = root.resolve("home/me/venv");
        putCudnn("home/me/venv/lib/python3.12/site-packages/nvidia/cudnn/lib");
        put(
                "home/me/venv/lib/python3.12/site-packages/nvidia/cu13/lib",
                "libcublas.so.13",
                "libcublasLt.so.13",
                "libnvrtc.so.13",
                "libnvrtc-builtins.so.13.1");
        CudaLibraries found = find(Map.of("VIRTUAL_ENV", venv.toString()));
        assertEquals("VIRTUAL_ENV", origin(found, CudaLibrary.CUDNN));
        assertEquals(13, found.cublasMajor());
        assertTrue(found.hasNvrtc());

        putCudnn("opt/conda/envs/train/lib");
        Path conda = root.resolve("opt/conda/envs/train");
        assertEquals(
                "CONDA_PREFIX",
                origin(find(Map.of("CONDA_PREFIX", conda.toString())), CudaLibrary.CUDNN));
    }

    @Test
    void packagesOfTheFirstPythonInThePathAreFoundWithoutRunningIt() throws IOException {
        putCudnn("opt/python/lib/python3.11/site-packages/nvidia/cudnn/lib");
        putCudnn("opt/other/lib/python3.11/site-packages/nvidia/cudnn/lib");
        put("opt/python/bin", "python3");
        put("opt/other/bin", "python3");
        String path = root + "/usr/bin:" + root + "/opt/python/bin:" + root + "/opt/other/bin";
        CudaLibraries found = find(Map.of("PATH", path));
        assertEquals("pip", origin(found, CudaLibrary.CUDNN));
        assertTrue(
                found.path(CudaLibrary.CUDNN).orElseThrow().startsWith(root.resolve("opt/python")));
        assertEquals("not found", origin(find(Map.of()), CudaLibrary.CUDNN));

        putCudnn("home/me/.local/lib/python3.11/site-packages/nvidia/cudnn/lib");
        String home = root.resolve("home/me").toString();
        assertEquals("pip", origin(find(Map.of("HOME", home)), CudaLibrary.CUDNN));
    }

    @Test
    void theDriversOfWslAndOfContainersAreFound() throws IOException {
        put("usr/lib/wsl/lib", "libcuda.so.1");
        assertEquals("system", origin(find(Map.of()), CudaLibrary.DRIVER));
        assertEquals(
                root.resolve("usr/lib/wsl/lib/libcuda.so.1"),
                find(Map.of()).path(CudaLibrary.DRIVER).orElseThrow());
    }

    @Test
    void cublasOf12IsPreferredInAPlaceThatHasBoth() throws IOException {
        put("both", "libcublas.so.13", "libcublasLt.so.13", "libcublas.so.12", "libcublasLt.so.12");
        Map<String, String> environment = Map.of("LD_LIBRARY_PATH", root + "/both");
        assertEquals(12, find(environment).cublasMajor());
        Files.delete(root.resolve("both/libcublasLt.so.12"));
        assertEquals(13, find(environment).cublasMajor());
        assertEquals(1, find(environment).rejected().size());
        Files.delete(root.resolve("both/libcublasLt.so.13"));
        assertEquals(0, find(environment).cublasMajor());
    }

    @Test
    void aLinkToALibraryDoesNotHideItsParts() throws IOException {
        put("opt/cuda/lib", "libcublas.so.12", "libcublasLt.so.12");
        Files.createSymbolicLink(
                put("usr/lib64").resolve("libcublas.so.12"),
                root.resolve("opt/cuda/lib/libcublas.so.12"));
        CudaLibraries found =
                find(Map.of("LD_LIBRARY_PATH", root + "/usr/lib64:" + root + "/opt/cuda/lib"));
        assertEquals(
                root.resolve("opt/cuda/lib/libcublas.so.12"),
                found.path(CudaLibrary.CUBLAS).orElseThrow());
    }

    @Test
    void aMachineWithOnlyCuda13HasAllItNeeds() throws IOException {
        putCudnn("usr/local/cuda-13.0/lib64");
        put(
                "usr/local/cuda-13.0/lib64",
                "libcublas.so.13",
                "libcublasLt.so.13",
                "libnvrtc.so.13",
                "libnvrtc-builtins.so.13.0");
        CudaLibraries found = find(Map.of());
        assertEquals(13, found.cublasMajor());
        assertTrue(found.hasNvrtc());
        assertTrue(found.path(CudaLibrary.CUDNN).isPresent());
        assertEquals(List.of(), causes(found));
    }

    @Test
    void partsOfOneLibraryAreNotTakenFromTwoPlaces() throws IOException {
        put("usr/lib64", "libcublas.so.12", "libnvrtc.so.12", "libcudnn.so.9");
        put("usr/local/cuda/lib64", "libcublasLt.so.12", "libnvrtc-builtins.so.12.6");
        putCudnn("cache/cuda/1");
        CudaLibraries found = find(Map.of());
        assertFalse(found.hasCublas());
        assertFalse(found.hasNvrtc());
        assertEquals("cache", origin(found, CudaLibrary.CUDNN));
        assertEquals(
                List.of(
                        root.resolve("usr/lib64/libcublas.so.12")
                                + " lacks libcublasLt.so.12 beside it",
                        root.resolve("usr/lib64/libnvrtc.so.12")
                                + " lacks libnvrtc-builtins.so.12. beside it",
                        root.resolve("usr/lib64/libcudnn.so.9")
                                + " lacks libcudnn_graph.so.9 beside it"),
                causes(found));
    }

    @Test
    void usersDefaultCudaComesBeforeOtherVersions() throws IOException {
        put("usr/local/cuda-12.2/lib64", "libcublas.so.12", "libcublasLt.so.12");
        put("usr/local/cuda-12.6/lib64", "libcublas.so.12", "libcublasLt.so.12");
        assertEquals("/usr/local/cuda-12.6", origin(find(Map.of()), CudaLibrary.CUBLAS));
        Files.createSymbolicLink(
                root.resolve("usr/local/cuda"), root.resolve("usr/local/cuda-12.2"));
        assertEquals("/usr/local/cuda", origin(find(Map.of()), CudaLibrary.CUBLAS));
    }

    @Test
    void aDamagedLibraryIsNamedInOneLine() throws IOException {
        putCudnn("usr/lib64");
        CudaLibraries found = find(Map.of());
        assertEquals(Optional.empty(), found.version(CudaLibrary.CUDNN));
        String problem = found.absence(CudaLibrary.CUDNN).line();
        assertTrue(problem.startsWith("cannot load " + root), problem);
        assertEquals(1, problem.lines().count());
    }

    @Test
    void aMachineWithoutADriverIsToldSo() {
        assumeTrue(CudaPlatform.isSupported(), "CUDA exists on x86-64 only");
        CudaLibraries found = find(Map.of());
        String problem = found.problem().orElseThrow();
        assertTrue(problem.startsWith("no NVIDIA driver on this machine"), problem);
        assertEquals(1, problem.lines().count());
    }
}
