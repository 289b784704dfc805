package org.densenet4j.reference;

import org.densenet4j.engine.Mode;
import org.densenet4j.engine.OptimiserStep.Decayed;
import org.densenet4j.graph.Addition;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.PatchConvolution;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.PixelLogits;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Transition;
import org.densenet4j.graph.TransitionDown;
import org.densenet4j.graph.TransitionUp;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * A network as an autograd framework would run it, in double precision. Each operation writes its
 * result into a new {@link Activation} and puts its gradient on a tape; what a node reads is
 * concatenated.
 */
public final class ReferenceNetwork {
    /** Factor of an element of a layer's output: 0 when dropped, else 1/(1 − rate). */
    public interface Dropout {
        /** Keeps everything. */
        Dropout NONE = (draw, element) -> 1;

        /**
         * The layer's draw is of {@code Drops}; elements count row-major over the batch. A layer
         * that is dropped image by image asks for the numbers of images.
         */
        double factor(int draw, int element);
    }

    private final Graph graph;
    private final Rounding rounding;
    private final Tensors tensors;
    private final Operations on;
    private final MixerOperations mixers;
    private final L2NormOperation l2Norms;
    private final Map<Features, List<Written>> features = new IdentityHashMap<>();
    private Dropout dropout = Dropout.NONE;
    private Activation input;
    private final List<Activation> heads = new ArrayList<>();
    private final List<double[]> lossGradients = new ArrayList<>();

    /** Columns that a node wrote. */
    private record Written(Columns columns, Activation values) {}

    /** A network whose parameters and running statistics are all zero. */
    public ReferenceNetwork(NetworkSpec spec) {
        this(spec, Rounding.DOUBLE);
    }

    /**
     * The same, with every operation's result rounded.
     *
     * @param bits of the significand; 24 are those of single precision
     */
    public ReferenceNetwork(NetworkSpec spec, int bits) {
        this.rounding = new Rounding(bits);
        this.graph = spec.graph();
        this.tensors = new Tensors(graph, rounding);
        this.on = new Operations(tensors, rounding);
        this.mixers = new MixerOperations(on, tensors, rounding);
        this.l2Norms = new L2NormOperation(on, tensors, rounding);
    }

    /** Roughly the bytes that a forward pass allocates. */
    public static double bytes(NetworkSpec spec, int images) {
        double values = 0;
        for (Node node : spec.graph().nodes()) {
            for (Read read : node.reads()) {
                values += 3.0 * read.channels() * read.height() * read.width();
            }
            values += 3.0 * node.innerValues();
            values +=
                    node.writes().map(c -> 3.0 * c.count() * c.of().pixels()).orElse(0.0)
                            * (node instanceof PooledConvolution ? 4 : 1);
        }
        return 2 * Double.BYTES * values * images; // values and gradients
    }

    /** A parameter, to read and to set. */
    public double[] parameter(String name) {
        return tensors.parameter(name);
    }

    /** The gradient of a parameter. */
    public double[] gradient(String name) {
        return tensors.gradient(name);
    }

    /** A running mean or variance, to read and to set. */
    public double[] runningStatistic(String name) {
        return tensors.running(name);
    }

    /** The gradient of the images, NHWC. */
    public double[] inputGradient() {
        return input.gradient;
    }

    // ---------------------------------------------------------------- the network

    /** The last head's logits [images, classes], or of every pixel, of NHWC images. */
    public double[] forward(double[] images, Mode passMode, Dropout drawn) {
        boolean trains = passMode == Mode.TRAIN;
        boolean ofBatch =
                trains || passMode == Mode.EVALUATE && graph.evaluatesWithBatchStatistics();
        on.begin(ofBatch, trains);
        dropout = drawn;
        features.clear();
        heads.clear();
        lossGradients.clear();
        Features f = graph.input();
        input =
                on.make(
                        images.length / (f.pixels() * f.channels()),
                        f.height(),
                        f.width(),
                        f.channels());
        System.arraycopy(images, 0, input.value, 0, images.length);
        write(f.all(), input);
        for (Node node : graph.nodes()) {
            Activation made = output(node);
            Activation y = node.outputNorm().map(norm -> normRelu(made, norm)).orElse(made);
            node.writes().ifPresentOrElse(c -> write(c, y), () -> addHead(y));
        }
        return heads.getLast().value.clone();
    }

