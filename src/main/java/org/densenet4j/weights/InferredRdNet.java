package org.densenet4j.weights;

import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.RdNetSpec;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The RDNet that tensors are of. They do not tell the size of images, which is taken for 224. */
final class InferredRdNet {
    private static final List<String> PRESETS = List.of("rdnet-t", "rdnet-s", "rdnet-b", "rdnet-l");

    private final FileTensors tensors;

    InferredRdNet(FileTensors tensors) {
        this.tensors = tensors;
    }

    FamilySpec spec() {
        List<Integer> stem = tensors.shape("stem.0.weight", 4);
        int[] layers =
                InferredSpec.layersOfBlocks(
                        tensors, (stage, layer) -> block(stage, layer) + "0.weight", 0);
        int[] rates = new int[layers.length];
        Arrays.setAll(rates, s -> tensors.shape(block(s, 0) + "4.weight", 4).getFirst());
        int[] halving =
                IntStream.range(1, layers.length)
                        .filter(s -> patch(s) == 2)
                        .map(s -> s + 1)
                        .toArray();
        List<Integer> middle = tensors.shape(block(0, 0) + "2.weight", 4);
        RdNetSpec spec =
                RdNetSpec.builder()
                        .growthRates(rates)
                        .layersPerStage(layers)
                        .halvingStages(halving)
                        .gatedFrom(1 + firstGate(layers.length))
                        .initialChannels(stem.get(0))
                        .patch(stem.get(2))
                        .kernel(tensors.shape(block(0, 0) + "0.weight", 4).get(2))
                        .expansion(Math.ceilDiv(middle.get(0), middle.get(1)))
                        .inputChannels(stem.get(1))
                        .classes(InferredSpec.classes(tensors, 2, InferredSpec.IMAGENET_CLASSES))
                        .inputSize(InferredSpec.IMAGENET_SIZE)
                        .build();
        return InferredSpec.named(spec, PRESETS.stream());
    }

    /** What names of a layer's tensors start with; stages and layers count from 0. */
    private static String block(int stage, int layer) {
        return "dense_stages."
                + stage
                + (stage == 0 ? ".0" : ".2")
                + ".dense_block"
                + layer
                + ".layers.layers.";
    }

    private int patch(int stage) {
        return tensors.shape("dense_stages." + stage + ".1.weight", 4).get(2);
    }

    private int firstGate(int stages) {
        return Stream.iterate(0, s -> s + 1)
                .limit(stages)
                .filter(s -> tensors.has(block(s, 0) + "5.fc.weight"))
                .findFirst()
                .orElse(stages);
    }
}
