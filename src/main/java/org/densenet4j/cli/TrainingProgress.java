package org.densenet4j.cli;

import org.densenet4j.data.Task;
import org.densenet4j.io.OneLine;
import org.densenet4j.train.EpochResult;
import org.densenet4j.train.TrainingListener;

import java.io.PrintStream;
import java.util.Locale;
import java.util.function.BiFunction;
import java.util.stream.Collectors;

/** Shows a run on the terminal: a bar while it works, a line for each epoch. */
final class TrainingProgress implements TrainingListener {
    /** Images per second that are told without a fraction. */
    private static final int MANY = 10;

    /** Steps at the start that say nothing of the rest, and those behind them that do. */
    private static final int WARM_UP = 20;

    private static final int MEASURED = 50;

    /** What takes longer is told ahead. */
    private static final double LONG_SECONDS = 600;

    private final int epochs;
    private final PrintStream out;
    private final BiFunction<Long, Long, Progress> make;
    private Progress progress;
    private int steps;
    private double warm;
    private long done;

    /** Of the last test, where there is more to say than accuracy. */
    private String scores = "";

    /** Numbers and boxes are not right or wrong. */
    private final boolean hasAccuracy;

    TrainingProgress(int epochs, Task task) {
        this(epochs, task, System.out, (total, before) -> new Progress(System.out, total, before));
    }

    /**
     * Elsewhere.
     *
     * @param make of the total and of what was done before
     */
    TrainingProgress(
            int epochs, Task task, PrintStream out, BiFunction<Long, Long, Progress> make) {
        this.epochs = epochs;
        this.hasAccuracy = task != Task.REGRESS && task != Task.DETECT;
        this.out = out;
        this.make = make;
    }

    @Override
    public synchronized void step(Step s) {
        if (progress == null) {
            progress = make.apply(s.total(), s.done() - 1);
        }
        done = s.done();
        estimate(s);
        progress.show(
                s.done(),
                String.format(
                        Locale.ROOT,
                        s.imagesPerSecond() < MANY
                                ? "epoch %d/%d  loss %.3f%s%s  %.1f images/s"
                                : "epoch %d/%d  loss %.3f%s%s  %.0f images/s",
                        s.epoch(),
                        s.epochs(),
                        s.loss(),
                        hasAccuracy
                                ? String.format(
                                        Locale.ROOT, "  accuracy %4.1f %%", 100 * s.accuracy())
                                : "",
                        scores,
                        s.imagesPerSecond()));
    }

    /** Of a long run, once, when its speed is known. */
    private void estimate(Step s) {
        steps++;
        if (steps == WARM_UP) {
            warm = progress.seconds();
        }
        if (steps != WARM_UP + MEASURED) {
            return;
        }
        long left = s.total() - s.done();
        double seconds = (progress.seconds() - warm) / MEASURED * left;
        if (seconds > LONG_SECONDS) {
            line(
                    String.format(
                            Locale.ROOT,
                            "estimate       %s for the %,d steps that are left, and the tests",
                            Progress.duration(seconds),
                            left));
        }
    }

    @Override
    public synchronized void epoch(EpochResult r) {
        scores = scores(r);
        String test =
                Double.isFinite(r.testLoss())
                        ? String.format(
                                Locale.ROOT,
                                "test loss %.4f%s%s%s",
                                r.testLoss(),
                                accuracy("test accuracy", r.testAccuracy()),
                                // Up to five classes it is always everything.
                                r.testTop5() < 1 ? score("top 5 %5.2f %%", 100 * r.testTop5()) : "",
                                scores)
                        : "test loss is not finite";
        line(
                String.format(
                        Locale.ROOT,
                        "epoch %d/%d  loss %.4f%s  %s  %s%s",
                        r.epoch(),
                        epochs,
                        r.trainLoss(),
                        accuracy("accuracy", r.trainAccuracy()),
                        test,
                        Progress.duration(seconds()),
                        r.epoch() < epochs && progress != null
                                ? " (" + Progress.duration(progress.rest(done)) + " left)"
                                : ""));
    }

    private String accuracy(String name, double share) {
        return hasAccuracy ? String.format(Locale.ROOT, "  %s %5.2f %%", name, 100 * share) : "";
    }

    /** What the task is judged by, as far as it is a number. */
    private static String scores(EpochResult r) {
        return switch (r.task()) {
            case CLASSIFY -> exits(r);
            case SEGMENT -> score("mean IoU %5.2f %%", 100 * r.testMeanIou());
            case MULTILABEL ->
                    score("AUROC %.4f", r.testMeanAuroc())
                            + score("AP %.4f", r.testMeanAveragePrecision());
            case REGRESS -> score("MAE %.4g", r.testMeanAbsoluteError());
            case DETECT ->
                    score("AP %.4f", r.testMeanAveragePrecision())
                            + score("AP50 %.4f", r.testBoxes().coco50())
                            + score("VOC2007 %.4f", r.testBoxes().voc2007());
        };
    }

    /** Of networks with several exits. */
    private static String exits(EpochResult r) {
        return r.testExits().isEmpty()
                ? ""
                : r.testExits().stream()
                        .map(exit -> String.format(Locale.ROOT, "%.1f", 100 * exit.accuracy()))
                        .collect(Collectors.joining(" ", "  exits ", " %"));
    }

    private static String score(String format, double value) {
        return Double.isFinite(value) ? "  " + String.format(Locale.ROOT, format, value) : "";
    }

    @Override
    public synchronized void brokenImage(String message) {
        line("skipped  " + OneLine.of(message));
    }

    /** Prints a line above the bar. */
    synchronized void line(String text) {
        if (progress == null) {
            out.println(text);
        } else {
            progress.line(text);
        }
    }

    /** Seconds since the first step. */
    synchronized double seconds() {
        return progress == null ? 0 : progress.seconds();
    }
}
