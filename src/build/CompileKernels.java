import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;

/**
 * Compiles {@code cuda-kernels/} where {@code nvcc} is installed; elsewhere it says so and does
 * nothing.
 *
 * <p>{@code --ptx FOLDER} makes what travels in the jar: PTX for the oldest architecture supported
 * and for the oldest whose tensor cores know TF32. The driver compiles the newest that its device
 * can run. {@code --check FILE} compiles for every architecture from Turing to Blackwell, warnings
 * as errors.
 */
final class CompileKernels {
    private static final Path SOURCES = Path.of("cuda-kernels");

    /** What is compiled by itself, into PTX that is loaded by itself. */
    private record Program(
            String name, String source, List<String> definitions, String leastPtxVersion) {
        /** One of {@code LayerProgram.java}. */
        static Program layer(boolean bf16, int width) {
            return new Program(
                    "dense_layer_" + (bf16 ? "bf16_" : "tf32_") + width,
                    "dense_layer.cu",
                    List.of("-DDENSE_LAYER_WIDTH=" + width, "-DDENSE_LAYER_BF16=" + (bf16 ? 1 : 0)),
                    "7.4"); // asynchronous copies that bring the rest of a line, of CUDA 11.4
        }
    }

    private static final Program STEP = new Program("kernels", "kernels.cu", List.of(), "");

    /** For tensor cores, which Turing's are too old for. */
    private static final List<Program> LAYERS =
            List.of(
                    Program.layer(true, 48),
                    Program.layer(true, 64),
                    Program.layer(true, 96),
                    Program.layer(true, 128),
                    Program.layer(true, 192),
                    Program.layer(false, 48),
                    Program.layer(false, 64),
                    Program.layer(false, 128));

    private static final List<String> ARCHITECTURES =
            List.of("75", "80", "86", "89", "90", "100", "120");

    /**
     * PTX for an architecture. A driver refuses PTX of a newer version than its own, even where
     * nothing new is used. The kernels need nothing beyond the first version that knows their
     * architecture, and the assembler checks them against it.
     */
    private record Image(String architecture, String ptxVersion) {
        /** What is compiled for it. */
        List<Program> programs() {
            List<Program> programs = new ArrayList<>(List.of(STEP));
            if (this != TURING) {
                programs.addAll(LAYERS);
            }
            return programs;
        }
    }

    /** As of CUDA 10.0. */
    private static final Image TURING = new Image("75", "6.3");

    /** As of CUDA 11.0. */
    private static final Image AMPERE = new Image("80", "7.0");

    private CompileKernels() {}

    public static void main(String[] args) throws IOException, InterruptedException {
        String nvcc = nvcc();
        if (nvcc == null) {
            System.out.println(
                    "no nvcc: CUDA kernels are not compiled here but by NVRTC when first used");
            return;
        }
        Path target = Path.of(args[1]).toAbsolutePath();
        if (args[0].equals("--ptx")) {
            compilePtx(nvcc, target);
        } else if (!isNewer(target)) {
            Files.createDirectories(target.getParent());
            check(nvcc, target);
        }
    }

    /** All that is older than the sources, as many at a time as there are processors. */
    private static void compilePtx(String nvcc, Path target)
            throws IOException, InterruptedException {
        List<Future<?>> all = new ArrayList<>();
        try (ExecutorService workers =
                Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
            for (Image image : List.of(TURING, AMPERE)) {
                for (Program program : image.programs()) {
                    Path file = target.resolve(program.name + "_" + image.architecture + ".ptx");
                    if (!isNewer(file)) {
                        Files.createDirectories(target);
                        Callable<?> compilation =
                                () -> {
                                    compilePtx(nvcc, image, program, file);
                                    return null;
                                };
                        all.add(workers.submit(compilation));
                    }
                }
            }
        }
        for (Future<?> one : all) {
            try {
                one.get();
            } catch (ExecutionException e) {
                throw new IOException(e.getCause().getMessage(), e);
            }
        }
    }

    private static void compilePtx(String nvcc, Image image, Program program, Path target)
            throws IOException, InterruptedException {
        Path made = target.resolveSibling(target.getFileName() + ".tmp");
        List<String> command = new ArrayList<>(List.of(nvcc, "-std=c++17", "-O3", "-ptx"));
        command.add("-arch=compute_" + image.architecture);
        command.addAll(program.definitions);
        command.addAll(List.of(SOURCES.resolve(program.source).toString(), "-o", made.toString()));
        run(command.toArray(String[]::new));
        String ptx = Files.readString(made);
        String version =
                program.leastPtxVersion.isEmpty() ? image.ptxVersion : program.leastPtxVersion;
        Files.writeString(made, ptx.replaceFirst("(?m)^\\.version .*$", ".version " + version));
        Path ptxas = Path.of(nvcc).resolveSibling("ptxas");
        if (Files.isExecutable(ptxas)) {
            Path cubin = target.resolveSibling(target.getFileName() + ".cubin");
            run(
                    ptxas.toString(),
                    "-arch=sm_" + image.architecture,
                    made.toString(),
                    "-o",
                    cubin.toString());
            Files.delete(cubin);
        }
        Files.move(made, target, StandardCopyOption.REPLACE_EXISTING);
    }

    private static void check(String nvcc, Path target) throws IOException, InterruptedException {
        List<String> command =
                new ArrayList<>(List.of(nvcc, "-std=c++17", "-Werror", "all-warnings"));
        List<String> known = architectures(nvcc);
        for (String a : ARCHITECTURES) {
            if (known.contains("sm_" + a)) {
                command.addAll(List.of("-gencode", "arch=compute_" + a + ",code=sm_" + a));
            } else {
                System.out.println("this nvcc does not know sm_" + a);
            }
        }
        command.addAll(List.of("--threads", "2", "-fatbin"));
        command.addAll(List.of(SOURCES.resolve(STEP.source).toString(), "-o", target.toString()));
        run(command.toArray(String[]::new));
    }

    private static List<String> architectures(String nvcc) throws IOException {
        Process process = new ProcessBuilder(nvcc, "--list-gpu-code").start();
        return new String(process.getInputStream().readAllBytes()).lines().toList();
    }

    private static void run(String... command) throws IOException, InterruptedException {
        if (new ProcessBuilder(command).inheritIO().start().waitFor() != 0) {
            throw new IOException("failed: " + String.join(" ", command));
        }
    }

    private static boolean isNewer(Path target) throws IOException {
        if (!Files.exists(target)) {
            return false;
        }
        long made = Files.getLastModifiedTime(target).toMillis();
        try (Stream<Path> sources = Files.walk(SOURCES)) {
            return sources.allMatch(s -> s.toFile().lastModified() < made);
        }
    }

    /** On the PATH, or where CUDA is usually installed. */
    private static String nvcc() throws IOException {
        List<Path> folders = new ArrayList<>();
        for (String variable : List.of("CUDA_HOME", "CUDA_PATH")) {
            if (System.getenv(variable) != null) {
                folders.add(Path.of(System.getenv(variable), "bin"));
            }
        }
        for (String folder :
                System.getenv().getOrDefault("PATH", "").split(java.io.File.pathSeparator)) {
            if (!folder.isBlank()) {
                folders.add(Path.of(folder));
            }
        }
        folders.add(Path.of("/usr/local/cuda/bin"));
        for (Path folder : folders) {
            for (String name : List.of("nvcc", "nvcc.exe")) {
                if (Files.isExecutable(folder.resolve(name))) {
                    return folder.resolve(name).toRealPath().toString();
                }
            }
        }
        return null;
    }
}
