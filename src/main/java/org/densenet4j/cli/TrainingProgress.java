package org.densenet4j.cli;

import org.densenet4j.data.Task;
import org.densenet4j.io.OneLine;
import org.densenet4j.train.EpochResult;
import org.densenet4j.train.TrainingListener;

import java.util.Locale;

/** Shows a run on the terminal: a bar while it works, a line for each epoch. */
final class TrainingProgress implements TrainingListener {
    /** Images per second that are told without a fraction. */
    private static final int MANY = 10;

    private final int epochs;
    private Progress progress;

    /** Of the last test, where there is more to say than accuracy. */
    private String scores = "";

    /** Numbers are not right or wrong. */
    private final boolean hasAccuracy;

    TrainingProgress(int epochs, Task task) {
        this.epochs = epochs;
        this.hasAccuracy = task != Task.REGRESS;
    }

    @Override
    public synchronized void step(Step s) {
        if (progress == null) {
            progress = new Progress(System.out, s.total(), s.done() - 1);
        }
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

    @Override
    public synchronized void epoch(EpochResult r) {
        scores = scores(r);
        String test =
                Double.isFinite(r.testLoss())
                        ? String.format(
                                Locale.ROOT,
                                "test loss %.4f%s%s",
                                r.testLoss(),
                                accuracy("test accuracy", r.testAccuracy()),
                                scores)
                        : "test loss is not finite";
        line(
                String.format(
                        Locale.ROOT,
                        "epoch %d/%d  loss %.4f%s  %s  %s",
                        r.epoch(),
                        epochs,
                        r.trainLoss(),
                        accuracy("accuracy", r.trainAccuracy()),
                        test,
                        Progress.duration(seconds())));
    }

    private String accuracy(String name, double share) {
        return hasAccuracy ? String.format(Locale.ROOT, "  %s %5.2f %%", name, 100 * share) : "";
    }

    /** What the task is judged by, as far as it is a number. */
    private static String scores(EpochResult r) {
        return switch (r.task()) {
            case CLASSIFY -> "";
            case SEGMENT -> score("mean IoU %5.2f %%", 100 * r.testMeanIou());
            case MULTILABEL ->
                    score("AUROC %.4f", r.testMeanAuroc())
                            + score("AP %.4f", r.testMeanAveragePrecision());
            case REGRESS -> score("MAE %.4g", r.testMeanAbsoluteError());
        };
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
            System.out.println(text);
        } else {
            progress.line(text);
        }
    }

    /** Seconds since the first step. */
    synchronized double seconds() {
        return progress == null ? 0 : progress.seconds();
    }
}
