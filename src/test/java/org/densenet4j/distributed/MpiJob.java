package org.densenet4j.distributed;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** A program of the tests in several processes, started by a real launcher. */
public final class MpiJob {
    private static final long PATIENCE_SECONDS = 120;
    private static final long LAST_ONE_SECONDS = 10;

    private final Process launcher;
    private final Path log;
    private final String mark;

    private MpiJob(Process launcher, Path log, String mark) {
        this.launcher = launcher;
        this.log = log;
        this.mark = mark;
    }

    /** What to start. */
    public static final class Program {
        private final Class<?> main;
        private final List<String> arguments;
        private final Map<String, String> environment = new HashMap<>();
        private List<String> flags = List.of("-XX:TieredStopAtLevel=1");

        private Program(Class<?> main, List<String> arguments) {
            this.main = main;
            this.arguments = arguments;
        }

        /** With a variable of the environment. */
        public Program with(String variable, String value) {
            environment.put(variable, value);
            return this;
        }

        /** With other options of the JVM. */
        public Program withFlags(String... others) {
            flags = List.of(others);
            return this;
        }

        /** Starts the ranks in a folder. */
        public MpiJob start(Mpi mpi, int ranks, Path folder) throws IOException {
            String mark = "-Djob=" + UUID.randomUUID();
            List<String> command = new ArrayList<>(mpi.launch(ranks));
            command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
            command.addAll(
                    List.of(
                            "--add-modules=jdk.incubator.vector",
                            "--enable-native-access=ALL-UNNAMED",
                            "-XX:+UseSerialGC",
                            "-XX:TieredStopAtLevel=1",
                            "-XX:-UsePerfData",
                            "-Xmx256m"));
            command.addAll(flags);
            command.addAll(List.of(mark, "-cp", classPath()));
            command.add(main.getName());
            command.addAll(arguments);
            Path log = Files.createTempFile(folder, "job", ".txt");
            ProcessBuilder builder =
                    new ProcessBuilder(command)
                            .directory(folder.toFile())
                            .redirectErrorStream(true)
                            .redirectOutput(log.toFile());
            builder.environment().putAll(environment);
            return new MpiJob(builder.start(), log, mark);
        }

        /** Ranks run in a folder of their own. */
        private static String classPath() {
            return Arrays.stream(
                            System.getProperty("java.class.path").split(File.pathSeparator, -1))
                    .map(entry -> Path.of(entry).toAbsolutePath().toString())
                    .collect(Collectors.joining(File.pathSeparator));
        }

        /** Starts the ranks and waits until none of them is left. */
        public MpiJob run(Mpi mpi, int ranks, Path folder) throws IOException {
            MpiJob job = start(mpi, ranks, folder);
            job.await();
            return job;
        }
    }

    /** A class with a main method. */
    public static Program of(Class<?> main, Object... arguments) {
        return new Program(main, Arrays.stream(arguments).map(String::valueOf).toList());
    }

    /** Waits for the launcher, and then a moment for the last rank, and returns the exit code. */
    public int await() throws IOException {
        try {
            if (!launcher.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                launcher.destroyForcibly();
                ranks().forEach(ProcessHandle::destroyForcibly);
                throw new AssertionError("hangs: " + output());
            }
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LAST_ONE_SECONDS);
            while (!ranks().isEmpty() && System.nanoTime() < end) {
                Thread.sleep(20);
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        List<ProcessHandle> left = ranks();
        left.forEach(ProcessHandle::destroyForcibly);
        assertEquals(List.of(), left, () -> "ranks that outlived the launcher: " + log);
        return exitCode();
    }

    /** Processes of the job that run now. */
    public List<ProcessHandle> ranks() {
        return ProcessHandle.allProcesses().filter(process -> isRank(process.pid())).toList();
    }

    /** ProcessHandle has no arguments where they are longer than a page, such as a class path. */
    private boolean isRank(long pid) {
        Path process = Path.of("/proc", String.valueOf(pid));
        try {
            // The launcher and its helpers have the same arguments, and another program.
            return Files.readSymbolicLink(process.resolve("exe")).endsWith("java")
                    && Files.readString(process.resolve("cmdline")).contains(mark);
        } catch (IOException e) {
            return false; // it has just ended
        }
    }

    /** Waits until a file is there. */
    public void awaitFile(Path file) throws IOException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (!Files.exists(file)) {
            if (!launcher.isAlive() || System.nanoTime() > end) {
                throw new AssertionError("no " + file + ": " + output());
            }
            try {
                Thread.sleep(20);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }

    /** Asks the launcher to end (SIGTERM). */
    public void terminateLauncher() {
        launcher.destroy();
    }

    /** The launcher's exit code. */
    public int exitCode() {
        return launcher.exitValue();
    }

    /** What the launcher and all ranks have printed, in the order in which it came. */
    public String output() throws IOException {
        return Files.readString(log);
    }
}
