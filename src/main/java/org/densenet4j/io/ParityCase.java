package org.densenet4j.io;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Numbers that another framework recorded for one network and one batch: its weights, outputs,
 * gradients, running statistics and parameters after optimiser steps ({@code docs/parity.md}).
 *
 * <p>Owns an open file; closing twice is allowed.
 */
public final class ParityCase implements AutoCloseable {
    private static final String FORMAT = "densenet-parity-1";
    private static final String NOISE = "noise.";
    private static final String LOSSES = "sgd.losses";
    private static final String SPEC = "spec.";
    private static final String VOID_LABEL = "void_label";
    private static final int LABELS_OF_PIXELS = 3;
    private static final int MOST_STEPS = 100;
    private static final Pattern RESULTS = Pattern.compile("(eval|train|sgd\\d*)\\.");
    private static final Pattern STEP = Pattern.compile("sgd([1-9]\\d{0,8})\\.");

    private final Path path;
    private final Safetensors file;

    private ParityCase(Path path, Safetensors file) {
        this.path = path;
        this.file = file;
    }

    /**
     * Opens a case and checks that it is whole.
     *
     * @param path a safetensors file as {@code docs/parity.md} describes it
     * @return the case, which the caller closes
     * @throws IOException in one line when it is not
     */
    public static ParityCase open(Path path) throws IOException {
        Objects.requireNonNull(path, "path");
        ParityCase parity = new ParityCase(path, Safetensors.open(path));
        boolean whole = false;
        try {
            parity.check();
            whole = true;
            return parity;
        } finally {
            if (!whole) {
                parity.close();
            }
        }
    }

    private void check() throws IOException {
        if (!FORMAT.equals(file.metadata().get("format"))) {
            throw new SafetensorsException(
                    path,
                    "is not a parity case: metadata format is '"
                            + file.metadata().get("format")
                            + "', not '"
                            + FORMAT
                            + "'");
        }
        if (!recordsSpec()) {
            checkDenseNet();
        }
        learningRate();
        momentum();
        nesterov();
        weightDecay();
        for (String name :
                List.of(
                        "input",
                        "labels",
                        "eval.logits",
                        "train.logits",
                        "train.loss",
                        "train.grad.input")) {
            if (!file.contains(name)) {
                throw new SafetensorsException(path, "the tensor '" + name + "' is missing");
            }
        }
        for (String name : file.names()) {
            if (!name.equals("labels")) {
                checkNumbers(name);
                checkPrecision(name);
            }
        }
        checkBatch();
        for (String name : file.names()) {
            if (name.startsWith(NOISE)) {
                checkNoise(name);
            }
        }
        checkSteps();
    }

    private void checkDenseNet() throws IOException {
        blockConfig();
        growthRate();
        initialChannels();
        bottleneckWidth();
        compression();
        imageNetStem();
        if (classes() < 1) {
            throw new SafetensorsException(path, "num_classes is " + classes() + ", not 1 or more");
        }
        inputSize();
        bnEpsilon();
        bnMomentum();
    }

    private void checkNumbers(String name) throws IOException {
        Tensor tensor = file.tensor(name);
        if (!tensor.type().isFloat()) {
            throw new SafetensorsException(
                    path, "the tensor '" + name + "' does not hold floating-point numbers");
        }
        for (double value : tensor.toDoubles()) {
            if (!Float.isFinite((float) value)) {
                throw new SafetensorsException(
                        path,
                        "the tensor '"
                                + name
                                + "' holds "
                                + value
                                + ", which single precision cannot");
            }
        }
    }

    /** Weights and images may be stored in half precision, results not: that is too coarse. */
    private void checkPrecision(String name) throws IOException {
        ElementType type = file.tensor(name).type();
        boolean isResult = RESULTS.matcher(name).lookingAt();
        if (isResult && type != ElementType.F32 && type != ElementType.F64) {
            throw new SafetensorsException(
                    path,
                    "the tensor '"
                            + name
                            + "' is "
                            + type
                            + ", too coarse to compare with; record F32 or F64");
        }
    }

    private void checkBatch() throws IOException {
        List<Long> shape = file.tensor("input").shape();
        Tensor labels = file.tensor("labels");
        if (recordsSpec()) {
            checkBatchOfSpec(shape, labels);
            return;
        }
        if (shape.size() != 4
                || shape.get(0) < 1
                || shape.get(1) != 3
                || shape.get(2) != inputSize()
                || shape.get(3) != inputSize()) {
            throw new SafetensorsException(
                    path, "input has shape " + shape + ", not [N, 3, H, W] of the input size");
        }
        if (labels.type() != ElementType.I64
                || labels.shape().size() != 1
                || labels.count() != shape.get(0)) {
            throw new SafetensorsException(path, "labels are not one I64 for each image");
        }
        for (long label : labels.toLongs()) {
            if (label < 0 || label >= classes()) {
                throw new SafetensorsException(
                        path, "label " + label + " is not in 0.." + (classes() - 1));
            }
        }
    }

