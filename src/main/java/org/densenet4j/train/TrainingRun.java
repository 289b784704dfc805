package org.densenet4j.train;

import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.io.Csv;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

/**
 * Epochs over a data set as a recipe says, with a {@link RunFolder}: checkpoints, metrics, events
 * for TensorBoard. A run that was stopped or killed continues from its last checkpoint as if
 * nothing had happened: with a deterministic device and the same threads, bit by bit.
 *
 * <pre>{@code
 * Recipe recipe = Recipe.preset("cifar");
 * DenseNetSpec spec = recipe.spec(train.classes()).build();
 * try (Device device = Device.best();
 *         Trainer trainer = recipe.trainer(spec, device).open();
 *         RunFolder folder = RunFolder.create(Path.of("runs/first"))) {
 *     TrainingRun run =
 *             TrainingRun.of(trainer, recipe, folder).data(train, test, Normalisation.CIFAR10);
 *     run.train();
 * }
 * }</pre>
 */
public final class TrainingRun {
    private static final int STEPS_PER_EVENT = 10;
    private static final String NOTE = "run.";

    /** Metadata key: number of training images, which the order of batches depends on. */
    public static final String TRAINING_IMAGES = "data.training-images";

    /** The page is large: runs of short epochs do not write it after each of them. */
    private static final long SUMMARY_NANOS = 30_000_000_000L;

    private final Trainer trainer;
    private final Recipe recipe;
    private final RunFolder folder;
    private final LearningRateSchedule schedule;
    private final Map<String, String> notes = new LinkedHashMap<>();
    private TrainingListener listener = TrainingListener.NONE;
    private BooleanSupplier stop = () -> false;
    private long saveEvery;
    private int loaderThreads = 1;
    private boolean skipBroken;
    private List<String> classNames = List.of();
    private BatchLoader trainLoader;
    private BatchLoader testLoader;

    // The state that a checkpoint carries beside the trainer's.
    private int epoch;
    private int position;
    private double lossSum;
    private long correct;
    private long seen;
    private double bestAccuracy = -1;
    private int bestEpoch;

    // Of this process only.
    private double stepSeconds;
    private double inputWait;
    private long images;
    private long summarised = System.nanoTime();

    private TrainingRun(Trainer trainer, Recipe recipe, RunFolder folder) {
        this.trainer = trainer;
        this.recipe = recipe;
        this.folder = folder;
        this.schedule = recipe.learningRate();
        recipe.values().forEach((key, value) -> notes.put("recipe." + key, value));
    }

    /** A run of a trainer that was opened as the recipe says. */
    public static TrainingRun of(Trainer trainer, Recipe recipe, RunFolder folder) {
        Objects.requireNonNull(trainer, "trainer");
        Objects.requireNonNull(recipe, "recipe");
        Objects.requireNonNull(folder, "folder");
        return new TrainingRun(trainer, recipe, folder);
    }

    /**
     * What to train and to test on.
     *
     * @throws IllegalArgumentException when there are no images, or they do not fit the network
     */
    public TrainingRun data(Dataset train, Dataset test, Normalisation normalisation) {
        Objects.requireNonNull(train, "train");
        Objects.requireNonNull(test, "test");
        Objects.requireNonNull(normalisation, "normalisation");
        requireImages("training", train);
        requireImages("test", test);
        trainLoader =
                BatchLoader.of(train)
                        .batch(recipe.batch())
                        .shuffle(recipe.seed())
                        .augment(recipe.augmentation())
                        .normalise(normalisation)
                        .dropLast(recipe.dropLast() && train.size() >= recipe.batch());
        testLoader = BatchLoader.of(test).batch(recipe.batch()).normalise(normalisation);
        classNames = List.copyOf(train.classNames());
        notes.putAll(trainLoader.metadata().entries());
        notes.put(TRAINING_IMAGES, String.valueOf(train.size()));
        return this;
    }

    private static void requireImages(String what, Dataset data) {
        if (data.size() == 0) {
            throw new IllegalArgumentException("there are no " + what + " images");
        }
    }

    /** Threads that read images; the result does not depend on them. */
    public TrainingRun loaderThreads(int count) {
        loaderThreads = count;
        return this;
    }

    /** Whether images that cannot be read are skipped; otherwise they stop the run. */
    public TrainingRun skipBroken(boolean on) {
        skipBroken = on;
        return this;
    }

    /** Also saves a checkpoint every so many steps, not only after each epoch; 0 for not. */
    public TrainingRun saveEvery(long steps) {
        if (steps < 0) {
            throw new IllegalArgumentException(
                    "save every " + steps + " steps: use a positive number, or 0 for each epoch");
        }
        saveEvery = steps;
        return this;
    }