    private void addHead(Activation logits) {
        heads.add(logits);
        lossGradients.add(new double[logits.value.length]);
    }

    private void write(Columns columns, Activation values) {
        features.computeIfAbsent(columns.of(), _ -> new ArrayList<>())
                .add(new Written(columns, values));
    }

    /** What is read, concatenated, and normalised if it is read so. */
    private Activation read(Read read) {
        List<Operations.Slice> slices = new ArrayList<>();
        for (Columns c : read.ranges()) {
            List<Written> parts = new ArrayList<>(features.get(c.of()));
            parts.sort(Comparator.comparingInt(w -> w.columns().from()));
            for (Written w : parts) {
                int from = Math.max(c.from(), w.columns().from());
                int end = Math.min(c.end(), w.columns().end());
                if (from < end) {
                    slices.add(
                            new Operations.Slice(
                                    w.values(), from - w.columns().from(), end - from));
                }
            }
        }
        Operations.Slice first = slices.getFirst();
        boolean whole = slices.size() == 1 && first.count() == first.of().channels;
        Activation x = whole ? first.of() : on.concatenate(slices);
        if (read instanceof Read.Normalised n) {
            x = on.batchNorm(x, n.norm());
            return n.relu() ? on.relu(x, n.norm().name()) : x;
        }
        return read instanceof Read.L2Normalised n ? l2Norms.l2Norm(x, n.norm()) : x;
    }

    private Activation output(Node node) {
        return switch (node) {
            case ConvolutionLayer n -> {
                org.densenet4j.graph.Window w = n.window();
                Activation y =
                        on.convolution(
                                read(n.source()),
                                n.convolution(),
                                n.target().count(),
                                w.kernel(),
                                w.stride(),
                                w.padding());
                yield dropped(n, n.bias() ? on.bias(y, n.convolution()) : y);
            }
            case BottleneckLayer n -> {
                Activation z = on.convolution(read(n.source()), n.conv1(), n.width(), 1, 1, 0);
                Activation t = normRelu(z, n.norm2());
                yield dropped(
                        n,
                        n.groups() == 1
                                ? on.convolution(t, n.conv2(), n.target().count(), 3, n.stride(), 1)
                                : on.groupedConvolution(
                                        t, n.conv2(), n.target().count(), n.groups(), n.stride()));
            }
            case PooledConvolution n -> {
                org.densenet4j.graph.Window w = n.window();
                Activation y =
                        on.convolution(
                                read(n.source()),
                                n.convolution(),
                                n.target().count(),
                                w.kernel(),
                                w.stride(),
                                w.padding());
                String pool = n.convolution().replace("conv", "pool");
                Activation s = n.bias() ? on.bias(y, n.convolution()) : y;
                yield on.maxPoolOfRelu(normRelu(s, n.norm()), pool, 3, 2, 1);
            }
            case Transition n ->
                    on.averagePool(
                            on.convolution(
                                    read(n.source()), n.convolution(), n.target().count(), 1, 1, 0),
                            2,
                            2,
                            0);
            case TransitionDown n -> {
                Activation y =
                        on.convolution(
                                read(n.source()), n.convolution(), n.target().count(), 1, 1, 0);
                Activation kept = dropped(n, on.bias(y, n.convolution()));
                yield on.maxPool(kept, n.name() + ".pool", 2, 2, 0);
            }
            case TransitionUp n ->
                    on.bias(
                            on.transposedConvolution(
                                    read(n.source()),
                                    n.convolution(),
                                    n.target().count(),
                                    n.target().of().height(),
                                    n.target().of().width()),
                            n.convolution());
            case Pooling n -> pooled(n, read(n.source()));
            case Addition n -> {
                Activation sum = on.add(read(n.branch()), read(n.shortcut()));
                yield n.relu() ? on.relu(sum, n.name()) : sum;
            }
            case DepthwiseLayer n -> depthwiseLayer(n);
            case PatchConvolution n -> {
                Activation x = read(n.source());
                Activation y =
                        on.bias(
                                on.convolution(
                                        n.normalisesInput() ? mixers.layerNorm(x, n.norm()) : x,
                                        n.convolution(),
                                        n.target().count(),
                                        n.patch(),
                                        n.patch(),
                                        0),
                                n.convolution());
                yield n.normalisesInput() ? y : mixers.layerNorm(y, n.norm());
            }
            case Classifier n -> {
                Activation means = on.globalPool(read(n.source()));
                yield on.linear(
                        n.norm().map(norm -> mixers.layerNorm(means, norm)).orElse(means),
                        n.linear());
            }
            case PixelClassifier n ->
                    on.bias(
                            on.convolution(read(n.source()), n.convolution(), n.classes(), 1, 1, 0),
                            n.convolution());
            case PixelLogits n -> {
                Activation x = read(n.source());
                yield on.concatenate(List.of(new Operations.Slice(x, 0, x.channels)));
            }
        };
    }