    /** What the network wants of it is for those to check who know the network. */
    private void checkBatchOfSpec(List<Long> shape, Tensor labels) throws IOException {
        if (shape.size() != 4 || shape.contains(0L)) {
            throw new SafetensorsException(path, "input has shape " + shape + ", not [N, C, H, W]");
        }
        int dimensions = labels.shape().size();
        if (labels.type() != ElementType.I64
                || dimensions != 1 && dimensions != LABELS_OF_PIXELS
                || !labels.shape().getFirst().equals(shape.getFirst())) {
            throw new SafetensorsException(
                    path, "labels are not one I64 for each image or for each of its pixels");
        }
        long labelled = 0;
        for (int label : labels()) {
            labelled += label == -1 ? 0 : 1;
        }
        if (labelled == 0) {
            throw new SafetensorsException(path, "every label is void");
        }
    }

    private void checkNoise(String name) throws IOException {
        String of = name.substring(NOISE.length());
        if (!file.contains(of)) {
            throw new SafetensorsException(
                    path, "there is '" + name + "', but no tensor '" + of + "'");
        }
        Tensor noise = file.tensor(name);
        if (noise.count() != 1 || noise.toDoubles()[0] < 0) {
            throw new SafetensorsException(
                    path, "the tensor '" + name + "' is not one number from 0 up");
        }
    }

    /** Either nothing of optimiser steps, or the losses and the parameters after the last step. */
    private void checkSteps() throws IOException {
        int steps = 0;
        if (file.contains(LOSSES)) {
            Tensor losses = file.tensor(LOSSES);
            if (losses.shape().size() != 1 || losses.count() < 1 || losses.count() > MOST_STEPS) {
                throw new SafetensorsException(
                        path,
                        LOSSES
                                + " has shape "
                                + losses.shape()
                                + ", not [steps] with 1 to "
                                + MOST_STEPS);
            }
            steps = (int) losses.count();
        }
        boolean last = false;
        for (String name : file.names()) {
            Matcher step = STEP.matcher(name);
            if (step.lookingAt()) {
                if (Integer.parseInt(step.group(1)) > steps) {
                    throw new SafetensorsException(
                            path, "there is '" + name + "', but no loss of that step in " + LOSSES);
                }
                last |= Integer.parseInt(step.group(1)) == steps;
            }
        }
        if (steps > 0 && !last) {
            throw new SafetensorsException(
                    path,
                    "the parameters after step " + steps + ", 'sgd" + steps + ".', are missing");
        }
    }

    // ---------------------------------------------------------------- metadata

    /** {@return all entries} */
    public Map<String, String> metadata() {
        return file.metadata();
    }

    /**
     * {@return whether the network is described as checkpoints do it, by entries that start with
     * {@code spec.}; files without them are of DenseNets}
     */
    public boolean recordsSpec() {
        return file.metadata().keySet().stream().anyMatch(key -> key.startsWith(SPEC));
    }

    /** The label of pixels without one; empty where every image or pixel has one. */
    private OptionalLong voidLabel() throws IOException {
        return file.metadata().containsKey(VOID_LABEL)
                ? OptionalLong.of(integer(VOID_LABEL, text(VOID_LABEL)))
                : OptionalLong.empty();
    }

    /**
     * {@return layers of each block}
     *
     * @throws IOException in one line when the metadata lack the entry or it is no such value
     */
    public List<Integer> blockConfig() throws IOException {
        List<Integer> layers = new ArrayList<>();
        for (String part : text("block_config").split(",", -1)) {
            layers.add(integer("block_config", part.strip()));
        }
        return layers;
    }

    /**
     * {@return growth rate k}
     *
     * @throws IOException in one line when the metadata lack the entry or it is no such value
     */
    public int growthRate() throws IOException {
        return integer("growth_rate", text("growth_rate"));
    }

    /**
     * {@return channels behind the stem}
     *
     * @throws IOException in one line when the metadata lack the entry or it is no such value
     */
    public int initialChannels() throws IOException {
        return integer("num_init_features", text("num_init_features"));
    }

    /**
     * {@return bottleneck width as a multiple of k, 0 for none}
     *
     * @throws IOException in one line when the metadata lack the entry or it is no such value
     */
    public int bottleneckWidth() throws IOException {
        return integer("bn_size", text("bn_size"));
    }

    /**
     * {@return compression theta}
     *
     * @throws IOException in one line when the metadata lack the entry or it is no such value
     */
    public double compression() throws IOException {
        return number("compression");
    }

    /**
     * {@return whether the stem is ImageNet's}
     *
     * @throws IOException in one line when the metadata lack the entry or it is no such value
     */
    public boolean imageNetStem() throws IOException {
        return switch (text("stem")) {
            case "small" -> false;
            case "imagenet" -> true;
            default ->
                    throw new SafetensorsException(
                            path, "stem is '" + text("stem") + "', not small or imagenet");
        };
    }