    /** An entry of the caller's in the configuration and in every checkpoint's metadata. */
    public TrainingRun note(String key, String value) {
        Objects.requireNonNull(key, "key");
        Objects.requireNonNull(value, "value");
        notes.put(NOTE + key, value);
        return this;
    }

    /** Told about steps and epochs. */
    public TrainingRun listener(TrainingListener value) {
        Objects.requireNonNull(value, "listener");
        listener = value;
        return this;
    }

    /** Asked after each step; when it says yes, the run saves and ends. */
    public TrainingRun stopWhen(BooleanSupplier condition) {
        Objects.requireNonNull(condition, "condition");
        stop = condition;
        return this;
    }

    // ---------------------------------------------------------------- resuming

    /**
     * Continues from a checkpoint of a run.
     *
     * @throws IOException in one line when the file is damaged, of another network, or not of a run
     * @throws IllegalArgumentException when there is nothing left to do, or the data has other
     *     classes than the checkpoint, or has them in another order; nothing has changed then
     */
    public void resume(Path checkpoint) throws IOException {
        Objects.requireNonNull(checkpoint, "checkpoint");
        if (trainLoader == null) {
            throw new IllegalStateException("give the run its data before it resumes");
        }
        Map<String, String> saved =
                trainer.load(checkpoint, metadata -> checkClasses(checkpoint, metadata));
        try {
            epoch = Integer.parseInt(saved.getOrDefault("run.epoch", "0"));
            position = Integer.parseInt(saved.getOrDefault("run.batch", "0"));
            lossSum = Double.parseDouble(saved.getOrDefault("run.loss", "0"));
            correct = Long.parseLong(saved.getOrDefault("run.correct", "0"));
            seen = Long.parseLong(saved.getOrDefault("run.seen", "0"));
            bestAccuracy = Double.parseDouble(saved.getOrDefault("run.best-accuracy", "-1"));
            bestEpoch = Integer.parseInt(saved.getOrDefault("run.best-epoch", "0"));
            position = inBatchesOf(recipe.batch(), saved.get("recipe.batch"));
        } catch (NumberFormatException e) {
            throw new IOException(checkpoint + ": the run's counters are broken", e);
        }
        if (epoch >= recipe.epochs()) {
            throw new IllegalArgumentException(
                    checkpoint
                            + " has finished "
                            + epoch
                            + " epochs; give --epochs a larger number to train on");
        }
        folder.keepMetrics(epoch);
    }

    /**
     * The position in the epoch, where the run goes on with batches of another size: behind all
     * images that have been trained on.
     */
    private int inBatchesOf(int images, String before) {
        if (before == null) {
            return position;
        }
        long trained = (long) position * Integer.parseInt(before);
        return Math.toIntExact(Math.ceilDiv(trained, images));
    }

    /** A class is its name: other names in the same places would train on wrong labels. */
    private void checkClasses(Path checkpoint, Map<String, String> metadata) throws IOException {
        List<String> saved =
                ImageMetadata.read(checkpoint, metadata).classNames().orElse(classNames);
        if (!saved.equals(classNames)) {
            throw new IllegalArgumentException(
                    checkpoint
                            + " was trained on the classes "
                            + saved
                            + ", the data has "
                            + classNames
                            + "; RelabelledDataset matches classes in another order");
        }
    }

    /**
     * The settings that a checkpoint of a run was trained with: keys of the recipe. Runs of before
     * {@code drop-last} was a setting left out a last batch that was not full, and go on so.
     */
    public static Map<String, String> recipeOf(Map<String, String> checkpointMetadata) {
        Objects.requireNonNull(checkpointMetadata, "checkpointMetadata");
        Map<String, String> settings = withPrefix("recipe.", checkpointMetadata);
        if (!settings.isEmpty()) {
            settings.putIfAbsent("drop-last", "true");
        }
        return settings;
    }

    /** The {@link #note notes} that a checkpoint of a run carries. */
    public static Map<String, String> notesOf(Map<String, String> checkpointMetadata) {
        Objects.requireNonNull(checkpointMetadata, "checkpointMetadata");

        return withPrefix(NOTE, checkpointMetadata);
    }

    private static Map<String, String> withPrefix(String prefix, Map<String, String> all) {
        return all.entrySet().stream()
                .filter(entry -> entry.getKey().startsWith(prefix))
                .collect(
                        Collectors.toMap(
                                entry -> entry.getKey().substring(prefix.length()),
                                Map.Entry::getValue,
                                (a, b) -> a,
                                LinkedHashMap::new));
    }

