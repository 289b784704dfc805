package org.densenet4j.parity;

import org.densenet4j.engine.Mode;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.reference.ReferenceNetwork;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.Initialiser;
import org.densenet4j.spec.ResNetSpec;
import org.densenet4j.spec.SpecMetadata;
import org.densenet4j.spec.Stem;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
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

    private final FamilySpec spec;
    private final Graph graph;
    private final Map<String, String> metadata = new LinkedHashMap<>();
    private final Map<String, float[]> tensors = new LinkedHashMap<>();
    private final Map<String, List<Integer>> shapes = new LinkedHashMap<>();
    private final Map<String, float[]> weights = new LinkedHashMap<>();
    private final double[] images;
    private final int[] labels;

    private RecordedCase(FamilySpec spec, long seed) {
        this.spec = spec;
        this.graph = spec.graph();
        SplittableRandom random = new SplittableRandom(seed);
        Initialiser initialiser = Initialiser.seeded(seed);
        List<ParameterSpec> all = new ArrayList<>(graph.parameters());
        all.addAll(graph.runningStatistics());
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
        int classes = spec.classes() + (graph.classifiesPixels() ? 1 : 0); // the last is void
        labels = random.ints(IMAGES * graph.labelsPerImage(), 0, classes).toArray();
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

    /** A small network that is no DenseNet: FC-DenseNet, a ResNet, or a pre-activated one. */
    public static FamilySpec spec(String kind) {
        return switch (kind) {
            case "fc-densenet" ->
                    FcDenseNetSpec.builder()
                            .growthRate(3)
                            .downLayers(1, 2)
                            .bottleneckLayers(1)
                            .upLayers(2, 1)
                            .initialChannels(4)
                            .dropout(0)
                            .classes(3)
                            .inputSize(8, 11)
                            .build();
            case "resnet" ->
                    ResNetSpec.builder()
                            .stem(Stem.IMAGENET)
                            .unit(ResNetSpec.Unit.BOTTLENECK)
                            .shortcut(ResNetSpec.Shortcut.PROJECTED)
                            .unitsPerStage(1, 2)
                            .initialChannels(3)
                            .classes(3)
                            .inputSize(32)
                            .build();
            default ->
                    ResNetSpec.builder()
                            .preActivation(true)
                            .unitsPerStage(2, 1)
                            .initialChannels(4)
                            .classes(3)
                            .inputSize(8)
                            .build();
        };
    }

    /**
     * Records a case.
     *
     * @param channelsWithKink in every normalisation, so many channels are shifted by what makes
     *     one input of their ReLU zero, but for rounding
     */
    public static RecordedCase of(FamilySpec spec, int channelsWithKink, long seed) {
        RecordedCase made = new RecordedCase(spec, seed);
        made.plantKinks(channelsWithKink, new SplittableRandom(seed + 1));
        made.record();
        return made;
    }

    private void plantKinks(int channels, SplittableRandom random) {
        ReferenceNetwork network = network();
        network.forward(images, Mode.TRAIN, ReferenceNetwork.Dropout.NONE);
        for (String layer : network.margins().keySet()) {
            String witness = KinkWitnesses.of(graph).parameter(layer).orElseThrow();
            if (witness.endsWith(".bias") && channels > 0) {
                ReferenceNetwork moved = network();
                moved.forward(images, Mode.TRAIN, ReferenceNetwork.Dropout.NONE);
                double[] inputs = moved.margins().get(layer);
                float[] shifts = weights.get(witness);
                for (int c = 0; c < channels; c++) {
                    int row = random.nextInt(inputs.length / shifts.length);
                    shifts[c] -= (float) inputs[row * shifts.length + c];
                }
            }
        }
    }

    private ReferenceNetwork network() {
        ReferenceNetwork network = new ReferenceNetwork(spec);
        graph.parameters().forEach(p -> copy(p, network.parameter(p.name())));
        graph.runningStatistics().forEach(p -> copy(p, network.runningStatistic(p.name())));
        return network;
    }

    private void copy(ParameterSpec p, double[] to) {
        System.arraycopy(Difference.toDoubles(weights.get(p.name())), 0, to, 0, to.length);
    }

    /** Labels with -1 for void. */
    private int[] labelsOrNone() {
        return Arrays.stream(labels).map(c -> c == spec.classes() ? -1 : c).toArray();
    }

    private void record() {
        metadata.put("format", "densenet-parity-1");
        switch (spec) {
            case DenseNetSpec denseNet -> describe(denseNet);
            default -> metadata.putAll(SpecMetadata.of(spec));
        }
        if (graph.classifiesPixels()) {
            metadata.put("void_label", String.valueOf(spec.classes()));
        }
        metadata.put("lr", String.valueOf(RATE));
        metadata.put("momentum", String.valueOf(MOMENTUM));
        metadata.put("nesterov", "true");
        metadata.put("weight_decay", String.valueOf(DECAY));

        List<Integer> imageShape = List.of(IMAGES, 3, spec.inputHeight(), spec.inputWidth());
        List<Integer> logitsShape =
                graph.classifiesPixels()
                        ? List.of(IMAGES, spec.classes(), spec.inputHeight(), spec.inputWidth())
                        : List.of(IMAGES, spec.classes());
        PixelOrder order = PixelOrder.ofImages(spec);
        PixelOrder logits = PixelOrder.ofLogits(spec);
        graph.parameters()
                .forEach(p -> put("weights.", p, Difference.toDoubles(weights.get(p.name()))));
        graph.runningStatistics()
                .forEach(p -> put("weights.", p, Difference.toDoubles(weights.get(p.name()))));
        put("input", imageShape, order.channelsFirst(images));
        put(
                "eval.logits",
                logitsShape,
                logits.channelsFirst(
                        network().forward(images, Mode.EVALUATE, ReferenceNetwork.Dropout.NONE)));

        ReferenceNetwork network = network();
        put(
                "train.logits",
                logitsShape,
                logits.channelsFirst(
                        network.forward(images, Mode.TRAIN, ReferenceNetwork.Dropout.NONE)));
        put("train.loss", List.of(1), new double[] {network.loss(labelsOrNone(), 0)});
        network.backward();
        graph.parameters().forEach(p -> put("train.grad.", p, network.gradient(p.name())));
        put("train.grad.input", imageShape, order.channelsFirst(network.inputGradient()));
        graph.runningStatistics()
                .forEach(p -> put("train.running.", p, network.runningStatistic(p.name())));

        ReferenceNetwork trained = network();
        double[] losses = new double[STEPS];
        for (int step = 1; step <= STEPS; step++) {
            trained.forward(images, Mode.TRAIN, ReferenceNetwork.Dropout.NONE);
            losses[step - 1] = trained.loss(labelsOrNone(), 0);
            trained.backward();
            trained.sgd(RATE, MOMENTUM, true, DECAY);
            if (step != 2) {
                String prefix = "sgd" + step + ".";
                graph.parameters().forEach(p -> put(prefix, p, trained.parameter(p.name())));
            }
        }
        put("sgd.losses", List.of(STEPS), losses);
    }

    private void describe(DenseNetSpec denseNet) {
        metadata.put("growth_rate", String.valueOf(denseNet.growthRate()));
        metadata.put(
                "block_config",
                denseNet.layersPerBlock().stream()
                        .map(String::valueOf)
                        .collect(Collectors.joining(",")));
        metadata.put("num_init_features", String.valueOf(denseNet.initialChannels()));
        metadata.put("bn_size", String.valueOf(denseNet.bottleneckWidth()));
        metadata.put("compression", String.valueOf(denseNet.compression()));
        metadata.put("stem", denseNet.stem() == Stem.SMALL ? "small" : "imagenet");
        metadata.put("num_classes", String.valueOf(denseNet.classes()));
        metadata.put("input_size", String.valueOf(denseNet.inputHeight()));
        metadata.put("bn_eps", String.valueOf(denseNet.bnEpsilon()));
        metadata.put("bn_momentum", String.valueOf(denseNet.bnMomentum()));
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
        return graph.parameters().stream().map(ParameterSpec::name).toList();
    }

    /** All but the labels. */
    SafetensorsWriter writer() {
        SafetensorsWriter writer = new SafetensorsWriter();
        metadata.forEach(writer::metadata);
        tensors.forEach((name, values) -> writer.floats(name, shapes.get(name), () -> values));
        return writer;
    }

    /** Writes the file. */
    public Path write(Path path) throws IOException {
        SafetensorsWriter writer = writer();
        if (!tensors.containsKey("labels")) {
            long[] classes = new long[labels.length];
            for (int i = 0; i < labels.length; i++) {
                classes[i] = labels[i];
            }
            List<Integer> shape =
                    graph.classifiesPixels()
                            ? List.of(IMAGES, spec.inputHeight(), spec.inputWidth())
                            : List.of(IMAGES);
            writer.longs("labels", shape, () -> classes);
        }
        writer.write(path);
        return path;
    }
}
