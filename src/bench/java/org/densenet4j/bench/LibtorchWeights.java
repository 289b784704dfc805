package org.densenet4j.bench;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.Read;
import org.densenet4j.spec.Initialiser;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The tensors of a network in libtorch, under torchvision's names. */
final class LibtorchWeights {
    private final Map<String, Tensor> tensors = new HashMap<>();
    private final TensorVector parameters = new TensorVector();
    private final torch.MemoryFormat format;
    private final boolean trains;
    private final boolean converts;
    private final long count;
    private final Map<String, Converted> converted = new HashMap<>();
    private final Set<String> folded = new HashSet<>();

    /** How a 1x1 convolution in groups that read inputs of their own is computed. */
    record Converted(Tensor index, int groups) {}

    /** With the values that our own network begins with for the same seed. */
    static LibtorchWeights initial(Graph graph, PeerVariant variant, long seed) {
        return new LibtorchWeights(graph, variant, initialValues(graph, seed));
    }

    /** What our own network begins with for the same seed. */
    static Map<String, float[]> initialValues(Graph graph, long seed) {
        Map<String, float[]> values = new HashMap<>();
        Initialiser initialiser = Initialiser.of(graph, seed);
        tensors(graph).forEach(p -> values.put(p.name(), filled(initialiser, p)));
        return values;
    }

    /** All tensors, whether they are trained or not. */
    static List<ParameterSpec> tensors(Graph graph) {
        List<ParameterSpec> all = new ArrayList<>(graph.parameters());
        all.addAll(graph.runningStatistics());
        return all;
    }

    /** With these parameters and running statistics, which are folded where they are. */
    LibtorchWeights(Graph graph, PeerVariant variant, Map<String, float[]> values) {
        this.format =
                variant.layout() == PeerVariant.Layout.NHWC
                        ? torch.MemoryFormat.ChannelsLast
                        : torch.MemoryFormat.Contiguous;
        this.trains = variant.work() == Work.TRAINING;
        this.converts = variant.converts();
        Map<String, long[]> shapes = new HashMap<>();
        tensors(graph).forEach(p -> shapes.put(p.name(), longs(p)));
        if (variant.style() == PeerVariant.Style.GROUPED) {
            graph.learnedGroups().forEach(learned -> convert(graph, learned, values, shapes));
        }
        if (variant.folds()) {
            FoldableNorms.of(graph).forEach((name, norm) -> fold(values, name, norm));
        }
        for (ParameterSpec p : tensors(graph)) {
            add(p.name(), values.get(p.name()), shapes.get(p.name()), p.role());
        }
        this.count = graph.parameterCount();
        for (Map.Entry<String, float[]> e : values.entrySet()) {
            if (e.getKey().endsWith(".folded")) {
                long[] length = {e.getValue().length};
                add(e.getKey(), e.getValue(), length, ParameterSpec.Role.LINEAR_BIAS);
            }
        }
    }

    /**
     * As CondenseNet's authors convert a layer: the weights of a group's own inputs, those of each
     * group behind each other, and an index that gathers the inputs and their norm. Which inputs
     * they are makes no difference to times; every group has others, at equal distances.
     */
    private void convert(
            Graph graph,
            LearnedGroups learned,
            Map<String, float[]> values,
            Map<String, long[]> shapes) {
        BottleneckLayer layer =
                graph.nodes().stream()
                        .filter(BottleneckLayer.class::isInstance)
                        .map(BottleneckLayer.class::cast)
                        .filter(l -> learned.weight().equals(l.conv1() + ".weight"))
                        .findFirst()
                        .orElseThrow();
        int inputs = layer.prefixChannels();
        int left = learned.left(inputs);
        int outputs = layer.width();
        int groups = learned.groups();
        long[] index = new long[groups * left];
        for (int i = 0; i < index.length; i++) {
            int group = i / left;
            index[i] = i % left * learned.factor() + Math.floorMod(-group, learned.factor());
        }
        float[] all = values.get(learned.weight());
        float[] own = new float[outputs * left];
        for (int o = 0; o < outputs; o++) {
            int group = o / (outputs / groups);
            int output = o % (outputs / groups) * groups + group;
            for (int i = 0; i < left; i++) {
                own[o * left + i] = all[output * inputs + (int) index[group * left + i]];
            }
        }
        values.put(learned.weight(), own);
        shapes.put(learned.weight(), new long[] {outputs, left, 1, 1});
        String norm = ((Read.Normalised) layer.source()).norm().name();
        for (String part : List.of("weight", "bias", "running_mean", "running_var")) {
            float[] ofInputs = values.get(norm + "." + part);
            float[] gathered = new float[index.length];
            for (int i = 0; i < index.length; i++) {
                gathered[i] = ofInputs[(int) index[i]];
            }
            values.put(norm + "." + part, gathered);
            shapes.put(norm + "." + part, new long[] {index.length});
        }
        Tensor places = Tensor.create(index);
        places.retainReference();
        converted.put(layer.conv1(), new Converted(places, groups));
    }

