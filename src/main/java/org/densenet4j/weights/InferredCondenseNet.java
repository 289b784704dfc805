package org.densenet4j.weights;

import org.densenet4j.spec.CondenseNetSpec;
import org.densenet4j.spec.FamilySpec;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * The CondenseNet that tensors are of. They do not tell the stride of the first convolution, which
 * is taken for 2 where there are five blocks or more, as the authors' for ImageNet have, nor the
 * condensation factor, which is taken for the number of groups.
 */
final class InferredCondenseNet {
    private static final int BLOCKS_OF_IMAGENET = 5;

    private static final List<String> PRESETS =
            List.of("condensenet-imagenet-74-c4", "condensenet-imagenet-74-c8");

    private final FileTensors tensors;

    InferredCondenseNet(FileTensors tensors) {
        this.tensors = tensors;
    }

    FamilySpec spec() {
        List<Integer> first = tensors.shape("features.init_conv.weight", 4);
        int[] layers = InferredSpec.layersOfBlocks(tensors, InferredCondenseNet::conv2, 1);
        int[] rates = new int[layers.length];
        Arrays.setAll(rates, block -> tensors.shape(conv2(block + 1, 1), 4).getFirst());
        int width = tensors.shape(conv1(1, 1), 4).getFirst();
        int groups = width / tensors.shape(conv2(1, 1), 4).get(1);
        boolean imageNet = layers.length >= BLOCKS_OF_IMAGENET;
        CondenseNetSpec spec =
                CondenseNetSpec.builder()
                        .layersPerBlock(layers)
                        .growthRates(rates)
                        .initialChannels(first.get(0))
                        .initialStride(imageNet ? 2 : 1)
                        .bottleneckWidth(width / rates[0])
                        .groups(groups)
                        .condensationFactor(groups)
                        .inputChannels(first.get(1))
                        .classes(InferredSpec.classes(tensors, 2, InferredSpec.IMAGENET_CLASSES))
                        .inputSize(imageNet ? InferredSpec.IMAGENET_SIZE : InferredSpec.SMALL_SIZE)
                        .build();
        return InferredSpec.named(
                spec, Stream.concat(PRESETS.stream(), Stream.of("condensenet-" + spec.depth())));
    }

    private static String conv1(int block, int layer) {
        return "features.denseblock_" + block + ".denselayer_" + layer + ".conv_1.conv.weight";
    }

    private static String conv2(int block, int layer) {
        return "features.denseblock_" + block + ".denselayer_" + layer + ".conv_2.conv.weight";
    }
}
