package org.densenet4j.weights;

import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.FcDenseNetSpec;

import java.util.List;
import java.util.stream.Stream;

/**
 * The FC-DenseNet that tensors are of. What shapes do not tell is as in the PyTorch port whose
 * names they have, not as the authors have it: an epsilon of 1e-5, and running statistics in
 * evaluation.
 */
final class InferredFcDenseNet {
    private static final int CAMVID_CLASSES = 11;
    private static final List<String> PRESETS =
            List.of("fc-densenet56", "fc-densenet67", "fc-densenet103");

    private final FileTensors tensors;

    InferredFcDenseNet(FileTensors tensors) {
        this.tensors = tensors;
    }

    FamilySpec spec() {
        List<Integer> first = tensors.shape("firstconv.weight", 4);
        int[] down = blocks("denseBlocksDown.");
        int[] up = blocks("denseBlocksUp.");
        int bottleneck =
                InferredSpec.count(
                        tensors, layer -> layer("bottleneck.bottleneck", layer) + ".weight", 0);
        int growthRate = tensors.shape(layer("denseBlocksDown.0", 0) + ".weight", 4).getFirst();
        FcDenseNetSpec.Builder builder =
                FcDenseNetSpec.builder()
                        .growthRate(growthRate)
                        .downLayers(down)
                        .bottleneckLayers(bottleneck)
                        .upLayers(up)
                        .initialChannels(first.get(0))
                        .inputChannels(first.get(1))
                        .classes(InferredSpec.classes(tensors, 4, CAMVID_CLASSES))
                        .inputSize(
                                Math.max(
                                        InferredSpec.IMAGENET_SIZE,
                                        1 << Math.min(18, down.length)));
        FcDenseNetSpec spec = builder.build();
        return builder.name(InferredSpec.named(spec, names(spec)).name())
                .bnEpsilon(Untold.PORT_EPSILON)
                .evaluatesWithBatchStatistics(false)
                .build();
    }

    private static Stream<String> names(FcDenseNetSpec spec) {
        String uniform =
                "fc-densenet-"
                        + spec.downLayers().size()
                        + "-"
                        + spec.bottleneckLayers()
                        + "-"
                        + spec.growthRate();
        return Stream.concat(PRESETS.stream(), Stream.of(uniform));
    }

    private int[] blocks(String name) {
        return InferredSpec.layersOfBlocks(
                tensors, (block, layer) -> layer(name + block, layer) + ".weight", 0);
    }

    private static String layer(String block, int layer) {
        return block + ".layers." + layer + ".conv";
    }
}
