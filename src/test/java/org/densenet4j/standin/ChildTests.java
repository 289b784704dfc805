package org.densenet4j.standin;

import org.densenet4j.backend.cuda.ChildJvm;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Test classes run in a process that has the stand-in driver. They are the same classes that run on
 * a real GPU.
 *
 * @param passed number of tests that passed
 * @param failures name and stack trace of those that did not
 * @param skipped name and reason of those that were not run
 * @param err what the process complained about, the stand-in's findings among it
 */
record ChildTests(int passed, String failures, String skipped, String err) {
    private static final int HEAP_MEGABYTES = 1024;
    private static final int PATIENCE_SECONDS = 600;

    /**
     * What the stand-in is asked is seen in few cases and steps; the emulated kernels run all cases
     * in tests of their own.
     */
    private static final Map<String, String> PROPERTIES =
            Map.of(
                    "densenet4j.device", "cuda",
                    "densenet4j.contract.share", "6",
                    "densenet4j.training.steps", "12");

    /**
     * Runs test classes.
     *
     * @param folder for what the process writes
     * @param options of {@link StandIn#environment}
     */
    static ChildTests run(Path folder, Map<String, String> options, String... classes)
            throws IOException {
        ChildJvm.Settings settings =
                ChildJvm.Settings.of(StandIn.environment(options))
                        .withProperties(PROPERTIES)
                        .withLimits(HEAP_MEGABYTES, PATIENCE_SECONDS);
        ChildJvm child = ChildJvm.run(folder, settings, ChildTests.class.getName(), classes);
        List<String> lines = child.out().lines().toList();
        int passed = (int) lines.stream().filter(line -> line.startsWith("passed ")).count();
        String failures = section(child.out(), "failed ");
        if (child.exitCode() != 0) {
            failures += "exit code " + child.exitCode() + "\n" + child.out() + child.err();
        }
        return new ChildTests(passed, failures, section(child.out(), "skipped "), child.err());
    }

    /** Lines that begin so, with the indented ones behind them. */
    private static String section(String out, String beginning) {
        StringBuilder found = new StringBuilder();
        boolean inside = false;
        for (String line : out.lines().toList()) {
            inside = line.startsWith(beginning) || (inside && line.startsWith("    "));
            if (inside) {
                found.append(line).append('\n');
            }
        }
        return found.toString();
    }

    /** In the child: runs the classes named and prints what became of each test. */
    public static void main(String[] classes) {
        LauncherDiscoveryRequest request =
                LauncherDiscoveryRequestBuilder.request()
                        .selectors(
                                Arrays.stream(classes)
                                        .map(DiscoverySelectors::selectClass)
                                        .toList())
                        .build();
        LauncherFactory.create().execute(request, new Printer());
        System.out.flush();
        // Threads that a failed test left behind must not keep the process.
        System.exit(0);
    }

    private static final class Printer implements TestExecutionListener {
        @Override
        public void executionSkipped(TestIdentifier test, String reason) {
            System.out.println("skipped " + test.getUniqueId() + ": " + reason);
        }

        @Override
        public void executionFinished(TestIdentifier test, TestExecutionResult result) {
            String name = test.getUniqueId().replaceAll("\\[|\\]|engine:|junit-jupiter|class:", "");
            switch (result.getStatus()) {
                case SUCCESSFUL -> {
                    if (test.isTest()) {
                        System.out.println("passed " + name);
                    }
                }
                case ABORTED -> print("skipped " + name, result);
                case FAILED -> print("failed " + name, result);
            }
        }

        private static void print(String what, TestExecutionResult result) {
            System.out.println(what);
            result.getThrowable()
                    .ifPresent(
                            e -> {
                                System.out.println("    " + e);
                                for (StackTraceElement element : e.getStackTrace()) {
                                    if (element.getClassName().startsWith("org.densenet4j")) {
                                        System.out.println("        at " + element);
                                    }
                                }
                            });
        }
    }
}
