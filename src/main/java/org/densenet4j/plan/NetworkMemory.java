package org.densenet4j.plan;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Addition;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.PatchConvolution;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.PixelLogits;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Transition;
import org.densenet4j.graph.TransitionDown;
import org.densenet4j.graph.TransitionUp;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Every matrix of a training step, with its lifetime: the one place where memory is planned.
 *
 * <p>Lifetimes are in operations of the {@link Schedule}, and follow from the graph. The same code
 * runs twice, first to declare what is needed and then, with the arena laid out, to say where it
 * is.
 */
public final class NetworkMemory {
    private final NetworkSpec spec;
    private final Planner planner;
    private final ParameterLayout parameterLayout;
    private final ParameterLayout runningLayout;
    private final Matrix parameters;
    private final Matrix operands;
    private final Matrix parameterGradients;
    private final Map<String, Matrix> optimiserState = new LinkedHashMap<>();
    private final @Nullable Matrix averages;
    private final @Nullable Matrix runningAverages;
    private final Map<LearnedGroups, Matrix> masks = new LinkedHashMap<>();
    private final Matrix running;
    private final Matrix runningBefore;
    private final Matrix input;
    private final @Nullable Matrix inputStaging;
    private final @Nullable Matrix inputGradient;
    private final Matrix stepCounter;
    private final List<NodeMemory> nodes = new ArrayList<>();
    private final Map<String, LossMemory> losses = new LinkedHashMap<>();

    NetworkMemory(
            NetworkSpec spec,
            Planner planner,
            OptimiserState optimiser,
            boolean withInputGradient) {
        this.spec = spec;
        this.planner = planner;
        Allocator allocator = planner.allocator();
        Schedule schedule = planner.schedule();
        Device device = planner.device();
        allocator.library(device.kernelScratchBytes());
        parameterLayout = new ParameterLayout(planner.graph().parameters());
        runningLayout = new ParameterLayout(planner.graph().runningStatistics());
        int length = parameterLayout.length();
        parameters = allocator.persistent("parameters", Category.WEIGHTS, 1, length);
        operands =
                allocator.precision() == DataType.FLOAT32
                        ? parameters
                        : allocator.activations(
                                "parameters.rounded",
                                Category.WEIGHTS,
                                1,
                                length,
                                0,
                                schedule.last());
        running =
                allocator.persistent(
                        "running statistics", Category.WEIGHTS, 1, runningLayout.length());
        runningBefore =
                allocator.persistent(
                        "running statistics before the step",
                        Category.WEIGHTS,
                        1,
                        runningLayout.length());
        parameterGradients =
                allocator.persistent(
                        "parameter gradients", Category.PARAMETER_GRADIENTS, 1, length);
        for (String vector : optimiser.vectors()) {
            optimiserState.put(vector, allocator.persistent(vector, Category.OPTIMISER, 1, length));
        }
        averages =
                optimiser.averages()
                        ? allocator.persistent("averages", Category.OPTIMISER, 1, length)
                        : null;
        runningAverages =
                optimiser.averages()
                        ? allocator.persistent(
                                "averages of running statistics",
                                Category.OPTIMISER,
                                1,
                                runningLayout.length())
                        : null;

        for (LearnedGroups learned : planner.graph().learnedGroups()) {
            int weights = Math.toIntExact(parameterLayout.spec(learned.weight()).count());
            masks.put(
                    learned,
                    allocator.persistent(learned.weight() + ".mask", Category.WEIGHTS, 1, weights));
        }
        Features images = planner.graph().input();
        int rows = planner.rows(images.pixels());
        Lifetime life = planner.lifetimes().values(images);
        input =
                allocator.activations(
                        "input",
                        Category.FEATURES,
                        rows,
                        images.channels(),
                        life.first(),
                        life.last());
        inputStaging =
                device.stagesInput()
                        ? allocator.activations(
                                "input.staging",
                                Category.FEATURES,
                                rows,
                                images.channels(),
                                0,
                                schedule.last())
                        : null;
        stepCounter = allocator.persistent("step counter", Category.SCRATCH, 1, 2);
        inputGradient =
                withInputGradient
                        ? allocator.activations(
                                "input.gradient",
                                Category.GRADIENTS,
                                rows,
                                images.channels(),
                                0,
                                schedule.last())
                        : null;
        for (Node node : planner.graph().nodes()) {
            NodeMemory memory = memory(node);
            nodes.add(memory);
            noteLoss(memory);
            node.writes().map(Columns::of).ifPresent(planner::declare);
        }
    }