    /** How a 1x1 convolution is computed where it is in groups. */
    Optional<Converted> converted(String convolution) {
        return Optional.ofNullable(converted.get(convolution));
    }

    private static float[] filled(Initialiser initialiser, ParameterSpec p) {
        float[] values = new float[Math.toIntExact(p.count())];
        initialiser.fill(p, values);
        return values;
    }

    private static long[] longs(ParameterSpec p) {
        return p.shape().stream().mapToLong(Integer::longValue).toArray();
    }

    /** As {@code torch.nn.utils.fusion.fuse_conv_bn_eval} does; the shift becomes a bias. */
    private void fold(Map<String, float[]> values, String convolution, Norm norm) {
        float[] gamma = values.get(norm.name() + ".weight");
        float[] weights = values.get(convolution + ".weight");
        float[] bias = values.get(convolution + ".bias");
        float[] shift = values.get(norm.name() + ".bias").clone();
        int each = weights.length / gamma.length;
        for (int c = 0; c < gamma.length; c++) {
            double variance = values.get(norm.name() + ".running_var")[c];
            float scale = (float) (gamma[c] / Math.sqrt(variance + norm.epsilon()));
            float mean = values.get(norm.name() + ".running_mean")[c];
            shift[c] += scale * ((bias == null ? 0 : bias[c]) - mean);
            for (int i = c * each; i < (c + 1) * each; i++) {
                weights[i] *= scale;
            }
        }
        values.put(convolution + ".folded", shift);
        folded.add(norm.name());
    }

    /** Whether a batch norm is part of the convolution before it. */
    boolean isFolded(Norm norm) {
        return folded.contains(norm.name());
    }

    private void add(String name, float[] values, long[] shape, ParameterSpec.Role role) {
        Tensor t = Tensor.create(values, shape);
        if (converts && isConverted(role)) {
            t = t.to(torch.ScalarType.BFloat16);
        }
        if (shape.length == 4) {
            t = t.contiguous(format);
        }
        if (trains && role != ParameterSpec.Role.RUNNING_STATISTIC) {
            t.requires_grad_(true);
            parameters.push_back(t);
        }
        t.retainReference();
        tensors.put(name, t);
    }

    /** Batch and layer norms stay in fp32, as libtorch takes them beside bf16. */
    private static boolean isConverted(ParameterSpec.Role role) {
        return switch (role) {
            case CONV_WEIGHT, CONV_BIAS, LINEAR_WEIGHT, LINEAR_BIAS, LAYER_SCALE -> true;
            case BN_WEIGHT, BN_BIAS, LN_WEIGHT, LN_BIAS, L2_SCALE, RUNNING_STATISTIC -> false;
        };
    }

    /** Number of trained values. */
    long count() {
        return count;
    }

    /** Images as the convolutions take them. */
    Tensor images(Tensor nchw) {
        Tensor placed = nchw.contiguous(format);
        return converts ? placed.to(torch.ScalarType.BFloat16) : placed;
    }

    TensorVector parameters() {
        return parameters;
    }

    Tensor get(String name) {
        Tensor t = tensors.get(name);
        if (t == null) {
            throw new IllegalArgumentException("no tensor " + name);
        }
        return t;
    }

    /** Null where there is none. */
    Tensor find(String name) {
        return tensors.get(name);
    }
}