    private void save(String name) throws IOException {
        Map<String, String> state = new LinkedHashMap<>(notes);
        state.put("run.epoch", String.valueOf(epoch));
        state.put("run.batch", String.valueOf(position));
        state.put("run.loss", String.valueOf(lossSum));
        state.put("run.correct", String.valueOf(correct));
        state.put("run.seen", String.valueOf(seen));
        state.put("run.best-accuracy", String.valueOf(bestAccuracy));
        state.put("run.best-epoch", String.valueOf(bestEpoch));
        trainer.save(folder.file(name), state);
    }

    // ---------------------------------------------------------------- training

    /**
     * Trains to the last epoch, or until told to stop.
     *
     * @return whether it got to the end
     * @throws IllegalArgumentException when the data has other classes or another normalisation
     *     than the trainer knows, which may be from the checkpoint; {@link
     *     Trainer#images(ImageMetadata)} tells it of a change that is meant
     * @throws IOException in one line when a file cannot be written: the last checkpoint is as it
     *     was; or when an image or none at all can be read: the steps before are saved
     * @throws NonFiniteException when the loss, a gradient, or what a checkpoint would save is not
     *     finite; the last checkpoint is as it was
     */
    public boolean train() throws IOException {
        if (trainLoader == null) {
            throw new IllegalStateException("give the run its data before it trains");
        }
        trainer.requireTrainable("the data", trainLoader.metadata());
        BatchLoader train = loader(trainLoader);
        BatchLoader test = loader(testLoader);
        folder.writeConfig(
                "The resolved recipe of this run; train --config takes this file.", config());
        try (EventFile events = new EventFile(folder.path(), trainer.steps() + 1)) {
            while (epoch < recipe.epochs()) {
                double start = System.nanoTime() / 1e9;
                double stepsBefore = stepSeconds;
                double waitBefore = inputWait;
                long imagesBefore = images;
                boolean trained = trainEpoch(train, events);
                // Before the test, so that the epoch's training is kept whatever happens there.
                save(RunFolder.CHECKPOINT);
                TestResult tested = trained ? test(test) : null;
                if (tested == null) {
                    events.flush();
                    summarise();
                    return false;
                }
                double steps = stepSeconds - stepsBefore;
                double wait = inputWait - waitBefore;
                finishEpoch(
                        tested,
                        new EpochResult(
                                epoch + 1,
                                trainer.steps(),
                                trainer.learningRate(),
                                lossSum / Math.max(1, seen),
                                (double) correct / Math.max(1, seen),
                                tested.loss(),
                                tested.accuracy(),
                                tested.top5(),
                                System.nanoTime() / 1e9 - start,
                                (images - imagesBefore) / Math.max(1e-9, steps),
                                wait / Math.max(1e-9, wait + steps)),
                        events);
            }
        } catch (UncheckedIOException e) {
            throw kept(e.getCause());
        } catch (IOException e) {
            throw kept(e);
        }
        summarise();
        return true;
    }

    /** The failure, which says where the run is saved if it is. */
    private IOException kept(IOException failure) {
        return Files.exists(folder.file(RunFolder.CHECKPOINT))
                ? new IOException(
                        failure.getMessage()
                                + "; the run is saved, continue it with --resume "
                                + folder.path(),
                        failure)
                : failure;
    }

    private BatchLoader loader(BatchLoader loader) {
        BatchLoader configured = loader.threads(loaderThreads);
        return skipBroken ? configured.skipBroken(listener::brokenImage) : configured;
    }

    private Map<String, String> config() {
        Map<String, String> config = new LinkedHashMap<>(recipe.values());
        withPrefix(NOTE, notes).forEach(config::put);
        return config;
    }

    /** Returns false when told to stop. */
    private boolean trainEpoch(BatchLoader train, EventFile events) throws IOException {
        long perEpoch = train.batchesPerEpoch();
        long total = perEpoch * recipe.epochs();
        try (BatchLoader.Epoch batches = train.epoch(epoch, position)) {
            Batch following = next(batches);
            while (following != null) {
                Batch batch = following;
                int behind = batches.position();
                following = next(batches);
                trainer.learningRate(schedule.rate((double) (epoch * perEpoch + position) / total));
                long start = System.nanoTime();
                StepResult r = trainer.step(batch, following);
                stepSeconds += (System.nanoTime() - start) / 1e9;
                images += r.images();
                lossSum += r.loss() * r.images();
                correct += r.correct();
                seen += r.images();
                position = behind;
                if (r.step() % STEPS_PER_EVENT == 0) {
                    events.scalar("step/loss", r.step(), r.loss());
                    events.scalar("step/learning_rate", r.step(), trainer.learningRate());
                    events.scalar("step/gradient_norm", r.step(), r.gradientNorm());
                }
                listener.step(
                        new TrainingListener.Step(
                                epoch + 1,
                                recipe.epochs(),
                                epoch * perEpoch + position,
                                total,
                                lossSum / seen,
                                (double) correct / seen,
                                images / stepSeconds));
                if (stop.getAsBoolean()) {
                    return false;
                }
                if (saveEvery > 0 && r.step() % saveEvery == 0) {
                    save(RunFolder.CHECKPOINT);
                    events.flush();
                }
            }
            inputWait += batches.inputWaitSeconds();
        }
        if (seen == 0) {
            throw new IOException("none of the training images can be read");
        }
        return true;
    }

