package org.densenet4j.packaging;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A project with one dependency, the jar and POM that this build made: Maven resolves and compiles
 * it ({@code src/it/consumer}), in a local repository of its own whose only source is the one that
 * built this, so that nothing is downloaded. Then it trains and predicts.
 */
class ConsumerIT {
    /** What comes with one dependency; nothing of the command line, reports, charts and WebP. */
    private static final List<String> LIBRARIES =
            List.of(
                    "densenet4j",
                    "dnnl",
                    "javacpp",
                    "jcuda",
                    "jcublas",
                    "jcudnn",
                    "jackson-core",
                    "jspecify",
                    "imageio-jpeg");

    /** What imageio-jpeg needs. */
    private static final List<String> JPEG_LIBRARIES =
            List.of("imageio-core", "imageio-metadata", "common-lang", "common-io", "common-image");

    private static final List<String> JCUDA_NATIVES =
            List.of("jcuda-natives", "jcublas-natives", "jcudnn-natives");

    /** Of all jars; two thirds are oneDNN. */
    private static final long MOST_BYTES = 52_000_000;

    private static final double LOSS = 1.0553;

    private static final Path PROJECT = Path.of("target", "consumer").toAbsolutePath();
    private static final Path CLASSES = PROJECT.resolve("target/classes");
    private static final Path LIB = PROJECT.resolve("target/lib");
    private static final String VERSION = System.getProperty("densenet4j.version");

    private record Run(int exitCode, String out, String err) {}

    /** How the JVM is told where the classes are. */
    enum Start {
        CLASS_PATH,
        CLASS_PATH_WITH_FLAGS,
        MODULE_PATH,
        MODULE_PATH_WITH_FLAGS,
        /** As Maven and Gradle do: modules on the module path, what is none on the class path. */
        MODULES_APART;

        boolean isModular() {
            return this != CLASS_PATH && this != CLASS_PATH_WITH_FLAGS;
        }

        boolean hasFlags() {
            return this == CLASS_PATH_WITH_FLAGS || this == MODULE_PATH_WITH_FLAGS;
        }
    }

    @BeforeAll
    static void build() throws IOException {
        if (Files.exists(PROJECT)) {
            try (Stream<Path> old = Files.walk(PROJECT)) {
                old.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
            }
        }
        Path source = Path.of("src", "it", "consumer");
        try (Stream<Path> files = Files.walk(source)) {
            for (Path file : files.toList()) {
                Files.copy(file, PROJECT.resolve(source.relativize(file).toString()));
            }
        }
        Path installed =
                Files.createDirectories(
                        repository().resolve("org/densenet4j/densenet4j").resolve(VERSION));
        String name = "densenet4j-" + VERSION;
        Files.copy(Path.of("target", "densenet4j.jar"), installed.resolve(name + ".jar"));
        Files.copy(Path.of("pom.xml"), installed.resolve(name + ".pom"));
        Path settings =
                Files.writeString(
                        PROJECT.resolve("settings.xml"),
                        "<settings><mirrors><mirror><id>built</id><mirrorOf>*</mirrorOf><url>"
                                + Path.of(System.getProperty("maven.localRepository")).toUri()
                                + "</url></mirror></mirrors></settings>\n");
        Run maven =
                run(
                        List.of(
                                Path.of(System.getProperty("maven.home"), "bin", mvn()).toString(),
                                "--batch-mode",
                                "--quiet",
                                "--settings=" + settings,
                                "--file=" + PROJECT.resolve("pom.xml"),
                                "-Dmaven.repo.local=" + repository(),
                                "-Daether.checksums.omitted=ignore",
                                "-Ddensenet4j.version=" + VERSION,
                                "process-classes"));
        assertEquals(0, maven.exitCode(), maven.out() + maven.err());
    }

    private static Path repository() {
        return PROJECT.resolve("repository");
    }

    private static String mvn() {
        return OS.current() == OS.WINDOWS ? "mvn.cmd" : "mvn";
    }

