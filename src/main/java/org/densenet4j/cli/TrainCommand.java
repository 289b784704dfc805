package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceException;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.Task;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.inference.ImagePreparation;
import org.densenet4j.inference.PixelEvaluation.ClassResult;
import org.densenet4j.io.OneLine;
import org.densenet4j.plan.Bytes;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.profile.StepTrace;
import org.densenet4j.profile.WarmedSteps;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.LabelKind;
import org.densenet4j.train.Checkpoint;
import org.densenet4j.train.Recipe;
import org.densenet4j.train.RunFolder;
import org.densenet4j.train.SettingsFile;
import org.densenet4j.train.Trainer;
import org.densenet4j.train.TrainingRun;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;

/** {@code densenet4j train}: the main job. */
@Command(
        name = "train",
        description = {
            "Trains a network and saves it.",
            "Without options: a DenseNet-BC on generated glyph images, about two minutes on two"
                    + " cores. With --task segment: an FC-DenseNet on generated shapes. With --task"
                    + " detect: a DSOD on generated scenes."
        },
        mixinStandardHelpOptions = true)
class TrainCommand implements Callable<Integer> {
    /** As many classes as the data has. */
    private static final String ANY = "any";

    /** Decided by the checkpoint that a run continues from. */
    private static final List<String> FIXED_BY_CHECKPOINT =
            List.of(
                    "recipe",
                    "model",
                    "input-size",
                    "input-width",
                    "channels",
                    "crop",
                    "compression",
                    "dropout",
                    "stochastic-depth",
                    "task");

    @Spec private CommandSpec command;
    @Mixin private TaskOption task;
    @Mixin private RecipeOption recipeOption;
    @Mixin private DataOption data;
    @Mixin private SegmentationDataOption segmentation;
    @Mixin private DetectionDataOption detection;
    @Mixin private NormalisationOption normalisation;
    @Mixin private DeviceOption device;
    @Mixin private TraceOption trace;
    @Mixin private PretrainedOption pretrained;
    @Mixin private RunOption runOption;

