package org.densenet4j.train;

import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.DetectionDataset;
import org.densenet4j.data.DetectionLoader;
import org.densenet4j.data.ImageLoader;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.OutputScores;
import org.densenet4j.data.SegmentationDataset;
import org.densenet4j.data.SegmentationLoader;
import org.densenet4j.data.Task;
import org.densenet4j.detection.DetectionScores;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.io.Csv;
import org.densenet4j.spec.LabelKind;
import org.jspecify.annotations.Nullable;

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
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.BooleanSupplier;
import java.util.function.IntToDoubleFunction;
import java.util.stream.Collectors;

/**
 * Epochs over a data set as a recipe says, with a {@link RunFolder}: checkpoints, metrics, events
 * for TensorBoard. A run that was stopped or killed continues from its last checkpoint as if
 * nothing had happened: with a deterministic device and the same threads, bit by bit.
 *
 * <pre>{@code
 * Recipe recipe = Recipe.preset("cifar");
 * FamilySpec spec = recipe.spec(train.classes()).build();
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
    private final BestBy bestBy;
    private final Optional<Plateau> plateau;
    private final Ranks ranks;
    private final Map<String, String> notes = new LinkedHashMap<>();
    private TrainingListener listener = TrainingListener.NONE;
    private BooleanSupplier stop = () -> false;
    private long saveEvery;
    private int loaderThreads = 1;
    private boolean skipBroken;
    private List<String> classNames = List.of();
    private @Nullable RunData<?> data;

    // The state that a checkpoint carries beside the trainer's.
    private int epoch;
    private int position;
    private double lossSum;

    /** What the losses of steps are means over, added up. */
    private double lossWeight;

    private long correct;
    private long seen;
    private double bestScore = Double.NaN;
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
        this.bestBy = recipe.bestBy().resolved(trainer.task());
        this.plateau = recipe.plateau();
        this.ranks = trainer.ranks();
        recipe.values().forEach((key, value) -> notes.put("recipe." + key, value));
    }

    /**
     * {@return a run of a trainer that was opened as the recipe says}
     *
     * @param trainer open, and left open
     * @param recipe epochs, schedule and augmentation
     * @param folder open, and left open; of ranks other than 0 {@link RunFolder#ofFirstRank}
     * @throws IllegalArgumentException when another rank than 0 would write files, or rank 0 none
     */
    public static TrainingRun of(Trainer trainer, Recipe recipe, RunFolder folder) {
        Objects.requireNonNull(trainer, "trainer");
        Objects.requireNonNull(recipe, "recipe");
        Objects.requireNonNull(folder, "folder");
        if (folder.isWritten() != trainer.ranks().isFirst()) {
            throw new IllegalArgumentException(
                    "rank "
                            + trainer.ranks().rank()
                            + " has the wrong folder: rank 0 writes the files of a run, give it"
                            + " RunFolder.create or open, and other ranks RunFolder.ofFirstRank");
        }
        return new TrainingRun(trainer, recipe, folder);
    }

    /**
     * {@return a run that has no folder and writes nothing, for {@link #findLearningRate}}
     *
     * @param trainer open, and left open
     * @param recipe batch and augmentation
     */
    public static TrainingRun unwritten(Trainer trainer, Recipe recipe) {
        Objects.requireNonNull(trainer, "trainer");
        Objects.requireNonNull(recipe, "recipe");
        return new TrainingRun(trainer, recipe, RunFolder.ofFirstRank(Path.of("")));
    }

    /**
     * What to train and to test on.
     *
     * @param train what is trained on
     * @param test what is tested on after each epoch
     * @param normalisation of both
     * @return this
     * @throws IllegalArgumentException when there are no images, or they do not fit the network
     */
    public TrainingRun data(Dataset train, Dataset test, Normalisation normalisation) {
        Objects.requireNonNull(train, "train");
        Objects.requireNonNull(test, "test");
        Objects.requireNonNull(normalisation, "normalisation");
        requireImages("training", train.size());
        requireImages("test", test.size());
        requireImagesForAll(train.size());
        requireTask(train, "training");
        requireTask(test, "test");
        BatchLoader trainLoader =
                BatchLoader.of(train)
                        .batch(recipe.batch())
                        .shuffle(recipe.seed())
                        .balanced(recipe.sampling() == Recipe.Sampling.BALANCED)
                        .augment(recipe.augmentation())
                        .mix(recipe.mixing())
                        .normalise(normalisation)
                        .dropLast(dropsLast(train.size()));
        BatchLoader testLoader =
                BatchLoader.of(test).batch(recipe.batch()).normalise(normalisation);
        return data(
                RunData.of(trainLoader, train.size(), testLoader, train.task().isOfVectors()),
                train.classNames());
    }

    /**
     * What to train and to test on where pixels are classified. Training images are cut to windows
     * of the network's size where the recipe has a {@link Recipe#crop}, and must have that size
     * where it has none. Test images are looked at whole, one by one: for those of other sizes the
     * network is planned again, beside the one that trains.
     *
     * @param train what is trained on
     * @param test what is tested on after each epoch
     * @param normalisation {@link Normalisation#none} as FC-DenseNet's authors train
     * @return this
     * @throws IllegalArgumentException when there are no images, their classes differ, or they or
     *     the recipe do not fit the network
     */
    public TrainingRun data(
            SegmentationDataset train, SegmentationDataset test, Normalisation normalisation) {
        Objects.requireNonNull(train, "train");
        Objects.requireNonNull(test, "test");
        Objects.requireNonNull(normalisation, "normalisation");
        requireImages("training", train.size());
        requireImages("test", test.size());
        requireImagesForAll(train.size());
        List<String> names = train.classes().names();
        requireSameClasses(names, test.classes().names());
        NetworkSpec spec = trainer.spec();
        SegmentationLoader loader = SegmentationLoader.of(train).normalise(normalisation);
        SegmentationLoader trainLoader =
                (recipe.crop() > 0
                                ? loader.randomCrops(spec.inputHeight(), spec.inputWidth())
                                : loader.wholeImages())
                        .batch(recipe.batch())
                        .shuffle(recipe.seed())
                        .flip(recipe.augment() == Recipe.Augment.FLIP)
                        .dropLast(dropsLast(train.size()));
        SegmentationLoader testLoader = SegmentationLoader.of(test).normalise(normalisation);
        return data(RunData.of(trainLoader, train, testLoader), names);
    }

    /**
     * What to train and to test on where objects are found. Images are warped to the network's
     * size, after what the recipe changes of those that are trained on.
     *
     * @param train what is trained on
     * @param test what is tested on after each epoch
     * @param normalisation of both
     * @return this
     * @throws IllegalArgumentException when there are no images, their classes differ, or they or
     *     the recipe do not fit the network
     */
    public TrainingRun data(
            DetectionDataset train, DetectionDataset test, Normalisation normalisation) {
        Objects.requireNonNull(train, "train");
        Objects.requireNonNull(test, "test");
        Objects.requireNonNull(normalisation, "normalisation");
        requireImages("training", train.size());
        requireImages("test", test.size());
        requireImagesForAll(train.size());
        requireSameClasses(train.classNames(), test.classNames());
        int height = trainer.spec().inputHeight();
        int width = trainer.spec().inputWidth();
        DetectionLoader trainLoader =
                DetectionLoader.of(train, height, width)
                        .batch(recipe.batch())
                        .shuffle(recipe.seed())
                        .augment(recipe.detectionAugmentation())
                        .normalise(normalisation)
                        .dropLast(dropsLast(train.size()));
        DetectionLoader testLoader =
                DetectionLoader.of(test, height, width)
                        .batch(recipe.batch())
                        .normalise(normalisation);
        return data(RunData.of(trainLoader, train.size(), testLoader), train.classNames());
    }

    private static void requireSameClasses(List<String> train, List<String> test) {
        if (!test.equals(train)) {
            throw new IllegalArgumentException(
                    "the training images have the classes " + train + ", the test images " + test);
        }
    }

    /** A last batch that has fewer images than there are ranks would leave some without any. */
    private boolean dropsLast(int images) {
        int rest = images % recipe.batch();
        return recipe.dropLast() && images >= recipe.batch() || rest > 0 && rest < ranks.count();
    }

    private TrainingRun data(RunData<?> value, List<String> names) {
        LabelKind labels = labels(value.test());
        LabelKind wanted = LabelKind.of(trainer.spec());
        if (labels != wanted) {
            throw new IllegalArgumentException(
                    "the data has " + labels.text() + ", the network " + wanted.network());
        }
        data = value;
        classNames = List.copyOf(names);
        notes.putAll(data.metadata().entries());
        notes.put(TRAINING_IMAGES, String.valueOf(data.images()));
        return this;
    }

    private static LabelKind labels(RunTest test) {
        return switch (test) {
            case ImageTest _, VectorTest _ -> LabelKind.OF_IMAGES;
            case PixelTest _ -> LabelKind.OF_PIXELS;
            case DetectionTest _ -> LabelKind.BOXES;
        };
    }

    private void requireTask(Dataset images, String what) {
        Task task = trainer.task();
        if (images.task().isOfVectors() != task.isOfVectors()) {
            throw new IllegalArgumentException(
                    "the "
                            + what
                            + " images are labelled for the task "
                            + images.task().text()
                            + ", the trainer's loss is for "
                            + task.text());
        }
    }

    private static void requireImages(String what, int images) {
        if (images == 0) {
            throw new IllegalArgumentException("there are no " + what + " images");
        }
    }

    private void requireImagesForAll(int training) {
        if (training < ranks.count()) {
            throw new IllegalArgumentException(
                    "there are " + training + " training images for " + ranks.count() + " ranks");
        }
    }

    /**
     * Threads that read images; the result does not depend on them.
     *
     * @param count 1 to 256
     * @return this
     */
    public TrainingRun loaderThreads(int count) {
        if (count < 1 || count > 256) {
            throw new IllegalArgumentException(
                    "loader threads = " + count + ": use a number from 1 to 256");
        }
        loaderThreads = count;
        return this;
    }

    /**
     * Whether images that cannot be read are skipped; otherwise they stop the run.
     *
     * @param on off unless told
     * @return this
     */
    public TrainingRun skipBroken(boolean on) {
        skipBroken = on;
        return this;
    }

    /**
     * Also saves a checkpoint every so many steps, not only after each epoch; 0 for not.
     *
     * @param steps 0, the default, for after each epoch only
     * @return this
     */
    public TrainingRun saveEvery(long steps) {
        if (steps < 0) {
            throw new IllegalArgumentException(
                    "save every " + steps + " steps: use a positive number, or 0 for each epoch");
        }
        saveEvery = steps;
        return this;
    }

    /**
     * An entry of the caller's in the configuration and in every checkpoint's metadata.
     *
     * @param key such as the name of an option
     * @param value anything that fits on a line
     * @return this
     */
    public TrainingRun note(String key, String value) {
        Objects.requireNonNull(key, "key");
        Objects.requireNonNull(value, "value");
        notes.put(NOTE + key, value);
        return this;
    }

    /**
     * Told about steps and epochs.
     *
     * @param value called by the thread that trains
     * @return this
     */
    public TrainingRun listener(TrainingListener value) {
        Objects.requireNonNull(value, "listener");
        listener = value;
        return this;
    }

    /**
     * Asked after each step; when it says yes, the run saves and ends.
     *
     * @param condition called by the thread that trains
     * @return this
     */
    public TrainingRun stopWhen(BooleanSupplier condition) {
        Objects.requireNonNull(condition, "condition");
        stop = condition;
        return this;
    }

    // ---------------------------------------------------------------- resuming

    /**
     * Continues from a checkpoint of a run.
     *
     * @param checkpoint a file of this run or of an earlier one
     * @throws IOException in one line when the file is damaged, of another network, or not of a run
     * @throws IllegalArgumentException when there is nothing left to do, or the data has other
     *     classes than the checkpoint, or has them in another order; nothing has changed then
     */
    public void resume(Path checkpoint) throws IOException {
        Objects.requireNonNull(checkpoint, "checkpoint");
        if (data == null) {
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
            lossWeight =
                    Double.parseDouble(saved.getOrDefault("run.loss-weight", String.valueOf(seen)));
            bestScore = best(saved.get(bestBy.key()));
            bestEpoch = Integer.parseInt(saved.getOrDefault("run.best-epoch", "0"));
            if (plateau.isPresent() && saved.containsKey("run.plateau")) {
                plateau.get().restore(saved.get("run.plateau"));
            }
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
        if (isOutOfPatience()) {
            throw new IllegalArgumentException(
                    checkpoint
                            + " has had no better test for "
                            + (epoch - bestEpoch)
                            + " epochs; give --patience a larger number, or 0, to train on");
        }
        folder.keepMetrics(epoch);
    }

    /** Negative, or nothing, where there was no test that gave a number of this kind. */
    private static double best(@Nullable String saved) {
        double score = saved == null ? -1 : Double.parseDouble(saved);
        return score < 0 ? Double.NaN : score;
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
     * {@return the settings that a checkpoint of a run was trained with: keys of the recipe} Runs
     * of before {@code drop-last} was a setting left out a last batch that was not full, and go on
     * so.
     *
     * @param checkpointMetadata what {@link Checkpoint#metadata} reads
     */
    public static Map<String, String> recipeOf(Map<String, String> checkpointMetadata) {
        Objects.requireNonNull(checkpointMetadata, "checkpointMetadata");
        Map<String, String> settings = withPrefix("recipe.", checkpointMetadata);
        if (!settings.isEmpty()) {
            settings.putIfAbsent("drop-last", "true");
        }
        return settings;
    }

    /**
     * {@return the {@link #note notes} that a checkpoint of a run carries}
     *
     * @param checkpointMetadata what {@link Checkpoint#metadata} reads
     */
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

    /** All ranks come here, and rank 0 writes. */
    private void save(String name) throws IOException {
        trainer.averageRunningStatistics();
        if (!folder.isWritten()) {
            return;
        }
        Map<String, String> state = new LinkedHashMap<>(notes);
        state.put("run.epoch", String.valueOf(epoch));
        state.put("run.batch", String.valueOf(position));
        state.put("run.loss", String.valueOf(lossSum));
        state.put("run.correct", String.valueOf(correct));
        state.put("run.seen", String.valueOf(seen));
        state.put("run.loss-weight", String.valueOf(lossWeight));
        state.put(bestBy.key(), String.valueOf(bestScore()));
        state.put("run.best-epoch", String.valueOf(bestEpoch));
        plateau.ifPresent(p -> state.put("run.plateau", p.state()));
        trainer.save(folder.file(name), state);
    }

    // ---------------------------------------------------------------- training

    /**
     * Trains some steps at rates that rise exponentially (the range test of Smith 2017, section
     * 3.3, as fastai's {@code lr_find}), until the smoothed loss is four times its least, or not
     * finite. The trainer is of no use afterwards: close it, and open another.
     *
     * @param from the first rate, above 0
     * @param to the last rate, above the first
     * @param steps 10 or more
     * @return losses by rate
     * @throws IllegalArgumentException when the rates do not rise or there are fewer steps
     * @throws IOException in one line when an image or none at all can be read
     */
    public LearningRateSearch findLearningRate(double from, double to, int steps)
            throws IOException {
        if (!(from > 0 && from < to && to <= 1e6)) {
            throw new IllegalArgumentException(
                    "rates from " + from + " to " + to + ": use positive numbers that rise");
        }
        if (steps < 10) {
            throw new IllegalArgumentException("steps = " + steps + ": use 10 or more");
        }
        if (data == null) {
            throw new IllegalStateException("give the run its data before it trains");
        }
        trainer.requireTrainable("the data", data.metadata());
        LearningRateSearch.Recorder recorder = new LearningRateSearch.Recorder();
        try {
            findLearningRate(
                    data.read(loaderThreads, skipBroken ? listener::brokenImage : null)
                            .shard(ranks.rank(), ranks.count()),
                    step -> LearningRateSearch.rate(from, to, step, steps),
                    steps,
                    recorder);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        } catch (NonFiniteException e) {
            if (recorder.isEmpty()) {
                throw e;
            }
            // That is where the test ends.
        }
        return recorder.result(steps);
    }

    private <B> void findLearningRate(
            RunData<B> read,
            IntToDoubleFunction rates,
            int steps,
            LearningRateSearch.Recorder recorder)
            throws IOException {
        int step = 0;
        for (int pass = 0; step < steps; pass++) {
            int before = step;
            try (ImageLoader<?, B>.Prefetched batches = read.train().epoch(pass, 0)) {
                while (step < steps) {
                    @Nullable B batch =
                            ranks.together(() -> batches.hasNext() ? batches.next() : null);
                    if (batch == null) {
                        break;
                    }
                    double rate = rates.applyAsDouble(step++);
                    trainer.learningRate(rate);
                    double loss = read.step().of(trainer, batch, null).loss();
                    boolean stopped = ranks.any(stop.getAsBoolean());
                    if (!recorder.add(rate, loss) || stopped) {
                        return;
                    }
                }
            }
            if (step == before) {
                throw new IOException("none of the training images can be read");
            }
        }
    }

    /**
     * Trains to the last epoch, or until the recipe's patience is at its end, or until told to
     * stop.
     *
     * @return whether it got to an end
     * @throws IllegalArgumentException when the data has other classes or another normalisation
     *     than the trainer knows, which may be from the checkpoint; {@link
     *     Trainer#images(ImageMetadata)} tells it of a change that is meant
     * @throws IOException in one line when a file cannot be written: the last checkpoint is as it
     *     was; or when an image or none at all can be read: the steps before are saved
     * @throws NonFiniteException when the loss, a gradient, or what a checkpoint would save is not
     *     finite; the last checkpoint is as it was
     */
    public boolean train() throws IOException {
        if (data == null) {
            throw new IllegalStateException("give the run its data before it trains");
        }
        folder.requireOpen();
        trainer.requireTrainable("the data", data.metadata());
        if (skipBroken && !ranks.isAlone()) {
            throw new IllegalArgumentException(
                    "broken images cannot be skipped by several ranks, whose shares would differ;"
                            + " remove them, or train in one process");
        }
        RunData<?> read =
                data.read(loaderThreads, skipBroken ? listener::brokenImage : null)
                        .shard(ranks.rank(), ranks.count());
        folder.writeConfig(
                "The resolved recipe of this run; train --config takes this file.", config());
        try (EventFile events = new EventFile(folder, trainer.steps() + 1)) {
            while (epoch < recipe.epochs() && !isOutOfPatience()) {
                double start = System.nanoTime() / 1e9;
                double stepsBefore = stepSeconds;
                double waitBefore = inputWait;
                long imagesBefore = images;
                boolean trained = trainEpoch(read, events);
                trainer.averageRunningStatistics();
                ranks.requireSame(trainer.network());
                // Before the test, so that the epoch's training is kept whatever happens there.
                save(RunFolder.CHECKPOINT);
                TestResult tested = trained ? test(read.test()) : null;
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
                                meanLoss(),
                                (double) correct / Math.max(1, seen),
                                tested.loss(),
                                tested.accuracy(),
                                tested.top5(),
                                System.nanoTime() / 1e9 - start,
                                (images - imagesBefore) / Math.max(1e-9, steps),
                                wait / Math.max(1e-9, wait + steps),
                                tested.iou(),
                                trainer.task(),
                                tested.outputs(),
                                tested.exits(),
                                tested.boxes()),
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
        if (failure instanceof OtherRankException) {
            return failure;
        }
        return Files.exists(folder.file(RunFolder.CHECKPOINT))
                ? new IOException(
                        failure.getMessage()
                                + "; the run is saved, continue it with --resume "
                                + folder.path(),
                        failure)
                : failure;
    }

    private Map<String, String> config() {
        Map<String, String> config = new LinkedHashMap<>(recipe.values());
        withPrefix(NOTE, notes).forEach(config::put);
        return config;
    }

    /** Of the epoch so far; 0 before its first step. */
    private double meanLoss() {
        return lossWeight == 0 ? 0 : lossSum / lossWeight;
    }

    /** Returns false when told to stop. */
    /** What is done however an epoch ends. */
    private interface Closing extends AutoCloseable {
        @Override
        void close();
    }

    private <B> boolean trainEpoch(RunData<B> read, EventFile events) throws IOException {
        long perEpoch = read.train().batchesPerEpoch();
        long total = perEpoch * recipe.epochs();
        LearningRateSchedule schedule = recipe.learningRate(total);
        try (ImageLoader<?, B>.Prefetched batches = read.train().epoch(epoch, position);
                Closing _ = () -> inputWait += batches.inputWaitSeconds()) {
            @Nullable B following = next(batches);
            while (following != null) {
                B batch = following;
                int behind = batches.position();
                @Nullable RuntimeException failure = null;
                if (ranks.isAlone()) {
                    following = next(batches);
                } else {
                    // The others are about to step: they learn of a failure with its numbers.
                    try {
                        following = batches.hasNext() ? batches.next() : null;
                    } catch (RuntimeException e) {
                        failure = e;
                        following = null;
                    }
                    ranks.tell(stop.getAsBoolean(), failure != null);
                }
                double progress = (double) (epoch * perEpoch + position) / total;
                trainer.condense(progress);
                double lowered = plateau.map(Plateau::scale).orElse(1.0);
                trainer.learningRate(lowered * schedule.rate(progress));
                OptionalDouble momentum = schedule.momentum(progress);
                if (momentum.isPresent() && trainer.momentum() > 0) {
                    trainer.momentum(momentum.getAsDouble());
                }
                long start = System.nanoTime();
                StepResult r = read.step().of(trainer, batch, following);
                stepSeconds += (System.nanoTime() - start) / 1e9;
                images += r.images();
                lossSum += r.loss() * r.meanOver();
                lossWeight += r.meanOver();
                correct += r.correct();
                seen += r.labels();
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
                                meanLoss(),
                                (double) correct / Math.max(1, seen),
                                images / stepSeconds));
                if (!ranks.isAlone() && ranks.failed()) {
                    saveBeforeFailing();
                    if (failure == null) {
                        throw new OtherRankException();
                    }
                    throw failure;
                }
                if (ranks.isAlone() ? stop.getAsBoolean() : ranks.stop()) {
                    return false;
                }
                if (saveEvery > 0 && r.step() % saveEvery == 0) {
                    save(RunFolder.CHECKPOINT);
                    events.flush();
                }
            }
        }
        if (seen == 0 && position == 0) {
            throw new IOException("none of the training images can be read");
        }
        return true;
    }

    /** The next batch, or null behind the last. The steps before one that fails are saved. */
    private <B> @Nullable B next(ImageLoader<?, B>.Prefetched batches) throws IOException {
        try {
            return ranks.together(() -> batches.hasNext() ? batches.next() : null);
        } catch (RuntimeException | IOException e) {
            if (position > 0) {
                saveBeforeFailing();
            }
            throw e;
        }
    }

    /** A rank that fails ends the others: not before rank 0 has saved. */
    private void saveBeforeFailing() throws IOException {
        save(RunFolder.CHECKPOINT);
        ranks.await();
    }

    /**
     * Returns null when told to stop. Where weights are averaged, the averages are tested, and
     * still in their place afterwards, to be saved as the best.
     */
    private @Nullable TestResult test(RunTest test) throws IOException {
        if (!trainer.averagesWeights()) {
            return tested(test);
        }
        trainer.exchangeAverages();
        @Nullable TestResult result = null;
        try {
            result = tested(test);
        } finally {
            if (result == null) {
                trainer.exchangeAverages();
            }
        }
        return result;
    }

    private @Nullable TestResult tested(RunTest test) throws IOException {
        TestSum sum = ranks.together(() -> test.of(trainer, stop));
        if (ranks.any(sum == null)) {
            return null;
        }
        if (!ranks.isAlone()) {
            sum.overRanks(ranks);
        }
        TestResult result = sum.result();
        if (result.images() == 0) {
            throw new IOException("none of the test images can be read");
        }
        return result;
    }

    private boolean isOutOfPatience() {
        return recipe.patience() > 0 && epoch - bestEpoch >= recipe.patience();
    }

    private void finishEpoch(TestResult tested, EpochResult result, EventFile events)
            throws IOException {
        epoch++;
        position = 0;
        lossSum = 0;
        lossWeight = 0;
        correct = 0;
        seen = 0;
        plateau.ifPresent(p -> p.step(tested.loss()));
        try {
            saveTested(tested, result, events);
        } finally {
            if (trainer.averagesWeights()) {
                trainer.exchangeAverages(); // back to what is trained
            }
        }
        // The last one to be written: a run that is killed before repeats what came after the
        // previous one.
        save(RunFolder.CHECKPOINT);
        if (System.nanoTime() - summarised > SUMMARY_NANOS) {
            summarise();
        }
        listener.epoch(result);
    }

    /** Writes what a test found and, where it is the best so far, the state that was tested. */
    private void saveTested(TestResult tested, EpochResult result, EventFile events)
            throws IOException {
        boolean best = bestBy.isBetter(bestBy.score(tested), bestScore);
        if (best) {
            bestScore = bestBy.score(tested);
            bestEpoch = epoch;
        }
        folder.append(result, classNames);
        write(result, events);
        if (best) {
            switch (result.task()) {
                case CLASSIFY -> folder.write(RunFolder.CONFUSION, csv(tested.confusion()));
                case SEGMENT -> folder.write(RunFolder.IOU, csv(tested));
                case MULTILABEL, REGRESS ->
                        folder.write(
                                RunFolder.OUTPUTS,
                                OutputTable.csv(result.task(), classNames, tested.outputs()));
                case DETECT ->
                        folder.write(
                                RunFolder.OUTPUTS, OutputTable.csv(classNames, tested.boxes()));
            }
            save(RunFolder.BEST);
        }
    }

    private void summarise() throws IOException {
        if (!folder.isWritten()) {
            return;
        }
        RunSummary.write(folder, trainer.spec().toString(), config(), classNames, bestBy);
        summarised = System.nanoTime();
    }

    private void write(EpochResult r, EventFile events) throws IOException {
        events.scalar("loss/train", r.steps(), r.trainLoss());
        events.scalar("loss/test", r.steps(), r.testLoss());
        if (r.task() != Task.REGRESS && r.task() != Task.DETECT) {
            events.scalar("accuracy/train", r.steps(), r.trainAccuracy());
            events.scalar("accuracy/test", r.steps(), r.testAccuracy());
        }
        switch (r.task()) {
            case CLASSIFY -> {
                events.scalar("accuracy/test_top5", r.steps(), r.testTop5());
                for (ExitScore exit : r.testExits()) {
                    events.scalar("loss/test_" + exit.exit(), r.steps(), exit.loss());
                    events.scalar("accuracy/test_" + exit.exit(), r.steps(), exit.accuracy());
                }
            }
            case SEGMENT -> {
                events.scalar("iou/mean", r.steps(), r.testMeanIou());
                for (int c = 0; c < classNames.size(); c++) {
                    events.scalar("iou/" + classNames.get(c), r.steps(), r.testIou().get(c));
                }
            }
            case MULTILABEL -> {
                events.scalar("auroc/mean", r.steps(), r.testMeanAuroc());
                events.scalar("average_precision/mean", r.steps(), r.testMeanAveragePrecision());
                for (int c = 0; c < classNames.size(); c++) {
                    OutputScores.Score score = r.testOutputs().get(c);
                    String name = classNames.get(c);
                    events.scalar("auroc/" + name, r.steps(), score.auroc());
                    events.scalar("average_precision/" + name, r.steps(), score.averagePrecision());
                }
            }
            case REGRESS -> {
                events.scalar("mae/mean", r.steps(), r.testMeanAbsoluteError());
                for (int c = 0; c < classNames.size(); c++) {
                    OutputScores.Score score = r.testOutputs().get(c);
                    events.scalar("mae/" + classNames.get(c), r.steps(), score.absoluteError());
                }
            }
            case DETECT -> {
                DetectionScores boxes = r.testBoxes();
                events.scalar("average_precision/mean", r.steps(), r.testMeanAveragePrecision());
                events.scalar("average_precision/ap50", r.steps(), boxes.coco50());
                events.scalar("average_precision/ap75", r.steps(), boxes.coco75());
                events.scalar("average_precision/voc", r.steps(), boxes.voc());
                events.scalar("average_precision/voc2007", r.steps(), boxes.voc2007());
                for (int c = 0; c < classNames.size(); c++) {
                    events.scalar(
                            "average_precision/class/" + classNames.get(c),
                            r.steps(),
                            boxes.classes().get(c).coco());
                }
            }
        }
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

    /** Scores of each class; a class that does not occur has none. */
    private String csv(TestResult tested) {
        Csv csv = Csv.of("class", "iou", "right", "labelled", "predicted");
        for (int c = 0; c < classNames.size(); c++) {
            csv.row(
                    classNames.get(c),
                    Csv.decimals(6, tested.iou().get(c)),
                    tested.pixels().intersection()[c],
                    tested.pixels().labelled()[c],
                    tested.pixels().predicted()[c]);
        }
        return csv.toString();
    }

    // ---------------------------------------------------------------- afterwards

    /** {@return epochs done} */
    public int epoch() {
        return epoch;
    }

    /**
     * {@return the best test's number of the kind of {@link #bestBy} so far; −1 before the first
     * test}
     */
    public double bestScore() {
        return Double.isNaN(bestScore) ? -1 : bestScore;
    }

    /** {@return which number of the test the best state is chosen by} */
    public BestBy bestBy() {
        return bestBy;
    }

    /** {@return whether its patience is at its end before the last epoch} */
    public boolean endedEarly() {
        return epoch < recipe.epochs() && isOutOfPatience();
    }

    /**
     * {@return the epoch, counted from 1, that {@link RunFolder#BEST} was saved after; 0 for none}
     */
    public int bestEpoch() {
        return bestEpoch;
    }

    /** {@return images trained on by this process} */
    public long images() {
        return images;
    }

    /** {@return images per second in this process's training steps} */
    public double imagesPerSecond() {
        return images / Math.max(1e-9, stepSeconds);
    }

    /** {@return share of this process's training time spent waiting for images} */
    public double inputWait() {
        return inputWait / Math.max(1e-9, inputWait + stepSeconds);
    }

    /** {@return images that were skipped because they could not be read} */
    public int skippedImages() {
        return data == null ? 0 : data.skippedImages();
    }
}