    /**
     * {@return whether the gradient of what is read goes anywhere; that of the images may not}
     *
     * @param read of one of the nodes
     */
    public boolean wantsGradient(Read read) {
        return !planner.isInput(read) || inputGradient != null;
    }

    private void noteLoss(NodeMemory memory) {
        switch (memory) {
            case ClassifierMemory head -> losses.put(head.node().name(), head.loss());
            case PixelClassifierMemory head -> losses.put(head.node().name(), head.loss());
            case PixelLogitsMemory head -> losses.put(head.node().name(), head.loss());
            default -> {}
        }
    }

    /** The kinds of nodes, and what plans the memory of each. */
    private NodeMemory memory(Node node) {
        boolean naive = planner.strategy() == MemoryStrategy.NAIVE;
        return switch (node) {
            case ConvolutionLayer layer when naive && layer.source().isBehindRelu() ->
                    NaiveConvolutionLayerMemory.of(layer, planner);
            // NAIVE keeps what it made, whole; a band would make its halo twice.
            case ConvolutionLayer layer when naive && layer.source() instanceof Read.L2Normalised ->
                    ConvolutionLayerMemory.of(layer, planner);
            case ConvolutionLayer layer ->
                    BandedConvolutionLayerMemory.bands(layer, planner)
                            .<NodeMemory>map(
                                    bands -> BandedConvolutionLayerMemory.of(layer, bands, planner))
                            .orElseGet(() -> ConvolutionLayerMemory.of(layer, planner));
            case BottleneckLayer layer when naive -> NaiveBottleneckLayerMemory.of(layer, planner);
            case BottleneckLayer layer -> BottleneckLayerMemory.of(layer, planner);
            case PooledConvolution stem ->
                    BandedPooledConvolutionMemory.bands(stem, wantsGradient(stem.source()), planner)
                            .<NodeMemory>map(
                                    bands -> BandedPooledConvolutionMemory.of(stem, bands, planner))
                            .orElseGet(() -> WholePooledConvolutionMemory.of(stem, planner));
            case Transition transition -> TransitionMemory.of(transition, planner);
            case Classifier classifier -> ClassifierMemory.of(classifier, planner);
            case PixelClassifier classifier -> PixelClassifierMemory.of(classifier, planner);
            case PixelLogits logits -> PixelLogitsMemory.of(logits, planner);
            case DepthwiseLayer layer -> DepthwiseLayerMemory.of(layer, planner);
            case PatchConvolution patches -> PatchConvolutionMemory.of(patches, planner);
            case Pooling pooling -> PoolingMemory.of(pooling, planner);
            case Addition addition -> AdditionMemory.of(addition, planner);
            case TransitionDown down -> TransitionDownMemory.of(down, planner);
            case TransitionUp up ->
                    BandedTransitionUpMemory.bands(up, planner)
                            .<NodeMemory>map(
                                    bands -> BandedTransitionUpMemory.of(up, bands, planner))
                            .orElseGet(() -> TransitionUpMemory.of(up, planner));
        };
    }

    // ---------------------------------------------------------------- what there is

    /** {@return what the network was made of} */
    public NetworkSpec spec() {
        return spec;
    }

    /** {@return the network} */
    public Graph graph() {
        return planner.graph();
    }

    /** {@return nodes at the start of the network that have no memory for a backward pass} */
    public int frozenNodes() {
        return planner.schedule().frozenNodes();
    }

    /** {@return who writes which gradient first} */
    public Lifetimes lifetimes() {
        return planner.lifetimes();
    }

    /** {@return the memory of every node, in their order} */
    public List<NodeMemory> nodes() {
        return List.copyOf(nodes);
    }

    /**
     * {@return X of some columns, which may be those of the images}
     *
     * @param columns of features of this network
     */
    public Matrix values(Columns columns) {
        return columns.of() == graph().input()
                ? input.columns(columns.from(), columns.count())
                : channels(columns).values();
    }

