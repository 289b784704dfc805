package org.densenet4j.engine;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.util.Objects.requireNonNull;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceMemoryException;
import org.densenet4j.backend.DeviceUse;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.plan.LossMemory;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.NetworkMemory;
import org.densenet4j.plan.ParameterLayout;
import org.densenet4j.spec.Initialiser;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * A DenseNet in the memory of its plan: forward, backward, and every parameter and gradient by
 * name.
 *
 * <p>This is the level below the trainer, for training loops and losses of one's own:
 *
 * <pre>{@code
 * network.input(images, count);                      // NHWC floats
 * network.forward(pass);
 * float[] logits = network.logits(count);
 * network.logitsGradient(myLossGradient);            // [count, classes]
 * network.zeroGradients();
 * network.backward(pass);
 * float[] g = network.gradient("features.conv0.weight");
 * }</pre>
 *
 * Names and shapes are torchvision's. One thread uses a network at a time; a second one that comes
 * in between gets an {@link IllegalStateException}. Networks of several threads may share a device.
 * {@link #use} keeps a sequence of calls together. The arena is allocated by {@link #open} and
 * freed by {@link #close}, which may be called twice.
 */
public final class Network implements AutoCloseable {
    /** The label of a pixel that has none. */
    public static final int VOID_LABEL = -1;

    private final MemoryPlan plan;
    private final NetworkMemory memory;
    private final DeviceArena arena;
    private final Compute compute;
    private final Kernels kernels;
    private final DeviceUse use;
    private final PassOrder order = new PassOrder();
    private long updates;
    private List<String> classNames = List.of();
    private Stages stages;
    private GradientNorm norm;
    private ParameterUpdate update;
    private MovingAverages averages;
    private Condensation condensation;
    private int rules;
    private @Nullable GradientSum sum;

    private Network(MemoryPlan plan, Device device) {
        this.plan = plan;
        this.use = new DeviceUse("network", device);
        this.memory = plan.memory();
        plan.requireDevice(device);
        this.arena = allocate(plan, device);
        this.compute = new Compute(device, arena, memory);
        this.kernels = arena.kernels();
    }

    private static DeviceArena allocate(MemoryPlan plan, Device device) {
        try {
            return device.allocate(
                    plan.peakBytes(),
                    plan.memory().libraryScratchOffset(),
                    plan.memory().libraryScratchBytesPerLane());
        } catch (DeviceMemoryException e) {
            throw plan.refused(device, e);
        }
    }

    /**
     * Allocates the plan's arena on a device and initialises the parameters.
     *
     * @param plan made for this device
     * @param device which stays the caller's and outlives the network
     * @param seed of the initialisation; the same values on every device
     * @return the network, which the caller closes
     * @throws org.densenet4j.plan.PlanException when the memory is not there, with what would fit
     * @throws org.densenet4j.backend.DeviceException when the device fails; the memory is freed
     */
    public static Network open(MemoryPlan plan, Device device, long seed) {
        requireNonNull(plan, "plan");
        requireNonNull(device, "device");
        Network network = new Network(plan, device);
        try (DeviceUse _ = network.use()) {
            network.build();
            network.initialise(seed);
        } catch (RuntimeException e) {
            try {
                network.close();
            } catch (RuntimeException second) {
                e.addSuppressed(second);
            }
            throw e;
        }
        AllocationPlanEvent.commit(plan, device);
        return network;
    }

    private void build() {
        stages = new Stages(plan, compute);
        norm = new GradientNorm(compute);
        update = new ParameterUpdate(compute);
        averages = new MovingAverages(compute);
        condensation = new Condensation(compute);
        condensation.begin();
        parameterRules(
                plan.frozen().stream()
                        .collect(Collectors.toMap(name -> name, _ -> ParameterRule.FROZEN)));
    }

    private void initialise(long seed) {
        Initialiser initialiser = Initialiser.of(memory.graph(), seed);
        for (ParameterSpec p : memory.parameterLayout().tensors()) {
            float[] values = new float[Math.toIntExact(p.count())];
            initialiser.fill(p, values);
            parameter(p.name(), values);
        }
        for (ParameterSpec p : memory.runningLayout().tensors()) {
            Matrix target = memory.runningLayout().in(memory.running(), p.name());
            kernels.fill(target, p.name().endsWith("running_var") ? 1f : 0f);
        }
    }

    /** {@return the plan that this network runs in} */
    public MemoryPlan plan() {
        return plan;
    }

    /** {@return bytes that were allocated: the plan's peak} */
    public long allocatedBytes() {
        return arena.bytes();
    }

    /** {@return whether steps are replayed from a recording; see {@link DeviceArena#recording}} */
    public String recording() {
        return arena.recording();
    }

    /**
     * Told about every operation as it runs; {@link OperationListener#NONE} turns it off.
     *
     * @param operationListener is called before and after each operation
     */
    public void listen(OperationListener operationListener) {
        stages.listen(requireNonNull(operationListener, "operationListener"));
    }

    // ---------------------------------------------------------------- a step

    /**
     * Copies a batch in.
     *
     * @param images NHWC, at least {@code count} images
     * @param count images, 1 to the plan's batch
     * @throws IllegalArgumentException when it does not fit the plan
     */
    public void input(float[] images, int count) {
        try (DeviceUse _ = use()) {
            Features s = memory.graph().input();
            int pixels = s.pixels();
            requireNonNull(images, "images");
            checkBatch(count);
            long expected = (long) count * pixels * s.channels();
            if (images.length < expected) {
                throw new IllegalArgumentException(
                        count
                                + " images of "
                                + s.height()
                                + "x"
                                + s.width()
                                + "x"
                                + s.channels()
                                + " are "
                                + expected
                                + " floats, the array has "
                                + images.length);
            }
            arena.upload(images, 0, memory.input().rows(0, count * pixels));
            order.input(count);
        }
    }

    /**
     * Starts to copy the batch that the next {@link #input} will be given, while earlier work goes
     * on. Does nothing on devices that share the host's memory. The array stays as it is until
     * then.
     *
     * @param images NHWC, what {@link #input} will be given
     */
    public void stage(float[] images) {
        try (DeviceUse _ = use()) {
            requireNonNull(images, "images");
            Matrix staging = memory.inputStaging();
            if (staging != null && images.length <= staging.rows() * staging.columns()) {
                arena.stage(images, images.length, staging);
            }
        }
    }

    /**
     * Computes the logits of the batch that was copied in. In evaluation a device may record the
     * pass and replay it.
     *
     * @param pass of as many images as were copied in
     */
    public void forward(Pass pass) {
        try (DeviceUse _ = use()) {
            requireNonNull(pass, "pass");
            order.requireInput(pass);
            order.begin();
            uploadStep(pass);
            if (pass.mode() == Mode.EVALUATE) {
                run(recording(pass, List.of(), false), () -> stages.forward(pass));
            } else {
                stages.forward(pass);
            }
            order.forward(pass);
        }
    }

    /**
     * Forward, loss and backward of the batch that was copied in, in one go: adds to the parameter
     * gradients and leaves losses, hits and the gradients' norm for {@link #outcome}. A device may
     * record the first such pass and replay it.
     *
     * @param pass of as many images as were copied in
     * @param labels one class index per image, or per pixel, where it may be {@link #VOID_LABEL}
     * @param smoothing label smoothing, 0 for none
     * @param meanOver number of images, or of pixels with a label, that the mean is taken over:
     *     those of the batch, or of all micro-batches; 0 where no pixel has a label, which is a
     *     loss of 0 without a gradient
     */
    public void trainingPass(Pass pass, int[] labels, float smoothing, int meanOver) {
        trainingPass(pass, labels, smoothing, meanOver, Communicator.alone());
    }

    /**
     * Forward, loss and backward of the batch that was copied in, as the last pass of a step that
     * several processes share: between backward and the norm the gradients are summed over all
     * ranks, so that every rank has the gradients, and their norm, of all images. A device may
     * record the sum with the pass: all ranks run passes of as many images then.
     *
     * @param pass of as many images as were copied in
     * @param labels one class index per image, or per pixel, where it may be {@link #VOID_LABEL}
     * @param smoothing label smoothing, 0 for none
     * @param meanOver number of images, or of pixels with a label, of all ranks
     * @param communicator whose ranks all call this; of one rank nothing is summed
     */
    public void trainingPass(
            Pass pass, int[] labels, float smoothing, int meanOver, Communicator communicator) {
        trainingPass(pass, new Targets.Classes(labels, smoothing, meanOver), communicator);
    }

    /**
     * Forward, loss and backward of the images that were copied in, by any loss: adds to the
     * gradients of the parameters. On a GPU passes of one kind are recorded once and then replayed.
     *
     * @param pass of as many images as were copied in
     * @param targets of the kind that the plan was made for
     * @param communicator whose ranks all call this; of one rank nothing is summed
     * @throws IllegalArgumentException when the targets are of another kind, or do not fit
     */
    public void trainingPass(Pass pass, Targets targets, Communicator communicator) {
        requireNonNull(communicator, "communicator");
        boolean shared = communicator.worldSize() > 1;
        try (DeviceUse _ = use()) {
            requireNonNull(pass, "pass");
            requireNonNull(targets, "targets");
            checkHasBackward(pass);
            prepare(pass, targets);
            Runnable work =
                    () -> {
                        stages.forward(pass);
                        stages.loss(pass, targets);
                        if (shared) {
                            stages.backward(pass, o -> sum().afterBackward(o, communicator));
                            sum().finish(communicator);
                        } else {
                            stages.backward(pass);
                        }
                        condensation.maskGradients();
                        compute.frozen().zeroGradients(kernels);
                        norm.run();
                    };
            run(recording(pass, targets, shared), work);
            order.forward(pass);
            order.loss(pass);
            afterBackward(pass);
            order.norm();
        }
    }

    /**
     * Forward and loss of the batch that was copied in, in evaluation mode, for {@link #outcome}.
     *
     * @param pass of as many images as were copied in
     * @param labels one class index per image, or per pixel, where it may be {@link #VOID_LABEL}
     * @param meanOver number of images, or of pixels with a label, that the mean is taken over
     * @throws IllegalArgumentException when the pass is of another mode, which would draw dropout
     *     or update running statistics
     */
    public void evaluationPass(Pass pass, int[] labels, int meanOver) {
        evaluationPass(pass, new Targets.Classes(labels, 0, meanOver));
    }

    /**
     * Forward and loss of the images that were copied in, by any loss; gradients are left as they
     * are.
     *
     * @param pass of as many images as were copied in
     * @param targets of the kind that the plan was made for
     * @throws IllegalArgumentException when the pass is of another mode, the targets are of another
     *     kind, or do not fit
     */
    public void evaluationPass(Pass pass, Targets targets) {
        try (DeviceUse _ = use()) {
            requireNonNull(pass, "pass");
            requireNonNull(targets, "targets");
            if (pass.mode() != Mode.EVALUATE) {
                throw new IllegalArgumentException(
                        "an evaluation pass is of the mode EVALUATE, this one is " + pass);
            }
            prepare(pass, targets);
            Runnable work =
                    () -> {
                        stages.forward(pass);
                        stages.loss(pass, targets);
                    };
            run(recording(pass, targets, false), work);
            order.forward(pass);
            order.loss(pass);
        }
    }

    /** Made when a step is shared: a process alone need not look for where to cut. */
    private GradientSum sum() {
        if (sum == null) {
            sum = new GradientSum(plan, arena);
        }
        return sum;
    }

    /** What makes two passes the same sequence of operations on the same memory. */
    private record Recording(
            int images, Mode mode, long seed, List<Object> losses, boolean shared, int rules) {}

    private Recording recording(Pass pass, Targets targets, boolean shared) {
        return recording(
                pass,
                stages.losses().stream().map(loss -> loss.recorded(targets)).toList(),
                shared);
    }

    /** Without losses of a forward pass alone. */
    private Recording recording(Pass pass, List<Object> losses, boolean shared) {
        return new Recording(pass.images(), pass.mode(), pass.seed(), losses, shared, rules);
    }

    private void prepare(Pass pass, Targets targets) {
        checkTargets(pass, targets);
        order.requireInput(pass);
        upload(pass, targets);
        order.begin();
        uploadStep(pass);
    }

    /** A replay reports no operations, so that a listener turns recording off. */
    private void run(Recording recording, Runnable work) {
        if (stages.hasListener()) {
            work.run();
        } else {
            arena.replay(recording, work);
        }
    }

    /**
     * What a pass found; waits for it.
     *
     * @param loss sum of the batch's losses, of all heads, divided by what the mean is taken over
     * @param correct images, or pixels, whose highest logit, the last head's, is their label
     * @param gradientNorm Euclidean norm of all parameter gradients after a {@link #trainingPass};
     *     NaN after other passes and after another norm was taken
     * @param pixels counts by class, of a network that classifies pixels
     */
    public record Outcome(double loss, int correct, double gradientNorm, PixelTally pixels) {}

    /**
     * Waits for a training or evaluation pass and reads what it found, in one copy.
     *
     * @param pass of as many images as were copied in
     * @param meanOver number of images, or of pixels with a label, that the mean is taken over
     * @return loss, hits and the norm of the gradients
     * @throws IllegalStateException when the last losses are of another pass
     */
    public Outcome outcome(Pass pass, int meanOver) {
        try (DeviceUse _ = use()) {
            requireNonNull(pass, "pass");
            order.requireOutcome(pass);
            double sum = 0;
            Outcome last = null;
            for (Loss loss : stages.losses()) {
                Matrix outcome = loss.memory().outcome();
                float[] values = new float[outcome.columns()];
                arena.download(outcome, values, 0);
                Outcome found = loss.outcome(pass, values, meanOver);
                sum += found.loss();
                // The norm lies beside the last head's losses.
                double taken = order.hasNorm() ? norm.of(values, loss.firstNorm()) : Double.NaN;
                last = new Outcome(sum, found.correct(), taken, found.pixels());
            }
            return last;
        }
    }

    private void checkTargets(Pass pass, Targets targets) {
        stages.losses().forEach(loss -> loss.check(pass, targets));
    }

    /** All heads are trained by the same targets. */
    private void upload(Pass pass, Targets targets) {
        stages.losses().forEach(loss -> loss.upload(pass, targets));
    }

    private void uploadStep(Pass pass) {
        if (memory.graph().drops()) {
            int[] words = {(int) pass.step(), (int) (pass.step() >>> 32)};
            arena.uploadInts(words, words.length, memory.stepCounter().offset());
        }
    }

    /** Keeps a copy of the running statistics, for {@link #restoreRunningStatistics}. */
    public void keepRunningStatistics() {
        try (DeviceUse _ = use()) {
            compute.copy(memory.running(), memory.runningBefore());
        }
    }

    /** Takes back what passes since {@link #keepRunningStatistics} did to running statistics. */
    public void restoreRunningStatistics() {
        try (DeviceUse _ = use()) {
            compute.copy(memory.runningBefore(), memory.running());
            order.statisticsChanged("running statistics were restored");
        }
    }

    /**
     * Sums the gradients over all ranks: for steps of one's own, and for those whose ranks have
     * different numbers of images.
     *
     * @param communicator whose ranks all call this; of one rank nothing is summed
     */
    public void allReduceGradients(Communicator communicator) {
        try (DeviceUse _ = use()) {
            requireNonNull(communicator, "communicator");
            if (communicator.worldSize() > 1) {
                arena.allReduce(memory.parameterGradients(), communicator);
                order.gradientsSet();
            }
        }
    }

    /**
     * Replaces the running statistics by their mean over all ranks, each of which normalised with
     * the statistics of its own images. Done twice it changes nothing more.
     *
     * @param communicator whose ranks all call this
     */
    public void averageRunningStatistics(Communicator communicator) {
        requireNonNull(communicator, "communicator");
        if (communicator.worldSize() == 1) {
            return;
        }
        try (DeviceUse _ = use()) {
            average(memory.running(), communicator);
            if (averages.exist()) {
                average(memory.runningAverages(), communicator);
            }
            order.statisticsChanged("running statistics were averaged");
        }
    }

    private void average(Matrix vector, Communicator communicator) {
        if (vector.columns() == 0) {
            return;
        }
        float[] values = all(vector);
        // A sum of floats is exact in double: that of equal ones gives them back.
        double[] sums = new double[values.length];
        Arrays.setAll(sums, i -> values[i]);
        communicator.allReduce(sums);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (sums[i] / communicator.worldSize());
        }
        arena.upload(values, 0, vector);
    }

    /**
     * Takes parameters, running statistics and what the optimiser remembers from rank 0.
     *
     * @param communicator whose ranks all call this
     */
    public void takeFromFirstRank(Communicator communicator) {
        requireNonNull(communicator, "communicator");
        if (communicator.worldSize() == 1) {
            return;
        }
        try (DeviceUse _ = use()) {
            for (Matrix vector : state()) {
                float[] values = all(vector);
                try (Arena host = Arena.ofConfined()) {
                    MemorySegment floats = host.allocateFrom(JAVA_FLOAT, values);
                    communicator.broadcast(floats, 0);
                    MemorySegment.copy(floats, JAVA_FLOAT, 0, values, 0, values.length);
                }
                arena.upload(values, 0, vector);
            }
            order.parametersChanged("the state of rank 0 was taken");
        }
    }

    /**
     * {@return a number that two networks have in common whose parameters, running statistics and
     * memory of the optimiser are the same bit by bit; others have it by chance only}
     */
    public long stateHash() {
        try (DeviceUse _ = use()) {
            long hash = 1;
            for (Matrix vector : state()) {
                for (float value : all(vector)) {
                    hash = 31 * hash + Float.floatToRawIntBits(value);
                }
            }
            return hash;
        }
    }

    /** What a checkpoint holds. */
    private List<Matrix> state() {
        List<Matrix> all = new ArrayList<>(List.of(memory.parameters()));
        all.addAll(memory.optimiserState().values());
        all.add(memory.running());
        if (averages.exist()) {
            all.addAll(List.of(memory.averages(), memory.runningAverages()));
        }
        all.addAll(memory.masks().values());
        all.removeIf(vector -> vector.columns() == 0);
        return all;
    }

    private float[] all(Matrix vector) {
        float[] values = new float[vector.columns()];
        arena.download(vector, values, 0);
        return values;
    }

    /** Sets all parameter gradients to zero; {@link #backward} adds to them. */
    public void zeroGradients() {
        try (DeviceUse _ = use()) {
            compute.forEachSlice(
                    memory.parameterGradients().columns(),
                    (from, count) ->
                            kernels.fill(memory.parameterGradients().columns(from, count), 0));
            order.gradientsSpent();
        }
    }

    /**
     * Mean softmax cross-entropy of the logits, and its gradient for {@link #backward}.
     *
     * @param pass of as many images as were copied in
     * @param labels one class index per image, or per pixel, where it may be {@link #VOID_LABEL}
     * @param smoothing label smoothing, 0 for none
     * @param meanOver number of images, or of pixels with a label, that the mean is taken over:
     *     those of the batch, or of all micro-batches; 0 where no pixel has a label, which is a
     *     loss of 0 without a gradient
     * @return the sum of this batch's losses divided by {@code meanOver}
     */
    public double loss(Pass pass, int[] labels, float smoothing, int meanOver) {
        return loss(pass, new Targets.Classes(labels, smoothing, meanOver));
    }

    /**
     * Any loss of the logits, and its gradient for {@link #backward}.
     *
     * @param pass of as many images as were copied in
     * @param targets of the kind that the plan was made for
     * @return the sum of this batch's losses, divided by what the mean is taken over
     * @throws IllegalArgumentException when the targets are of another kind, or do not fit
     */
    public double loss(Pass pass, Targets targets) {
        try (DeviceUse _ = use()) {
            requireNonNull(pass, "pass");
            requireNonNull(targets, "targets");
            checkTargets(pass, targets);
            order.requireForward(pass);
            upload(pass, targets);
            stages.loss(pass, targets);
            order.loss(pass);
            return outcome(pass, targets.meanOver()).loss();
        }
    }

    /**
     * Sets the gradient of the last head's logits [count, classes] of a loss of one's own.
     *
     * @param gradient dLoss/dLogits [count, classes], or [count·H·W, classes]
     * @param count images of the last forward pass, all of them
     */
    public void logitsGradient(float[] gradient, int count) {
        logitsGradient(lastHead(), gradient, count);
    }

    /**
     * {@link #logitsGradient(float[], int)} of the head of this name. A network with several heads
     * needs the gradient of each of them.
     *
     * @param head the name of a head's node
     * @param gradient dLoss/dLogits [count, classes], or [count·H·W, classes]
     * @param count images of the last forward pass, all of them
     */
    public void logitsGradient(String head, float[] gradient, int count) {
        try (DeviceUse _ = use()) {
            requireNonNull(head, "head");
            requireNonNull(gradient, "gradient");
            checkBatch(count);
            order.requireForward(count);
            LossMemory loss = loss(head);
            Matrix target = loss.logitsGradient().rows(0, count * loss.labelsPerImage());
            checkLength("gradient", gradient.length, target);
            arena.upload(gradient, 0, target);
            order.logitsGradient(head, memory.losses().size());
        }
    }

    /**
     * Adds the gradients of the last forward pass, from the gradient of the logits.
     *
     * @param pass of as many images as were copied in
     * @throws IllegalStateException when there is none, or a parameter, or a running statistic that
     *     the pass takes for a constant, was changed since
     */
    public void backward(Pass pass) {
        try (DeviceUse _ = use()) {
            requireNonNull(pass, "pass");
            checkHasBackward(pass);
            order.requireGradient(pass);
            stages.backward(pass);
            condensation.maskGradients();
            compute.frozen().zeroGradients(kernels);
            afterBackward(pass);
        }
    }

    private void afterBackward(Pass pass) {
        order.backward(pass);
        if (memory.losses().values().stream().anyMatch(loss -> !loss.keepsLogits())) {
            order.logitsGone();
        }
    }

    private String lastHead() {
        return List.copyOf(memory.losses().keySet()).getLast();
    }

    private LossMemory loss(String head) {
        LossMemory loss = memory.losses().get(head);
        if (loss == null) {
            throw new IllegalArgumentException(
                    "no head has the name '"
                            + head
                            + "'; there is "
                            + String.join(", ", memory.losses().keySet()));
        }
        return loss;
    }

    private static void checkLength(String what, int there, Matrix wanted) {
        if (there < wanted.rows() * wanted.columns()) {
            throw new IllegalArgumentException(
                    what
                            + " has "
                            + there
                            + " values, "
                            + wanted.rows()
                            + "x"
                            + wanted.columns()
                            + " are needed");
        }
    }

    private static void checkHasBackward(Pass pass) {
        if (pass.mode() == Mode.EVALUATE) {
            throw new IllegalStateException(
                    "an evaluation pass has no backward pass; use TRAIN, or FROZEN for fixed"
                            + " batch-norm statistics");
        }
    }

    /**
     * {@return the logits [count, classes], or [count·H·W, classes], of the last forward pass and
     * the last head}
     *
     * @param count images of the last pass, or as many first ones of them
     * @throws IllegalStateException when there are none; those of pixels are gone after a backward
     *     pass
     */
    public float[] logits(int count) {
        return logits(lastHead(), count);
    }

    /**
     * {@return {@link #logits(int)} of the head of this name}
     *
     * @param head the name of a head's node
     * @param count images of the last pass, or as many first ones of them
     */
    public float[] logits(String head, int count) {
        try (DeviceUse _ = use()) {
            requireNonNull(head, "head");
            order.requireLogits(count);
            LossMemory loss = loss(head);
            Matrix logits = loss.logits().rows(0, count * loss.labelsPerImage());
            float[] values = new float[logits.rows() * logits.columns()];
            arena.download(logits, values, 0);
            return values;
        }
    }

    /**
     * {@return the gradient of the images [count, H, W, C] of the last backward pass}
     *
     * @param count images of the last pass, or as many first ones of them
     * @throws IllegalStateException when the plan was made without it
     */
    public float[] inputGradient(int count) {
        try (DeviceUse _ = use()) {
            if (memory.inputGradient() == null) {
                throw new IllegalStateException(
                        "the plan has no gradient of the input; ask for it with inputGradient(true)");
            }
            order.requireInputGradient(count);
            int pixels = memory.graph().input().pixels();
            Matrix g = memory.inputGradient().rows(0, count * pixels);
            float[] values = new float[g.rows() * g.columns()];
            arena.download(g, values, 0);
            return values;
        }
    }

    // ---------------------------------------------------------------- optimiser

    /**
     * {@link #update} by stochastic gradient descent.
     *
     * @param step rate, momentum and decay
     */
    public void sgd(SgdStep step) {
        update(step);
    }

    /**
     * Updates all parameters by an optimiser's step, and counts that in {@link #updates}. What the
     * optimiser remembers is zero when a network is opened, and means nothing to another optimiser.
     *
     * @param step rate and what else the optimiser wants
     */
    public void update(OptimiserStep step) {
        try (DeviceUse _ = use()) {
            requireNonNull(step, "step");
            averages.requireTrained();
            step.state().forEach(memory::optimiserState); // refused before anything is changed
            stages.update(update, step);
            condensation.maskWeights();
            updates++;
            order.parametersChanged("update() changed the parameters");
            order.gradientsSpent();
        }
    }

    /**
     * Says what an update does otherwise for some parameters; the others have {@link
     * ParameterRule#NONE}. A network begins with what its plan was made with as frozen. Nodes at
     * the start of the network whose parameters are all frozen have no backward pass, and their
     * batch normalisations use running statistics and keep them, unless the gradient of the images
     * is wanted; those of other frozen parameters go on as in training.
     *
     * @param value by names of parameters
     * @throws IllegalArgumentException when a name is not a parameter's, everything is frozen, or
     *     something is not that the plan was made with as frozen
     */
    public void parameterRules(Map<String, ParameterRule> value) {
        requireNonNull(value, "value");
        try (DeviceUse _ = use()) {
            Map<String, ParameterRule> copy = Map.copyOf(value);
            copy.keySet().forEach(memory.parameterLayout()::spec);
            compute.frozen().set(copy);
            update.rules(copy);
            rules++; // another sequence of operations than what was recorded
        }
    }

    // ---------------------------------------------------------------- learned groups

    /**
     * Takes inputs away from the 1x1 convolutions with learned groups ({@link
     * org.densenet4j.graph.Graph#learnedGroups}) as far as their stage of training wants it, in
     * each group those with the smallest weights. What was taken away stays away; in most steps
     * there is nothing to do.
     *
     * @param progress of training, from 0 to 1, before a step
     * @return whether anything was taken away
     * @throws IllegalArgumentException when it is no such share
     */
    public boolean condense(double progress) {
        try (DeviceUse _ = use()) {
            averages.requireTrained();
            boolean any = false;
            for (Map.Entry<LearnedGroups, Matrix> entry : condensation.masks()) {
                LearnedGroups learned = entry.getKey();
                int stage = learned.stage(progress);
                if (stage > condensation.stage(learned)) {
                    ParameterSpec shape = memory.parameterLayout().spec(learned.weight());
                    float[] weights = parameter(learned.weight());
                    float[] mask = mask(learned.weight());
                    mask(
                            learned.weight(),
                            Condensation.condensed(learned, shape, weights, mask, stage));
                    any = true;
                }
            }
            return any;
        }
    }

    /**
     * {@return the mask [out, in] of weights with learned groups: 0 where an input was taken away,
     * else 1}
     *
     * @param weight name of the weights
     * @throws IllegalArgumentException when they have no learned groups
     */
    public float[] mask(String weight) {
        try (DeviceUse _ = use()) {
            Matrix mask = learned(weight).getValue();
            float[] values = new float[mask.columns()];
            arena.download(mask, values, 0);
            return values;
        }
    }

    /**
     * Sets a mask, and the weights to zero where it is.
     *
     * @param weight name of the weights
     * @param values [out, in] of zeros and ones, the same for all outputs of a group
     * @throws IllegalArgumentException when they are not, or the weights have no learned groups
     */
    public void mask(String weight, float[] values) {
        requireNonNull(values, "values");
        try (DeviceUse _ = use()) {
            checkMask(weight, values);
            Map.Entry<LearnedGroups, Matrix> entry = learned(weight);
            ParameterSpec shape = memory.parameterLayout().spec(weight);
            arena.upload(values, 0, entry.getValue());
            condensation.stageOf(entry.getKey(), shape, values);
            condensation.maskWeights(weight);
            order.parametersChanged("the mask of " + weight + " was set");
        }
    }

    /**
     * Refuses what {@link #mask(String, float[])} does; changes nothing.
     *
     * @param weight name of the weights
     * @param values [out, in] of zeros and ones, the same for all outputs of a group
     * @throws IllegalArgumentException when they are not, or the weights have no learned groups
     */
    public void checkMask(String weight, float[] values) {
        requireNonNull(values, "values");
        LearnedGroups learned = learned(weight).getKey();
        learned.misfit(memory.parameterLayout().spec(weight), values)
                .ifPresent(
                        what -> {
                            throw new IllegalArgumentException(
                                    "the mask of " + weight + " " + what);
                        });
    }

    private Map.Entry<LearnedGroups, Matrix> learned(String weight) {
        requireNonNull(weight, "weight");
        return condensation.masks().stream()
                .filter(entry -> entry.getKey().weight().equals(weight))
                .findFirst()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        weight + " has no learned groups, and so no mask"));
    }

    /**
     * Adds the gradient of {@code strength·Σ ‖w‖}, where <i>w</i> are the weights of one input in
     * one group of a convolution with learned groups (Huang et al. 2018, arXiv 1711.09224, section
     * 3.1): once in a step, between {@link #zeroGradients} and its first pass.
     *
     * @param strength factor of the sum, 0 or more
     */
    public void addGroupLasso(double strength) {
        SgdStep.check("group lasso", (float) strength);
        try (DeviceUse _ = use()) {
            condensation.addGroupLasso((float) strength);
        }
    }

    // ---------------------------------------------------------------- averages of the weights

    /** {@return whether the plan has moving averages of parameters and running statistics} */
    public boolean hasAverages() {
        return averages.exist();
    }

    /**
     * Starts the averages at what parameters and running statistics are now.
     *
     * @throws IllegalStateException when the plan was made without them
     */
    public void startAverages() {
        try (DeviceUse _ = use()) {
            averages.start();
        }
    }

    /**
     * Moves the averages of parameters and running statistics after an {@link #update}: {@code
     * average = decay·average + (1 − decay)·value}.
     *
     * @param decay what stays, from 0 to 1
     * @throws IllegalStateException when the plan was made without averages
     */
    public void followAverages(double decay) {
        try (DeviceUse _ = use()) {
            averages.follow(decay);
        }
    }

    /**
     * Exchanges parameters and running statistics with their averages, to evaluate or to save by
     * these; done again, it takes that back. In between nothing can be trained. It takes the memory
     * of the gradients, which are lost.
     *
     * @throws IllegalStateException when the plan was made without averages
     */
    public void exchangeAverages() {
        try (DeviceUse _ = use()) {
            averages.exchange();
            condensation.maskWeights(); // averages remember what was taken away
            order.parametersChanged("parameters were exchanged with their averages");
            order.statisticsChanged("running statistics were exchanged with their averages");
            order.gradientsSpent();
        }
    }

    /** {@return whether parameters and running statistics are the averages at the moment} */
    public boolean areAveragesExchanged() {
        return averages.areExchanged();
    }

    /**
     * Says what a state that was loaded tensor by tensor holds: parameters and running statistics
     * that are the averages, and averages that are what was trained, or each in its own place.
     *
     * @param exchanged whether they are in each other's place
     */
    public void averagesAreExchanged(boolean exchanged) {
        try (DeviceUse _ = use()) {
            averages.areExchanged(exchanged);
        }
    }

    /**
     * {@return the average of a parameter or of a running statistic, in the PyTorch layout; where
     * {@link #areAveragesExchanged}, what is trained}
     *
     * @param name as in {@link #parameters} or in {@link #runningStatistics}
     */
    public float[] average(String name) {
        requireNonNull(name, "name");
        averages.require();
        return isParameter(name)
                ? read(memory.parameterLayout(), memory.averages(), name)
                : read(memory.runningLayout(), memory.runningAverages(), name);
    }

    /**
     * Sets the average of a parameter or of a running statistic.
     *
     * @param name as in {@link #parameters} or in {@link #runningStatistics}
     * @param values in the PyTorch layout, as many as the tensor has
     */
    public void average(String name, float[] values) {
        requireNonNull(name, "name");
        requireNonNull(values, "values");
        averages.require();
        if (isParameter(name)) {
            write(memory.parameterLayout(), memory.averages(), name, values);
        } else {
            write(memory.runningLayout(), memory.runningAverages(), name, values);
        }
    }

    private boolean isParameter(String name) {
        return parameters().stream().anyMatch(p -> p.name().equals(name));
    }

    /**
     * {@return whether gradients were computed or set since they were zeroed or {@link #update}
     * used them, so that another update has something to go by}
     */
    public boolean hasGradients() {
        return order.hasGradients();
    }

    /** {@return updates since this network was opened} */
    public long updates() {
        return updates;
    }

    /** {@return Euclidean norm of all parameter gradients; NaN or infinite when one of them is} */
    public double gradientNorm() {
        try (DeviceUse _ = use()) {
            norm.run();
            order.otherNorms();
            return norm.read();
        }
    }

    private boolean isFinite(Matrix x) {
        order.otherNorms();
        return Double.isFinite(norm.squaredNormOf(x));
    }

    // ---------------------------------------------------------------- looking for NaN

    /**
     * {@return the first stage, in forward order, whose output is not finite; empty when all are}
     * Runs the forward pass again, because a backward pass reuses the memory of features.
     *
     * @param pass of as many images as were copied in
     */
    public String firstNonFiniteOutput(Pass pass) {
        try (DeviceUse _ = use()) {
            requireNonNull(pass, "pass");
            order.requireInput(pass);
            order.begin();
            uploadStep(pass);
            stages.forward(pass);
            order.forward(pass);
            int pixels = memory.graph().input().pixels();
            Matrix input = memory.input().rows(0, pass.images() * pixels);
            if (!isFinite(input)) {
                return "input";
            }
            for (Stage stage : stages.inForwardOrder()) {
                if (!isFinite(stage.output(pass))) {
                    return stage.name();
                }
            }
            return "";
        }
    }

    /**
     * {@return the first parameter, in backward order, whose gradient is not finite; empty when all
     * are}
     */
    public String firstNonFiniteGradient() {
        try (DeviceUse _ = use()) {
            for (ParameterSpec p : memory.parameterLayout().tensors().reversed()) {
                Matrix g = memory.parameterLayout().in(memory.parameterGradients(), p.name());
                if (!isFinite(g)) {
                    return p.name();
                }
            }
            return "";
        }
    }

    // ---------------------------------------------------------------- tensors by name

    /** {@return parameters with their PyTorch shapes, in torchvision's order} */
    public List<ParameterSpec> parameters() {
        return memory.parameterLayout().tensors();
    }

    /** {@return running statistics, in torchvision's order} */
    public List<ParameterSpec> runningStatistics() {
        return memory.runningLayout().tensors();
    }

    /**
     * {@return the values of a parameter, in the PyTorch layout}
     *
     * @param name as in {@link #parameters}, such as {@code features.conv0.weight}
     */
    public float[] parameter(String name) {
        return read(memory.parameterLayout(), memory.parameters(), name);
    }

    /**
     * Sets a parameter, in the PyTorch layout.
     *
     * @param name as in {@link #parameters}, such as {@code features.conv0.weight}
     * @param values in the PyTorch layout, as many as the tensor has
     */
    public void parameter(String name, float[] values) {
        try (DeviceUse _ = use()) {
            write(memory.parameterLayout(), memory.parameters(), name, values);
            condensation.maskWeights(name);
            order.parametersChanged("the parameter " + name + " was set");
        }
    }

    /**
     * {@return the gradient of a parameter, in the PyTorch layout}
     *
     * @param name as in {@link #parameters}, such as {@code features.conv0.weight}
     */
    public float[] gradient(String name) {
        return read(memory.parameterLayout(), memory.parameterGradients(), name);
    }

    /**
     * Sets the gradient of a parameter, in the PyTorch layout.
     *
     * @param name as in {@link #parameters}, such as {@code features.conv0.weight}
     * @param values in the PyTorch layout, as many as the tensor has
     */
    public void gradient(String name, float[] values) {
        try (DeviceUse _ = use()) {
            write(memory.parameterLayout(), memory.parameterGradients(), name, values);
            order.gradientsSet();
        }
    }

    /** {@return names of what the optimiser remembers of each parameter} */
    public List<String> optimiserState() {
        return List.copyOf(memory.optimiserState().keySet());
    }

    /**
     * {@return what the optimiser remembers of a parameter, in the PyTorch layout}
     *
     * @param state one of {@link #optimiserState}
     * @param name as in {@link #parameters}, such as {@code features.conv0.weight}
     * @throws IllegalStateException when the plan was made without it
     */
    public float[] optimiserState(String state, String name) {
        requireNonNull(state, "state");
        requireNonNull(name, "name");
        return read(memory.parameterLayout(), memory.optimiserState(state), name);
    }

    /**
     * Sets what the optimiser remembers of a parameter.
     *
     * @param state one of {@link #optimiserState}
     * @param name as in {@link #parameters}, such as {@code features.conv0.weight}
     * @param values in the PyTorch layout, as many as the tensor has
     * @throws IllegalStateException when the plan was made without it
     */
    public void optimiserState(String state, String name, float[] values) {
        requireNonNull(state, "state");
        requireNonNull(name, "name");
        requireNonNull(values, "values");
        write(memory.parameterLayout(), memory.optimiserState(state), name, values);
    }

    /**
     * {@return {@link #optimiserState(String, String)} of {@code velocity}: SGD's velocity,
     * RMSprop's squared gradients}
     *
     * @param name as in {@link #parameters}, such as {@code features.conv0.weight}
     */
    public float[] velocity(String name) {
        return optimiserState(SgdStep.VELOCITY, name);
    }

    /**
     * Sets {@link #velocity(String)}.
     *
     * @param name as in {@link #parameters}, such as {@code features.conv0.weight}
     * @param values in the PyTorch layout, as many as the tensor has
     */
    public void velocity(String name, float[] values) {
        optimiserState(SgdStep.VELOCITY, name, values);
    }

    /**
     * {@return a running mean or variance}
     *
     * @param name as in {@link #runningStatistics}, such as {@code features.norm0.running_mean}
     */
    public float[] runningStatistic(String name) {
        return read(memory.runningLayout(), memory.running(), name);
    }

    /**
     * Sets a running mean or variance.
     *
     * @param name as in {@link #runningStatistics}, such as {@code features.norm0.running_mean}
     * @param values in the PyTorch layout, as many as the tensor has
     */
    public void runningStatistic(String name, float[] values) {
        try (DeviceUse _ = use()) {
            write(memory.runningLayout(), memory.running(), name, values);
            order.statisticsChanged("the statistic " + name + " was set");
        }
    }

    private float[] read(ParameterLayout layout, Matrix vector, String name) {
        try (DeviceUse _ = use()) {
            requireNonNull(name, "name");
            Matrix tensor = layout.in(vector, name);
            float[] values = new float[tensor.columns()];
            arena.download(tensor, values, 0);
            return values;
        }
    }

    private void write(ParameterLayout layout, Matrix vector, String name, float[] values) {
        try (DeviceUse _ = use()) {
            requireNonNull(name, "name");
            requireNonNull(values, "values");
            Matrix tensor = layout.in(vector, name);
            if (values.length != tensor.columns()) {
                throw new IllegalArgumentException(
                        name
                                + " has "
                                + tensor.columns()
                                + " values "
                                + layout.spec(name).shape()
                                + ", not "
                                + values.length);
            }
            arena.upload(values, 0, tensor);
        }
    }

    private void checkBatch(int count) {
        if (count < 1 || count > plan.batch()) {
            throw new IllegalArgumentException(
                    "a batch of "
                            + count
                            + " images does not fit the plan, which is for 1 to "
                            + plan.batch());
        }
    }

    /**
     * {@return names of the classes that the classifier was trained on; empty where they are not
     * known}
     */
    public List<String> classNames() {
        return classNames;
    }

    /**
     * Says what the classifier was trained on elsewhere, in the order of the logits; batches of
     * other classes are refused by a trainer.
     *
     * @param names one per class, or none where they are not known
     */
    public void classNames(List<String> names) {
        requireNonNull(names, "names");
        int classes = plan.spec().classes();
        if (!names.isEmpty() && names.size() != classes) {
            throw new IllegalArgumentException(
                    names.size() + " class names for a network with " + classes);
        }
        try (DeviceUse _ = use()) {
            classNames = List.copyOf(names);
        }
    }

    /**
     * Takes the device and this network for operations that belong together, until it is closed;
     * every method takes them for itself. Threads whose networks share a device take turns.
     *
     * @return the turn, to be closed by the same thread
     * @throws IllegalStateException when this network or its device is closed, or another thread is
     *     using this network
     */
    public DeviceUse use() {
        return use.begin();
    }

    /** Waits for the operation that runs, and frees the arena. May be called twice. */
    @Override
    public void close() {
        use.end(arena::close);
    }
}
