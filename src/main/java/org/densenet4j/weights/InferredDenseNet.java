package org.densenet4j.weights;

import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.Stem;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * The DenseNet that tensors are of: blocks, growth rate, bottleneck, compression, stem, channels
 * and classes.
 */
final class InferredDenseNet {
    private static final List<String> PRESETS =
            List.of(
                    "densenet121",
                    "densenet169",
                    "densenet201",
                    "densenet161",
                    "densenet264",
                    "densenet232");

    /** Those with a stem of three convolutions, of which shapes do not tell the pool. */
    private static final List<String> DEEP_PRESETS = List.of("densenetblur121d", "densenet264d");

    private final FileTensors tensors;

    InferredDenseNet(FileTensors tensors) {
        this.tensors = tensors;
    }

    FamilySpec spec() {
        List<Integer> first = tensors.shape("features.conv0.weight", 4);
        boolean deep = tensors.has("features.conv1.weight");
        boolean imageNet = InferredSpec.isImageNet(tensors, "features.conv0.weight");
        int[] layers =
                InferredSpec.layersOfBlocks(
                        tensors, (block, layer) -> layer(block, layer) + "conv1.weight", 1);
        String layer = layer(1, 1);
        boolean bottleneck = tensors.has(layer + "conv2.weight");
        int growthRate =
                tensors.shape(layer + (bottleneck ? "conv2" : "conv1") + ".weight", 4).getFirst();
        int inner = bottleneck ? tensors.shape(layer + "conv1.weight", 4).getFirst() : 0;
        if (growthRate == 0 || inner % growthRate != 0) {
            throw new IllegalArgumentException(
                    "the bottleneck of "
                            + inner
                            + " channels is no multiple of the growth rate, "
                            + growthRate);
        }
        boolean large = imageNet || deep;
        int size = large ? InferredSpec.IMAGENET_SIZE : InferredSpec.SMALL_SIZE;
        DenseNetSpec.Builder builder =
                DenseNetSpec.builder()
                        .growthRate(growthRate)
                        .growthDoubles(growthDoubles(bottleneck, layers.length, growthRate))
                        .layersPerBlock(layers)
                        .initialChannels(
                                deep
                                        ? tensors.shape("features.conv2.weight", 4).getFirst()
                                        : first.getFirst())
                        .inputChannels(first.get(1))
                        .bottleneckWidth(inner / growthRate)
                        .compression(compression(layers.length - 1))
                        .stem(large ? Stem.IMAGENET : Stem.SMALL)
                        .classes(InferredSpec.classes(tensors, 2, InferredSpec.IMAGENET_CLASSES))
                        // a network of many blocks needs images that it can halve as often
                        .inputSize(
                                Math.max(size, (large ? 4 : 1) << Math.min(18, layers.length - 1)));
        return deep ? deep(builder, first) : named(builder.build());
    }

    private boolean growthDoubles(boolean bottleneck, int blocks, int first) {
        String last = bottleneck ? "conv2.weight" : "conv1.weight";
        return blocks > 1 && tensors.shape(layer(2, 1) + last, 4).getFirst() == 2 * first;
    }

    private static FamilySpec named(DenseNetSpec spec) {
        Stream<String> small =
                Stream.of("bc", "plain", "b", "c")
                        .map(kind -> kind + "-" + spec.depth() + "-" + spec.growthRate());
        return InferredSpec.named(spec, Stream.concat(PRESETS.stream(), small));
    }

    /** A blur pool has no weights, so that only networks that are known tell their pool. */
    private static FamilySpec deep(DenseNetSpec.Builder builder, List<Integer> first) {
        for (Stem stem : List.of(Stem.DEEP, Stem.DEEP_BLUR)) {
            DenseNetSpec spec = builder.stem(stem).build();
            FamilySpec named = InferredSpec.named(spec, DEEP_PRESETS.stream());
            if (!named.name().equals(spec.name()) && first.getFirst() == spec.growthRate()) {
                return named;
            }
        }
        throw new IllegalArgumentException(
                "its stem has three convolutions and a pool that shapes do not tell, and it is none"
                        + " of "
                        + String.join(", ", DEEP_PRESETS));
    }

    private static String layer(int block, int layer) {
        return "features.denseblock" + block + ".denselayer" + layer + ".";
    }

    /** A factor that every transition's channels have; the usual ones first, then round ones. */
    private double compression(int transitions) {
        double least = 0;
        double below = 1 + 1e-9;
        List<List<Integer>> all = new ArrayList<>();
        for (int t = 1; t <= transitions; t++) {
            List<Integer> shape = tensors.shape("features.transition" + t + ".conv.weight", 4);
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
}
