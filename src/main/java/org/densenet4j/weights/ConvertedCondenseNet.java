package org.densenet4j.weights;

import org.densenet4j.io.ElementType;
import org.densenet4j.io.FiniteValues;
import org.densenet4j.io.Tensor;
import org.densenet4j.io.TensorDescription;
import org.densenet4j.io.TensorFile;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A file of a converted CondenseNet (Huang et al. 2018, arXiv 1711.09224, section 3.2), as the one
 * that it was converted from: each 1x1 convolution in groups, with an index that says which inputs
 * its groups read, is one that reads all inputs, with a mask; the classifier that reads some of the
 * features reads all, with zeros. Names of a layer in the file and here:
 *
 * <pre>
 * conv_1.index [G·K/C]                    conv_1._mask [N, K, 1, 1]
 * conv_1.norm.… [G·K/C]                   conv_1.norm.… [K]
 * conv_1.conv.weight [N, K/C, 1, 1]       conv_1.conv.weight [N, K, 1, 1]
 * classifier.index [F/2]
 * classifier.linear.weight [classes, F/2] classifier.weight [classes, F]
 * classifier.linear.bias                  classifier.bias
 * </pre>
 *
 * <p>The file has the outputs of each group behind each other; here output <i>o</i> is of group
 * <i>o</i> mod G. Owns the file.
 */
final class ConvertedCondenseNet implements TensorFile {
    private static final Pattern INDEX =
            Pattern.compile(
                    "(.*?)((?:features\\.)?)denseblock_(\\d{1,3})\\.denselayer_(\\d{1,4})\\.conv_1\\.index");

    private static final String INDEX_NAME = "conv_1.index";

    /** Names are not longer in any network. */
    private static final int LONGEST_NAME = 512;

    private static final List<String> NORM =
            List.of("norm.weight", "norm.bias", "norm.running_mean", "norm.running_var");

    private final Path path;
    private final TensorFile file;
    private final Map<String, TensorDescription> descriptions = new LinkedHashMap<>();

    /** Of those tensors that are others in the file. */
    private final Map<String, Values> expanded = new HashMap<>();

    /** The values of a tensor that is another in the file. */
    private interface Values {
        float[] read() throws IOException;
    }

    private ConvertedCondenseNet(Path path, TensorFile file) {
        this.path = path;
        this.file = file;
    }

    /**
     * The file itself, or, where it is that of a converted CondenseNet, this view of it.
     *
     * @throws IOException in one line when an index does not fit; the file is open then
     */
    static TensorFile of(Path path, TensorFile file) throws IOException {
        Matcher first =
                file.names().stream()
                        .filter(name -> name.length() <= LONGEST_NAME)
                        .map(INDEX::matcher)
                        .filter(Matcher::matches)
                        .findFirst()
                        .orElse(null);
        if (first == null) {
            return file;
        }
        ConvertedCondenseNet converted = new ConvertedCondenseNet(path, file);
        converted.expand(first.group(1), first.group(2));
        return converted;
    }

    private void expand(String network, String container) throws IOException {
        for (String name : file.names()) {
            descriptions.put(name, file.describe(name));
        }
        int channels = sides(network + container + "init_conv.weight", 4)[0];
        String features = network + container;
        for (int block = 1; file.contains(layer(features, block, 1) + INDEX_NAME); block++) {
            for (int l = 1; file.contains(layer(features, block, l) + INDEX_NAME); l++) {
                new Layer(layer(features, block, l), channels).expand();
                channels += sides(layer(features, block, l) + "conv_2.conv.weight", 4)[0];
            }
        }
        String index = network + "classifier.index";
        if (file.contains(index)) {
            expandClassifier(network + "classifier.", index, channels);
        }
    }

    private static String layer(String features, int block, int layer) {
        return features + "denseblock_" + block + ".denselayer_" + layer + ".";
    }

    private int[] sides(String name, int dimensions) throws IOException {
        if (!file.contains(name)) {
            throw new IOException(
                    path + ": is a converted CondenseNet without the tensor '" + name + "'");
        }
        List<Long> shape = file.describe(name).shape();
        if (shape.size() != dimensions || shape.stream().anyMatch(d -> d < 1 || d > 1 << 20)) {
            throw new IOException(path + ": the tensor '" + name + "' is " + shape);
        }
        return shape.stream().mapToInt(Math::toIntExact).toArray();
    }

    private float[] floats(String name) throws IOException {
        return FiniteValues.of(path, name, file.tensor(name));
    }

    /** The places that an index holds. */
    private int[] index(String name, int below) throws IOException {
        sides(name, 1);
        if (file.describe(name).type().isFloat()) {
            throw new IOException(path + ": the index '" + name + "' has no integers");
        }
        long[] values = file.tensor(name).toLongs();
        int[] places = new int[values.length];
        for (int i = 0; i < values.length; i++) {
            if (values[i] < 0 || values[i] >= below) {
                throw new IOException(
                        path
                                + ": the index '"
                                + name
                                + "' names input "
                                + values[i]
                                + ", of "
                                + below
                                + " from 0 on");
            }
            places[i] = (int) values[i];
        }
        return places;
    }

