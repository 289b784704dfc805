package org.densenet4j.cli;

import org.densenet4j.backend.DeviceException;
import org.densenet4j.data.ImageMemoryException;
import org.densenet4j.distributed.MpiException;
import org.densenet4j.io.FailureReason;
import org.densenet4j.io.OneLine;
import org.densenet4j.plan.Bytes;
import org.densenet4j.plan.PlanException;
import org.densenet4j.train.NonFiniteException;
import org.densenet4j.weights.WeightsException;

import picocli.CommandLine;
import picocli.CommandLine.Command;

import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.file.FileSystemException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * {@code densenet4j COMMAND}. Exit codes: 0 success; 1 the work failed (a mismatch, numbers that
 * are not finite, too little memory), or what was printed could not be written; 2 wrong input or a
 * file that cannot be read or written, with one line that says what to change; 130 after Ctrl-C.
 */
@Command(
        name = "densenet4j",
        description = "Memory-efficient DenseNet training on the JVM.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        subcommands = {
            TrainCommand.class,
            LrFindCommand.class,
            PlanCommand.class,
            SummaryCommand.class,
            CompareCommand.class,
            ProfileCommand.class,
            BenchCommand.class,
            ParityCommand.class,
            PredictCommand.class,
            EvaluateCommand.class,
            EmbedCommand.class,
            HeatMapCommand.class,
            ExportCommand.class,
            ConvertCommand.class,
            FeatureReuseCommand.class,
            PruneReportCommand.class,
            DoctorCommand.class,
            MeasureCommand.class
        },
        synopsisSubcommandLabel = "COMMAND",
        usageHelpAutoWidth = true)
public final class Main {
    /** With less the JVM collects garbage without end instead of failing. */
    private static final long LEAST_HEAP = 30L << 20;

    /** Commands that a launcher may start in several processes. */
    private static final List<String> OF_SEVERAL = List.of("train", "bench", "doctor");

    private static final int FAILED = 1;
    private static final int WRONG_INPUT = 2;

    /** For picocli. */
    Main() {}

    /** Runs a command and exits with its code. */
    public static void main(String[] args) {
        System.setProperty("java.awt.headless", "true");
        // What is printed and written is for programs, too: no decimal commas, no Turkish i.
        Locale.setDefault(Locale.ROOT);
        CheckedStream.install();
        Job.begin();
        System.exit(Job.end(run(args)));
    }

    /** Runs a command and returns its exit code. */
    static int run(String... args) {
        Notices.print();
        long heap = Runtime.getRuntime().maxMemory();
        if (heap < LEAST_HEAP) {
            System.err.println(
                    "error: the Java heap has "
                            + Bytes.format(heap)
                            + ", "
                            + Bytes.format(LEAST_HEAP)
                            + " are needed; give it more, such as DENSENET4J_OPTS=-Xmx1g");
            return FAILED;
        }
        int code;
        try {
            code = commandLine().execute(args.length == 0 ? new String[] {"--help"} : args);
        } catch (OutOfMemoryError | StackOverflowError e) {
            Job.beforeComplaint(e);
            debug(e);
            System.err.println(Job.complaint() + lack(e));
            code = FAILED;
        }
        return withOutputs(code);
    }

    /** The code, or that what was printed did not arrive. */
    private static int withOutputs(int code) {
        String reason = failure(System.out);
        if (reason != null) {
            System.err.println("error: cannot write standard output: " + reason);
        }
        boolean arrived = reason == null && failure(System.err) == null;
        return code == 0 && !arrived ? FAILED : code;
    }

    private static String failure(PrintStream stream) {
        if (stream instanceof CheckedStream.Checked checked) {
            IOException e = checked.failure();
            return e == null ? null : FailureReason.of(e);
        }
        return stream.checkError() ? "it is closed or full" : null;
    }

    private static CommandLine commandLine() {
        CommandLine line = new CommandLine(new Main());
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.registerConverter(Path.class, Main::path);
        line.setOut(new PrintWriter(System.out, true));
        line.setErr(new PrintWriter(System.err, true));
        line.setParameterExceptionHandler(
                (e, arguments) -> {
                    Job.beforeComplaint(e);
                    String command = e.getCommandLine().getCommandSpec().qualifiedName();
                    System.err.println(
                            Job.complaint() + oneLine(e) + " (see " + command + " --help)");
                    return WRONG_INPUT;
                });
        line.setExecutionStrategy(
                parsed -> {
                    requireOneProcess(parsed);
                    return new CommandLine.RunLast().execute(parsed);
                });
        line.setExecutionExceptionHandler((e, command, result) -> failed(unwrapped(e)));
        return line;
    }

