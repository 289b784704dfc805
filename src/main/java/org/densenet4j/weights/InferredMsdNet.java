package org.densenet4j.weights;

import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.MsdNetSpec;
import org.densenet4j.spec.Stem;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The MSDNet that tensors are of. Which layers drop a scale, and what is left of the channels, is
 * what fits all tensors.
 */
final class InferredMsdNet {
    private static final int IMAGENET_STEPS = 99;

    private final FileTensors tensors;

    InferredMsdNet(FileTensors tensors) {
        this.tensors = tensors;
    }

    FamilySpec spec() {
        boolean imageNet = tensors.has(firstLayer(0) + "0.weight");
        List<Integer> first =
                tensors.shape(firstLayer(0) + (imageNet ? "0" : "net.0") + ".weight", 4);
        int initial = first.getFirst();
        List<Integer> factors = new ArrayList<>(List.of(1));
        while (tensors.has(firstLayer(factors.size()) + "net.0.weight")) {
            String weight = firstLayer(factors.size()) + "net.0.weight";
            factors.add(tensors.shape(weight, 4).getFirst() / initial);
        }
        int[] growthFactors = factors.stream().mapToInt(Integer::intValue).toArray();
        MsdNetSpec.Builder found =
                MsdNetSpec.builder()
                        .layersPerExit(layersPerExit())
                        .growthFactors(growthFactors)
                        .bottleneckFactors(growthFactors)
                        .growthRate(
                                tensors.shape("blocks.0.1.layers.0.conv_normal.net.3.weight", 4)
                                        .getFirst())
                        .initialChannels(initial)
                        .inputChannels(first.get(1))
                        .classes(InferredSpec.classes(tensors, 2, InferredSpec.IMAGENET_CLASSES))
                        .stem(imageNet ? Stem.IMAGENET : Stem.SMALL)
                        .inputSize(imageNet ? InferredSpec.IMAGENET_SIZE : InferredSpec.SMALL_SIZE);
        int exitChannels = tensors.shape("classifier.0.m.0.net.0.weight", 4).getFirst();
        MsdNetSpec spec =
                Stream.of(exitChannels, 0)
                        .flatMap(channels -> fitting(found.exitChannels(channels)).stream())
                        .reduce((_, last) -> last)
                        .orElseThrow(
                                () ->
                                        new IllegalArgumentException(
                                                "its layers are not those of an MSDNet whose"
                                                        + " bottlenecks are as the authors'"));
        List<String> names = new ArrayList<>();
        for (int step = 1; step <= IMAGENET_STEPS; step++) {
            names.add("msdnet-imagenet-" + step);
        }
        return InferredSpec.named(
                spec,
                Stream.concat(
                        Stream.of("msdnet-cifar100-anytime", "msdnet-cifar100-budgeted"),
                        names.stream()));
    }

    private static String firstLayer(int scale) {
        return "blocks.0.0.layers." + scale + ".";
    }

    /** Layers have a branch that reads their own scale; what lies between them reduces. */
    private int[] layersPerExit() {
        List<Integer> layers = new ArrayList<>();
        for (int block = 0; isThere(block, block == 0 ? 1 : 0); block++) {
            int count = 0;
            for (int i = block == 0 ? 1 : 0; isThere(block, i) || reduces(block, i); i++) {
                count += isThere(block, i) ? 1 : 0;
            }
            layers.add(count);
        }
        return layers.stream().mapToInt(Integer::intValue).toArray();
    }

    private boolean isThere(int block, int index) {
        return tensors.has("blocks." + block + "." + index + ".layers.0.conv_normal.net.3.weight");
    }

    private boolean reduces(int block, int index) {
        return tensors.has("blocks." + block + "." + index + ".m.0.net.0.weight");
    }

    /**
     * The network of which all tensors are, with half of the channels left, or with another share.
     */
    private Optional<MsdNetSpec> fitting(MsdNetSpec.Builder found) {
        for (MsdNetSpec.Dropping dropping : MsdNetSpec.Dropping.values()) {
            for (int percent : new int[] {50, 25, 40, 60, 75, 100}) {
                try {
                    MsdNetSpec spec = found.dropping(dropping).reduction(percent / 100.0).build();
                    if (fits(spec)) {
                        return Optional.of(spec);
                    }
                } catch (IllegalArgumentException e) {
                    // no such network, so the tensors are of another
                }
            }
        }
        return Optional.empty();
    }

    private boolean fits(MsdNetSpec spec) {
        for (ParameterSpec p : spec.graph().parameters()) {
            boolean head = p.name().contains(".linear.");
            if (!head && !(tensors.has(p.name()) && isOfShape(p))) {
                return false;
            }
        }
        return true;
    }

    private boolean isOfShape(ParameterSpec p) {
        int[] shape = p.shape().stream().mapToInt(Integer::intValue).toArray();
        int[] there =
                tensors.shape(p.name(), shape.length).stream()
                        .mapToInt(Integer::intValue)
                        .toArray();
        return Arrays.equals(shape, there);
    }
}
