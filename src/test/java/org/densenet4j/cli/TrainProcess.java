package org.densenet4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** {@code densenet4j} in a process of its own, in a folder of its own. */
final class TrainProcess {
    private static final long PATIENCE_SECONDS = 120;

    private final Process process;
    private final Path log;

    private TrainProcess(Process process, Path log) {
        this.process = process;
        this.log = log;
    }

    /**
     * Starts it.
     *
     * @param shell what a shell does first, such as {@code ulimit -f 10}, or empty
     */
    static TrainProcess start(Path folder, String shell, String... arguments) throws IOException {
        return start(folder, shell, "512m", arguments);
    }

    /** Starts it with another heap, such as {@code 100m}. */
    static TrainProcess startWithHeap(Path folder, String heap, String... arguments)
            throws IOException {
        return start(folder, "", heap, arguments);
    }

    private static TrainProcess start(Path folder, String shell, String heap, String... arguments)
            throws IOException {
        List<String> command = new ArrayList<>();
        // A build in the background ignores Ctrl-C and hands that down; undo it.
        command.addAll(List.of("env", "--default-signal=INT"));
        if (!shell.isEmpty()) {
            command.addAll(List.of("bash", "-c", shell + " && exec \"$@\"", "bash"));
        }
        command.addAll(
                List.of(
                        ProcessHandle.current().info().command().orElse("java"),
                        "--add-modules",
                        "jdk.incubator.vector",
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-XX:-UsePerfData",
                        "-Xmx" + heap,
                        "-cp",
                        System.getProperty("java.class.path"),
                        Main.class.getName()));
        command.addAll(List.of(arguments));
        Path log = folder.resolve("log-" + System.nanoTime() + ".txt");
        Process process =
                new ProcessBuilder(command)
                        .directory(folder.toFile())
                        .redirectErrorStream(true)
                        .redirectOutput(log.toFile())
                        .start();
        return new TrainProcess(process, log);
    }

    /** Runs it to its end and returns the exit code. */
    int await() throws IOException {
        try {
            if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new AssertionError("hangs: " + output());
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        return process.exitValue();
    }

    /** Kills it (SIGKILL) so many milliseconds after {@code text} was printed, if it still runs. */
    void killAfter(String text, long millis) throws IOException {
        await(text);
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        process.destroyForcibly();
        await();
    }

    /** Waits until {@code text} was printed or the process has ended. */
    void await(String text) throws IOException {
        while (process.isAlive() && !output().contains(text)) {
            try {
                Thread.sleep(20);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }

    void signal(String name) throws IOException {
        try {
            new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid())).start().waitFor();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    boolean isAlive() {
        return process.isAlive();
    }

    String output() throws IOException {
        return java.nio.file.Files.readString(log);
    }
}
