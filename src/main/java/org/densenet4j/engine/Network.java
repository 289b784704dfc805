package org.densenet4j.engine;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BlockMemory;
import org.densenet4j.plan.HeadMemory;
import org.densenet4j.plan.LayerMemory;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.NetworkMemory;
import org.densenet4j.plan.ParameterLayout;
import org.densenet4j.spec.Initialiser;
import org.densenet4j.spec.ParameterSpec;
import org.densenet4j.spec.Stem;
import org.densenet4j.spec.StemShape;

import java.util.ArrayList;
import java.util.List;

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
 * Names and shapes are torchvision's. Not thread-safe. The arena is allocated by {@link #open} and
 * freed by {@link #close}, which may be called twice.
 */
public final class Network implements AutoCloseable {
    private final MemoryPlan plan;
    private final NetworkMemory memory;
    private final DeviceArena arena;
    private final Compute compute;
    private final Kernels kernels;
    private final List<Stage> stages = new ArrayList<>();
    private OperationListener listener = OperationListener.NONE;
    private boolean closed;

    private Network(MemoryPlan plan, Device device) {
        this.plan = plan;
        this.memory = plan.memory();
        this.arena =
                device.allocate(
                        plan.peakBytes(),
                        memory.libraryScratchOffset(),
                        memory.libraryScratchBytesPerLane());
        this.compute = new Compute(device, arena, memory);
        this.kernels = arena.kernels();
        build();
    }

    /**
     * Allocates the plan's arena on a device and initialises the parameters.
     *
     * @param seed of the initialisation; the same values on every device
     * @throws org.densenet4j.backend.DeviceException when the memory is not there
     */
    public static Network open(MemoryPlan plan, Device device, long seed) {
        Network network = new Network(plan, device);
        network.initialise(seed);
        return network;
    }

    private void build() {
        boolean naive = memory.strategy() == MemoryStrategy.NAIVE;
        BlockMemory first = memory.blocks().getFirst();
        stages.add(
                compute.spec().stem() == Stem.IMAGENET
                        ? new ImageNetStem(compute, memory.stem(), first, naive)
                        : new SmallStem(compute, memory.stem(), first, naive));
        for (BlockMemory block : memory.blocks()) {
            int index = block.shape().index();
            for (LayerMemory layer : block.layers()) {
                String parameters =
                        "features.denseblock" + index + ".denselayer" + layer.shape().index();
                if (naive) {
                    stages.add(new NaiveLayer(compute, block, layer, parameters));
                } else if (layer.bottleneck() != null) {
                    stages.add(new BottleneckLayer(compute, block, layer, parameters));
                } else {
                    stages.add(new PlainLayer(compute, block, layer, parameters));
                }
            }
            if (index < memory.blocks().size()) {
                stages.add(
                        new TransitionStage(
                                compute,
                                block,
                                memory.transitions().get(index - 1),
                                memory.blocks().get(index),
                                "features.transition" + index));
            } else {
                stages.add(new Head(compute, block, memory.head()));
            }
        }
    }

    private void initialise(long seed) {
        Initialiser initialiser = Initialiser.seeded(seed);
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

    /** The plan that this network runs in. */
    public MemoryPlan plan() {
        return plan;
    }

    /** Bytes that were allocated: the plan's peak. */
    public long allocatedBytes() {
        return arena.bytes();
    }

    /** Told about every operation as it runs; {@link OperationListener#NONE} turns it off. */
    public void listen(OperationListener operationListener) {
        listener = operationListener;
    }

    // ---------------------------------------------------------------- a step

    /**
     * Copies a batch in.
     *
     * @param images NHWC, at least {@code count} images
     * @throws IllegalArgumentException when it does not fit the plan
     */
    public void input(float[] images, int count) {
        checkOpen();
        StemShape s = memory.shape().stem();
        int pixels = s.inputHeight() * s.inputWidth();
        checkBatch(count);
        long expected = (long) count * pixels * s.inputChannels();
        if (images.length < expected) {
            throw new IllegalArgumentException(
                    count
                            + " images of "
                            + s.inputHeight()
                            + "x"
                            + s.inputWidth()
                            + "x"
                            + s.inputChannels()
                            + " are "
                            + expected
                            + " floats, the array has "
                            + images.length);
        }
        arena.upload(images, 0, memory.input().rows(0, count * pixels));
    }

    /** Computes the logits of the batch that was copied in. */
    public void forward(Pass pass) {
        checkOpen();
        checkBatch(pass.images());
        int operation = 0;
        for (Stage stage : stages) {
            listener.before(operation);
            stage.forward(pass);
            listener.after(operation++);
        }
    }

    /** Sets all parameter gradients to zero; {@link #backward} adds to them. */
    public void zeroGradients() {
        kernels.fill(memory.parameterGradients(), 0);
    }

    /**
     * Mean softmax cross-entropy of the logits, and its gradient for {@link #backward}.
     *
     * @param labels one class index per image
     * @param smoothing label smoothing, 0 for none
     * @param meanOver number of images that the mean is taken over: the batch, or all micro-batches
     * @return the sum of this batch's losses divided by {@code meanOver}
     */
    public double loss(Pass pass, int[] labels, float smoothing, int meanOver) {
        int classes = memory.head().shape().classes();
        for (int i = 0; i < pass.images(); i++) {
            if (labels[i] < 0 || labels[i] >= classes) {
                throw new IllegalArgumentException(
                        "label " + labels[i] + " of image " + i + " is not in 0.." + (classes - 1));
            }
        }
        HeadMemory head = memory.head();
        int operation = stages.size();
        listener.before(operation);
        Matrix losses = head.losses().columns(0, pass.images());
        arena.uploadInts(labels, pass.images(), head.labels().offset());
        kernels.softmaxCrossEntropy(
                head.logits().rows(0, pass.images()),
                head.labels().offset(),
                smoothing,
                1f / meanOver,
                losses,
                head.logitsGradient().rows(0, pass.images()));
        float[] values = new float[pass.images()];
        arena.download(losses, values, 0);
        listener.after(operation);
        double sum = 0;
        for (float value : values) {
            sum += value;
        }
        return sum / meanOver;
    }

    /** Sets the gradient of the logits [count, classes] of a loss of one's own. */
    public void logitsGradient(float[] gradient, int count) {
        checkBatch(count);
        arena.upload(gradient, 0, memory.head().logitsGradient().rows(0, count));
    }

    /** Adds the gradients of the last forward pass, from the gradient of the logits. */
    public void backward(Pass pass) {
        checkOpen();
        if (pass.mode() == Mode.EVALUATE) {
            throw new IllegalStateException(
                    "an evaluation pass has no backward pass; use TRAIN, or FROZEN for fixed"
                            + " batch-norm statistics");
        }
        int operation = stages.size() + 1;
        for (Stage stage : stages.reversed()) {
            listener.before(operation);
            stage.backward(pass);
            listener.after(operation++);
        }
    }

    /** The logits [count, classes] of the last forward pass. */
    public float[] logits(int count) {
        Matrix logits = memory.head().logits().rows(0, count);
        float[] values = new float[count * logits.columns()];
        arena.download(logits, values, 0);
        return values;
    }

    /**
     * The gradient of the images [count, H, W, C] of the last backward pass.
     *
     * @throws IllegalStateException when the plan was made without it
     */
    public float[] inputGradient(int count) {
        if (memory.inputGradient() == null) {
            throw new IllegalStateException(
                    "the plan has no gradient of the input; ask for it with inputGradient(true)");
        }
        StemShape s = memory.shape().stem();
        Matrix g = memory.inputGradient().rows(0, count * s.inputHeight() * s.inputWidth());
        float[] values = new float[g.rows() * g.columns()];
        arena.download(g, values, 0);
        return values;
    }

    // ---------------------------------------------------------------- optimiser

    /**
     * Updates all parameters by stochastic gradient descent.
     *
     * @param decay weight decay
     * @param decayNormsAndBiases whether it also applies to gamma, beta and biases
     * @param gradientScale factor of every gradient (clipping)
     * @param firstStep whether the velocities are still empty
     */
    public void sgd(
            float rate,
            float momentum,
            boolean nesterov,
            float decay,
            boolean decayNormsAndBiases,
            float gradientScale,
            boolean firstStep) {
        int operation = 2 * stages.size() + 1;
        listener.before(operation);
        ParameterLayout layout = memory.parameterLayout();
        List<ParameterSpec> tensors = layout.tensors();
        compute.forEachChunk(
                tensors.size(),
                (lane, chunk) -> {
                    ParameterSpec p = tensors.get(chunk);
                    boolean decays = decayNormsAndBiases || p.role().isWeight();
                    kernels.sgd(
                            layout.in(memory.parameters(), p.name()),
                            layout.in(memory.parameterGradients(), p.name()),
                            layout.in(memory.velocity(), p.name()),
                            rate,
                            momentum,
                            nesterov,
                            decays ? decay : 0f,
                            gradientScale,
                            firstStep);
                });
        listener.after(operation);
    }

    /** Euclidean norm of all parameter gradients; NaN or infinite when one of them is. */
    public double gradientNorm() {
        return Math.sqrt(kernels.squaredNorm(memory.parameterGradients()));
    }

    // ---------------------------------------------------------------- looking for NaN

    /** The first stage, in forward order, whose output is not finite; empty when all are. */
    public String firstNonFiniteOutput(Pass pass) {
        StemShape s = memory.shape().stem();
        Matrix input = memory.input().rows(0, pass.images() * s.inputHeight() * s.inputWidth());
        if (!Double.isFinite(kernels.squaredNorm(input))) {
            return "input";
        }
        for (Stage stage : stages) {
            if (!Double.isFinite(kernels.squaredNorm(stage.output(pass)))) {
                return stage.name();
            }
        }
        return "";
    }

    /** The first parameter, in backward order, whose gradient is not finite; empty when all are. */
    public String firstNonFiniteGradient() {
        for (ParameterSpec p : memory.parameterLayout().tensors().reversed()) {
            Matrix g = memory.parameterLayout().in(memory.parameterGradients(), p.name());
            if (!Double.isFinite(kernels.squaredNorm(g))) {
                return p.name();
            }
        }
        return "";
    }

    // ---------------------------------------------------------------- tensors by name

    /** Parameters with their PyTorch shapes, in torchvision's order. */
    public List<ParameterSpec> parameters() {
        return memory.parameterLayout().tensors();
    }

    /** Running statistics, in torchvision's order. */
    public List<ParameterSpec> runningStatistics() {
        return memory.runningLayout().tensors();
    }

    /** The values of a parameter, in the PyTorch layout. */
    public float[] parameter(String name) {
        return read(memory.parameterLayout(), memory.parameters(), name);
    }

    /** Sets a parameter, in the PyTorch layout. */
    public void parameter(String name, float[] values) {
        write(memory.parameterLayout(), memory.parameters(), name, values);
    }

    /** The gradient of a parameter, in the PyTorch layout. */
    public float[] gradient(String name) {
        return read(memory.parameterLayout(), memory.parameterGradients(), name);
    }

    /** Sets the gradient of a parameter, in the PyTorch layout. */
    public void gradient(String name, float[] values) {
        write(memory.parameterLayout(), memory.parameterGradients(), name, values);
    }

    /** The optimiser's velocity of a parameter. */
    public float[] velocity(String name) {
        return read(memory.parameterLayout(), memory.velocity(), name);
    }

    /** Sets the optimiser's velocity of a parameter. */
    public void velocity(String name, float[] values) {
        write(memory.parameterLayout(), memory.velocity(), name, values);
    }

    /** A running mean or variance. */
    public float[] runningStatistic(String name) {
        return read(memory.runningLayout(), memory.running(), name);
    }

    /** Sets a running mean or variance. */
    public void runningStatistic(String name, float[] values) {
        write(memory.runningLayout(), memory.running(), name, values);
    }

    private float[] read(ParameterLayout layout, Matrix vector, String name) {
        checkOpen();
        Matrix tensor = layout.in(vector, name);
        float[] values = new float[tensor.columns()];
        arena.download(tensor, values, 0);
        return values;
    }

    private void write(ParameterLayout layout, Matrix vector, String name, float[] values) {
        checkOpen();
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

    private void checkBatch(int count) {
        if (count < 1 || count > plan.batch()) {
            throw new IllegalArgumentException(
                    "a batch of "
                            + count
                            + " images does not fit the plan, which is for 1 to "
                            + plan.batch());
        }
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("the network is closed");
        }
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            arena.close();
        }
    }
}
