package org.densenet4j.cli;

import org.densenet4j.backend.DeviceException;
import org.densenet4j.plan.PlanException;
import org.densenet4j.train.NonFiniteException;
import org.densenet4j.weights.WeightsException;

import picocli.CommandLine;
import picocli.CommandLine.Command;

import java.io.IOException;
import java.io.PrintWriter;

/**
 * {@code densenet4j COMMAND}. Exit codes: 0 success, 1 the work failed (a mismatch, numbers that
 * are not finite), 2 wrong input, with one line that says what to change.
 */
@Command(
        name = "densenet4j",
        description = "Memory-efficient DenseNet training on the JVM.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        subcommands = {
            TrainCommand.class,
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
            FeatureReuseCommand.class,
            PruneReportCommand.class,
            DoctorCommand.class,
            MeasureCommand.class
        },
        synopsisSubcommandLabel = "COMMAND",
        usageHelpAutoWidth = true)
public final class Main {
    private static final int FAILED = 1;
    private static final int WRONG_INPUT = 2;

    /** For picocli. */
    Main() {}

    /** Runs a command and exits with its code. */
    public static void main(String[] args) {
        System.setProperty("java.awt.headless", "true");
        System.exit(run(args));
    }

    /** Runs a command and returns its exit code. */
    static int run(String... args) {
        Notices.print();
        return commandLine().execute(args.length == 0 ? new String[] {"--help"} : args);
    }

    private static CommandLine commandLine() {
        CommandLine line = new CommandLine(new Main());
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setParameterExceptionHandler(
                (e, arguments) -> {
                    String command = e.getCommandLine().getCommandSpec().qualifiedName();
                    PrintWriter err = e.getCommandLine().getErr();
                    err.println("error: " + oneLine(e) + " (see " + command + " --help)");
                    return WRONG_INPUT;
                });
        line.setExecutionExceptionHandler(
                (e, command, result) -> {
                    if (System.getenv("DENSENET4J_DEBUG") != null) {
                        e.printStackTrace(command.getErr());
                    }
                    if (e instanceof WeightsException weights) {
                        weights.report().print(command.getErr());
                    }
                    command.getErr().println("error: " + oneLine(e));
                    boolean wrongInput =
                            e instanceof IllegalArgumentException
                                    || e instanceof PlanException
                                    || e instanceof DeviceException
                                    || e instanceof IOException;
                    return wrongInput && !(e instanceof FailedException) ? WRONG_INPUT : FAILED;
                });
        return line;
    }

    private static String oneLine(Throwable e) {
        String message = e.getMessage() == null ? e.toString() : e.getMessage();
        boolean expected =
                e instanceof IllegalArgumentException
                        || e instanceof PlanException
                        || e instanceof DeviceException
                        || e instanceof IOException
                        || e instanceof NonFiniteException
                        || e instanceof CommandLine.ParameterException;
        String line = message.lines().findFirst().orElse("unknown");
        return expected
                ? line
                : "unexpected "
                        + e.getClass().getSimpleName()
                        + ": "
                        + line
                        + " (set DENSENET4J_DEBUG=1 for details)";
    }
}
