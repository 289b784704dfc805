package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.io.ParityCase;
import org.densenet4j.parity.Kinks;
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
        int explained = 0;
        try (ParityCase parity = ParityCase.open(path);
                Device d = device.openDirect()) {
            ParityCheck check = ParityCheck.of(parity);
            System.out.println(ParityCheck.spec(parity));
            System.out.println("on " + d.description());
            if (!check.unused().isEmpty()) {
                System.out.println("not compared: " + String.join(", ", check.unused()));
            }
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
                for (ParityCheck.Group g : check.run(d, s)) {
                    print(g);
                    passed &= g.passed();
                    explained += g.passed() && !g.within() ? 1 : 0;
                }
            }
            System.out.println(
                    "\n"
                            + check.kinks()
                                    .map(Kinks::toString)
                                    .orElse("too large to look at its ReLUs in double precision"));
        }
        System.out.println(verdict(passed, explained));
        return passed ? 0 : 1;
    }

    private static void print(ParityCheck.Group g) {
        String worst = g.worst().equals(g.group()) ? "" : g.worst();
        String note = g.note().isEmpty() ? "" : (worst.isEmpty() ? "" : "; ") + g.note();
        System.out.printf(
                Locale.ROOT,
                "%-10s %-17s %8d %14.2e %10.1e   %s%n",
                g.within() ? "ok" : g.passed() ? "explained" : "MISMATCH",
                g.group(),
                g.tensors(),
                g.error(),
                g.tolerance(),
                worst + note);
    }

    private static String verdict(boolean passed, int explained) {
        if (!passed) {
            return "parity does not hold";
        }
        return explained == 0
                ? "parity holds"
                : "parity holds; what differs in "
                        + explained
                        + (explained == 1 ? " group" : " groups")
                        + " of tensors is explained above";
    }
}