    /**
     * {@return number of classes}
     *
     * @throws IOException in one line when the metadata lack the entry or it is no such value
     */
    public int classes() throws IOException {
        return integer("num_classes", text("num_classes"));
    }

    /**
     * {@return height and width of the images}
     *
     * @throws IOException in one line when the metadata lack the entry or it is no such value
     */
    public int inputSize() throws IOException {
        return integer("input_size", text("input_size"));
    }

    /**
     * {@return batch normalisation's epsilon}
     *
     * @throws IOException in one line when the metadata lack the entry or it is no such value
     */
    public double bnEpsilon() throws IOException {
        return number("bn_eps");
    }

    /**
     * {@return weight of the newest batch in running statistics}
     *
     * @throws IOException in one line when the metadata lack the entry or it is no such value
     */
    public double bnMomentum() throws IOException {
        return number("bn_momentum");
    }

    /**
     * {@return learning rate of the optimiser steps}
     *
     * @throws IOException in one line when the metadata lack the entry or it is no such value
     */
    public double learningRate() throws IOException {
        return number("lr");
    }

    /**
     * {@return momentum of the optimiser steps}
     *
     * @throws IOException in one line when the metadata lack the entry or it is no such value
     */
    public double momentum() throws IOException {
        return number("momentum");
    }

    /**
     * {@return whether the momentum is Nesterov's}
     *
     * @throws IOException in one line when the metadata lack the entry or it is no such value
     */
    public boolean nesterov() throws IOException {
        return switch (text("nesterov")) {
            case "true", "True", "1" -> true;
            case "false", "False", "0" -> false;
            default ->
                    throw new SafetensorsException(
                            path, "nesterov is '" + text("nesterov") + "', not true or false");
        };
    }

    /**
     * {@return weight decay, on every parameter}
     *
     * @throws IOException in one line when the metadata lack the entry or it is no such value
     */
    public double weightDecay() throws IOException {
        return number("weight_decay");
    }

    private String text(String key) throws IOException {
        String value = file.metadata().get(key);
        if (value == null) {
            throw new SafetensorsException(path, "the metadata lacks '" + key + "'");
        }
        return value;
    }

    private int integer(String key, String value) throws IOException {
        try {
            return Integer.parseInt(value);
        } catch (NumberFormatException e) {
            throw new SafetensorsException(path, key + " is '" + value + "', not a whole number");
        }
    }

    private double number(String key) throws IOException {
        try {
            double value = Double.parseDouble(text(key));
            if (Double.isFinite(value)) {
                return value;
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new SafetensorsException(path, key + " is '" + text(key) + "', not a number");
    }

    // ---------------------------------------------------------------- tensors

    /** {@return the file that was opened} */
    public Path path() {
        return path;
    }

    /** {@return images [N, C, H, W]} */
    public Tensor input() {
        return file.tensor("input");
    }

    /**
     * {@return one class index per image, or per pixel, row by row, with -1 for those that have
     * none}
     *
     * @throws IOException in one line when one is no index
     */
    public int[] labels() throws IOException {
        long[] labels = file.tensor("labels").toLongs();
        OptionalLong none = voidLabel();
        int[] result = new int[labels.length];
        for (int i = 0; i < labels.length; i++) {
            if (none.isPresent() && labels[i] == none.getAsLong()) {
                result[i] = -1;
            } else if (labels[i] >= 0 && labels[i] <= Integer.MAX_VALUE) {
                result[i] = (int) labels[i];
            } else {
                throw new SafetensorsException(path, "label " + labels[i] + " is no class");
            }
        }
        return result;
    }

    /**
     * {@return whether a tensor was recorded}
     *
     * @param name of a tensor, as {@code docs/parity.md} lists them
     */
    public boolean contains(String name) {
        return file.contains(name);
    }

    /**
     * {@return a recorded tensor}
     *
     * @param name of a tensor, as {@code docs/parity.md} lists them
     */
    public Tensor tensor(String name) {
        return file.tensor(name);
    }

    /** {@return optimiser steps that were recorded, 0 for none} */
    public int steps() {
        return file.contains(LOSSES) ? (int) file.tensor(LOSSES).count() : 0;
    }

    /**
     * {@return the recording framework's own error of a tensor in single precision, relative in
     * norm; 0 where it was not recorded}
     *
     * @param name of a tensor, as {@code docs/parity.md} lists them
     */
    public double noise(String name) {
        return file.contains(NOISE + name) ? file.tensor(NOISE + name).toDoubles()[0] : 0;
    }

    /** {@return names of all tensors} */
    public Set<String> names() {
        return file.names();
    }

    /**
     * {@return all tensors whose names start with {@code prefix}, by the rest of the name}
     *
     * @param prefix such as {@code train.grad.}
     */
    public Map<String, Tensor> group(String prefix) {
        Map<String, Tensor> group = new LinkedHashMap<>();
        for (String name : file.names()) {
            if (name.startsWith(prefix)) {
                group.put(name.substring(prefix.length()), file.tensor(name));
            }
        }
        return group;
    }

    @Override
    public void close() {
        file.close();
    }
}
