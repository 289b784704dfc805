package org.densenet4j.train;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceUse;
import org.densenet4j.data.Batch;
import org.densenet4j.data.DetectionBatch;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Outputs;
import org.densenet4j.data.SegmentationBatch;
import org.densenet4j.data.Task;
import org.densenet4j.detection.Priors;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.engine.LossFunction;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.ParameterRule;
import org.densenet4j.engine.Pass;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.plan.Bytes;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.OptimiserState;
import org.densenet4j.plan.TargetKind;
import org.densenet4j.spec.DetectionSpec;
import org.densenet4j.spec.FamilySpec;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Trains a network: forward, loss, backward, optimiser.
 *
 * <pre>{@code
 * try (Device device = Device.best();
 *      Trainer trainer = Trainer.of(spec, device).batch(64).optimizer(Sgd.nesterov(0.1)).open()) {
 *     for (Batch batch : data) {
 *         StepResult result = trainer.step(batch);
 *     }
 *     trainer.save(path);
 * }
 * }</pre>
 *
 * All memory is allocated by {@link Builder#open} and freed by {@link #close}, which may be called
 * twice. One thread uses a trainer at a time; a second one that comes in between gets an {@link
 * IllegalStateException}. Trainers of several threads may share a device and take turns by the
 * step, or each have its own.
 */
public final class Trainer implements AutoCloseable {
    private static final String OPTIMISER = "trainer.optimiser";
    private static final String AVERAGES_EXCHANGED = "trainer.averaged";

    private final Network network;
    private final Device device;
    private final long memoryBudget;
    private Optimiser optimizer;
    private final @Nullable WeightAverage average;
    private final int accumulate;
    private final StepTargets targets;
    private final double clipNorm;
    private final double groupLasso;
    private final Mode mode;
    private final long seed;
    private double learningRate;

    private final TrainedImages images;
    private final Ranks ranks;
    private boolean warned;

    /** Whether all ranks train what rank 0 began with. */
    private boolean shared;

    /** Whether there was no step since running statistics were averaged. */
    private boolean statisticsAveraged = true;

    /** Steps before this trainer's network was opened, of the state that was loaded. */
    private long stepsBefore;

    /** Whether averages of the weights were started, by the first pass or by what was loaded. */
    private boolean averagesStarted;

    /** Counts forward passes, so that micro-batches of one step drop different elements. */
    private long passes;

    private Trainer(Builder b, TrainedImages images, Network network) {
        this.network = network;
        this.device = b.device;
        this.memoryBudget = b.memoryBudget;
        this.images = images;
        this.ranks = new Ranks(b.communicator);
        this.optimizer = b.optimizer;
        this.average = b.average;
        this.accumulate = b.accumulate;
        this.targets = new StepTargets(b.effectiveLoss(), b.targetKind());
        this.clipNorm = b.clipNorm;
        this.groupLasso = b.groupLasso;
        this.mode = b.frozenBatchNorm ? Mode.FROZEN : Mode.TRAIN;
        this.seed = b.seed;
        this.learningRate = b.optimizer.learningRate();
    }

    /**
     * Starts a trainer with the defaults that {@link Builder} lists.
     *
     * @param spec the network: a preset, or a graph of one's own
     * @param device where it is trained; it stays the caller's to close, after the trainer
     * @return what says how to train, before {@link Builder#open} allocates anything
     */
    public static Builder of(NetworkSpec spec, Device device) {
        Objects.requireNonNull(spec, "spec");
        Objects.requireNonNull(device, "device");

        return new Builder(spec, device);
    }

    /**
     * One training step on a batch of any size up to the trainer's. With a communicator of several
     * ranks all of them call this, each with its own images of the batch, of whose number it has
     * {@code batch / worldSize} at most; results are those of the whole batch.
     *
     * @param batch of images as the network takes them, with class indices as labels
     * @return mean loss and hits of the batch, before the update
     * @throws IllegalArgumentException when the batch does not fit the network, or has other class
     *     names or another normalisation than what {@link #images} knows
     * @throws NonFiniteException when the loss or a gradient is NaN or infinite; parameters,
     *     velocities and running statistics are left as they were
     */
    public StepResult step(Batch batch) {
        return step(batch, null);
    }

    /**
     * {@return the same, and copies the next batch to the device while this step runs}
     *
     * @param batch of images as the network takes them, with class indices as labels
     * @param next what {@link #step} will be called with after this, or null. Leave its images as
     *     they are until then: some thousand places are compared, and a batch that changed at one
     *     of them is copied again, but a few changed pixels may go unseen
     */
    public StepResult step(Batch batch, @Nullable Batch next) {
        return step(LabelledBatch.of(batch), next == null ? null : LabelledBatch.of(next));
    }

    /**
     * One training step of a network that classifies pixels. The loss is the mean over the pixels
     * of the batch that have a label, whatever the micro-batches; a batch of void pixels alone has
     * a loss of 0 without a gradient.
     *
     * @param batch of images as the network takes them, with class indices as labels
     * @return mean loss, hits and counts by class
     * @throws IllegalArgumentException when the batch does not fit the network, or has other class
     *     names or another normalisation than what {@link #images} knows
     * @throws NonFiniteException when the loss or a gradient is NaN or infinite; parameters,
     *     velocities and running statistics are left as they were
     */
    public StepResult step(SegmentationBatch batch) {
        return step(batch, null);
    }

    /**
     * {@return the same, and copies the next batch to the device while this step runs}
     *
     * @param batch of images as the network takes them, with class indices as labels
     * @param next what {@link #step} will be called with after this, or null, as for batches of
     *     labelled images
     */
    public StepResult step(SegmentationBatch batch, @Nullable SegmentationBatch next) {
        return step(LabelledBatch.of(batch), next == null ? null : LabelledBatch.of(next));
    }

    /**
     * One training step of a network that finds objects ({@link DetectionSpec}), by {@link
     * org.densenet4j.detection.MultiBoxLoss} over all its heads. The loss of each micro-batch is
     * divided by its own matches, as by SSD's authors; that of the batch is their mean by images.
     *
     * @param batch of images as the network takes them, with boxes in shares of their sides
     * @return the loss; nothing is counted as right or wrong
     * @throws IllegalArgumentException when the batch does not fit the network, or has other class
     *     names or another normalisation than what {@link #images} knows
     * @throws NonFiniteException when the loss or a gradient is NaN or infinite; parameters,
     *     velocities and running statistics are left as they were
     */
    public StepResult step(DetectionBatch batch) {
        return step(batch, null);
    }

    /**
     * {@return the same, and copies the next batch to the device while this step runs}
     *
     * @param batch of images as the network takes them, with boxes in shares of their sides
     * @param next what {@link #step} will be called with after this, or null, as for batches of
     *     labelled images
     */
    public StepResult step(DetectionBatch batch, @Nullable DetectionBatch next) {
        return step(new BoxedBatch(batch), next == null ? null : new BoxedBatch(next));
    }

    private StepResult step(StepBatch batch, @Nullable StepBatch next) {
        StepEvent event = StepEvent.start();
        try {
            StepResult result = runStep(batch, next);
            event.end(result);
            return result;
        } catch (RuntimeException e) {
            event.fail(steps() + 1, e);
            throw e;
        }
    }

    private StepResult runStep(StepBatch batch, @Nullable StepBatch next) {
        try (DeviceUse _ = network.use()) {
            check(batch);
            images.requireTrainable("the batch", batch.metadata());
            share();
            startAverages();
            Ranks.Images all = ranks.images(batch.labelled(), batch.size());
            StepWork work =
                    switch (batch) {
                        case LabelledBatch b ->
                                new LabelledWork(targets.of(b, all, ranks, spec().classes()));
                        case BoxedBatch b -> BoxedWork.training(detector(), b, all.images());
                    };
            boolean together = work.sumsGradients() && all.equal();
            long passesBefore = passes;
            network.zeroGradients();
            if (groupLasso > 0) {
                network.addGroupLasso(groupLasso / ranks.count());
            }
            network.keepRunningStatistics();
            StepResult.Sum sum = new StepResult.Sum();
            int micro = network.plan().batch();
            @Nullable Pass infinite = null;
            for (int first = 0; first < batch.size(); first += micro) {
                int count = Math.min(micro, batch.size() - first);
                boolean last = first + count == batch.size();
                Pass pass = nextPass(count);
                warnOfOneValue(count);
                network.input(batch.images(first, count), count);
                Network.Outcome outcome =
                        work.train(
                                network,
                                pass,
                                first,
                                last && together ? ranks.communicator() : Communicator.alone(),
                                () -> {
                                    if (next != null && last && next.size() <= micro) {
                                        network.stage(next.images());
                                    }
                                });
                sum.add(outcome);
                infinite = Double.isFinite(outcome.loss()) ? null : pass;
                if (infinite != null && ranks.isAlone()) {
                    break; // otherwise the others wait for its gradients
                }
            }
            sum.overRanks(ranks);
            if (!Double.isFinite(sum.loss())) {
                throw refuse(whereInfinite(infinite), "the loss");
            }
            double norm = together ? sum.gradientNorm() : normOfAllRanks();
            if (!Double.isFinite(norm)) {
                throw refuse(network.firstNonFiniteGradient(), "the gradient");
            }
            update(norm);
            statisticsAveraged = ranks.isAlone();
            if (!ranks.isAlone()) { // also where ranks have different numbers of micro-batches
                passes = passesBefore + (long) accumulate * ranks.count();
            }
            images.train(batch.metadata());
            return sum.result(steps(), all.images(), norm, work.meanOver());
        }
    }

    /**
     * Gradients are summed apart from the pass where it is recorded with other numbers of images on
     * other ranks, or the loss is the host's.
     */
    private double normOfAllRanks() {
        network.allReduceGradients(ranks.communicator());
        return network.gradientNorm();
    }

    /** What batches with boxes were checked against. */
    private DetectionSpec detector() {
        return (DetectionSpec) spec();
    }

    /**
     * Empty where the loss of another rank is not finite, or that of a micro-batch before the last.
     */
    private String whereInfinite(@Nullable Pass pass) {
        return pass == null ? "" : network.firstNonFiniteOutput(pass);
    }

    /** All ranks go on from where rank 0 is, before the first step behind an opening or a load. */
    private void share() {
        if (!shared) {
            ranks.share(network);
            shared = true;
        }
    }

    /**
     * Takes inputs away from 1x1 convolutions with learned groups, where their stage of training
     * wants it; a {@link TrainingRun} calls it before every step, a loop of one's own should.
     * Networks without learned groups are left as they are.
     *
     * @param progress of training, from 0 to 1
     * @return whether anything was taken away
     * @throws IllegalArgumentException when it is no such share
     * @see Network#condense
     */
    public boolean condense(double progress) {
        try (DeviceUse _ = network.use()) {
            share();
            return network.condense(progress);
        }
    }

    /**
     * Replaces the running statistics by their mean over all ranks, each of which has seen images
     * of its own: before the network is evaluated, saved or copied. All ranks call it. Does nothing
     * where there is one rank, or where it was done since the last step.
     */
    public void averageRunningStatistics() {
        try (DeviceUse _ = network.use()) {
            if (!statisticsAveraged) {
                ranks.average(network);
                statisticsAveraged = true;
            }
        }
    }

    Ranks ranks() {
        return ranks;
    }

    /** PyTorch refuses such a batch; here it is possible to mean it, in a frozen network or not. */
    private void warnOfOneValue(int count) {
        if (count > 1 || mode != Mode.TRAIN || warned || !hasOnePixel()) {
            return;
        }
        warned = true;
        System.getLogger("org.densenet4j")
                .log(
                        System.Logger.Level.WARNING,
                        "a pass over one image leaves batch normalisations of 1x1 feature maps one"
                                + " value per channel, so that they learn nothing; use larger"
                                + " batches, larger images or frozen batch normalisation");
    }

    private boolean hasOnePixel() {
        return network.plan().memory().graph().features().stream()
                .anyMatch(features -> features.pixels() == 1);
    }

    private void update(double norm) {
        double scale = clipNorm > 0 && norm > clipNorm ? clipNorm / norm : 1;
        network.update(optimizer.step(learningRate, scale, steps() + 1));
        if (average != null) {
            network.followAverages(average.decay(steps()));
        }
    }

    /** Averages begin where the first step does, whatever was loaded before. */
    private void startAverages() {
        if (network.areAveragesExchanged()) {
            throw new IllegalStateException(
                    "the network holds its averages; exchangeAverages() before it is trained on");
        }
        if (average != null && !averagesStarted) {
            network.startAverages();
            averagesStarted = true;
        }
    }

    /**
     * Exchanges parameters and running statistics with the averages that {@link
     * Builder#averageWeights} asked for, to evaluate or to save by these; done again, it takes that
     * back. A file that is saved in between has the averages as the network's weights, and is
     * continued with what was trained.
     *
     * @throws IllegalStateException when there are no averages, or there was no step yet
     */
    public void exchangeAverages() {
        try (DeviceUse _ = network.use()) {
            if (average != null && !averagesStarted) {
                throw new IllegalStateException("there are no averages before the first step");
            }
            network.exchangeAverages();
        }
    }

    /** {@return whether weights are averaged} */
    public boolean averagesWeights() {
        return average != null;
    }

    /**
     * Changes the momentum of the coming steps: SGD's and RMSprop's, and Adam's beta1.
     *
     * @param value from 0 to 1
     */
    public void momentum(double value) {
        optimizer = optimizer.withMomentum(value);
    }

    /** {@return momentum of the coming steps; beta1 of Adam} */
    public double momentum() {
        return optimizer.momentum();
    }

    /**
     * Ends a training step of one's own: updates the parameters by the gradients that the network
     * holds, as {@link #step} does, with this trainer's clipping, optimiser and learning rate. It
     * counts as a step. Gradients are summed over the ranks of the trainer's communicator first,
     * all of which call this: losses are divided by the number of images of all of them.
     *
     * <pre>{@code
     * Pass pass = trainer.nextPass(count);
     * network.zeroGradients();
     * network.input(images, count);
     * network.forward(pass);
     * network.logitsGradient(myLossGradient(network.logits(count)), count);
     * network.backward(pass);
     * trainer.update();
     * }</pre>
     *
     * @return the norm of the gradients before clipping
     * @throws IllegalStateException when there are no gradients since the last update, or since
     *     they were zeroed
     * @throws NonFiniteException when a gradient is NaN or infinite; parameters and velocities are
     *     left as they were
     */
    public double update() {
        try (DeviceUse _ = network.use()) {
            if (!network.hasGradients()) {
                throw new IllegalStateException(
                        "there are no gradients to update by; call network().backward() after"
                                + " zeroGradients() and before each update()");
            }
            share();
            startAverages();
            network.allReduceGradients(ranks.communicator());
            double norm = network.gradientNorm();
            if (!Double.isFinite(norm)) {
                throw new NonFiniteException(
                        steps() + 1, network.firstNonFiniteGradient(), "the gradient");
            }
            update(norm);
            statisticsAveraged = ranks.isAlone();
            return norm;
        }
    }

    /**
     * {@return a training pass for {@link #network}, as {@link #step} makes them: with this
     * trainer's batch normalisation and seed, and a number of its own, so that it drops other
     * elements than the passes before}
     *
     * @param images of the pass, 1 to those of a micro-batch
     * @throws IllegalArgumentException when there are none or more
     */
    public Pass nextPass(int images) {
        try (DeviceUse _ = network.use()) {
            if (images > network.plan().batch()) {
                throw new IllegalArgumentException(
                        "images = "
                                + images
                                + ": a pass of this trainer has 1 to "
                                + network.plan().batch());
            }
            startAverages();
            Pass pass = new Pass(images, mode, seed, passes + ranks.rank());
            passes += ranks.count();
            return pass;
        }
    }

    private NonFiniteException refuse(String where, String what) {
        network.restoreRunningStatistics();
        return new NonFiniteException(steps() + 1, where, what);
    }

    /**
     * {@return loss and accuracy of a batch in evaluation mode; changes nothing}
     *
     * @param batch of images as the network takes them, with class indices as labels
     */
    public StepResult evaluate(Batch batch) {
        return evaluate(LabelledBatch.of(batch), Map.of());
    }

    /**
     * {@return the same, and the logits}
     *
     * @param batch of images as the network takes them, with class indices as labels
     * @param logits receives [images, classes]
     * @throws IllegalArgumentException when the batch does not fit the network, has other class
     *     names or another normalisation than what {@link #images} knows, or the logits have no
     *     room
     */
    public StepResult evaluate(Batch batch, float[] logits) {
        LabelledBatch labelled = LabelledBatch.of(batch);
        return evaluate(labelled, ofLastHead(Objects.requireNonNull(logits, "logits")));
    }

    /**
     * The same, and the logits of several heads.
     *
     * @param logits receive [images, classes], by the names of the heads
     */
    StepResult evaluateHeads(Batch batch, Map<String, float[]> logits) {
        return evaluate(LabelledBatch.of(batch), logits);
    }

    private Map<String, float[]> ofLastHead(float[] logits) {
        return Map.of(spec().graph().heads().getLast().name(), logits);
    }

    /**
     * {@return loss, accuracy and counts by class of a batch in evaluation mode; changes nothing}
     *
     * @param batch of images as the network takes them, with class indices as labels
     * @throws IllegalArgumentException when the batch does not fit the network, or has other class
     *     names or another normalisation than what {@link #images} knows
     */
    public StepResult evaluate(SegmentationBatch batch) {
        return evaluate(LabelledBatch.of(batch), Map.of());
    }

    /**
     * {@return the same, and the logits}
     *
     * @param batch of images as the network takes them, with class indices as labels
     * @param logits receives [images·height·width, classes]
     */
    public StepResult evaluate(SegmentationBatch batch, float[] logits) {
        LabelledBatch labelled = LabelledBatch.of(batch);
        return evaluate(labelled, ofLastHead(Objects.requireNonNull(logits, "logits")));
    }

    /**
     * {@return the loss of a batch with boxes in evaluation mode, over all its matches, whatever
     * the micro-batches ({@link StepResult#meanOver}); changes nothing}
     *
     * @param batch of images as the network takes them, with boxes in shares of their sides
     * @throws IllegalArgumentException when the batch does not fit the network, or has other class
     *     names or another normalisation than what {@link #images} knows
     */
    public StepResult evaluate(DetectionBatch batch) {
        BoxedBatch boxed = new BoxedBatch(batch);
        check(boxed);
        return evaluated(boxed, BoxedWork.evaluation(detector(), boxed));
    }

    /**
     * {@return the same, and what the heads say, which {@link
     * org.densenet4j.detection.DetectionOutput} makes boxes of}
     *
     * @param batch of images as the network takes them, with boxes in shares of their sides
     * @param logits receives [images, priors, 1 + classes]
     * @param offsets receives [images, priors, 4]
     * @throws IllegalArgumentException when the batch does not fit the network, has other class
     *     names or another normalisation than what {@link #images} knows, or an array has no room
     */
    public StepResult evaluate(DetectionBatch batch, float[] logits, float[] offsets) {
        BoxedBatch boxed = new BoxedBatch(batch);
        Objects.requireNonNull(logits, "logits");
        Objects.requireNonNull(offsets, "offsets");
        check(boxed);
        int priors = detector().priors().size();
        checkRoom("logits", logits, boxed.size(), priors, 1 + spec().classes());
        checkRoom("offsets", offsets, boxed.size(), priors, Priors.OFFSETS);
        return evaluated(boxed, BoxedWork.evaluation(detector(), boxed, logits, offsets));
    }

    private static void checkRoom(
            String what, float[] values, int images, int priors, int numbers) {
        if (values.length < (double) images * priors * numbers) {
            throw new IllegalArgumentException(
                    what
                            + ": room for "
                            + values.length
                            + " of "
                            + images
                            + " images, "
                            + priors
                            + " priors and "
                            + numbers
                            + " numbers of each");
        }
    }

    /**
     * @param logits receive them, by the names of heads
     */
    private StepResult evaluate(LabelledBatch batch, Map<String, float[]> logits) {
        check(batch);
        logits.values().forEach(room -> checkRoom(batch, room));
        StepTargets.Parts parts = targets.of(batch, spec().classes());
        return evaluated(batch, new LabelledWork(parts, logits));
    }

    private StepResult evaluated(StepBatch batch, StepWork work) {
        try (DeviceUse _ = network.use()) {
            images.requireSame("the batch", batch.metadata());
            StepResult.Sum sum = new StepResult.Sum();
            int micro = network.plan().batch();
            for (int first = 0; first < batch.size(); first += micro) {
                int count = Math.min(micro, batch.size() - first);
                Pass pass = new Pass(count, Mode.EVALUATE, seed, 0);
                network.input(batch.images(first, count), count);
                sum.add(work.evaluate(network, pass, first));
            }
            return sum.result(steps(), batch.size(), 0, work.meanOver());
        }
    }

    /**
     * A copy of this for one image of another size, with the same parameters and running
     * statistics, to evaluate by.
     *
     * @throws IllegalArgumentException when the network cannot have images of that size
     * @throws org.densenet4j.plan.PlanException when there is no memory for it
     */
    Trainer forSize(int height, int width) {
        if (!(spec() instanceof FamilySpec family)) {
            throw new IllegalArgumentException(
                    "the network '"
                            + spec().name()
                            + "' is a graph of one's own for images of "
                            + spec().inputHeight()
                            + "x"
                            + spec().inputWidth()
                            + ", not of "
                            + height
                            + "x"
                            + width);
        }
        FamilySpec resized = family.toBuilder().inputSize(height, width).build();
        Trainer copy =
                of(resized, device)
                        .batch(1)
                        .strategy(plan().strategy())
                        .precision(plan().precision())
                        .memoryBudget(memoryBudget)
                        .images(images())
                        .seed(seed)
                        .open();
        try (DeviceUse _ = network.use()) {
            for (ParameterSpec p : network.parameters()) {
                copy.network.parameter(p.name(), network.parameter(p.name()));
            }
            for (ParameterSpec p : network.runningStatistics()) {
                copy.network.runningStatistic(p.name(), network.runningStatistic(p.name()));
            }
        } catch (RuntimeException e) {
            copy.close();
            throw e;
        }
        return copy;
    }

    private void checkRoom(LabelledBatch batch, float[] logits) {
        int classes = spec().classes();
        long expected = (long) batch.labels().length * classes;
        if (logits.length < expected) {
            throw new IllegalArgumentException(
                    "logits: room for "
                            + logits.length
                            + " of "
                            + batch.labels().length
                            + (batch.ofPixels() ? " pixels and " : " images and ")
                            + classes
                            + " classes, "
                            + expected
                            + " values");
        }
    }

    private void check(StepBatch batch) {
        batch.check(spec(), targets, (long) network.plan().batch() * accumulate);
        checkLoadedClasses(batch.metadata().or(images.known()));
    }

    /** A classifier that was loaded keeps its classes, whose names it came with. */
    private void checkLoadedClasses(ImageMetadata told) {
        List<String> loaded = network.classNames();
        List<String> names = told.classNames().orElse(loaded);
        if (!loaded.isEmpty() && !names.equals(loaded)) {
            throw new IllegalArgumentException(
                    "the images have the classes "
                            + names
                            + ", the classifier that was loaded is for "
                            + loaded
                            + "; BatchLoader.relabelled matches them by name,"
                            + " LoadOptions.withResetHead trains a new classifier");
        }
    }

    private ImageMetadata loadedClasses() {
        List<String> loaded = network.classNames();
        return loaded.isEmpty()
                ? ImageMetadata.NONE
                : new ImageMetadata(Optional.of(loaded), Optional.empty());
    }

    /** {@return the network: parameters and gradients by name, passes of one's own} */
    public Network network() {
        return network;
    }

    /** {@return what the network is trained for, by its loss} */
    public Task task() {
        return spec() instanceof DetectionSpec
                ? Task.DETECT
                : targets.task(spec().graph().classifiesPixels());
    }

    /** {@return the plan that was allocated} */
    public MemoryPlan plan() {
        return network.plan();
    }

    /** {@return what the network is: the spec or the graph that the trainer was opened with} */
    public NetworkSpec spec() {
        return network.plan().spec();
    }

    /**
     * {@return what is known of the images that the network is trained on, which {@link #save}
     * records and batches have to agree with: told by {@link Builder#images}, loaded, or of the
     * first batch that was trained on and tells it} Batches of one's own tell nothing.
     */
    public ImageMetadata images() {
        return images.known().or(loadedClasses());
    }

    /**
     * Says that images are others from here on, such as normalised by other constants, and replaces
     * what was known.
     *
     * @param value class names and normalisation from here on
     * @throws IllegalArgumentException when there is not one name per class or not one number per
     *     channel
     */
    public void images(ImageMetadata value) {
        Objects.requireNonNull(value, "images");
        images.set(value);
    }

    /**
     * Compares images with what is known before anything is done with them.
     *
     * @param whose such as "the data", for messages
     */
    void requireTrainable(String whose, ImageMetadata value) {
        images.requireTrainable(whose, value);
    }

    /**
     * {@return training steps done so far: every update, also those of one's own through the
     * network}
     */
    public long steps() {
        return stepsBefore + network.updates();
    }

    /** {@return the current learning rate} */
    public double learningRate() {
        return learningRate;
    }

    /** Steps compute with float32, where a large double is infinite. */
    private static boolean isRate(double rate) {
        return rate >= 0 && Float.isFinite((float) rate);
    }

    /**
     * Changes the learning rate of the coming steps.
     *
     * @param rate finite and not negative
     */
    public void learningRate(double rate) {
        if (!isRate(rate)) {
            throw new IllegalArgumentException(
                    "learning rate = " + rate + ": use a finite number that is not negative");
        }
        learningRate = rate;
    }

    /**
     * Saves parameters, running statistics, optimiser state, learning rate and counters, and names
     * of the classes and normalisation as far as they are known: told by {@link Builder#images}, by
     * the batches of a {@link org.densenet4j.data.BatchLoader} or by a file that was loaded. The
     * file appears only when it is complete; a previous one is replaced then and not before.
     *
     * @param path the file
     * @throws IOException in one line with the path and the reason
     * @throws NonFiniteException when a number is NaN or infinite: the file could not be loaded. A
     *     previous one stays then
     */
    public void save(Path path) throws IOException {
        Objects.requireNonNull(path, "path");
        save(path, Map.of());
    }

    /**
     * The same with entries of the caller's in the file's metadata, which {@link #load} returns.
     *
     * @param path the file
     * @param notes by key; those of the trainer's own keys are replaced
     * @throws IllegalArgumentException when they tell of other class names or of another
     *     normalisation than what {@link #images} knows
     * @throws IOException in one line with the path and the reason
     */
    public void save(Path path, Map<String, String> notes) throws IOException {
        Objects.requireNonNull(path, "path");
        Objects.requireNonNull(notes, "notes");

        try (DeviceUse _ = network.use()) {
            Map<String, String> counters = new HashMap<>(notes);
            ImageMetadata told = images.with(ImageMetadata.read(path, notes));
            checkLoadedClasses(told);
            counters.putAll(told.or(loadedClasses()).entries());
            counters.putAll(Outputs.of(task()).entries());
            counters.put(OPTIMISER, optimizer.name());
            counters.put("trainer.steps", String.valueOf(steps()));
            counters.put("trainer.passes", String.valueOf(passes));
            counters.put("trainer.learningRate", String.valueOf(learningRate));
            if (average != null) {
                if (!averagesStarted) {
                    startAverages(); // of a trainer that has made no step
                }
                counters.put(AVERAGES_EXCHANGED, String.valueOf(network.areAveragesExchanged()));
            }
            Checkpoint.save(path, network, spec(), counters, steps());
        }
    }

    /** {@return bytes of the tensors of what {@link #save} writes} */
    public long checkpointBytes() {
        long parameters = network.parameters().stream().mapToLong(ParameterSpec::count).sum();
        long statistics =
                network.runningStatistics().stream().mapToLong(ParameterSpec::count).sum();
        int copies = average == null ? 1 : 2;
        int remembered = network.optimiserState().size();
        long masks =
                network.plan().memory().masks().values().stream()
                        .mapToLong(mask -> mask.columns())
                        .sum();
        return Float.BYTES * ((copies + remembered) * parameters + copies * statistics + masks);
    }

    /**
     * Continues from a saved state.
     *
     * @param path a checkpoint of such a network
     * @return the metadata of the file
     * @throws IOException in one line when the file is broken, of another network or of other
     *     images than what {@link #images} knows; nothing has changed then
     */
    public Map<String, String> load(Path path) throws IOException {
        Objects.requireNonNull(path, "path");
        return load(path, metadata -> {});
    }

    /** The same for a caller that wants more of the file; nothing has changed when it throws. */
    Map<String, String> load(Path path, Checkpoint.Check check) throws IOException {
        try (DeviceUse _ = network.use()) {
            Map<String, String> metadata =
                    Checkpoint.load(
                            path,
                            network,
                            spec(),
                            saved -> {
                                check.check(saved);
                                images.requireSame(path, ImageMetadata.read(path, saved));
                                Counters.read(path, saved, learningRate);
                                requireOptimiser(path, saved);
                            });
            Counters counters = Counters.read(path, metadata, learningRate);
            images.load(ImageMetadata.read(path, metadata));
            stepsBefore = counters.steps - network.updates();
            passes = counters.passes;
            shared = false;
            statisticsAveraged = true;
            if (average != null) {
                takeAverages(metadata.get(AVERAGES_EXCHANGED));
            }
            learningRate(counters.learningRate);
            return metadata;
        }
    }

    /**
     * Goes on with what was trained, also from a file that has the averages in its place.
     *
     * @param saved whether the file has, null where it has no averages: they start at its weights
     */
    private void takeAverages(@Nullable String saved) {
        averagesStarted = saved != null;
        boolean wanted = Boolean.parseBoolean(saved);
        network.averagesAreExchanged(wanted);
        if (wanted) {
            network.exchangeAverages();
        }
    }

    /** What a file says nothing of was SGD. */
    private void requireOptimiser(Path path, Map<String, String> saved) throws IOException {
        String before = saved.getOrDefault(OPTIMISER, "sgd");
        if (!before.equals(optimizer.name())) {
            throw new IOException(
                    path
                            + ": was trained by "
                            + before
                            + ", and this trainer trains by "
                            + optimizer.name()
                            + ", which has no use for what the other remembers of the parameters;"
                            + " Weights.load (--weights) takes the parameters alone");
        }
    }

    /** What a checkpoint says beside tensors. */
    private record Counters(long steps, long passes, double learningRate) {
        static Counters read(Path path, Map<String, String> metadata, double learningRate)
                throws IOException {
            try {
                double rate =
                        Double.parseDouble(
                                metadata.getOrDefault(
                                        "trainer.learningRate", String.valueOf(learningRate)));
                if (!isRate(rate)) {
                    throw new NumberFormatException("learning rate = " + rate);
                }
                return new Counters(
                        Long.parseLong(metadata.getOrDefault("trainer.steps", "0")),
                        Long.parseLong(metadata.getOrDefault("trainer.passes", "0")),
                        rate);
            } catch (NumberFormatException e) {
                throw new IOException(path + ": the counters in the metadata are broken", e);
            }
        }
    }

    @Override
    public void close() {
        network.close();
    }

    /**
     * Says how to train; {@link #open} allocates. Without further words:
     *
     * <ul>
     *   <li>{@link #strategy} {@code SHARED}, {@link #precision} the device's own choice ({@code
     *       FLOAT32} unless {@link org.densenet4j.backend.DeviceOptions} say otherwise), {@link
     *       #memoryBudget} what the device has free;
     *   <li>{@link #batch} 64 images in one pass ({@link #accumulate} 1), {@link #seed} 1;
     *   <li>{@link #loss} {@link LossFunction#crossEntropy}, of one class per image or pixel; where
     *       objects are found there is {@link org.densenet4j.detection.MultiBoxLoss} alone;
     *   <li>{@link #optimizer} {@code Sgd.nesterov(0.1)}: momentum 0.9, weight decay 1e-4 on all
     *       parameters, as in the DenseNet papers; {@link #clipGradients} 0, never; {@link
     *       #labelSmoothing} 0, none;
     *   <li>{@link #parameterGroups} none, {@link #averageWeights} off;
     *   <li>{@link #freezeBatchNorm} and {@link #inputGradient} off;
     *   <li>{@link #images} none: the first batch that is trained on, or a file that is loaded, may
     *       tell class names and normalisation.
     * </ul>
     */
    public static final class Builder {
        private final NetworkSpec spec;
        private final Device device;
        private MemoryStrategy strategy = MemoryStrategy.SHARED;
        private @Nullable DataType precision;
        private int batch = 64;
        private int accumulate = 1;
        private Optimiser optimizer = Sgd.nesterov(0.1);
        private LossFunction loss = LossFunction.crossEntropy();
        private @Nullable TargetKind targets;
        private ParameterGroups groups = ParameterGroups.NONE;
        private @Nullable WeightAverage average;
        private float labelSmoothing;
        private double clipNorm;
        private double groupLasso;
        private boolean frozenBatchNorm;
        private boolean inputGradient;
        private long seed = 1;
        private long memoryBudget = Long.MAX_VALUE;
        private ImageMetadata images = ImageMetadata.NONE;
        private Communicator communicator = Communicator.alone();

        private Builder(NetworkSpec spec, Device device) {
            this.spec = spec;
            this.device = device;
        }

        /**
         * What to keep between the forward and the backward pass; {@code SHARED} unless told.
         *
         * @param value the strategy
         * @return this
         */
        public Builder strategy(MemoryStrategy value) {
            Objects.requireNonNull(value, "strategy");

            strategy = value;
            return this;
        }

        /**
         * Storage of activations and their gradients: {@code BFLOAT16} halves their memory and is
         * faster where the processor multiplies it.
         *
         * @param type of the storage; null, the default, is the device's own choice
         * @return this
         */
        public Builder precision(@Nullable DataType type) {
            precision = type;
            return this;
        }

        /**
         * Most images of one step; 64 unless told. Memory is planned for as many, divided by {@link
         * #accumulate}.
         *
         * @param images 1 or more
         * @return this
         */
        public Builder batch(int images) {
            if (images < 1) {
                throw new IllegalArgumentException("batch = " + images + ": use 1 or more images");
            }
            batch = images;
            return this;
        }

        /**
         * Works through each batch in this many micro-batches and adds up their gradients: the
         * memory of a small batch, the step of a large one. Batch statistics are each micro-batch's
         * own. 1 unless told.
         *
         * @param microBatches 1 or more; each has the batch divided by this, rounded up
         * @return this
         */
        public Builder accumulate(int microBatches) {
            if (microBatches < 1) {
                throw new IllegalArgumentException(
                        "accumulate = " + microBatches + ": use 1 or more micro-batches");
            }
            accumulate = microBatches;
            return this;
        }

        /**
         * How parameters are updated; {@code Sgd.nesterov(0.1)} unless told.
         *
         * @param value the optimiser, with the learning rate of the first step
         * @return this
         */
        public Builder optimizer(Optimiser value) {
            Objects.requireNonNull(value, "optimizer");

            optimizer = value;
            return this;
        }

        /**
         * What is made small; softmax cross-entropy of one class per image or pixel unless told.
         *
         * @param value of one class per image for batches of class indices, of vectors for batches
         *     with {@link Batch#targets}
         * @return this
         */
        public Builder loss(LossFunction value) {
            loss = Objects.requireNonNull(value, "loss");
            return this;
        }

        /**
         * Which parameters are trained otherwise than the optimiser says, or not at all; none
         * unless told.
         *
         * @param value groups by name, rates by layer, frozen parts
         * @return this
         */
        public Builder parameterGroups(ParameterGroups value) {
            groups = Objects.requireNonNull(value, "parameterGroups");
            return this;
        }

        /**
         * What images are labelled with, for cross-entropy of shares of classes ({@code VECTOR}),
         * as mixed images have them; what the loss needs unless told. With vectors batches of class
         * indices can be trained on, too.
         *
         * @param kind what memory is planned for
         * @return this
         */
        public Builder targets(TargetKind kind) {
            targets = Objects.requireNonNull(kind, "kind");
            return this;
        }

        private TargetKind targetKind() {
            return targets == null ? effectiveLoss().targets() : targets;
        }

        /**
         * The loss with the builder's own smoothing.
         *
         * @throws IllegalArgumentException when there is none to smooth
         */
        private LossFunction effectiveLoss() {
            if (labelSmoothing == 0) {
                return loss;
            }
            return switch (loss) {
                case LossFunction.CrossEntropy c -> c.withSmoothing(labelSmoothing);
                case LossFunction.BinaryCrossEntropy b -> b.withSmoothing(labelSmoothing);
                case LossFunction.MeanSquaredError _, LossFunction.Huber _ ->
                        throw new IllegalArgumentException(
                                "label smoothing = "
                                        + labelSmoothing
                                        + ": there is none for numbers; use 0");
            };
        }

        /** Refuses a loss that the network has no use for. */
        private void checkLoss() {
            LossFunction wanted = effectiveLoss();
            wanted.requireOutputs(spec.classes());
            if (spec instanceof DetectionSpec && !wanted.equals(LossFunction.crossEntropy())) {
                throw new IllegalArgumentException(
                        "the network '"
                                + spec.name()
                                + "' finds objects, for which there is the loss of SSD alone; leave"
                                + " loss and label smoothing out");
            }
            if (spec.graph().classifiesPixels() && wanted.targets() == TargetKind.VECTOR) {
                throw new IllegalArgumentException(
                        "the network '"
                                + spec.name()
                                + "' classifies pixels, for which there is cross-entropy without"
                                + " weights and focus alone");
            }
            if (targetKind() == TargetKind.CLASS && wanted.targets() == TargetKind.VECTOR) {
                throw new IllegalArgumentException(
                        "targets(CLASS) does not fit the loss, which is of vectors; leave it out");
            }
        }

        /**
         * Also keeps a moving average of parameters and running statistics, which {@link
         * Trainer#exchangeAverages} evaluates by.
         *
         * @param value its decay; null, the default, for none
         * @return this
         */
        public Builder averageWeights(@Nullable WeightAverage value) {
            average = value;
            return this;
        }

        /**
         * Share of the target spread evenly over all classes; for networks that classify images. It
         * takes the place of the loss's own.
         *
         * @param share from 0, the default, for none, to below 1
         * @return this
         */
        public Builder labelSmoothing(double share) {
            if (!(share >= 0 && (float) share < 1)) {
                throw new IllegalArgumentException(
                        "label smoothing = " + share + ": use a number from 0 to below 1");
            }
            labelSmoothing = (float) share;
            return this;
        }

        /**
         * Adds the gradient of a group lasso to that of the loss, which does not show it: {@code
         * strength·Σ ‖w‖}, where <i>w</i> are the weights of one input in one group of a 1x1
         * convolution with learned groups (Huang et al. 2018, arXiv 1711.09224, section 3.1).
         *
         * @param strength factor of the sum, 1e-5 in the paper's networks for ImageNet; 0, the
         *     default, for none
         * @return this
         * @throws IllegalArgumentException when it is negative or not finite, or the network has no
         *     learned groups
         */
        public Builder groupLasso(double strength) {
            if (!(strength >= 0) || !Double.isFinite(strength)) {
                throw new IllegalArgumentException(
                        "group lasso = " + strength + ": use a positive number, or 0 for none");
            }
            if (strength > 0 && spec.graph().learnedGroups().isEmpty()) {
                throw new IllegalArgumentException(
                        "group lasso = "
                                + strength
                                + ": the network '"
                                + spec.name()
                                + "' has no learned groups; use 0");
            }
            groupLasso = strength;
            return this;
        }

        /**
         * Scales gradients down where their norm, over all parameters, is larger than this.
         *
         * @param norm the largest Euclidean norm; 0, the default, for never
         * @return this
         */
        public Builder clipGradients(double norm) {
            if (!(norm >= 0)) {
                throw new IllegalArgumentException(
                        "gradient norm = "
                                + norm
                                + ": use a positive number, or 0 for no clipping");
            }
            clipNorm = norm;
            return this;
        }

        /**
         * Fine-tuning: each layer keeps its running statistics and uses them as constants.
         *
         * @param on off unless told
         * @return this
         */
        public Builder freezeBatchNorm(boolean on) {
            frozenBatchNorm = on;
            return this;
        }

        /**
         * Also computes the gradient of the images, which {@link Network#inputGradient} reads and
         * which costs memory.
         *
         * @param on off unless told
         * @return this
         */
        public Builder inputGradient(boolean on) {
            inputGradient = on;
            return this;
        }

        /**
         * Names of the classes and normalisation, which {@link Trainer#save} records. The batches
         * of a {@link org.densenet4j.data.BatchLoader} tell them by themselves; batches of one's
         * own do not, and what is read from a file without them has to be told how images are
         * normalised.
         *
         * @param value what is known; {@link ImageMetadata#NONE}, the default, for nothing
         * @return this
         */
        public Builder images(ImageMetadata value) {
            images = Objects.requireNonNull(value, "images");
            return this;
        }

        /**
         * Trains in several processes, each with a device of its own: the batch is that of all of
         * them, and every rank steps with its share. Batch statistics are each rank's own, as those
         * of micro-batches are. All ranks open the trainer with the same settings.
         *
         * @param value such as {@link Communicator#world}; {@link Communicator#alone}, the default,
         *     for this process
         * @return this
         */
        public Builder communicator(Communicator value) {
            communicator = Objects.requireNonNull(value, "communicator");
            return this;
        }

        /**
         * Seed of the initialisation and of dropout; 1 unless told.
         *
         * @param value any number; the same one gives the same values on every device
         * @return this
         */
        public Builder seed(long value) {
            seed = value;
            return this;
        }

        /**
         * Refuses to open when the plan needs more than this, or more than the device has free.
         *
         * @param bytes 1 or more; {@code Long.MAX_VALUE}, the default, for what is free
         * @return this
         */
        public Builder memoryBudget(long bytes) {
            memoryBudget = Bytes.requireBudget(bytes);
            return this;
        }

        /**
         * The plan that {@link #open} will allocate; nothing is allocated here.
         *
         * @return the plan on the device as it is now
         * @throws org.densenet4j.plan.PlanException when the plan exceeds the memory budget, or the
         *     device's memory, with what would fit
         */
        public MemoryPlan plan() {
            return MemoryPlan.of(spec)
                    .strategy(strategy)
                    .batch(Math.ceilDiv(batchOfRank(), accumulate))
                    .inputGradient(inputGradient)
                    .targets(targetKind())
                    .optimiserState(optimiserState())
                    .frozen(groups.frozen(spec.graph()))
                    .precision(precision)
                    .within(device, memoryBudget);
        }

        private OptimiserState optimiserState() {
            return new OptimiserState(optimizer.step(0, 1, 1).state(), average != null);
        }

        private int batchOfRank() {
            int ranks = communicator.worldSize();
            if (batch % ranks != 0) {
                throw new IllegalArgumentException(
                        "batch = "
                                + batch
                                + ": "
                                + ranks
                                + " ranks cannot have equal shares; use "
                                + Math.max(1, batch / ranks) * ranks
                                + " or "
                                + (batch / ranks + 1) * ranks);
            }
            return batch / ranks;
        }

        /**
         * Allocates the plan and initialises the parameters.
         *
         * @return the trainer, which the caller closes before the device
         * @throws IllegalArgumentException when {@link #images} are not those of such a network,
         *     the loss does not fit the network, a group of parameters matches none, or the ranks
         *     cannot have equal shares of the batch
         * @throws org.densenet4j.plan.PlanException when the plan exceeds the memory budget, or the
         *     device's memory
         */
        public Trainer open() {
            TrainedImages trained = new TrainedImages(spec, images);
            checkLoss();
            if (labelSmoothing != 0 && spec.graph().classifiesPixels()) {
                throw new IllegalArgumentException(
                        "label smoothing = "
                                + labelSmoothing
                                + ": there is none for labels of pixels; use 0");
            }
            batchOfRank(); // refused before anything is prepared
            if (communicator.worldSize() > 1) {
                new Ranks(communicator).requireSameKind(device);
                plan(); // what a device measures for it, rank 0 tells the others in joining
                device.join(communicator);
            }
            Map<String, ParameterRule> rules = groups.rules(spec.graph());
            Network network = Network.open(plan(), device, seed);
            try {
                network.parameterRules(rules);
                return new Trainer(this, trained, network);
            } catch (RuntimeException e) {
                network.close();
                throw e;
            }
        }
    }
}
