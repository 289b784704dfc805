package org.densenet4j.cli;

import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.train.LearningRateSchedule;
import org.densenet4j.train.StepResult;
import org.densenet4j.train.Trainer;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.Map;

/**
 * Epochs over a data set with a run folder: {@code metrics.csv}, one line per epoch, and {@code
 * checkpoint.safetensors}, saved after every epoch and when the run is stopped.
 */
final class TrainingRun {
    private static final String CHECKPOINT = "checkpoint.safetensors";

    private final Trainer trainer;
    private final LearningRateSchedule schedule;
    private final int epochs;
    private final Path folder;
    private final BatchLoader train;
    private final BatchLoader test;
    private int epoch;
    private int batchInEpoch;
    private double inputWait;
    private double stepSeconds;
    private long images;
    private double bestAccuracy;

    TrainingRun(
            Trainer trainer,
            DataOption.Source source,
            LearningRateSchedule schedule,
            int epochs,
            int batch,
            long seed,
            Path folder) {
        this.trainer = trainer;
        this.schedule = schedule;
        this.epochs = epochs;
        this.folder = folder;
        this.train =
                BatchLoader.of(source.train())
                        .batch(batch)
                        .shuffle(seed)
                        .augment(source.augmentation())
                        .normalise(source.normalisation())
                        .dropLast(source.train().size() >= batch);
        this.test = BatchLoader.of(source.test()).batch(batch).normalise(source.normalisation());
    }

    /**
     * Trains to the end, or until the process is asked to stop.
     *
     * @param resume a checkpoint to continue from, or null
     * @return whether it got to the end
     */
    boolean train(Path resume) throws IOException {
        openFolder(resume);
        if (resume != null) {
            restore(resume);
        }
        long perEpoch = train.batchesPerEpoch();
        long total = perEpoch * epochs;
        Progress progress = new Progress(System.out, total, epoch * perEpoch + batchInEpoch);
        try (StopSignal stop = new StopSignal()) {
            for (; epoch < epochs; epoch++) {
                if (!trainEpoch(stop, progress, perEpoch, total)) {
                    save();
                    progress.line(
                            "stopped in epoch "
                                    + (epoch + 1)
                                    + "; continue with --resume "
                                    + folder.resolve(CHECKPOINT));
                    return false;
                }
            }
        }
        report(progress);
        return true;
    }

    /** Finds out before the first step, not after the first epoch, whether results can be kept. */
    private void openFolder(Path resume) throws IOException {
        Path checkpoint = folder.resolve(CHECKPOINT);
        if (Files.exists(checkpoint) && (resume == null || !Files.isSameFile(resume, checkpoint))) {
            throw new IllegalArgumentException(
                    folder
                            + " holds the checkpoint of another run; continue it with --resume "
                            + checkpoint
                            + ", or choose another folder with --out");
        }
        try {
            Files.createDirectories(folder);
            Files.delete(Files.createTempFile(folder, ".writable", null));
        } catch (IOException e) {
            throw new IOException(
                    "cannot write to the run folder "
                            + folder
                            + " ("
                            + e.getClass().getSimpleName()
                            + "); choose another with --out",
                    e);
        }
    }

    private boolean trainEpoch(StopSignal stop, Progress progress, long perEpoch, long total)
            throws IOException {
        double loss = 0;
        long correct = 0;
        long seen = 0;
        try (BatchLoader.Epoch batches = train.epoch(epoch, batchInEpoch)) {
            for (Batch batch : batches) {
                long done = epoch * perEpoch + batchInEpoch;
                trainer.learningRate(schedule.rate((double) done / total));
                long start = System.nanoTime();
                StepResult r = trainer.step(batch);
                stepSeconds += (System.nanoTime() - start) / 1e9;
                images += r.images();
                loss += r.loss() * r.images();
                correct += r.correct();
                seen += r.images();
                batchInEpoch++;
                progress.show(
                        done + 1,
                        String.format(
                                Locale.ROOT,
                                "epoch %d/%d  loss %.3f  accuracy %4.1f %%  %.0f images/s",
                                epoch + 1,
                                epochs,
                                loss / seen,
                                100.0 * correct / seen,
                                images / stepSeconds));
                if (stop.requested()) {
                    return false;
                }
            }
            inputWait += batches.inputWaitSeconds();
        }
        batchInEpoch = 0;
        evaluate(progress, loss / Math.max(1, seen), (double) correct / Math.max(1, seen));
        return true;
    }