    @Test
    void oneDependencyBringsNoMoreThanTrainingNeeds() throws IOException {
        long bytes = 0;
        List<String> found = new ArrayList<>();
        for (Path jar : jars()) {
            bytes += Files.size(jar);
            String version = "-\\d[^a-z]*(-SNAPSHOT)?(?=[-.])";
            found.add(
                    jar.getFileName()
                            .toString()
                            .replaceFirst("\\.jar$", ".")
                            .replaceFirst(version, "")
                            .replaceFirst("\\.$", ""));
        }
        assertEquals(new TreeSet<>(wanted(platform())), new TreeSet<>(found));
        assertTrue(bytes < MOST_BYTES, bytes + " bytes");
    }

    /** Gradle reads {@code .module}: the same, so that its users get neither less nor more. */
    @Test
    void gradlesMetadataNamesWhatMavenBrings() throws IOException {
        String platform = platform();
        Set<String> found = new TreeSet<>();
        for (String line : gradleVariant(platform + "-runtimeElements")) {
            Matcher module = Pattern.compile("\"module\": \"([^\"]+)\"").matcher(line);
            assertTrue(module.find(), line);
            Matcher classifier = Pattern.compile("\"classifier\": \"([^\"]+)\"").matcher(line);
            found.add(module.group(1) + (classifier.find() ? "-" + classifier.group(1) : ""));
        }
        found.addAll(JPEG_LIBRARIES);
        found.add("densenet4j");
        assertEquals(new TreeSet<>(wanted(platform)), found);
    }

    /** The lines that have the dependencies of a variant, one each. */
    private static List<String> gradleVariant(String name) throws IOException {
        return Files.readAllLines(Path.of("target", "densenet4j.module")).stream()
                .dropWhile(line -> !line.contains("\"name\": \"" + name + "\""))
                .takeWhile(line -> !line.contains("\"files\""))
                .filter(line -> line.contains("\"module\""))
                .toList();
    }

    private static List<String> wanted(String platform) {
        List<String> wanted = new ArrayList<>(LIBRARIES);
        wanted.addAll(JPEG_LIBRARIES);
        wanted.add("dnnl-" + platform);
        if (!platform.startsWith("windows")) {
            wanted.add("leptonica-" + platform);
        }
        if (platform.endsWith("x86_64")) {
            JCUDA_NATIVES.forEach(natives -> wanted.add(natives + "-" + platform));
        }
        return wanted;
    }

    private static String platform() {
        String arch = System.getProperty("os.arch");
        return switch (OS.current()) {
            case WINDOWS -> "windows-x86_64";
            case MAC -> "macosx-arm64";
            default -> arch.equals("amd64") ? "linux-x86_64" : "linux-arm64";
        };
    }

    @ParameterizedTest
    @EnumSource
    void itTrainsAndPredicts(Start start) throws IOException {
        Run run = java(start, jars());
        assertEquals(0, run.exitCode(), run.err());
        List<String> lines = run.out().lines().toList();
        assertEquals(start.isModular(), lines.contains("module module org.densenet4j"), run.out());
        assertLoss(run);
        assertTrue(lines.stream().anyMatch(line -> line.matches("class [abc]")), run.out());
        assertTrue(run.out().contains("jpeg com.twelvemonkeys."), run.out());
        assertTrue(
                run.out().contains("WebP is not decoded on this machine: it needs com.github."),
                run.out());
        assertTrue(lines.contains("cpu works"), run.out());
        // What is said of CUDA is about this machine and not about jars.
        assertTrue(lines.stream().anyMatch(line -> line.startsWith("cuda ")), run.out());
        assertFalse(run.out().contains("JCuda"), run.out());
        assertFalse(run.err().contains("Exception"), run.err());
        assertEquals(!start.hasFlags(), run.err().contains("--enable-native-access"), run.err());
    }

    @Test
    void withoutCudaTheModulePathHasTheCpu() throws IOException {
        Run run = java(Start.MODULES_APART, jars().stream().filter(ConsumerIT::isModule).toList());
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(run.out().contains("cpu works"), run.out());
        assertTrue(
                run.out().contains("cuda JCuda's classes are not there; add org.jcuda:"),
                run.out());
        assertLoss(run);
    }

