package org.densenet4j.weights;

import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.ResNetSpec;
import org.densenet4j.spec.Stem;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The ResNet that tensors are of: stem, units, shortcuts, channels and classes. */
final class InferredResNet {
    private static final List<String> PRESETS =
            List.of("resnet18", "resnet34", "resnet50", "resnet101", "resnet152");

    private final FileTensors tensors;

    InferredResNet(FileTensors tensors) {
        this.tensors = tensors;
    }

    FamilySpec spec() {
        List<Integer> first = tensors.shape("conv1.weight", 4);
        boolean imageNet = InferredSpec.isImageNet(tensors, "conv1.weight");
        int[] units =
                InferredSpec.layersOfBlocks(tensors, (stage, unit) -> conv1(stage, unit - 1), 1);
        boolean projected =
                IntStream.rangeClosed(1, units.length)
                        .anyMatch(stage -> tensors.has("layer" + stage + ".0.downsample.0.weight"));
        int size = imageNet ? InferredSpec.IMAGENET_SIZE : InferredSpec.SMALL_SIZE;
        ResNetSpec spec =
                ResNetSpec.builder()
                        .unit(
                                tensors.has("layer1.0.conv3.weight")
                                        ? ResNetSpec.Unit.BOTTLENECK
                                        : ResNetSpec.Unit.BASIC)
                        .preActivation(tensors.has("bn.weight"))
                        .shortcut(
                                projected
                                        ? ResNetSpec.Shortcut.PROJECTED
                                        : ResNetSpec.Shortcut.SUBSAMPLED)
                        .stem(imageNet ? Stem.IMAGENET : Stem.SMALL)
                        .unitsPerStage(units)
                        .initialChannels(first.get(0))
                        .inputChannels(first.get(1))
                        .classes(InferredSpec.classes(tensors, 2, InferredSpec.IMAGENET_CLASSES))
                        .inputSize(size)
                        .build();
        Stream<String> small =
                Stream.of("cifar-resnet-", "cifar-preresnet-").map(kind -> kind + spec.depth());
        return InferredSpec.named(spec, Stream.concat(PRESETS.stream(), small));
    }

    private static String conv1(int stage, int unit) {
        return "layer" + stage + "." + unit + ".conv1.weight";
    }
}