    private void evaluate(Progress progress, double trainLoss, double trainAccuracy)
            throws IOException {
        double loss = 0;
        long correct = 0;
        long seen = 0;
        try (BatchLoader.Epoch batches = test.epoch(0)) {
            for (Batch batch : batches) {
                StepResult r = trainer.evaluate(batch);
                loss += r.loss() * r.images();
                correct += r.correct();
                seen += r.images();
            }
        }
        double accuracy = (double) correct / seen;
        bestAccuracy = Math.max(bestAccuracy, accuracy);
        progress.line(
                String.format(
                        Locale.ROOT,
                        "epoch %d/%d  loss %.4f  accuracy %5.2f %%  test loss %.4f  test accuracy"
                                + " %5.2f %%  %s",
                        epoch + 1,
                        epochs,
                        trainLoss,
                        100 * trainAccuracy,
                        loss / seen,
                        100 * accuracy,
                        Progress.duration(progress.seconds())));
        append(
                String.format(
                        Locale.ROOT,
                        "%d,%d,%.6f,%.6f,%.6f,%.6f,%.6f",
                        epoch + 1,
                        trainer.steps(),
                        trainer.learningRate(),
                        trainLoss,
                        trainAccuracy,
                        loss / seen,
                        accuracy));
        epoch++;
        save();
        epoch--;
    }

    private void append(String line) throws IOException {
        Path file = folder.resolve("metrics.csv");
        boolean isNew = !Files.exists(file);
        try (BufferedWriter writer =
                Files.newBufferedWriter(
                        file, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
            if (isNew) {
                writer.write(
                        "epoch,steps,learning_rate,train_loss,train_accuracy,test_loss,"
                                + "test_accuracy\n");
            }
            writer.write(line + "\n");
        } catch (IOException e) {
            throw new IOException("cannot write " + file + ": " + e.getMessage(), e);
        }
    }

    private void save() throws IOException {
        trainer.save(
                folder.resolve(CHECKPOINT),
                Map.of(
                        "run.epoch", String.valueOf(epoch),
                        "run.batch", String.valueOf(batchInEpoch)));
    }

    private void restore(Path checkpoint) throws IOException {
        Map<String, String> notes = trainer.load(checkpoint);
        try {
            epoch = Integer.parseInt(notes.getOrDefault("run.epoch", "0"));
            batchInEpoch = Integer.parseInt(notes.getOrDefault("run.batch", "0"));
        } catch (NumberFormatException e) {
            throw new IOException(checkpoint + ": the run's counters are broken", e);
        }
        if (epoch >= epochs) {
            throw new IllegalArgumentException(
                    checkpoint
                            + " has finished "
                            + epoch
                            + " epochs; give --epochs a larger number to train on");
        }
    }

    private void report(Progress progress) {
        System.out.printf(
                Locale.ROOT,
                "%ntest accuracy  %.2f %%%nspeed          %.1f images/s in training steps, waiting for"
                        + " input %.1f %% of the time%ntime           %s for %,d images%nsaved         "
                        + " %s%n",
                100 * bestAccuracy,
                images / stepSeconds,
                100 * inputWait / Math.max(1e-9, inputWait + stepSeconds),
                Progress.duration(progress.seconds()),
                images,
                folder.resolve(CHECKPOINT));
    }
}