    private Activation depthwiseLayer(DepthwiseLayer n) {
        int k = n.growthRate();
        Activation d =
                on.bias(
                        mixers.depthwise(read(n.source()), n.depthwise(), n.kernel()),
                        n.depthwise());
        Activation a = mixers.layerNorm(d, n.norm());
        Activation h = on.bias(on.convolution(a, n.expansion(), n.width(), 1, 1, 0), n.expansion());
        Activation y =
                on.bias(on.convolution(mixers.gelu(h), n.projection(), k, 1, 1, 0), n.projection());
        if (n.gate().isPresent()) {
            Activation gate = on.linear(on.globalPool(y), n.gate().get());
            y = mixers.gated(y, gate);
        }
        y = mixers.scaled(y, n.scale());
        return dropout == Dropout.NONE || n.drops().equals(Drops.NOTHING)
                ? y
                : mixers.dropImages(y, n.drops().draw(), dropout);
    }

    private Activation pooled(Pooling n, Activation x) {
        org.densenet4j.graph.Window w = n.window();
        if (n.kind() == Pooling.Kind.AVERAGE) {
            return on.averagePool(x, w.kernel(), w.stride(), w.padding());
        }
        boolean blurs = n.kind() == Pooling.Kind.MAX_THEN_BLUR;
        boolean ceil = n.kind() == Pooling.Kind.MAX_OF_ALL;
        int stride = blurs ? 1 : w.stride();
        String name = n.name() + ".pool";
        Activation y =
                switch (n.source()) {
                    case Read.Normalised r when r.relu() ->
                            on.maxPoolOfRelu(x, name, w.kernel(), stride, w.padding(), ceil);
                    case Read.Activated _ ->
                            on.maxPoolOfReLUs(x, name, w.kernel(), stride, w.padding(), ceil);
                    default -> on.maxPool(x, name, w.kernel(), stride, w.padding(), ceil);
                };
        return blurs ? on.blurPool(y) : y;
    }

    private Activation normRelu(Activation x, Norm norm) {
        return on.relu(on.batchNorm(x, norm), norm.name());
    }

    private Activation dropped(Node node, Activation y) {
        return dropout == Dropout.NONE || node.drops().equals(Drops.NOTHING)
                ? y
                : on.drop(y, node.drops().draw(), dropout);
    }

