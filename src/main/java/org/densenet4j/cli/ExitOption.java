package org.densenet4j.cli;

import org.densenet4j.inference.Exit;
import org.densenet4j.inference.ExitThresholds;
import org.densenet4j.inference.Predictor;

import picocli.CommandLine.Option;

import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The options that let images leave a network with several exits early. */
final class ExitOption {
    private static final Pattern BUDGET =
            Pattern.compile("(\\d{1,12}(?:\\.\\d{1,9})?)(ms|s|[kmg]?)", Pattern.CASE_INSENSITIVE);

    @Option(
            names = "--within",
            paramLabel = "BUDGET",
            description =
                    "of networks with several exits, such as MSDNets: look no further than the last"
                            + " exit that comes within multiply-adds of an image (50M, 1.5G) or a"
                            + " time (5ms), as it is measured here for one image at a time")
    private String budget;

    @Option(
            names = "--confidence",
            paramLabel = "P",
            description =
                    "of networks with several exits: each image leaves at the first whose most"
                            + " probable class reaches this probability, and at the last otherwise")
    private Double confidence;

    /** For picocli. */
    ExitOption() {}

    boolean isUsed() {
        return budget != null || confidence != null;
    }

    /** Refuses what no image can be looked at by. */
    void check(Predictor p) {
        if (!isUsed()) {
            return;
        }
        if (p.exits().size() < 2) {
            throw new IllegalArgumentException(
                    "--within and --confidence are for networks with several exits, such as MSDNets;"
                            + " leave them out");
        }
        if (budget != null && confidence != null) {
            throw new IllegalArgumentException("use --within or --confidence, not both");
        }
        if (confidence != null && !(confidence > 0 && confidence <= 1)) {
            throw new IllegalArgumentException(
                    "--confidence " + confidence + ": use a probability above 0 and up to 1");
        }
    }

    /** Refuses them where images have no classes. */
    void requireNone() {
        if (isUsed()) {
            throw new IllegalArgumentException(
                    "--within and --confidence are for networks that classify images; leave them"
                            + " out");
        }
    }

    /** The exit that all images leave at; none where it is up to each of them. */
    Optional<Exit> exit(Predictor p) {
        if (budget == null) {
            return Optional.empty();
        }
        Matcher m = BUDGET.matcher(budget.strip());
        if (!m.matches()) {
            throw new IllegalArgumentException(
                    "--within "
                            + budget
                            + ": use multiply-adds of an image, such as 50M, or a time, such as 5ms");
        }
        double number = Double.parseDouble(m.group(1));
        String unit = m.group(2).toLowerCase(Locale.ROOT);
        return Optional.of(
                switch (unit) {
                    case "ms" -> p.within(Duration.ofNanos((long) (number * 1e6)));
                    case "s" -> p.within(Duration.ofNanos((long) (number * 1e9)));
                    case "k" -> p.within((long) (number * 1e3));
                    case "m" -> p.within((long) (number * 1e6));
                    case "g" -> p.within((long) (number * 1e9));
                    default -> p.within((long) number);
                });
    }

    /** At which probability images leave at each exit; to be asked where they do. */
    ExitThresholds thresholds(Predictor p) {
        return ExitThresholds.ofConfidence(confidence, p.exits().size());
    }
}
