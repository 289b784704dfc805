package org.densenet4j.bench;

import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.densenet4j.graph.Addition;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.L2Norm;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.PatchConvolution;
import org.densenet4j.graph.PixelHead;
import org.densenet4j.graph.PixelLogits;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Transition;
import org.densenet4j.graph.Window;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * A graph in libtorch, node by node, as PyTorch's users write such networks: features are
 * concatenated where several are read, batch norm, in-place ReLU, convolution, autograd. Every
 * tensor is let go as soon as Python would let it go: nothing but what autograd keeps adds to the
 * peak.
 */
final class LibtorchGraph implements PeerNetwork {
    private static final Window WHOLE = new Window(1, 1, 0);

    private final Graph graph;
    private final LibtorchWeights weights;
    private final PeerVariant variant;
    private final boolean training;
    private final LibtorchMixers mixers;

    /** The last node that reads some features, after which they are let go. */
    private final Map<Features, Node> lastReader = new IdentityHashMap<>();

    /** What has been written of features, by the first column. */
    private final Map<Features, TreeMap<Integer, Tensor>> written = new IdentityHashMap<>();

    LibtorchGraph(Graph graph, LibtorchWeights weights, PeerVariant variant) {
        this.graph = graph;
        this.weights = weights;
        this.variant = variant;
        this.training = variant.work() == Work.TRAINING;
        this.mixers = new LibtorchMixers(weights, variant);
        for (Node node : graph.nodes()) {
            for (Read read : node.reads()) {
                read.ranges().forEach(columns -> lastReader.put(columns.of(), node));
            }
        }
    }

    /**
     * The loss is the sum of all heads': cross-entropies as ours, and of a detector's heads, whose
     * own loss matches boxes, squares of what they say, which are less work.
     */
    @Override
    public float step(Tensor images, Tensor labels) {
        List<Node> heads = graph.heads();
        List<Tensor> all = forward(images);
        Tensor sum = null;
        for (int i = 0; i < all.size(); i++) {
            try (Tensor logits = all.get(i);
                    Tensor wide = logits.to(torch.ScalarType.Float)) {
                Tensor loss =
                        heads.get(i) instanceof PixelHead
                                ? meanSquare(wide)
                                : torch.cross_entropy_loss(wide, labels);
                sum = sum == null ? loss : added(sum, loss);
            }
        }
        try (Tensor loss = Objects.requireNonNull(sum)) {
            loss.backward();
            return loss.item_float();
        }
    }

    private static Tensor meanSquare(Tensor x) {
        try (Tensor squares = x.square()) {
            return squares.mean();
        }
    }

    private static Tensor added(Tensor a, Tensor b) {
        try (a;
                b) {
            return a.add(b);
        }
    }

    @Override
    public List<Tensor> infer(Tensor images) {
        List<Tensor> wide = new ArrayList<>();
        for (Tensor logits : forward(images)) {
            try (logits) {
                wide.add(logits.to(torch.ScalarType.Float));
            }
        }
        return wide;
    }

    private List<Tensor> forward(Tensor images) {
        try (Autocast scope = Autocast.begin(variant.autocasts())) {
            written.put(graph.input(), new TreeMap<>(Map.of(0, images)));
            List<Tensor> heads = new ArrayList<>();
            for (Node node : graph.nodes()) {
                Tensor result = normalised(node, compute(node));
                if (node.writes().isPresent()) {
                    Columns target = node.writes().get();
                    written.computeIfAbsent(target.of(), _ -> new TreeMap<>())
                            .put(target.from(), result);
                } else {
                    heads.add(result);
                }
                letGo(node);
            }
            return heads;
        }
    }

    /** Behind the node's own batch norm and a ReLU, where it has one. */
    private Tensor normalised(Node node, Tensor made) {
        if (node.outputNorm().isEmpty()) {
            return made;
        }
        try (made) {
            return normRelu(node.outputNorm().get(), made);
        }
    }

    private void letGo(Node node) {
        for (Read read : node.reads()) {
            for (Columns columns : read.ranges()) {
                Features of = columns.of();
                if (lastReader.get(of) == node && of != graph.input() && written.containsKey(of)) {
                    written.remove(of).values().forEach(Tensor::close);
                }
            }
        }
    }

