package org.densenet4j.bench;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.spec.Initialiser;
import org.densenet4j.spec.NetworkShape;

import java.util.HashMap;
import java.util.Map;

/** The tensors of a network in libtorch, under torchvision's names. */
final class LibtorchWeights {
    private static final double EPSILON = 1e-5;

    private final Map<String, Tensor> tensors = new HashMap<>();
    private final TensorVector parameters = new TensorVector();
    private final torch.MemoryFormat format;
    private final boolean trains;
    private final boolean converts;
    private long count;

    /** With the values that our own network begins with for the same seed. */
    LibtorchWeights(NetworkShape shape, PeerVariant variant, long seed) {
        this(shape, variant, initial(shape, seed));
    }

    /** With these parameters and running statistics, which are folded where they are. */
    LibtorchWeights(NetworkShape shape, PeerVariant variant, Map<String, float[]> values) {
        this.format =
                variant.layout() == PeerVariant.Layout.NHWC
                        ? torch.MemoryFormat.ChannelsLast
                        : torch.MemoryFormat.Contiguous;
        this.trains = variant.work() == Work.TRAINING;
        this.converts = variant.converts();
        if (variant.style() == PeerVariant.Style.FOLDED) {
            fold(values, "features.conv0", "features.norm0");
            for (ParameterSpec p : shape.parameters()) {
                String name = p.name();
                if (name.endsWith(".conv1.weight")) {
                    String layer = name.substring(0, name.length() - ".conv1.weight".length());
                    fold(values, layer + ".conv1", layer + ".norm2");
                }
            }
        }
        for (ParameterSpec p : shape.parameters()) {
            add(p.name(), values.get(p.name()), longs(p), p.role());
            count += p.count();
        }
        for (ParameterSpec p : shape.buffers()) {
            add(p.name(), values.get(p.name()), longs(p), p.role());
        }
        for (Map.Entry<String, float[]> e : values.entrySet()) {
            if (e.getKey().endsWith(".folded")) {
                long[] length = {e.getValue().length};
                add(e.getKey(), e.getValue(), length, ParameterSpec.Role.LINEAR_BIAS);
            }
        }
    }

    private static Map<String, float[]> initial(NetworkShape shape, long seed) {
        Map<String, float[]> values = new HashMap<>();
        Initialiser initialiser = Initialiser.seeded(seed);
        shape.parameters().forEach(p -> values.put(p.name(), filled(initialiser, p)));
        shape.buffers().forEach(p -> values.put(p.name(), filled(initialiser, p)));
        return values;
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
    private static void fold(Map<String, float[]> values, String convolution, String norm) {
        float[] gamma = values.get(norm + ".weight");
        if (gamma == null) {
            return;
        }
        float[] weights = values.get(convolution + ".weight");
        float[] shift = values.get(norm + ".bias").clone();
        int each = weights.length / gamma.length;
        for (int c = 0; c < gamma.length; c++) {
            double variance = values.get(norm + ".running_var")[c];
            float scale = (float) (gamma[c] / Math.sqrt(variance + EPSILON));
            shift[c] -= scale * values.get(norm + ".running_mean")[c];
            for (int i = c * each; i < (c + 1) * each; i++) {
                weights[i] *= scale;
            }
        }
        values.put(convolution + ".folded", shift);
    }

    private void add(String name, float[] values, long[] shape, ParameterSpec.Role role) {
        Tensor t = Tensor.create(values, shape);
        boolean matrix = role.isWeight() || role == ParameterSpec.Role.LINEAR_BIAS;
        if (converts && matrix) {
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