    private void put(String name, Values values, int... shape) {
        List<Long> sides = Arrays.stream(shape).asLongStream().boxed().toList();
        descriptions.put(name, new TensorDescription(ElementType.F32, sides));
        expanded.put(name, values);
    }

    private void expandClassifier(String prefix, String index, int features) throws IOException {
        String weight = prefix + "linear.weight";
        int[] shape = sides(weight, 2);
        int[] places = index(index, features);
        if (places.length != shape[1]) {
            throw new IOException(
                    path
                            + ": the index '"
                            + index
                            + "' has "
                            + places.length
                            + " inputs, its weights "
                            + shape[1]);
        }
        String bias = prefix + "linear.bias";
        sides(bias, 1);
        List.of(index, weight, bias).forEach(descriptions::remove);
        put(
                prefix + "weight",
                () -> {
                    float[] some = floats(weight);
                    float[] all = new float[shape[0] * features];
                    for (int i = 0; i < some.length; i++) {
                        all[i / places.length * features + places[i % places.length]] = some[i];
                    }
                    return all;
                },
                shape[0],
                features);
        put(prefix + "bias", () -> floats(bias), shape[0]);
    }

    /** The 1x1 convolution of a layer and the normalisation in front of it. */
    private final class Layer {
        private final String prefix;
        private final int inputs;
        private final int outputs;
        private final int left;
        private final int groups;
        private final int[] places;

        Layer(String layer, int inputs) throws IOException {
            this.prefix = layer + "conv_1.";
            this.inputs = inputs;
            int[] shape = sides(prefix + "conv.weight", 4);
            this.outputs = shape[0];
            this.left = shape[1];
            String index = prefix + "index";
            this.places = index(index, inputs);
            this.groups = places.length / left;
            if (groups < 1 || places.length % left != 0 || outputs % groups != 0) {
                throw new IOException(
                        path
                                + ": the index '"
                                + index
                                + "' has "
                                + places.length
                                + " inputs, which are not those of groups of "
                                + left
                                + " that "
                                + outputs
                                + " outputs are divided into");
            }
            for (int group = 0; group < groups; group++) {
                int[] own = Arrays.copyOfRange(places, group * left, (group + 1) * left);
                if (Arrays.stream(own).distinct().count() < left) {
                    throw new IOException(
                            path + ": the index '" + index + "' names an input of a group twice");
                }
            }
        }

        void expand() throws IOException {
            descriptions.remove(prefix + "index");
            put(prefix + "_mask", () -> spread(ones(outputs * left)), outputs, inputs, 1, 1);
            put(
                    prefix + "conv.weight",
                    () -> spread(floats(prefix + "conv.weight")),
                    outputs,
                    inputs,
                    1,
                    1);
            for (String name : NORM) {
                int count = sides(prefix + name, 1)[0];
                if (count != places.length) {
                    throw new IOException(
                            path
                                    + ": the tensor '"
                                    + prefix
                                    + name
                                    + "' has "
                                    + count
                                    + " values, its index "
                                    + places.length);
                }
                put(prefix + name, () -> norm(name), inputs);
            }
        }

        /** Values of a group's own inputs [N, K/C], at their places in all of them [N, K]. */
        private float[] spread(float[] own) {
            float[] all = new float[outputs * inputs];
            int ofGroup = outputs / groups;
            for (int o = 0; o < outputs; o++) {
                int group = o / ofGroup;
                int output = o % ofGroup * groups + group;
                for (int i = 0; i < left; i++) {
                    all[output * inputs + places[group * left + i]] = own[o * left + i];
                }
            }
            return all;
        }

        /** What no group reads is normalised by nothing: zeros, and a variance of one. */
        private float[] norm(String name) throws IOException {
            float[] own = floats(prefix + name);
            float[] all = new float[inputs];
            Arrays.fill(all, name.endsWith("running_var") ? 1 : 0);
            boolean[] set = new boolean[inputs];
            for (int i = 0; i < own.length; i++) {
                int input = places[i];
                if (set[input] && all[input] != own[i]) {
                    throw new IOException(
                            path
                                    + ": groups read input "
                                    + input
                                    + " with different values of '"
                                    + prefix
                                    + name
                                    + "'");
                }
                set[input] = true;
                all[input] = own[i];
            }
            return all;
        }
    }

    private static float[] ones(int count) {
        float[] ones = new float[count];
        Arrays.fill(ones, 1);
        return ones;
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(descriptions.keySet());
    }

    @Override
    public boolean contains(String name) {
        return descriptions.containsKey(name);
    }

    @Override
    public TensorDescription describe(String name) {
        TensorDescription description = descriptions.get(name);
        if (description == null) {
            throw new IllegalArgumentException(path + ": has no tensor '" + name + "'");
        }
        return description;
    }

    @Override
    public Tensor tensor(String name) throws IOException {
        TensorDescription description = describe(name);
        Values other = expanded.get(name);
        if (other == null) {
            return file.tensor(name);
        }
        return Tensor.of(name, description.shape(), other.read());
    }

    @Override
    public Map<String, String> unreadable() {
        return file.unreadable();
    }

    @Override
    public Map<String, String> metadata() {
        return file.metadata();
    }

    @Override
    public void close() {
        file.close();
    }
}
