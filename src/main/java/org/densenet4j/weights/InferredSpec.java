package org.densenet4j.weights;

import org.densenet4j.io.TensorFile;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The network that tensors are of, from their names and shapes alone: blocks, growth rate,
 * bottleneck, compression, stem, channels and classes. What shapes do not tell is as usual: images
 * of 224x224 for a stem of ImageNet and 32x32 for a small one, and batch normalisation as in
 * torchvision.
 */
final class InferredSpec {
    private static final int IMAGENET_SIZE = 224;
    private static final int SMALL_SIZE = 32;
    private static final List<String> PRESETS =
            List.of(
                    "densenet121",
                    "densenet169",
                    "densenet201",
                    "densenet161",
                    "densenet264",
                    "densenet232");

    private final Map<String, String> fileNames;
    private final TensorFile file;

    private InferredSpec(Map<String, String> fileNames, TensorFile file) {
        this.fileNames = fileNames;
        this.file = file;
    }

    /**
     * Looks at the tensors.
     *
     * @param fileNames the file's names by torchvision's
     * @throws IllegalArgumentException saying what is missing or does not fit together
     */
    static DenseNetSpec of(Map<String, String> fileNames, TensorFile file) {
        return new InferredSpec(fileNames, file).spec();
    }

    private DenseNetSpec spec() {
        if (has("features.conv1.weight")) {
            throw new IllegalArgumentException(
                    "it has a stem of several convolutions, as timm's densenetblur121d: another"
                            + " network");
        }
        List<Integer> stem = shape("features.conv0.weight", 4);
        boolean imageNet = stem.get(2) == 7;
        if (!stem.get(2).equals(stem.get(3)) || !(imageNet || stem.get(2) == 3)) {
            throw new IllegalArgumentException(
                    "features.conv0.weight is " + stem + ", and stems have 7x7 or 3x3");
        }
        int[] layers = layers();
        String first = layer(1, 1);
        boolean bottleneck = has(first + "conv2.weight");
        int growthRate = shape(first + (bottleneck ? "conv2" : "conv1") + ".weight", 4).getFirst();
        int inner = bottleneck ? shape(first + "conv1.weight", 4).getFirst() : 0;
        if (growthRate == 0 || inner % growthRate != 0) {
            throw new IllegalArgumentException(
                    "the bottleneck of "
                            + inner
                            + " channels is no multiple of the growth rate, "
                            + growthRate);
        }
        int classes =
                has("classifier.weight")
                        ? shape("classifier.weight", 2).getFirst()
                        : has("classifier.bias") ? shape("classifier.bias", 1).getFirst() : 1000;
        int size = imageNet ? IMAGENET_SIZE : SMALL_SIZE;
        DenseNetSpec spec =
                DenseNetSpec.builder()
                        .growthRate(growthRate)
                        .layersPerBlock(layers)
                        .initialChannels(stem.get(0))
                        .inputChannels(stem.get(1))
                        .bottleneckWidth(inner / growthRate)
                        .compression(compression(layers.length - 1))
                        .stem(imageNet ? Stem.IMAGENET : Stem.SMALL)
                        .classes(classes)
                        // a network of many blocks needs images that it can halve as often
                        .inputSize(
                                Math.max(
                                        size,
                                        (imageNet ? 4 : 1) << Math.min(18, layers.length - 1)))
                        .build();
        return presets(spec)
                .map(builder -> like(builder, spec))
                .filter(preset -> preset.toBuilder().name(spec.name()).build().equals(spec))
                .findFirst()
                .orElse(spec);
    }

    private boolean has(String name) {
        return fileNames.containsKey(name);
    }

    private List<Integer> shape(String name, int dimensions) {
        String fileName = fileNames.get(name);
        if (fileName == null || !file.contains(fileName)) {
            throw new IllegalArgumentException(
                    name
                            + (fileName == null
                                    ? " is missing"
                                    : " is " + file.unreadable().get(fileName)));
        }
        List<Long> shape = file.describe(fileName).shape();
        if (shape.size() != dimensions || shape.stream().anyMatch(d -> d < 1 || d > 1 << 20)) {
            throw new IllegalArgumentException(name + " is " + shape);
        }
        return shape.stream().map(Math::toIntExact).toList();
    }

    private static String layer(int block, int layer) {
        return "features.denseblock" + block + ".denselayer" + layer + ".";
    }

    private int[] layers() {
        List<Integer> layers = new ArrayList<>();
        while (has(layer(layers.size() + 1, 1) + "conv1.weight")) {
            int block = layers.size() + 1;
            int count = 1;
            while (has(layer(block, count + 1) + "conv1.weight")) {
                count++;
            }
            layers.add(count);
        }
        if (layers.isEmpty()) {
            throw new IllegalArgumentException(layer(1, 1) + "conv1.weight is missing");
        }
        return layers.stream().mapToInt(Integer::intValue).toArray();
    }

    /** A factor that every transition's channels have; the usual ones first, then round ones. */
    private double compression(int transitions) {
        double least = 0;
        double below = 1 + 1e-9;
        List<List<Integer>> all = new ArrayList<>();
        for (int t = 1; t <= transitions; t++) {
            List<Integer> shape = shape("features.transition" + t + ".conv.weight", 4);
            all.add(shape);
            least = Math.max(least, (double) shape.get(0) / shape.get(1));
            below = Math.min(below, (shape.get(0) + 1.0) / shape.get(1));
        }
        Stream<Double> hundredths = Stream.iterate(0.01, c -> c < 1, c -> c + 0.01);
        Stream<Double> rounded = hundredths.map(c -> Math.round(100 * c) / 100.0);
        return Stream.of(Stream.of(0.5, 1.0), rounded, Stream.of(least, (least + below) / 2))
                .flatMap(s -> s)
                .filter(c -> all.stream().allMatch(s -> (int) (s.get(1) * c) == s.get(0)))
                .findFirst()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "the transitions do not all compress by the same factor"));
    }

    private static Stream<DenseNetSpec.Builder> presets(DenseNetSpec spec) {
        Stream<String> small =
                Stream.of("bc", "plain", "b", "c")
                        .map(kind -> kind + "-" + spec.depth() + "-" + spec.growthRate());
        return Stream.concat(PRESETS.stream(), small)
                .flatMap(
                        name -> {
                            try {
                                return Stream.of(DenseNetSpec.preset(name));
                            } catch (IllegalArgumentException e) {
                                return Stream.empty(); // no network of that kind is so deep
                            }
                        });
    }

    /** A preset for the same images and classes. */
    private static DenseNetSpec like(DenseNetSpec.Builder preset, DenseNetSpec spec) {
        return preset.classes(spec.classes())
                .inputChannels(spec.inputChannels())
                .inputSize(spec.inputHeight(), spec.inputWidth())
                .build();
    }
}
