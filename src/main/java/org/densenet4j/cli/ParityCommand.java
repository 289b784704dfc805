package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.io.ParityCase;
import org.densenet4j.parity.ParityCheck;
import org.densenet4j.plan.MemoryStrategy;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;

/** {@code densenet4j parity CASE}. */
@Command(
        name = "parity",
        description =
                "Checks this engine against numbers recorded by another framework. Exit code 1 on"
                        + " a mismatch.",
        mixinStandardHelpOptions = true)
final class ParityCommand implements Callable<Integer> {
    @Parameters(paramLabel = "CASE", description = "a parity case (.safetensors)")
    private Path path;

    @Option(
            names = "--strategy",
            paramLabel = "NAME",
            description = "NAIVE, SHARED or RECOMPUTE (default: all)")
    private MemoryStrategy strategy;

    @Mixin private DeviceOption device;

    /** For picocli. */
    ParityCommand() {}

    @Override
    public Integer call() throws Exception {
        List<MemoryStrategy> strategies =
                strategy == null ? List.of(MemoryStrategy.values()) : List.of(strategy);
        boolean passed = true;
        try (ParityCase parity = ParityCase.open(path);
                Device d = device.openDirect()) {
            System.out.println(ParityCheck.spec(parity));
            System.out.println("on " + d.description());
            for (MemoryStrategy s : strategies) {
                System.out.printf(
                        Locale.ROOT,
                        "%n%-10s %-17s %8s %14s %10s   %s%n",
                        s,
                        "group",
                        "tensors",
                        "largest error",
                        "allowed",
                        "worst tensor");
                for (ParityCheck.Group g : ParityCheck.run(parity, d, s)) {
                    System.out.printf(
                            Locale.ROOT,
                            "%-10s %-17s %8d %14.2e %10.0e   %s%n",
                            g.passed() ? "ok" : "MISMATCH",
                            g.group(),
                            g.tensors(),
                            g.error(),
                            g.tolerance(),
                            g.worst().equals(g.group()) ? "" : g.worst());
                    passed &= g.passed();
                }
            }
        }
        System.out.println(passed ? "\nparity holds" : "\nparity does not hold");
        return passed ? 0 : 1;
    }
}