    /** What several processes would only do several times over. */
    private static void requireOneProcess(CommandLine.ParseResult parsed) {
        if (!Job.hasOthers() || !parsed.hasSubcommand()) {
            return;
        }
        CommandLine.ParseResult command = parsed.subcommand();
        String name = command.commandSpec().name();
        boolean help = command.isUsageHelpRequested() || command.isVersionHelpRequested();
        if (!OF_SEVERAL.contains(name) && !help) {
            throw new CommandLine.ParameterException(
                    command.commandSpec().commandLine(),
                    name
                            + " runs in one process; start it without mpirun or srun, which are for "
                            + String.join(", ", OF_SEVERAL));
        }
    }

    /** Prints what went wrong; returns the exit code. */
    private static int failed(Exception e) {
        Job.beforeComplaint(e);
        debug(e);
        if (e instanceof WeightsException weights) {
            weights.report().print(new PrintWriter(System.err, true));
        }
        System.err.println(Job.complaint() + oneLine(e));
        boolean failed = e instanceof FailedException || lackOfMemory(e).isPresent();
        return isWrongInput(e) && !failed ? WRONG_INPUT : FAILED;
    }

    private static void debug(Throwable e) {
        if (System.getenv("DENSENET4J_DEBUG") != null) {
            e.printStackTrace(System.err);
        }
    }

    /** What a stream or a lambda could not throw as it was. */
    private static Exception unwrapped(Exception e) {
        return e instanceof UncheckedIOException io ? io.getCause() : e;
    }

    private static boolean isWrongInput(Throwable e) {
        return e instanceof IllegalArgumentException
                || e instanceof PlanException
                || e instanceof DeviceException
                || e instanceof MpiException
                || e instanceof IOException;
    }

    /** What there was too little memory for, whatever was made of that on its way. */
    private static Optional<String> lackOfMemory(Throwable thrown) {
        for (Throwable e = thrown; e != null; e = e.getCause()) {
            if (e instanceof OutOfMemoryError || e instanceof StackOverflowError) {
                return Optional.of(lack((Error) e));
            }
            if (e instanceof ImageMemoryException) {
                return Optional.of(e.getMessage());
            }
        }
        return Optional.empty();
    }

    private static String oneLine(Throwable e) {
        Optional<String> memory = lackOfMemory(e);
        if (memory.isPresent()) {
            return memory.get();
        }
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof InvalidPathException path) {
                return noPath(path);
            }
        }
        String message = e.getMessage() == null ? e.toString() : e.getMessage();
        if (e instanceof FileSystemException file && file.getReason() == null) {
            return OneLine.of(file.getFile() + ": " + FailureReason.of(file));
        }
        if (e instanceof DeviceException) {
            return message.lines().findFirst().orElse("unknown"); // a compiler's log may follow
        }
        if (isWrongInput(e)
                || e instanceof NonFiniteException
                || e instanceof CommandLine.ParameterException) {
            return OneLine.of(message);
        }
        return "unexpected "
                + e.getClass().getSimpleName()
                + ": "
                + message.lines().findFirst().orElse("unknown")
                + " (set DENSENET4J_DEBUG=1 for details)";
    }

    /** A name is empty where a shell's variable was not set; for Java it is the current folder. */
    private static Path path(String name) {
        if (name.isBlank()) {
            throw new CommandLine.TypeConversionException(
                    "'" + OneLine.of(name) + "' names no file or folder; the current one is .");
        }
        try {
            return Path.of(name);
        } catch (InvalidPathException e) {
            throw new CommandLine.TypeConversionException(noPath(e));
        }
    }

    private static String noPath(InvalidPathException e) {
        return canName(e.getInput())
                ? OneLine.of(e.getMessage())
                : OneLine.of(e.getInput())
                        + ": the locale's character set, "
                        + System.getProperty("sun.jnu.encoding")
                        + ", has no such names; set LC_ALL=C.UTF-8";
    }

    /** Whether the character set of file names has a name; what it has not became U+FFFD before. */
    private static boolean canName(String name) {
        String encoding = System.getProperty("sun.jnu.encoding");
        return encoding == null
                || !Charset.isSupported(encoding)
                || name.indexOf('\uFFFD') < 0
                        && Charset.forName(encoding).newEncoder().canEncode(name);
    }

    /** What the JVM ran out of. */
    private static String lack(Error e) {
        if (e instanceof StackOverflowError) {
            return "the stack of Java is too small for this; give it more, such as"
                    + " DENSENET4J_OPTS=-Xss16m";
        }
        String what = e.getMessage() == null ? "Java heap space" : e.getMessage();
        return "out of memory ("
                + OneLine.of(what)
                + "): the Java heap has "
                + Bytes.format(Runtime.getRuntime().maxMemory())
                + "; give it more, such as DENSENET4J_OPTS=-Xmx4g, or use smaller images, batches"
                + " or fewer --loader-threads";
    }
}