    /**
     * {@return G of some columns, which may be those of the images if their gradient is wanted}
     *
     * @param columns of features of this network
     */
    public Matrix gradient(Columns columns) {
        return columns.of() == graph().input()
                ? inputGradient.columns(columns.from(), columns.count())
                : channels(columns).gradient();
    }

    /**
     * {@return the memory of some columns of features}
     *
     * @param columns of features of this network
     */
    public Channels channels(Columns columns) {
        return planner.channels().get(columns.of()).columns(columns.from(), columns.count());
    }

    /** {@return the memory of each head's loss, by the head's name, in the order of the heads} */
    public Map<String, LossMemory> losses() {
        return Collections.unmodifiableMap(losses);
    }

    /** {@return the memory of the last head's loss} */
    public LossMemory loss() {
        return List.copyOf(losses().values()).getLast();
    }

    /** {@return what is kept between the passes} */
    public MemoryStrategy strategy() {
        return planner.strategy();
    }

    /** {@return most images of one step} */
    public int batch() {
        return planner.batch();
    }

    /**
     * {@return where each parameter lies inside {@link #parameters}, gradients and velocities
     * alike}
     */
    public ParameterLayout parameterLayout() {
        return parameterLayout;
    }

    /** {@return where each running statistic lies inside {@link #running}} */
    public ParameterLayout runningLayout() {
        return runningLayout;
    }

    /** {@return all parameters as one vector} */
    public Matrix parameters() {
        return parameters;
    }

    /**
     * {@return the parameters as operands of products with activations: rounded to the activations'
     * storage type, or the parameters themselves where that is float32}
     */
    public Matrix operands() {
        return operands;
    }

    /** {@return storage of activations and their gradients} */
    public DataType precision() {
        return planner.allocator().precision();
    }

    /** {@return their gradients} */
    public Matrix parameterGradients() {
        return parameterGradients;
    }

    /** {@return what the optimiser remembers, as vectors by name} */
    public Map<String, Matrix> optimiserState() {
        return Collections.unmodifiableMap(optimiserState);
    }

    /**
     * {@return one of the vectors that the optimiser remembers}
     *
     * @param name such as {@code velocity}
     * @throws IllegalStateException when the plan was made without it
     */
    public Matrix optimiserState(String name) {
        Matrix vector = optimiserState.get(name);
        if (vector == null) {
            throw new IllegalStateException(
                    "the plan has no room for the optimiser's "
                            + name
                            + ", it has "
                            + String.join(", ", optimiserState.keySet())
                            + "; ask for it with optimiserState()");
        }
        return vector;
    }

    /** {@return moving averages of the parameters, or null where the plan was made without them} */
    public @Nullable Matrix averages() {
        return averages;
    }

    /** {@return moving averages of the running statistics, or null as those of the parameters} */
    public @Nullable Matrix runningAverages() {
        return runningAverages;
    }

    /**
     * {@return the mask of each weight with learned groups, as a vector [1, out·in] of ones and
     * zeros}
     */
    public Map<LearnedGroups, Matrix> masks() {
        return Collections.unmodifiableMap(masks);
    }

    /** {@return all running means and variances as one vector} */
    public Matrix running() {
        return running;
    }

    /**
     * {@return the running statistics as they were before a step, which fails when a number is not
     * finite}
     */
    public Matrix runningBefore() {
        return runningBefore;
    }

    /** {@return the batch [N·H·W, channels]} */
    public Matrix input() {
        return input;
    }

    /**
     * {@return where the next batch is copied while a step runs, or null where devices don't stage
     * it}
     */
    public @Nullable Matrix inputStaging() {
        return inputStaging;
    }

    /** {@return the training step as two 32-bit words, low first, for {@code Dropout}} */
    public Matrix stepCounter() {
        return stepCounter;
    }

    /** The device that this was planned for. */
    Device device() {
        return planner.device();
    }

    /** {@return the gradient of the batch, or null where the plan was made without it} */
    public @Nullable Matrix inputGradient() {
        return inputGradient;
    }

    /** {@return where the library scratch of the lanes starts} */
    public long libraryScratchOffset() {
        return planner.allocator().libraryOffset();
    }

    /** {@return library scratch of each lane in bytes} */
    public long libraryScratchBytesPerLane() {
        return planner.allocator().libraryBytesPerLane();
    }
}
