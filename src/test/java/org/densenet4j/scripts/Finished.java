package org.densenet4j.scripts;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/**
 * A finished process.
 *
 * @param exitCode of it
 * @param out its output and its complaints
 */
record Finished(int exitCode, String out) {
    /** Runs a command that finds tools in {@code tools} before those of the system. */
    static Finished run(Path tools, Map<String, String> environment, String... command)
            throws IOException, InterruptedException {
        Process process = start(tools, environment, command);
        String out = new String(process.getInputStream().readAllBytes(), UTF_8);
        return new Finished(process.waitFor(), out);
    }

    static Process start(Path tools, Map<String, String> environment, String... command)
            throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().merge("PATH", tools.toString(), (old, own) -> own + ":" + old);
        builder.environment().putAll(environment);
        return builder.start();
    }
}