    /** The next batch, or null behind the last. The steps before one that fails are saved. */
    private Batch next(BatchLoader.Epoch batches) throws IOException {
        try {
            return batches.hasNext() ? batches.next() : null;
        } catch (RuntimeException e) {
            if (position > 0) {
                save(RunFolder.CHECKPOINT);
            }
            throw e;
        }
    }

    /** Returns null when told to stop. */
    private TestResult test(BatchLoader test) throws IOException {
        int classes = trainer.spec().classes();
        TestResult.Sum sum = new TestResult.Sum(classes);
        try (BatchLoader.Epoch batches = test.epoch(0)) {
            while (batches.hasNext()) {
                Batch batch = batches.next();
                float[] logits = new float[batch.size() * classes];
                StepResult r = trainer.evaluate(batch, logits);
                sum.add(r, batch.labels(), logits);
                if (stop.getAsBoolean()) {
                    return null;
                }
            }
        }
        TestResult result = sum.result();
        if (result.images() == 0) {
            throw new IOException("none of the test images can be read");
        }
        return result;
    }

    private void finishEpoch(TestResult tested, EpochResult result, EventFile events)
            throws IOException {
        epoch++;
        position = 0;
        lossSum = 0;
        correct = 0;
        seen = 0;
        boolean best = tested.accuracy() > bestAccuracy;
        if (best) {
            bestAccuracy = tested.accuracy();
            bestEpoch = epoch;
        }
        folder.append(result);
        write(result, events);
        if (best) {
            folder.write(RunFolder.CONFUSION, csv(tested.confusion()));
            save(RunFolder.BEST);
        }
        // The last one to be written: a run that is killed before repeats what came after the
        // previous one.
        save(RunFolder.CHECKPOINT);
        if (System.nanoTime() - summarised > SUMMARY_NANOS) {
            summarise();
        }
        listener.epoch(result);
    }

    private void summarise() throws IOException {
        RunSummary.write(folder, trainer.spec().toString(), config(), classNames);
        summarised = System.nanoTime();
    }

    private static void write(EpochResult r, EventFile events) throws IOException {
        events.scalar("loss/train", r.steps(), r.trainLoss());
        events.scalar("loss/test", r.steps(), r.testLoss());
        events.scalar("accuracy/train", r.steps(), r.trainAccuracy());
        events.scalar("accuracy/test", r.steps(), r.testAccuracy());
        events.scalar("accuracy/test_top5", r.steps(), r.testTop5());
        events.scalar("speed/images_per_second", r.steps(), r.imagesPerSecond());
        events.scalar("speed/input_wait", r.steps(), r.inputWait());
        events.flush();
    }

    private String csv(int[][] confusion) {
        List<Object> header = new ArrayList<>(List.of("class"));
        header.addAll(classNames);
        Csv csv = new Csv().row(header);
        for (int label = 0; label < confusion.length; label++) {
            List<Object> row = new ArrayList<>(List.of(classNames.get(label)));
            Arrays.stream(confusion[label]).forEach(row::add);
            csv.row(row);
        }
        return csv.toString();
    }

    // ---------------------------------------------------------------- afterwards

    /** Epochs done. */
    public int epoch() {
        return epoch;
    }

    /** The highest test accuracy so far, or −1 before the first test. */
    public double bestAccuracy() {
        return bestAccuracy;
    }

    /** The epoch, counted from 1, that {@link RunFolder#BEST} was saved after; 0 for none. */
    public int bestEpoch() {
        return bestEpoch;
    }

    /** Images trained on by this process. */
    public long images() {
        return images;
    }

    /** Images per second in this process's training steps. */
    public double imagesPerSecond() {
        return images / Math.max(1e-9, stepSeconds);
    }

    /** Share of this process's training time spent waiting for images. */
    public double inputWait() {
        return inputWait / Math.max(1e-9, inputWait + stepSeconds);
    }

    /** Images that were skipped because they could not be read. */
    public int skippedImages() {
        return trainLoader.skippedImages() + testLoader.skippedImages();
    }
}