    /**
     * Mean softmax cross-entropy with label smoothing, summed over heads, over the images or pixels
     * whose label is not negative; leaves its gradient for the backward pass.
     */
    public double loss(int[] labels, double smoothing) {
        double sum = 0;
        for (int i = 0; i < heads.size(); i++) {
            sum += loss(heads.get(i), lossGradients.get(i), labels, smoothing);
        }
        return sum;
    }

    /**
     * The logits of a head in the last forward pass.
     *
     * @param head its number among the graph's heads
     */
    public double[] logits(int head) {
        return heads.get(head).value.clone();
    }

    /**
     * What a loss of one's own says of a head, for the backward pass.
     *
     * @param head its number among the graph's heads
     */
    public void logitsGradient(int head, double[] gradient) {
        System.arraycopy(gradient, 0, lossGradients.get(head), 0, gradient.length);
    }

    private double loss(Activation logits, double[] lossGradient, int[] labels, double smoothing) {
        int classes = logits.channels;
        double loss = 0;
        long n = Arrays.stream(labels).limit(logits.rows()).filter(label -> label >= 0).count();
        for (int i = 0; i < logits.rows(); i++) {
            if (labels[i] < 0) {
                Arrays.fill(lossGradient, i * classes, (i + 1) * classes, 0);
                continue;
            }
            double max = Double.NEGATIVE_INFINITY;
            for (int c = 0; c < classes; c++) {
                max = Math.max(max, logits.value[i * classes + c]);
            }
            double sum = 0;
            for (int c = 0; c < classes; c++) {
                sum += Math.exp(logits.value[i * classes + c] - max);
            }
            for (int c = 0; c < classes; c++) {
                double target = smoothing / classes + (c == labels[i] ? 1 - smoothing : 0);
                double logProbability = logits.value[i * classes + c] - max - Math.log(sum);
                loss -= target * logProbability / n;
                double probability = rounding.of(Math.exp(logProbability));
                lossGradient[i * classes + c] = (probability - target) / n;
            }
        }
        return rounding.of(loss);
    }

    /** Gradients of everything, from the gradient that {@link #loss} left at the logits. */
    public void backward() {
        backward(branches());
    }

    /** Gradients of everything, as if every ReLU and the max-pool had gone another way. */
    public void backward(Branches branches) {
        tensors.zeroGradients();
        on.backward(heads, lossGradients, branches);
    }

    /** Which way every ReLU and the max-pool of the last forward pass went. */
    public Branches branches() {
        return on.branches();
    }

    /**
     * How far every ReLU and the max-pool of the last forward pass were from going the other way,
     * by the layer's name as in {@link Kink}; infinite where a pool's value passes no gradient on.
     */
    public Map<String, double[]> margins() {
        return on.margins();
    }

    /** The gradient that the last backward pass brought to a ReLU's outputs. */
    public double[] arriving(String relu) {
        return on.arriving(relu);
    }

    /** PyTorch's SGD without dampening. */
    public void sgd(double rate, double momentum, boolean nesterov, double decay) {
        tensors.sgd(rate, momentum, nesterov, decay);
    }

    /**
     * Tieleman and Hinton's RMSprop, without momentum and not centred.
     *
     * @param epsilonInside whether epsilon is added to the squared gradients, not to their root
     * @param decayed parameters that decay
     */
    public void rmsprop(
            double rate,
            double rho,
            double epsilon,
            boolean epsilonInside,
            double decay,
            Decayed decayed) {
        tensors.rmsprop(rate, rho, epsilon, epsilonInside, decay, decayed);
    }

    /**
     * Kingma and Ba's Adam.
     *
     * @param decoupled whether weight decay is apart from the gradient
     * @param decayed parameters that decay
     * @param update number of the update, counted from 1
     */
    public void adam(
            double rate,
            double beta1,
            double beta2,
            double epsilon,
            boolean decoupled,
            double decay,
            Decayed decayed,
            long update) {
        tensors.adam(rate, beta1, beta2, epsilon, decoupled, decay, decayed, update);
    }
}