    private Tensor compute(Node node) {
        return switch (node) {
            case ConvolutionLayer layer -> {
                try (Tensor x = read(layer.source())) {
                    Tensor y = convolution(layer.convolution(), x, layer.window(), 1);
                    yield dropped(layer, y);
                }
            }
            case BottleneckLayer layer -> dropped(layer, bottleneck(layer));
            case DepthwiseLayer layer -> {
                try (Tensor x = read(layer.source())) {
                    yield mixers.layer(layer, x);
                }
            }
            case PatchConvolution patches -> {
                try (Tensor x = read(patches.source())) {
                    yield mixers.patches(patches, x);
                }
            }
            case PooledConvolution stem -> {
                try (Tensor x = read(stem.source());
                        Tensor a =
                                convolutionNormRelu(
                                        stem.convolution(), stem.norm(), x, stem.window(), 1)) {
                    yield pool(a, new Window(3, 2, 1), Pooling.Kind.MAX);
                }
            }
            case Transition transition -> {
                try (Tensor x = read(transition.source());
                        Tensor y = convolution(transition.convolution(), x, WHOLE, 1)) {
                    yield pool(y, new Window(2, 2, 0), Pooling.Kind.AVERAGE);
                }
            }
            case Pooling pooling when pooling.kind() != Pooling.Kind.MAX_THEN_BLUR -> {
                try (Tensor x = read(pooling.source())) {
                    yield pool(x, pooling.window(), pooling.kind());
                }
            }
            case Addition sum -> sum(sum);
            case Classifier head -> classified(head);
            case PixelLogits head -> {
                try (Tensor x = read(head.source())) {
                    yield pixels(x);
                }
            }
            default ->
                    throw new IllegalArgumentException(
                            "libtorch's side has nothing for the node '" + node.name() + "'");
        };
    }

    private Tensor sum(Addition sum) {
        try (Tensor branch = read(sum.branch());
                Tensor shortcut = widened(read(sum.shortcut()), sum.branch().channels())) {
            Tensor added = branch.add(shortcut);
            return sum.relu() ? torch.relu_(added) : added;
        }
    }

    /** With channels of zeros behind its own, where there are fewer. */
    private static Tensor widened(Tensor x, int channels) {
        long missing = channels - x.size(1);
        if (missing == 0) {
            return x;
        }
        try (x) {
            return torch.constant_pad_nd(x, 0, 0, 0, 0, 0, missing);
        }
    }

    /** A row for each pixel. */
    private static Tensor pixels(Tensor x) {
        try (Tensor turned = x.permute(0, 2, 3, 1)) {
            return turned.reshape(-1, x.size(1));
        }
    }

    private Tensor classified(Classifier head) {
        Tensor means;
        try (Tensor x = read(head.source());
                Tensor pooled = torch.adaptive_avg_pool2d(x, 1, 1)) {
            means = pooled.flatten(1, -1);
        }
        try (means;
                Tensor rows =
                        head.norm().isPresent()
                                ? mixers.normRows(head.norm().get(), means)
                                : new Tensor(means)) {
            return torch.linear(
                    rows,
                    weights.get(head.linear() + ".weight"),
                    new TensorOptional(weights.get(head.linear() + ".bias")));
        }
    }

    private Tensor dropped(Node node, Tensor y) {
        if (!training || !node.drops().any()) {
            return y;
        }
        if (node.drops().survival() < 1) {
            throw new IllegalArgumentException(
                    "libtorch's side drops no layers as a whole: '" + node.name() + "'");
        }
        try (y) {
            return torch.dropout(y, node.drops().rate(), true);
        }
    }

    private Tensor bottleneck(BottleneckLayer layer) {
        LibtorchWeights.Converted converted = weights.converted(layer.conv1()).orElse(null);
        Tensor z;
        if (converted == null) {
            try (Tensor a = read(layer.source())) {
                z = convolutionNormRelu(layer.conv1(), layer.norm2(), a, WHOLE, 1);
            }
        } else {
            try (Tensor x = concatenated(layer.source());
                    Tensor gathered = x.index_select(1, converted.index());
                    Tensor a = normRelu(((Read.Normalised) layer.source()).norm(), gathered);
                    Tensor grouped =
                            convolutionNormRelu(
                                    layer.conv1(), layer.norm2(), a, WHOLE, converted.groups())) {
                z = shuffled(grouped, converted.groups());
            }
        }
        try (z) {
            return convolution(layer.conv2(), z, layer.window(), layer.groups());
        }
    }

    /** The authors' {@code ShuffleLayer}. */
    private static Tensor shuffled(Tensor x, int groups) {
        long[] shape = {x.size(0), groups, x.size(1) / groups, x.size(2), x.size(3)};
        try (Tensor apart = x.reshape(shape);
                Tensor turned = apart.transpose(1, 2)) {
            return turned.reshape(x.size(0), x.size(1), x.size(2), x.size(3));
        }
    }

    // ---------------------------------------------------------------- reads

