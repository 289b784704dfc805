package org.densenet4j.profile;

import org.densenet4j.graph.Graph;
import org.densenet4j.plan.Bytes;
import org.densenet4j.report.Table;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The tables of networks beside each other, for the page and the terminal. */
final class NetworkTables {
    private static final String NONE = "–";

    private NetworkTables() {}

    /** What the networks are: sizes, and the errors that others have published. */
    static Table sizes(Comparison c) {
        Table table =
                Table.of(
                        "Networks: multiply-adds are of one image, errors as others have published"
                                + " them",
                        "network",
                        "parameters",
                        "multiply-adds",
                        "error",
                        "of",
                        "published");
        Graph first = c.spec().graph();
        for (ComparedNetwork n : c.networks()) {
            Graph graph = n.spec().graph();
            table.row(
                    n.spec().name(),
                    String.format(Locale.ROOT, "%,d", graph.parameterCount()),
                    String.format(Locale.ROOT, "%,d", graph.multiplyAdds()),
                    n.published().map(e -> e.percent() + " %").orElse(NONE),
                    n.published().map(PublishedError::data).orElse(NONE),
                    n.published().map(PublishedError::source).orElse(NONE));
        }
        for (ComparedNetwork n : c.beside()) {
            Graph graph = n.spec().graph();
            table.row(
                    c.spec().name() + " / " + n.spec().name(),
                    ratio(first.parameterCount(), graph.parameterCount()),
                    ratio(first.multiplyAdds(), graph.multiplyAdds()),
                    NONE,
                    NONE,
                    NONE);
        }
        return table;
    }

    /** What a training step of each takes. */
    static Table steps(Comparison c) {
        Table table =
                Table.of(
                        "Memory of activations, gradients of them and temporaries, and speed of"
                                + " training steps of "
                                + c.batch()
                                + " images",
                        "strategy",
                        "network",
                        "activations, planned",
                        "allocated",
                        "images/s");
        for (int s = 0; s < c.runs().size(); s++) {
            List<StrategyRun> runs = new ArrayList<>();
            for (ComparedNetwork n : c.networks()) {
                StrategyRun r = n.runs().get(s);
                runs.add(r);
                table.row(
                        r.strategy(),
                        n.spec().name(),
                        Bytes.format(r.activationBytes()),
                        r.measured() == null ? NONE : Bytes.format(r.allocatedActivationBytes()),
                        r.measured() == null
                                ? NONE
                                : String.format(Locale.ROOT, "%.1f", r.imagesPerSecond(c.batch())));
            }
            StrategyRun ours = runs.getFirst();
            for (int n = 1; n < runs.size(); n++) {
                StrategyRun other = runs.get(n);
                boolean ran = ours.measured() != null && other.measured() != null;
                table.row(
                        ours.strategy(),
                        c.spec().name() + " / " + c.beside().get(n - 1).spec().name(),
                        ratio(ours.activationBytes(), other.activationBytes()),
                        ran
                                ? ratio(
                                        ours.allocatedActivationBytes(),
                                        other.allocatedActivationBytes())
                                : NONE,
                        ran
                                ? ratio(
                                        ours.imagesPerSecond(c.batch()),
                                        other.imagesPerSecond(c.batch()))
                                : NONE);
            }
        }
        return table;
    }

    private static String ratio(double a, double b) {
        return String.format(Locale.ROOT, "%.3f", a / b);
    }
}
