package org.densenet4j.cli;

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

    /** Of the last test where pixels are classified. */
    private String meanIou = "";

    TrainingProgress(int epochs) {
        this.epochs = epochs;
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
                                ? "epoch %d/%d  loss %.3f  accuracy %4.1f %%%s  %.1f images/s"
                                : "epoch %d/%d  loss %.3f  accuracy %4.1f %%%s  %.0f images/s",
                        s.epoch(),
                        s.epochs(),
                        s.loss(),
                        100 * s.accuracy(),
                        meanIou,
                        s.imagesPerSecond()));
    }

    @Override
    public synchronized void epoch(EpochResult r) {
        if (r.isOfPixels()) {
            meanIou =
                    Double.isFinite(r.testMeanIou())
                            ? String.format(
                                    Locale.ROOT, "  mean IoU %5.2f %%", 100 * r.testMeanIou())
                            : "";
        }
        String test =
                Double.isFinite(r.testLoss())
                        ? String.format(
                                Locale.ROOT,
                                "test loss %.4f  test accuracy %5.2f %%%s",
                                r.testLoss(),
                                100 * r.testAccuracy(),
                                meanIou)
                        : "test loss is not finite";
        line(
                String.format(
                        Locale.ROOT,
                        "epoch %d/%d  loss %.4f  accuracy %5.2f %%  %s  %s",
                        r.epoch(),
                        epochs,
                        r.trainLoss(),
                        100 * r.trainAccuracy(),
                        test,
                        Progress.duration(seconds())));
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