    @Option(
            names = "--classes",
            paramLabel = "N",
            description =
                    "number of classes that are expected; an error if the data has others. Where"
                            + " label images hold indices and nothing names their classes, how many"
                            + " there are")
    private Integer classes;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "run folder (default: runs/ and the time)")
    private Path out;

    @Option(
            names = "--resume",
            paramLabel = "DIR|FILE",
            description =
                    "continue a run from its folder or from one of its checkpoints, with the"
                            + " settings that it was started with")
    private Path resume;

    @Option(
            names = "--no-compare",
            description = "do not measure NAIVE and SHARED memory side by side at the end")
    private boolean noCompare;

    private Continued continued;

    /** Of rank 0. */
    private DiskSpace disk;

    /** For picocli. */
    TrainCommand() {}

    @Override
    public Integer call() throws IOException {
        Communicator world = Job.join();
        tellBinding(world);
        Path file = resume == null ? null : checkpoint();
        if (Job.isFirst()) {
            checkFolder();
        }
        Continued checkpoint = file == null ? null : Continued.of(file);
        if (checkpoint != null && Job.isFirst()) {
            checkFurther(checkpoint);
        }
        Recipe recipe = recipe(checkpoint);
        LabelKind kind = checkpoint != null ? LabelKind.of(checkpoint.spec()) : recipe.labelKind();
        String name = checkpoint != null ? checkpoint.spec().name() : recipe.model();
        task.check(name, kind);
        data.labels(kind, name);
        data.labelledFor(recipe.task());
        recipe.bestBy().resolved(recipe.task()); // refused before anything is prepared
        recipeOption.check(recipe, kind);
        data.resizing(recipe.resizing());
        FamilySpec wanted = checkpoint != null ? checkpoint.spec() : begun(recipe);
        TrainingSource source =
                data.isMade()
                        ? Job.inTurn(() -> source(checkpoint, wanted))
                        : source(checkpoint, wanted);
        if (classes != null && classes != source.classNames().size()) {
            throw new IllegalArgumentException(
                    "--classes "
                            + classes
                            + " does not fit the data, which has "
                            + source.classNames().size());
        }
        FamilySpec spec = checkpoint != null ? wanted : spec(recipe, source);
        if (checkpoint == null) {
            recipe = resolved(recipe, spec, source);
        }
        if (source instanceof DataOption.Source images) {
            recipeOption.checkImages(recipe, images.train(), images.test(), data.isOfFiles());
        }
        recipe = balanced(recipe, source);
        continued = checkpoint;
        try (Device d = device.open(trace)) {
            return run(recipe, spec, source, d);
        }
    }

    /** What all that was said comes to. */
    Integer run(Recipe recipe, FamilySpec spec, TrainingSource source, Device d)
            throws IOException {
        if (!train(recipe, spec, source, continued, d)) {
            return Job.STOPPED;
        }
        if (!noCompare && !Job.hasOthers()) {
            int micro = Math.ceilDiv(recipe.batch(), recipe.accumulate());
            MemoryComparison.print(spec, recipe.strategy(), micro, d);
        }
        return 0;
    }

    Path out() {
        return out;
    }

    Trainer.Builder builder(Recipe recipe, FamilySpec spec, Device d) {
        return recipe.trainer(spec, d)
                .memoryBudget(runOption.memoryBudget())
                .communicator(Communicator.world());
    }

    void loadWeights(Trainer trainer) throws IOException {
        pretrained.load(trainer.network());
    }

    /** With threads that read images. */
    TrainingRun loading(TrainingRun run) {
        return run.loaderThreads(data.loaderThreads()).skipBroken(data.skipsBroken());
    }

    /** Launchers bind a process to a core where nothing else is said, and threads share that. */
    private static void tellBinding(Communicator world) {
        int processors = Runtime.getRuntime().availableProcessors();
        if (world.worldSize() > 1 && processors == 1 && HostFacts.onlineProcessors() > 1) {
            System.err.println(
                    "note: this rank may use 1 of "
                            + HostFacts.onlineProcessors()
                            + " processors; start with mpirun --bind-to none, or srun"
                            + " --cpus-per-task N");
        }
    }

    // ---------------------------------------------------------------- what to train

    /** What the checkpoint to continue from says, read once. */
    private record Continued(
            Path file, FamilySpec spec, Map<String, String> metadata, ImageMetadata images) {
        static Continued of(Path file) throws IOException {
            Checkpoint.Description saved = describe(file);
            if (!(saved.spec() instanceof FamilySpec spec)) {
                throw new IOException(
                        file
                                + ": is of the network '"
                                + saved.spec().name()
                                + "', a graph of one's own, which only the program that made it"
                                + " can train");
            }
            return new Continued(
                    file, spec, saved.metadata(), ImageMetadata.read(file, saved.metadata()));
        }

        /** Steps that it was trained for; 0 where it does not say. */
        long steps() {
            String steps = metadata.getOrDefault("trainer.steps", "");
            return steps.matches("\\d{1,18}") ? Long.parseLong(steps) : 0;
        }

        private static Checkpoint.Description describe(Path file) throws IOException {
            try {
                return Checkpoint.describe(file);
            } catch (IOException e) {
                Path best = file.resolveSibling(RunFolder.BEST);
                if (file.endsWith(RunFolder.CHECKPOINT) && Files.exists(best)) {
                    throw new IOException(
                            e.getMessage()
                                    + "; or continue from "
                                    + best
                                    + " instead: --resume "
                                    + best,
                            e);
                }
                throw e;
            }
        }
    }

    /** The checkpoint to continue from; null when the run was stopped before it saved one. */
    private Path checkpoint() throws IOException {
        if (!Files.isDirectory(resume)) {
            return resume;
        }
        Path last = resume.resolve(RunFolder.CHECKPOINT);
        if (Files.exists(last, LinkOption.NOFOLLOW_LINKS)) {
            return last;
        }
        if (Files.exists(resume.resolve(RunFolder.CONFIG))) {
            Optional<Path> results = RunFolder.results(resume);
            if (results.isPresent() && continues()) {
                Path file = results.get();
                throw new IOException(
                        resume
                                + ": holds no "
                                + RunFolder.CHECKPOINT
                                + ", but "
                                + file.getFileName()
                                + " of a run that trained, which would be replaced; "
                                + (file.endsWith(RunFolder.BEST)
                                        ? "continue with --resume " + file + ", or "
                                        : "")
                                + "start it again elsewhere with --out DIR");
            }
            return null;
        }
        throw new IOException(
                resume + ": holds no run; give the folder of one, or a " + RunFolder.CHECKPOINT);
    }

    /** The recipe: a preset or the one of the run to continue, and what the user changes of it. */
    private Recipe recipe(Continued checkpoint) throws IOException {
        Map<String, String> settings = recipeOption.settings();
        task.addTo(settings);
        if (resume == null) {
            restore(settings);
            String name = settings.remove("recipe");
            return Recipe.preset(name == null ? task.recipe(settings, data) : name).with(settings);
        }
        Map<String, String> saved;
        if (checkpoint == null) {
            saved = SettingsFile.read(resume.resolve(RunFolder.CONFIG));
        } else {
            Map<String, String> metadata = checkpoint.metadata();
            saved = new LinkedHashMap<>(TrainingRun.notesOf(metadata));
            saved.keySet().retainAll(runSettings());
            saved.putAll(TrainingRun.recipeOf(metadata));
        }
        Map<String, String> savedRun = new LinkedHashMap<>(saved);
        savedRun.keySet().retainAll(runSettings());
        restore(saved);
        String name = saved.remove("recipe");
        if (name == null) {
            name =
                    checkpoint == null
                            ? task.recipe(saved, data)
                            : task.recipe(LabelKind.of(checkpoint.spec()), data);
        }
        Recipe started = Recipe.preset(name).with(saved);
        restore(settings);
        for (String key : FIXED_BY_CHECKPOINT) {
            String value = settings.get(key);
            boolean ofModel = key.equals("task") && started.labelKind() != LabelKind.OF_IMAGES;
            if (value != null && !ofModel && !value.equals(started.values().get(key))) {
                throw new IllegalArgumentException(
                        "--"
                                + key
                                + " "
                                + value
                                + " does not fit the run, which has "
                                + started.values().get(key)
                                + "; leave it out, or start another run");
            }
        }
        if (checkpoint != null) {
            checkWeights(savedRun);
        }
        settings.remove("recipe");
        Recipe continued = started.with(settings);
        tellChanges(started.values(), continued.values());
        tellChanges(savedRun, remembered());
        return continued;
    }

    /**
     * Weights to start from are read by a run that begins, not by one that goes on.
     *
     * @param saved what the run was started with
     */
    private void checkWeights(Map<String, String> saved) {
        pretrained
                .settings()
                .forEach(
                        (key, value) -> {
                            String before = saved.get(key);
                            boolean changed =
                                    before == null ? isGiven("--" + key) : !value.equals(before);
                            if (changed) {
                                throw new IllegalArgumentException(
                                        "--"
                                                + key
                                                + " is for a run that begins; this one goes on from"
                                                + " its own checkpoint; leave it out, or start"
                                                + " another run without --resume");
                            }
                        });
    }

    private boolean isGiven(String option) {
        return command.commandLine().getParseResult().hasMatchedOption(option);
    }

    /** Keys of settings that a run remembers and that are no part of a recipe. */
    private List<String> runSettings() {
        return List.copyOf(remembered().keySet());
    }

    private Map<String, String> remembered() {
        Map<String, String> settings = new LinkedHashMap<>(data.settings());
        settings.putAll(segmentation.settings());
        settings.putAll(detection.settings());
        settings.putAll(normalisation.settings());
        settings.put("classes", classes == null ? ANY : classes.toString());
        settings.putAll(device.settings());
        settings.putAll(pretrained.settings());
        settings.putAll(runOption.settings());
        return settings;
    }

    private void restore(Map<String, String> settings) {
        RememberedSettings remembered = new RememberedSettings(settings, this::isGiven);
        data.restore(remembered);
        segmentation.restore(remembered);
        detection.restore(remembered);
        normalisation.restore(remembered);
        remembered.number(
                "classes",
                saved -> saved.equals(ANY) ? null : Integer.valueOf(saved),
                saved -> classes = saved);
        device.restore(remembered);
        pretrained.restore(remembered);
        runOption.restore(remembered);
    }

    private static void tellChanges(Map<String, String> before, Map<String, String> after) {
        after.forEach(
                (key, value) -> {
                    if (before.containsKey(key) && !value.equals(before.get(key))) {
                        System.out.println(
                                "changed  " + key + ": " + before.get(key) + " -> " + value);
                    }
                });
    }

    /**
     * The data. Its labels are the classes of the network that training starts from, matched by
     * name, so that what a class means never changes under a classifier.
     */
    private TrainingSource source(Continued checkpoint, FamilySpec network) throws IOException {
        ImageMetadata recorded = checkpoint == null ? pretrained.images() : checkpoint.images();
        Optional<List<String>> names =
                checkpoint == null ? pretrained.classNames(recorded) : recorded.classNames();
        TrainingSource source;
        LabelKind kind = LabelKind.of(network);
        if (kind != LabelKind.OF_PIXELS) {
            segmentation.checkUnused();
        }
        if (kind != LabelKind.BOXES) {
            detection.checkUnused();
        }
        if (kind != LabelKind.OF_IMAGES) {
            normalisation.checkUnused();
        }
        source =
                switch (kind) {
                    case OF_PIXELS -> segmentation.open(data, recorded, names, classes);
                    case BOXES -> detection.open(data, recorded);
                    case OF_IMAGES ->
                            normalisation.apply(
                                    data.open(network, recorded),
                                    recorded,
                                    checkpoint != null,
                                    data.loaderThreads(),
                                    data.skipsBroken());
                };
        try {
            source = names.isEmpty() ? source : source.ofClasses(names.get());
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    e.getMessage()
                            + (checkpoint == null
                                    ? "; --reset-head trains a new classifier for other classes"
                                    : "; a run continues with the classes that it was started with."
                                            + " For others start a new one with --weights "
                                            + checkpoint.file()
                                            + " --reset-head"),
                    e);
        }
        if (source instanceof SegmentationSource pixels && !data.skipsBroken()) {
            pixels.readFirst();
        }
        if (source instanceof DetectionSource boxes && !data.skipsBroken()) {
            boxes.readFirst();
        }
        return source;
    }

    /** The recipe with what the data and the network decide, as it is recorded. */
    private Recipe resolved(Recipe recipe, FamilySpec spec, TrainingSource source) {
        Map<String, String> decided = new LinkedHashMap<>();
        if (spec instanceof DenseNetSpec s) {
            decided.put("compression", String.valueOf(s.compression()));
        }
        if (source instanceof DataOption.Source images) {
            decided.put("channels", String.valueOf(spec.inputChannels()));
            decided.put("input-size", ImageSize.of(spec).toString());
            if (recipeOption.isDefault() && resume == null) {
                decided.put("augment", augment(spec, images).name());
            }
        }
        return recipe.with(decided);
    }

    /**
     * The network of a run that begins: with the channels of the weights that it starts from, which
     * are adapted where other channels are asked for.
     */
    private FamilySpec begun(Recipe recipe) throws IOException {
        FamilySpec spec = recipe.spec(1).build();
        int channels =
                recipe.channels() > 0
                        ? recipe.channels()
                        : pretrained.channels(spec.inputChannels());
        return channels == spec.inputChannels()
                ? spec
                : spec.toBuilder().inputChannels(channels).build();
    }

    /** With numbers for weights that go by the data, so that a run goes on with the same. */
    private static Recipe balanced(Recipe recipe, TrainingSource source) {
        return source instanceof DataOption.Source images
                ? recipe.balanced(images.train())
                : recipe;
    }

    /** What suits the data and the network. */
    private static Recipe.Augment augment(FamilySpec spec, DataOption.Source images) {
        boolean small = !ImagePreparation.isForLargeImages(spec);
        // A crop of 8 % of an image of 32 pixels shows nothing.
        return small && images.augment() == Recipe.Augment.IMAGENET
                ? Recipe.Augment.CIFAR
                : images.augment();
    }

    private static FamilySpec spec(Recipe recipe, TrainingSource source) {
        FamilySpec.Builder builder = recipe.spec(source.classNames().size());
        if (recipe.classifiesPixels() && recipe.crop() > 0) {
            return builder.build(); // windows of the recipe's size
        }
        if (source instanceof DetectionSource) {
            return builder.build(); // images are warped to the network's size
        }
        ImageSize size = source.size();
        int height = size.height();
        int width = size.width();
        ImageSize wanted = new ImageSize(recipe.inputSize(), recipe.imageWidth());
        if (recipe.inputSize() > 0 && !wanted.equals(size)) {
            throw new IllegalArgumentException(
                    "--input-size "
                            + wanted
                            + " does not fit the data, which has images of "
                            + height
                            + "x"
                            + width);
        }
        if (source instanceof DataOption.Source images) {
            int channels = images.train().channels();
            if (recipe.channels() > 0 && recipe.channels() != channels) {
                throw new IllegalArgumentException(
                        "--channels "
                                + recipe.channels()
                                + " does not fit the data, which has images of "
                                + channels);
            }
            builder.inputChannels(channels);
        }
        return builder.inputSize(height, width).build();
    }

    /**
     * Another number of images is another order of batches than the one that was begun; another
     * normalisation is other pixels.
     */
    private static void tellImages(Continued checkpoint, TrainingSource source) {
        String now = String.valueOf(source.trainingImages());
        String before = checkpoint.metadata().getOrDefault(TrainingRun.TRAINING_IMAGES, now);
        tellChanges(Map.of("training images", before), Map.of("training images", now));
        checkpoint
                .images()
                .normalisation()
                .ifPresent(
                        n ->
                                tellChanges(
                                        Map.of("normalisation", text(n)),
                                        Map.of("normalisation", text(source.normalisation()))));
    }

    private static String text(Normalisation n) {
        return Arrays.toString(n.mean()) + " " + Arrays.toString(n.deviation());
    }

    /**
     * Looks before anything is prepared whether the run may have its folder.
     *
     * @throws IOException in one line when it would replace what is no part of this run
     */
    private void checkFolder() throws IOException {
        if (out != null && !continues()) {
            RunFolder.checkNew(out);
        }
        if (continues()
                && Files.exists(resume)
                && !Files.exists(resumedFolder().resolve(RunFolder.CONFIG))) {
            throw new IOException(
                    resume
                            + ": its folder holds no run (no "
                            + RunFolder.CONFIG
                            + "); say with --out where to continue it");
        }
    }

    /**
     * An earlier state that is continued in the run's folder would replace the last one, and the
     * metrics of what came between.
     */
    private void checkFurther(Continued checkpoint) throws IOException {
        Path last = resumedFolder().resolve(RunFolder.CHECKPOINT);
        if (!continues() || isSame(last, checkpoint.file()) || !Files.exists(last)) {
            return;
        }
        long steps = checkpoint.steps();
        long further;
        try {
            further = Continued.of(last).steps();
        } catch (IOException e) {
            return; // damaged: the earlier one is what is left
        }
        if (further > steps) {
            throw new IOException(
                    String.format(
                            Locale.ROOT,
                            "%s is further, with %,d steps against %,d, and would be replaced;"
                                    + " continue from the earlier one with --out DIR",
                            last,
                            further,
                            steps));
        }
    }

    /** Whether the run goes on in the folder that it is resumed from. */
    private boolean continues() {
        return resume != null && (out == null || isSame(out, resumedFolder()));
    }

    /** Rank 0 makes it, when all ranks have read what they need of it, and tells the others. */
    private RunFolder openFolder() throws IOException {
        Communicator.world().barrier();
        RunFolder own = Job.isFirst() ? ownFolder() : null;
        String path = Job.ofFirst(own == null ? "" : own.path().toString());
        return own != null ? own : RunFolder.ofFirstRank(Path.of(path));
    }

    private RunFolder ownFolder() throws IOException {
        if (continues()) {
            return RunFolder.open(resumedFolder());
        }
        return RunFolder.create(out != null ? out : NewFolder.make(Path.of("runs"), ""));
    }

    private Path resumedFolder() {
        Path parent = resume.getParent();
        return Files.isDirectory(resume) ? resume : parent == null ? Path.of("") : parent;
    }

    private static boolean isSame(Path a, Path b) {
        return a.toAbsolutePath().normalize().equals(b.toAbsolutePath().normalize());
    }

    // ---------------------------------------------------------------- training

    /** Returns whether the run got to its end. */
    private boolean train(
            Recipe recipe, FamilySpec spec, TrainingSource source, Continued checkpoint, Device d)
            throws IOException {
        Trainer.Builder builder = builder(recipe, spec, d);
        // The signal's hook lets the process end when it is closed: after the folder is unlocked.
        try (StopSignal stop = new StopSignal();
                Trainer trainer = builder.open()) {
            if (checkpoint == null) {
                loadWeights(trainer); // weights that do not fit leave no folder
            }
            if (Job.isFirst()) {
                Path folder = continues() ? resumedFolder() : out != null ? out : Path.of("runs");
                disk = DiskSpace.of(folder, trainer.checkpointBytes()).checked(folder);
            }
            return train(recipe, source, checkpoint, d, trainer, stop);
        }
    }

    private boolean train(
            Recipe recipe,
            TrainingSource source,
            Continued checkpoint,
            Device d,
            Trainer trainer,
            StopSignal stop)
            throws IOException {
        try (RunFolder folder = openFolder()) {
            Path path = folder.path();
            if (source.classNames().size() == 1 && recipe.task() == Task.CLASSIFY) {
                System.err.println(
                        "note: the data has one class, "
                                + OneLine.of(source.classNames().getFirst())
                                + "; every answer is right, and the network learns nothing");
            }
            MemoryPlan plan = trainer.plan();
            System.out.println(trainer.spec());
            int ranks = Communicator.world().worldSize();
            System.out.println("on " + (ranks > 1 ? ranks + " times " : "") + d.description());
            System.out.printf(
                    Locale.ROOT,
                    "%,d training and %,d test images, batch %d%s, augmentation %s, %s, %s of"
                            + " memory%n",
                    source.trainingImages(),
                    source.testImages(),
                    recipe.batch(),
                    lastBatch(recipe, source.trainingImages()),
                    augmentation(recipe, trainer.spec()),
                    recipe.strategy(),
                    Bytes.format(plan.peakBytes()));
            if (disk != null) {
                System.out.println(disk);
            }
            TrainingProgress progress = new TrainingProgress(recipe.epochs(), recipe.task());
            TrainingRun run =
                    loading(TrainingRun.of(trainer, recipe, folder))
                            .saveEvery(runOption.saveEvery())
                            .listener(progress)
                            .stopWhen(stop::requested);
            source.give(run);
            remembered().forEach(run::note);
            if (checkpoint != null) {
                tellImages(checkpoint, source);
                run.resume(checkpoint.file());
                // Another normalisation is no mistake here: it was told just now.
                trainer.images(
                        ImageMetadata.of(source.classNames(), source.normalisation())
                                .withExifOrientation(data.exifOrientation())
                                .withResizing(recipe.resizing()));
                System.out.printf(
                        Locale.ROOT,
                        "continuing %s after %,d steps, in epoch %d%n",
                        checkpoint.file(),
                        trainer.steps(),
                        run.epoch() + 1);
            } else if (resume != null) {
                folder.clear();
                System.out.println(resume + " has no checkpoint yet; starting it again");
            }
            d.takeTrace(); // of what came before
            long start = System.nanoTime();
            boolean finished = train(run, path);
            trace.print("the whole run", StepTrace.take(d, WarmedSteps.secondsSince(start)), d);
            if (finished && run.bestEpoch() == 0) {
                throw new FailedException(
                        "the test's "
                                + run.bestBy().text()
                                + " was a number after no epoch, so that there is no best state;"
                                + " lower the learning rate, clip gradients or check the data",
                        null);
            }
            if (!Job.isFirst()) {
                return finished; // rank 0 reports
            }
            if (finished) {
                report(run, progress, folder);
            } else {
                progress.line(
                        "stopped in epoch "
                                + (run.epoch() + 1)
                                + "; continue with --resume "
                                + path.resolve(RunFolder.CHECKPOINT));
            }
            return finished;
        }
    }

    private static String augmentation(Recipe recipe, NetworkSpec spec) {
        String name = recipe.augment().name().toLowerCase(Locale.ROOT);
        if (LabelKind.of(spec) == LabelKind.OF_PIXELS && recipe.crop() > 0) {
            String window = "windows of " + ImageSize.of(spec);
            return recipe.augment() == Recipe.Augment.NONE ? window : window + " and " + name;
        }
        List<String> more = new ArrayList<>();
        if (recipe.colourJitter() != 0) {
            more.add("colour jitter " + recipe.colourJitter());
        }
        if (recipe.verticalFlip()) {
            more.add("vertical flip");
        }
        if (recipe.rotation() != 0) {
            more.add("rotation " + recipe.rotation());
        }
        if (!recipe.randAugment().equals(Recipe.NONE)) {
            more.add("RandAugment " + recipe.randAugment());
        }
        if (recipe.randomErasing() != 0) {
            more.add("random erasing " + recipe.randomErasing());
        }
        return more.isEmpty() ? name : name + " with " + String.join(", ", more);
    }

    /** What becomes of images that do not fill a batch. */
    private static String lastBatch(Recipe recipe, int images) {
        int rest = images % recipe.batch();
        if (rest == 0 || images < recipe.batch()) {
            return "";
        }
        return recipe.dropLast()
                ? " (" + rest + " of an epoch are left out, other ones each time)"
                : " (the last of an epoch " + rest + ")";
    }

    /**
     * Trains. A device may be lost on the way, or a kernel fail: the folder then holds what was
     * saved last.
     */
    private static boolean train(TrainingRun run, Path folder) throws IOException {
        try {
            return run.train();
        } catch (DeviceException e) {
            throw new FailedException(
                    e.getMessage() + "; the run is kept: continue it with --resume " + folder, e);
        }
    }

    private static void report(TrainingRun run, TrainingProgress progress, RunFolder folder)
            throws IOException {
        List<ClassResult> scores = ClassScores.of(folder.iou());
        if (run.endedEarly()) {
            System.out.println(
                    "ended early: no better test in the "
                            + (run.epoch() - run.bestEpoch())
                            + " epochs behind epoch "
                            + run.bestEpoch());
        }
        System.out.printf(
                Locale.ROOT,
                "%n%-14s %s (epoch %d)%n",
                "test " + run.bestBy().text(),
                run.bestBy().format(run.bestScore()),
                run.bestEpoch());
        if (run.images() > 0) { // what was only tested has no speed
            System.out.printf(
                    Locale.ROOT,
                    "speed          %.1f images/s in training steps, waiting for input %.1f %% of"
                            + " the time%ntime           %s for %,d images%n",
                    run.imagesPerSecond(),
                    100 * run.inputWait(),
                    Progress.duration(progress.seconds()),
                    run.images());
        }
        if (run.skippedImages() > 0) {
            System.out.printf(
                    Locale.ROOT, "skipped        %,d broken images%n", run.skippedImages());
        }
        System.out.printf(
                Locale.ROOT,
                "saved          %s%n               %s%n               %s%n",
                folder.path().resolve(RunFolder.BEST),
                folder.path().resolve(RunFolder.CHECKPOINT),
                folder.path().resolve(RunFolder.SUMMARY));
        if (!scores.isEmpty()) {
            System.out.print("\n" + ClassScores.table(scores));
        }
        folder.outputs().ifPresent(table -> System.out.print("\n" + table.text()));
    }
}
