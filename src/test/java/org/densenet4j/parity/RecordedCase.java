package org.densenet4j.parity;

import org.densenet4j.engine.Mode;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.reference.ReferenceNetwork;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Initialiser;
import org.densenet4j.spec.NetworkShape;
import org.densenet4j.spec.Stem;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Collectors;

/**
 * A parity case of a random network that the double-precision reference recorded, with ReLU inputs
 * at zero where they are wanted. What is recorded may be changed before it is written.
 */
public final class RecordedCase {
    private static final int IMAGES = 3;
    private static final int STEPS = 3;
    private static final double RATE = 0.01;
    private static final double MOMENTUM = 0.9;
    private static final double DECAY = 1e-4;

    private final DenseNetSpec spec;
    private final NetworkShape shape;
    private final Map<String, String> metadata = new LinkedHashMap<>();
    private final Map<String, float[]> tensors = new LinkedHashMap<>();
    private final Map<String, List<Integer>> shapes = new LinkedHashMap<>();
    private final Map<String, float[]> weights = new LinkedHashMap<>();
    private final double[] images;
    private final int[] labels;

    private RecordedCase(DenseNetSpec spec, long seed) {
        this.spec = spec;
        this.shape = NetworkShape.of(spec);
        SplittableRandom random = new SplittableRandom(seed);
        Initialiser initialiser = Initialiser.seeded(seed);
        List<ParameterSpec> all = new ArrayList<>(shape.parameters());
        all.addAll(shape.buffers());
        for (ParameterSpec p : all) {
            float[] values = new float[(int) p.count()];
            switch (p.role()) {
                case BN_WEIGHT -> fill(values, () -> random.nextDouble(0.7, 1.3));
                case BN_BIAS -> fill(values, () -> 0.1 * random.nextGaussian());
                case RUNNING_STATISTIC -> fill(values, () -> random.nextDouble(0.5, 1.5));
                default -> initialiser.fill(p, values);
            }
            weights.put(p.name(), values);
        }
        images = new double[IMAGES * spec.inputHeight() * spec.inputWidth() * 3];
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) random.nextGaussian();
        }
        labels = random.ints(IMAGES, 0, spec.classes()).toArray();
    }

    private interface Draw {
        double next();
    }

    private static void fill(float[] values, Draw draw) {
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) draw.next();
        }
    }

    /** A small network of one kind. */
    public static DenseNetSpec spec(Stem stem, int bottleneckWidth) {
        return DenseNetSpec.builder()
                .stem(stem)
                .bottleneckWidth(bottleneckWidth)
                .growthRate(4)
                .layersPerBlock(2, 2)
                .initialChannels(8)
                .compression(0.5)
                .classes(3)
                .inputSize(stem == Stem.IMAGENET ? 32 : 8)
                .build();
    }

    /**
     * Records a case.
     *
     * @param channelsWithKink in every normalisation, so many channels are shifted by what makes
     *     one input of their ReLU zero, but for rounding
     */
    public static RecordedCase of(DenseNetSpec spec, int channelsWithKink, long seed) {
        RecordedCase made = new RecordedCase(spec, seed);
        made.plantKinks(channelsWithKink, new SplittableRandom(seed + 1));
        made.record();
        return made;
    }

    private void plantKinks(int channels, SplittableRandom random) {
        for (ParameterSpec p : shape.parameters()) {
            if (p.role() == ParameterSpec.Role.BN_BIAS && channels > 0) {
                String norm = p.name().substring(0, p.name().length() - ".bias".length());
                ReferenceNetwork network = network();
                network.forward(images, Mode.TRAIN, ReferenceNetwork.Dropout.NONE);
                double[] inputs = network.margins().get(norm);
                float[] shifts = weights.get(p.name());
                for (int c = 0; c < channels; c++) {
                    int row = random.nextInt(inputs.length / shifts.length);
                    shifts[c] -= (float) inputs[row * shifts.length + c];
                }
            }
        }
    }

    private ReferenceNetwork network() {
        ReferenceNetwork network = new ReferenceNetwork(spec);
        shape.parameters().forEach(p -> copy(p, network.parameter(p.name())));
        shape.buffers().forEach(p -> copy(p, network.runningStatistic(p.name())));
        return network;
    }

    private void copy(ParameterSpec p, double[] to) {
        System.arraycopy(Difference.toDoubles(weights.get(p.name())), 0, to, 0, to.length);
    }

    private void record() {
        metadata.put("format", "densenet-parity-1");
        metadata.put("growth_rate", String.valueOf(spec.growthRate()));
        metadata.put(
                "block_config",
                spec.layersPerBlock().stream()
                        .map(String::valueOf)
                        .collect(Collectors.joining(",")));
        metadata.put("num_init_features", String.valueOf(spec.initialChannels()));
        metadata.put("bn_size", String.valueOf(spec.bottleneckWidth()));
        metadata.put("compression", String.valueOf(spec.compression()));
        metadata.put("stem", spec.stem() == Stem.SMALL ? "small" : "imagenet");
        metadata.put("num_classes", String.valueOf(spec.classes()));
        metadata.put("input_size", String.valueOf(spec.inputHeight()));
        metadata.put("bn_eps", String.valueOf(spec.bnEpsilon()));
        metadata.put("bn_momentum", String.valueOf(spec.bnMomentum()));
        metadata.put("lr", String.valueOf(RATE));
        metadata.put("momentum", String.valueOf(MOMENTUM));
        metadata.put("nesterov", "true");
        metadata.put("weight_decay", String.valueOf(DECAY));

        List<Integer> imageShape = List.of(IMAGES, 3, spec.inputHeight(), spec.inputWidth());
        List<Integer> logitsShape = List.of(IMAGES, spec.classes());
        PixelOrder order = PixelOrder.ofImages(spec);
        shape.parameters()
                .forEach(p -> put("weights.", p, Difference.toDoubles(weights.get(p.name()))));
        shape.buffers()
                .forEach(p -> put("weights.", p, Difference.toDoubles(weights.get(p.name()))));
        put("input", imageShape, order.channelsFirst(images));
        put(
                "eval.logits",
                logitsShape,
                network().forward(images, Mode.EVALUATE, ReferenceNetwork.Dropout.NONE));

        ReferenceNetwork network = network();
        put(
                "train.logits",
                logitsShape,
                network.forward(images, Mode.TRAIN, ReferenceNetwork.Dropout.NONE));
        put("train.loss", List.of(1), new double[] {network.loss(labels, 0)});
        network.backward();
        shape.parameters().forEach(p -> put("train.grad.", p, network.gradient(p.name())));
        put("train.grad.input", imageShape, order.channelsFirst(network.inputGradient()));
        shape.buffers().forEach(p -> put("train.running.", p, network.runningStatistic(p.name())));

        ReferenceNetwork trained = network();
        double[] losses = new double[STEPS];
        for (int step = 1; step <= STEPS; step++) {
            trained.forward(images, Mode.TRAIN, ReferenceNetwork.Dropout.NONE);
            losses[step - 1] = trained.loss(labels, 0);
            trained.backward();
            trained.sgd(RATE, MOMENTUM, true, DECAY);
            if (step != 2) {
                String prefix = "sgd" + step + ".";
                shape.parameters().forEach(p -> put(prefix, p, trained.parameter(p.name())));
            }
        }
        put("sgd.losses", List.of(STEPS), losses);
    }

    private void put(String prefix, ParameterSpec p, double[] values) {
        put(prefix + p.name(), p.shape(), values);
    }

    private void put(String name, List<Integer> tensorShape, double[] values) {
        tensors.put(name, Difference.toFloats(values));
        shapes.put(name, tensorShape);
    }

    /** The values of a tensor, to change them. */
    public float[] tensor(String name) {
        return tensors.get(name);
    }

    /** Adds a tensor or puts another in its place. */
    public RecordedCase tensor(String name, List<Integer> tensorShape, float... values) {
        tensors.put(name, values);
        shapes.put(name, tensorShape);
        return this;
    }

    /** Leaves a tensor out. */
    public RecordedCase without(String name) {
        tensors.remove(name);
        return this;
    }

    /** Multiplies a tensor. */
    public RecordedCase scale(String name, double factor) {
        float[] values = tensors.get(name);
        for (int i = 0; i < values.length; i++) {
            values[i] *= (float) factor;
        }
        return this;
    }

    /** Sets an entry of the metadata; null takes it away. */
    public RecordedCase metadata(String key, String value) {
        if (value == null) {
            metadata.remove(key);
        } else {
            metadata.put(key, value);
        }
        return this;
    }

    /** Names of the parameters. */
    public List<String> parameters() {
        return shape.parameters().stream().map(ParameterSpec::name).toList();
    }

    /** Writes the file. */
    public Path write(Path path) throws IOException {
        SafetensorsWriter writer = new SafetensorsWriter();
        metadata.forEach(writer::metadata);
        tensors.forEach((name, values) -> writer.floats(name, shapes.get(name), () -> values));
        if (!tensors.containsKey("labels")) {
            long[] classes = new long[labels.length];
            for (int i = 0; i < labels.length; i++) {
                classes[i] = labels[i];
            }
            writer.longs("labels", List.of(labels.length), () -> classes);
        }
        writer.write(path);
        return path;
    }
}
