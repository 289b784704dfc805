package org.densenet4j.standin;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Compiles {@code src/test/native/standin}. */
final class StandInLibraries {
    private static final Path SOURCES = Path.of("src/test/native/standin");
    private static final Path TARGET = Path.of("target/standin");
    private static final List<String> FLAGS =
            List.of(
                    "-fPIC",
                    "-O2",
                    "-std=c++17",
                    "-ffp-contract=off",
                    "-fvisibility=hidden",
                    "-Wall",
                    "-Wextra",
                    "-Werror",
                    "-Wno-unknown-pragmas",
                    "-Wno-missing-field-initializers");

    /** The parts of cuDNN that it would open itself: a search only looks whether they are there. */
    private static final List<String> PARTS_OF_CUDNN =
            List.of("graph", "ops", "cnn", "heuristic", "engines_precompiled");

    private final HostCompiler compiler;
    private final Path folder;
    private final List<CompletableFuture<?>> compilations = new ArrayList<>();
    private final ExecutorService pool =
            Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());

    private StandInLibraries(HostCompiler compiler, Path folder) {
        this.compiler = compiler;
        this.folder = folder;
    }

    /** The folder with one folder for each library; built if it is not there. */
    static Path build(HostCompiler compiler) {
        return BuiltOnce.in(
                TARGET,
                compiler,
                FLAGS,
                List.of(SOURCES, HostKernels.SOURCES),
                folder -> new StandInLibraries(compiler, folder).build());
    }

    private void build() throws IOException {
        Files.createDirectories(folder.resolve("objects"));
        List<Path> driver = objects("driver");
        driver.add(stubs("driver"));
        List<Path> cudnn = objects("cudnn");
        cudnn.add(stubs("cudnn"));
        Path blasStubs = stubs("cublas");
        List<List<Path>> cublas = new ArrayList<>();
        for (int major : new int[] {12, 13}) {
            String name = "cublas" + major;
            Path object =
                    object(SOURCES.resolve("cublas.cpp"), name, "-DSTANDIN_CUBLAS_MAJOR=" + major);
            cublas.add(List.of(object, blasStubs));
        }
        Path nothing = object(SOURCES.resolve("nothing.cpp"), "nothing");
        Path nvrtc = object(SOURCES.resolve("nvrtc.cpp"), "nvrtc");
        Path nccl = object(SOURCES.resolve("nccl.cpp"), "nccl");
        try (pool) {
            compilations.forEach(CompletableFuture::join);
        }
        List<Path> emulation = HostKernels.objects(compiler);
        driver.addAll(emulation);
        link("driver/libcuda.so.1", "", "cu*; standin*", driver);
        link("cudnn/libcudnn.so.9", "libcudnn.so.9", "cudnn*", cudnn);
        for (String part : PARTS_OF_CUDNN) {
            Files.createFile(folder.resolve("cudnn/libcudnn_" + part + ".so.9"));
        }
        for (int i = 0; i < cublas.size(); i++) {
            int major = 12 + i;
            String home = "cublas" + major + "/";
            link(home + "libcublas.so." + major, "libcublas.so." + major, "cublas*", cublas.get(i));
            link(home + "libcublasLt.so." + major, "", "standin*", List.of(nothing));
        }
        link("nccl/libnccl.so.2", "", "nccl*", List.of(nccl));
        List<Path> nvrtcObjects = new ArrayList<>(List.of(nvrtc));
        nvrtcObjects.addAll(emulation);
        link("nvrtc/libnvrtc.so.13", "", "nvrtc*", nvrtcObjects);
        link("nvrtc/libnvrtc-builtins.so.13.0", "", "standin*", List.of(nothing));
    }

    private List<Path> objects(String part) throws IOException {
        List<Path> objects = new ArrayList<>();
        for (Path source : BuiltOnce.files(SOURCES.resolve(part))) {
            if (source.toString().endsWith(".cpp")) {
                String file = source.getFileName().toString().replace(".cpp", "");
                objects.add(object(source, part + "-" + file));
            }
        }
        return objects;
    }

    private Path stubs(String part) {
        return object(
                SOURCES.resolve("stubs.cpp"),
                part + "-stubs",
                "-DSYMBOLS=\"symbols/" + part + ".inc\"");
    }

    private Path object(Path source, String name, String... more) {
        Path object = folder.resolve("objects").resolve(name + ".o");
        List<String> arguments = new ArrayList<>(FLAGS);
        arguments.addAll(List.of(more));
        arguments.addAll(List.of("-c", source.toString(), "-o", object.toString()));
        compilations.add(CompletableFuture.runAsync(() -> compiler.run(arguments), pool));
        return object;
    }

    /** JCuda's natives ask for the symbols of cuBLAS and cuDNN by version. */
    private void link(String file, String version, String exported, List<Path> objects)
            throws IOException {
        Path library = folder.resolve(file);
        Files.createDirectories(library.getParent());
        String name = library.getFileName().toString();
        Path map = folder.resolve("objects").resolve(name + ".map");
        Files.writeString(map, version + " { global: " + exported + "; local: *; };\n");
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "-shared",
                                "-Wl,-soname," + name,
                                "-Wl,--version-script=" + map,
                                "-o",
                                library.toString()));
        objects.forEach(object -> arguments.add(object.toString()));
        arguments.add("-ldl");
        compiler.run(arguments);
    }
}
