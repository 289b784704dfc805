package org.densenet4j.backend.cuda;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A JVM of its own, for what may happen only once in a process, such as loading a library.
 *
 * @param exitCode of the process
 * @param out everything it printed
 * @param err everything it complained about
 */
public record ChildJvm(int exitCode, String out, String err) {

    /**
     * What a process gets.
     *
     * @param environment variables besides those of this process
     * @param properties system properties
     * @param classes in front of the class path of this process; null for none
     * @param heapMegabytes largest heap
     * @param patienceSeconds after which it is ended and the test fails
     * @param flags that the engine asks a JVM for
     */
    public record Settings(
            Map<String, String> environment,
            Map<String, String> properties,
            Path classes,
            int heapMegabytes,
            int patienceSeconds,
            List<String> flags) {
        private static final List<String> FLAGS =
                List.of(
                        "--add-modules",
                        "jdk.incubator.vector",
                        "--enable-native-access=ALL-UNNAMED");

        /** A small heap and a minute. */
        public static Settings of(Map<String, String> environment) {
            return new Settings(environment, Map.of(), null, 256, 60, FLAGS);
        }

        /** With system properties. */
        public Settings withProperties(Map<String, String> properties) {
            return new Settings(
                    environment, properties, classes, heapMegabytes, patienceSeconds, flags);
        }

        /** With classes that replace those of this process. */
        public Settings withClasses(Path classes) {
            return new Settings(
                    environment, properties, classes, heapMegabytes, patienceSeconds, flags);
        }

        /** As a program that knows of no flags. */
        public Settings withoutFlags() {
            return new Settings(
                    environment, properties, classes, heapMegabytes, patienceSeconds, List.of());
        }

        /** With room and time for more than a glance. */
        public Settings withLimits(int heapMegabytes, int patienceSeconds) {
            return new Settings(
                    environment, properties, classes, heapMegabytes, patienceSeconds, flags);
        }
    }

    /** Runs a class with the class path of this process. */
    public static ChildJvm run(
            Path folder, Map<String, String> environment, String mainClass, String... arguments)
            throws IOException {
        return run(folder, Settings.of(environment), mainClass, arguments);
    }

    /**
     * Runs a class with the class path of this process.
     *
     * @param folder for what the process writes
     */
    public static ChildJvm run(
            Path folder, Settings settings, String mainClass, String... arguments)
            throws IOException {
        String path = System.getProperty("java.class.path");
        if (settings.classes != null) {
            path = settings.classes + File.pathSeparator + path;
        }
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of(
                        "-Xmx" + settings.heapMegabytes + "m",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        path));
        command.addAll(settings.flags);
        settings.properties.forEach((name, value) -> command.add("-D" + name + "=" + value));
        command.add(mainClass);
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command);
        for (String variable :
                List.of(
                        "LD_LIBRARY_PATH",
                        "CUDA_HOME",
                        "CUDA_PATH",
                        "CUDA_VISIBLE_DEVICES",
                        "CONDA_PREFIX",
                        "VIRTUAL_ENV",
                        "DENSENET4J_CUDA_LIBS")) {
            builder.environment().remove(variable);
        }
        builder.environment().put("DENSENET4J_CACHE", folder.resolve("cache").toString());
        builder.environment().putAll(settings.environment);
        Path out = Files.createTempFile(folder, "out", ".txt");
        Path err = Files.createTempFile(folder, "err", ".txt");
        builder.redirectOutput(out.toFile()).redirectError(err.toFile());
        Process process = builder.start();
        try {
            if (!process.waitFor(settings.patienceSeconds, TimeUnit.SECONDS)) {
                throw new IOException(
                        "still running after "
                                + settings.patienceSeconds
                                + " s:\n"
                                + Files.readString(out)
                                + Files.readString(err));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        } finally {
            process.destroyForcibly();
        }
        return new ChildJvm(
                process.exitValue(),
                Files.readString(out, StandardCharsets.UTF_8),
                Files.readString(err, StandardCharsets.UTF_8));
    }
}