    @Test
    void aMissingLibraryIsToldInOneLine() throws IOException {
        List<Path> jars = new ArrayList<>(jars());
        jars.removeIf(jar -> jar.getFileName().toString().startsWith("javacpp-"));
        Run run = java(Start.CLASS_PATH, jars);
        assertEquals(1, run.exitCode());
        assertTrue(
                run.err()
                        .contains(
                                "cpu: class org.bytedeco.javacpp.Loader is missing; add the library"
                                        + " that has it"),
                run.err());
        assertTrue(run.err().contains("DeviceException: no usable device"), run.err());
    }

    @Test
    void theJarOfARepositoryHasNoCommandLineAndSaysSo() throws IOException {
        Path jar = LIB.resolve("densenet4j-" + VERSION + ".jar");
        Run run = run(List.of(javaCommand(), "-jar", jar.toString(), "doctor"));
        assertEquals(2, run.exitCode());
        assertTrue(run.err().startsWith("error: the libraries of the command line"), run.err());
        assertEquals(1, run.err().lines().count(), run.err());
    }

    /** The loss of the first step, which depends on the arithmetic by rounding alone. */
    private static void assertLoss(Run run) {
        String line =
                run.out().lines().filter(l -> l.startsWith("loss ")).findFirst().orElseThrow();
        assertEquals(LOSS, Double.parseDouble(line.substring(5)), 1e-3);
    }

    private static Run java(Start start, List<Path> jars) throws IOException {
        List<String> command = new ArrayList<>(List.of(javaCommand(), "-Xmx500m"));
        if (start.hasFlags()) {
            String who = start.isModular() ? "org.densenet4j" : "ALL-UNNAMED";
            command.addAll(
                    List.of(
                            "--add-modules",
                            "jdk.incubator.vector",
                            "--enable-native-access=" + who));
        }
        if (start.isModular()) {
            boolean apart = start == Start.MODULES_APART;
            List<Path> modules = jars.stream().filter(j -> !apart || isModule(j)).toList();
            List<Path> others = jars.stream().filter(j -> !modules.contains(j)).toList();
            command.addAll(List.of("--module-path", CLASSES + File.pathSeparator + path(modules)));
            if (!others.isEmpty()) {
                command.addAll(List.of("--class-path", path(others)));
            }
            command.addAll(List.of("--module", "consumer/consumer.Consumer"));
        } else {
            command.addAll(List.of("--class-path", CLASSES + File.pathSeparator + path(jars)));
            command.add("consumer.Consumer");
        }
        return run(command);
    }

    /** Whether the jar is a module by its own word. */
    private static boolean isModule(Path jar) {
        String name = jar.getFileName().toString();
        return Stream.of("densenet4j", "dnnl", "javacpp", "jackson", "jspecify")
                .anyMatch(name::startsWith);
    }

    private static List<Path> jars() throws IOException {
        try (Stream<Path> files = Files.list(LIB)) {
            return files.sorted().toList();
        }
    }

    private static String path(List<Path> jars) {
        return jars.stream().map(Path::toString).collect(Collectors.joining(File.pathSeparator));
    }

    private static String javaCommand() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    /** Runs a program in the project's folder, with this JVM's JDK as that of Maven. */
    private static Run run(List<String> command) throws IOException {
        Path out = Files.createTempFile("consumer", ".out");
        Path err = Files.createTempFile("consumer", ".err");
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().keySet().removeIf(name -> name.startsWith("MAVEN_"));
        builder.environment().remove("JAVA_TOOL_OPTIONS");
        Process process =
                builder.directory(PROJECT.toFile())
                        .redirectOutput(out.toFile())
                        .redirectError(err.toFile())
                        .start();
        try {
            if (!process.waitFor(5, TimeUnit.MINUTES)) {
                process.destroyForcibly();
                throw new IOException(command + " runs for five minutes");
            }
            return new Run(process.exitValue(), Files.readString(out), Files.readString(err));
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        } finally {
            Files.delete(out);
            Files.delete(err);
        }
    }
}
