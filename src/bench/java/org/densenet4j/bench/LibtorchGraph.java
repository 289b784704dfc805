package org.densenet4j.bench;

import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.densenet4j.graph.Addition;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Transition;
import org.densenet4j.graph.Window;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
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

    /** The last node that reads some features, after which they are let go. */
    private final Map<Features, Node> lastReader = new IdentityHashMap<>();

    /** What has been written of features, by the first column. */
    private final Map<Features, TreeMap<Integer, Tensor>> written = new IdentityHashMap<>();

    LibtorchGraph(Graph graph, LibtorchWeights weights, PeerVariant variant) {
        this.graph = graph;
        this.weights = weights;
        this.variant = variant;
        this.training = variant.work() == Work.TRAINING;
        if (graph.heads().size() > 1) {
            throw new IllegalArgumentException(
                    "libtorch's side has one head, '" + graph.name() + "' has several");
        }
        for (Node node : graph.nodes()) {
            for (Read read : node.reads()) {
                read.ranges().forEach(columns -> lastReader.put(columns.of(), node));
            }
        }
    }

    @Override
    public float step(Tensor images, Tensor labels) {
        try (Tensor logits = forward(images);
                Tensor wide = logits.to(torch.ScalarType.Float);
                Tensor loss = torch.cross_entropy_loss(wide, labels)) {
            loss.backward();
            return loss.item_float();
        }
    }

    @Override
    public Tensor infer(Tensor images) {
        try (Tensor logits = forward(images)) {
            return logits.to(torch.ScalarType.Float);
        }
    }

    private Tensor forward(Tensor images) {
        try (Autocast scope = Autocast.begin(variant.autocasts())) {
            written.put(graph.input(), new TreeMap<>(Map.of(0, images)));
            Tensor logits = null;
            for (Node node : graph.nodes()) {
                Tensor result = normalised(node, compute(node));
                if (node.writes().isPresent()) {
                    Columns target = node.writes().get();
                    written.computeIfAbsent(target.of(), _ -> new TreeMap<>())
                            .put(target.from(), result);
                } else {
                    logits = result;
                }
                letGo(node);
            }
            return logits;
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
                    yield convolution(layer.convolution(), x, layer.window(), 1);
                }
            }
            case BottleneckLayer layer -> bottleneck(layer);
            case PooledConvolution stem -> {
                try (Tensor x = read(stem.source());
                        Tensor a =
                                convolutionNormRelu(
                                        stem.convolution(), stem.norm(), x, stem.window(), 1)) {
                    yield pool(a, new Window(3, 2, 1), true);
                }
            }
            case Transition transition -> {
                try (Tensor x = read(transition.source());
                        Tensor y = convolution(transition.convolution(), x, WHOLE, 1)) {
                    yield pool(y, new Window(2, 2, 0), false);
                }
            }
            case Pooling pooling
                    when pooling.kind() == Pooling.Kind.MAX
                            || pooling.kind() == Pooling.Kind.AVERAGE -> {
                try (Tensor x = read(pooling.source())) {
                    yield pool(x, pooling.window(), pooling.kind() == Pooling.Kind.MAX);
                }
            }
            case Addition sum when sum.branch().channels() == sum.shortcut().channels() -> {
                try (Tensor branch = read(sum.branch());
                        Tensor shortcut = read(sum.shortcut())) {
                    Tensor added = branch.add(shortcut);
                    yield sum.relu() ? torch.relu_(added) : added;
                }
            }
            case Classifier head -> {
                try (Tensor x = read(head.source());
                        Tensor pooled = torch.adaptive_avg_pool2d(x, 1, 1);
                        Tensor flat = pooled.flatten(1, -1)) {
                    yield torch.linear(
                            flat,
                            weights.get(head.linear() + ".weight"),
                            new TensorOptional(weights.get(head.linear() + ".bias")));
                }
            }
            default ->
                    throw new IllegalArgumentException(
                            "libtorch's side has nothing for the node '" + node.name() + "'");
        };
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
        if (!(read instanceof Read.Normalised normalised)) {
            return x;
        }
        try (x) {
            return normalised.relu() ? normRelu(normalised.norm(), x) : norm(normalised.norm(), x);
        }
    }

    private Tensor concatenated(Read read) {
        List<Tensor> parts = new ArrayList<>();
        for (Columns columns : read.ranges()) {
            for (Map.Entry<Integer, Tensor> piece : written.get(columns.of()).entrySet()) {
                int from = Math.max(columns.from(), piece.getKey());
                int end =
                        Math.min(
                                columns.from() + columns.count(),
                                piece.getKey() + (int) piece.getValue().size(1));
                if (from < end) {
                    parts.add(piece.getValue().narrow(1, from - piece.getKey(), end - from));
                }
            }
        }
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

    private static Tensor pool(Tensor x, Window window, boolean largest) {
        long[] kernel = {window.kernel(), window.kernel()};
        long[] stride = {window.stride(), window.stride()};
        long[] padding = {window.padding(), window.padding()};
        return largest
                ? torch.max_pool2d(x, kernel, stride, padding, new long[] {1, 1}, false)
                : torch.avg_pool2d(x, kernel, stride, padding, false, true, new LongOptional());
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

    /** The norm is part of the convolution where it has been folded into it. */
    private Tensor convolutionNormRelu(
            String name, Norm norm, Tensor x, Window window, int groups) {
        Tensor z = convolution(name, x, window, groups);
        if (weights.find(name + ".folded") != null) {
            torch.relu_(z);
            return z;
        }
        try (z) {
            return normRelu(norm, z);
        }
    }

    private Tensor normRelu(Norm norm, Tensor x) {
        Tensor normalised = norm(norm, x);
        torch.relu_(normalised);
        return normalised;
    }

    private Tensor norm(Norm norm, Tensor x) {
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
