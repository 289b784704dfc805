package org.densenet4j.backend.cuda;

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
    private static final long PATIENCE_SECONDS = 60;

    /** Runs a class with the class path of this process. */
    public static ChildJvm run(
            Path folder, Map<String, String> environment, String mainClass, String... arguments)
            throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of(
                        "-Xmx256m",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        mainClass));
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
        builder.environment().putAll(environment);
        Path out = folder.resolve("out.txt");
        Path err = folder.resolve("err.txt");
        builder.redirectOutput(out.toFile()).redirectError(err.toFile());
        Process process = builder.start();
        try {
            if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                throw new IOException("still running after " + PATIENCE_SECONDS + " s");
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