    /** What is read, behind its normalisation; the caller closes it. */
    private Tensor read(Read read) {
        Tensor x = concatenated(read);
        return switch (read) {
            case Read.Raw _, Read.Activated _ -> x;
            case Read.Normalised normalised -> {
                try (x) {
                    Norm norm = normalised.norm();
                    yield normalised.relu() ? normRelu(norm, x) : norm(norm, x);
                }
            }
            case Read.L2Normalised normalised -> {
                try (x) {
                    yield l2Normalised(normalised.norm(), x);
                }
            }
        };
    }

    /** As the ports of SSD to PyTorch write it. */
    private Tensor l2Normalised(L2Norm norm, Tensor x) {
        try (Tensor squares = x.square();
                Tensor sums = squares.sum(new long[] {1}, true, new ScalarTypeOptional());
                Tensor above = sums.add(new Scalar(norm.epsilon()));
                Tensor factors = above.rsqrt();
                Tensor scale = weights.get(norm.name() + ".weight").view(1, -1, 1, 1);
                Tensor normalised = x.mul(factors)) {
            return normalised.mul(scale);
        }
    }

    private Tensor concatenated(Read read) {
        List<Tensor> parts = new ArrayList<>();
        read.ranges().forEach(columns -> parts.add(columns(columns)));
        return joined(parts);
    }

    /**
     * Columns of one matrix. What is concatenated of whole pieces takes their place: whoever reads
     * as much shares it, and whoever reads more adds to it, as authors of such networks write it.
     */
    private Tensor columns(Columns columns) {
        TreeMap<Integer, Tensor> pieces = written.get(columns.of());
        int end = columns.from() + columns.count();
        List<Integer> whole = new ArrayList<>();
        List<Tensor> parts = new ArrayList<>();
        for (Map.Entry<Integer, Tensor> piece : pieces.entrySet()) {
            int from = piece.getKey();
            int channels = (int) piece.getValue().size(1);
            int first = Math.max(columns.from(), from);
            int last = Math.min(end, from + channels);
            if (first == from && last == from + channels) {
                whole.add(from);
                parts.add(new Tensor(piece.getValue()));
            } else if (first < last) {
                parts.add(piece.getValue().narrow(1, first - from, last - first));
            }
        }
        boolean shared = whole.size() > 1 && whole.size() == parts.size();
        Tensor all = joined(parts);
        if (!shared) {
            return all;
        }
        whole.forEach(from -> pieces.remove(from).close());
        pieces.put(columns.from(), all);
        return new Tensor(all);
    }

    private static Tensor joined(List<Tensor> parts) {
        if (parts.size() == 1) {
            return parts.getFirst();
        }
        try (TensorVector vector = new TensorVector(parts.toArray(Tensor[]::new))) {
            return torch.cat(vector, 1);
        } finally {
            parts.forEach(Tensor::close);
        }
    }

    // ---------------------------------------------------------------- operations

    private static Tensor pool(Tensor x, Window window, Pooling.Kind kind) {
        long[] kernel = {window.kernel(), window.kernel()};
        long[] stride = {window.stride(), window.stride()};
        long[] padding = {window.padding(), window.padding()};
        if (kind == Pooling.Kind.AVERAGE) {
            return torch.avg_pool2d(x, kernel, stride, padding, false, true, new LongOptional());
        }
        boolean all = kind == Pooling.Kind.MAX_OF_ALL;
        return torch.max_pool2d(x, kernel, stride, padding, new long[] {1, 1}, all);
    }

    private Tensor convolution(String name, Tensor x, Window window, int groups) {
        Tensor bias = weights.find(name + ".folded");
        bias = bias == null ? weights.find(name + ".bias") : bias;
        return torch.conv2d(
                x,
                weights.get(name + ".weight"),
                bias == null ? new TensorOptional() : new TensorOptional(bias),
                new long[] {window.stride(), window.stride()},
                new long[] {window.padding(), window.padding()},
                new long[] {1, 1},
                groups);
    }

    private Tensor convolutionNormRelu(
            String name, Norm norm, Tensor x, Window window, int groups) {
        try (Tensor z = convolution(name, x, window, groups)) {
            return normRelu(norm, z);
        }
    }

    private Tensor normRelu(Norm norm, Tensor x) {
        Tensor normalised = norm(norm, x);
        torch.relu_(normalised);
        return normalised;
    }

    /** The same tensor where the norm is part of the convolution before it. */
    private Tensor norm(Norm norm, Tensor x) {
        if (weights.isFolded(norm)) {
            return new Tensor(x);
        }
        return torch.batch_norm(
                x,
                new TensorOptional(weights.get(norm.name() + ".weight")),
                new TensorOptional(weights.get(norm.name() + ".bias")),
                new TensorOptional(weights.get(norm.name() + ".running_mean")),
                new TensorOptional(weights.get(norm.name() + ".running_var")),
                training,
                norm.momentum(),
                norm.epsilon(),
                false);
    }
}
