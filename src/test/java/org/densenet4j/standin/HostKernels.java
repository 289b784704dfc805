package org.densenet4j.standin;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.InstructionSets;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** {@code cuda-kernels/} compiled by the host's C++ compiler, see {@code cuda-kernels/host}. */
public final class HostKernels {
    /** Where the kernels' sources lie. */
    public static final Path SOURCES = Path.of("cuda-kernels");

    private static final Path TARGET = Path.of("target/emulation");
    private static final String LIBRARY = "libkernels.so";
    private static final List<String> PARTS =
            List.of("dense_layer_program", "kernels_program", "cuda_emulation");
    private static final List<String> FLAGS = flags();

    private HostKernels() {}

    private static List<String> flags() {
        List<String> flags =
                new ArrayList<>(
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
                                "-DDENSENET4J_EMULATION"));
        if (InstructionSets.here().contains(InstructionSet.AVX2)) {
            flags.add("-mfma"); // fmaf as an instruction, not as a call
        }
        return List.copyOf(flags);
    }

    /** The emulated machine with all kernels, as a library. */
    public static Path library(HostCompiler compiler) {
        return built(compiler).resolve(LIBRARY);
    }

    /**
     * The same with one program of a dense layer, from other sources than the project's.
     *
     * @param sources a copy of them all
     * @param definitions that choose the program
     * @param folder where the library is made
     */
    public static Path library(
            HostCompiler compiler, Path sources, List<String> definitions, Path folder) {
        List<String> arguments = new ArrayList<>(FLAGS);
        arguments.addAll(definitions);
        Path object = folder.resolve(PARTS.getFirst() + ".o");
        Path source = sources.resolve("host").resolve(PARTS.getFirst() + ".cpp");
        arguments.addAll(List.of("-c", source.toString(), "-o", object.toString()));
        compiler.run(arguments);
        Path library = folder.resolve(LIBRARY);
        List<String> link = new ArrayList<>(List.of("-shared", "-o", library.toString()));
        link.add(object.toString());
        objects(compiler).stream().skip(1).map(Path::toString).forEach(link::add);
        compiler.run(link);
        return library;
    }

    /** The same as objects, for another library. */
    static List<Path> objects(HostCompiler compiler) {
        Path folder = built(compiler);
        return PARTS.stream().map(part -> folder.resolve(part + ".o")).toList();
    }

    private static Path built(HostCompiler compiler) {
        return BuiltOnce.in(
                TARGET,
                compiler,
                FLAGS,
                List.of(SOURCES),
                folder -> {
                    List<String> link = new ArrayList<>(List.of("-shared", "-o"));
                    link.add(folder.resolve(LIBRARY).toString());
                    link.addAll(compile(compiler, folder));
                    compiler.run(link);
                });
    }

    private static List<String> compile(HostCompiler compiler, Path folder) {
        List<String> objects = new ArrayList<>();
        List<CompletableFuture<?>> compilations = new ArrayList<>();
        try (ExecutorService pool = Executors.newFixedThreadPool(PARTS.size())) {
            for (String part : PARTS) {
                List<String> arguments = new ArrayList<>(FLAGS);
                String object = folder.resolve(part + ".o").toString();
                arguments.addAll(
                        List.of(
                                "-c",
                                SOURCES.resolve("host").resolve(part + ".cpp").toString(),
                                "-o",
                                object));
                objects.add(object);
                compilations.add(CompletableFuture.runAsync(() -> compiler.run(arguments), pool));
            }
        }
        compilations.forEach(CompletableFuture::join);
        return objects;
    }
}
