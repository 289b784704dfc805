package org.densenet4j.standin;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The C++ compiler of the machine that runs the tests.
 *
 * @param command its name
 * @param version what it says of itself
 */
public record HostCompiler(String command, String version) {
    private static final List<String> COMMANDS = List.of("g++", "clang++", "c++");

    /** The first that runs; empty when none does. */
    public static Optional<HostCompiler> find() {
        for (String command : COMMANDS) {
            try {
                return Optional.of(
                        new HostCompiler(command, output(List.of(command, "--version"))));
            } catch (IOException ignored) {
                // Then the next one may be there.
            }
        }
        return Optional.empty();
    }

    /** Runs the compiler and throws an {@link AssertionError} with its complaints if it fails. */
    public void run(List<String> arguments) {
        List<String> command = new ArrayList<>(List.of(this.command));
        command.addAll(arguments);
        try {
            output(command);
        } catch (IOException e) {
            throw new AssertionError(String.join(" ", command) + ":\n" + e.getMessage(), e);
        }
    }

    private static String output(List<String> command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            if (process.waitFor() != 0) {
                throw new IOException(text);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
        return text;
    }
}
