package org.densenet4j.weights;

import org.densenet4j.spec.FamilySpec;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.Stream;

/**
 * The network that tensors are of, from their names and shapes alone. What shapes do not tell is as
 * usual: images of 224x224 for a stem of ImageNet and for networks that classify pixels, 32x32 for
 * a small one, and batch normalisation as PyTorch has it where it is not told otherwise.
 */
final class InferredSpec {
    static final int IMAGENET_SIZE = 224;
    static final int SMALL_SIZE = 32;
    static final int IMAGENET_CLASSES = 1000;

    private InferredSpec() {}

    /**
     * Looks at the tensors.
     *
     * @throws IllegalArgumentException saying what is missing or does not fit together
     */
    static FamilySpec of(FileTensors tensors) {
        if (!(tensors.style() instanceof FamilyNames family)) {
            throw new IllegalArgumentException("they have names of their own");
        }
        return switch (family) {
            case DENSENET -> new InferredDenseNet(tensors).spec();
            case FC_DENSENET -> new InferredFcDenseNet(tensors).spec();
            case RESNET -> new InferredResNet(tensors).spec();
            case CONDENSENET -> new InferredCondenseNet(tensors).spec();
            case MSDNET -> new InferredMsdNet(tensors).spec();
            case RDNET -> new InferredRdNet(tensors).spec();
        };
    }

    /** Whether a stem is the 7x7 one for ImageNet; else it is 3x3. */
    static boolean isImageNet(FileTensors tensors, String stem) {
        List<Integer> shape = tensors.shape(stem, 4);
        int side = shape.get(2);
        if (!shape.get(3).equals(side) || !(side == 7 || side == 3)) {
            throw new IllegalArgumentException(
                    stem + " is " + shape + ", and stems have 7x7 or 3x3");
        }
        return side == 7;
    }

    /**
     * How many layers each block has.
     *
     * @param name of a tensor of a layer, by the numbers of block and layer
     * @param first number of the first block and layer
     * @throws IllegalArgumentException when there is none
     */
    static int[] layersOfBlocks(FileTensors tensors, NumberedName name, int first) {
        List<Integer> layers = new ArrayList<>();
        while (tensors.has(name.of(first + layers.size(), first))) {
            int block = first + layers.size();
            layers.add(count(tensors, layer -> name.of(block, layer), first));
        }
        if (layers.isEmpty()) {
            throw new IllegalArgumentException(name.of(first, first) + " is missing");
        }
        return layers.stream().mapToInt(Integer::intValue).toArray();
    }

    /** How many tensors there are whose names count up. */
    static int count(FileTensors tensors, IntFunction<String> name, int first) {
        int count = 0;
        while (tensors.has(name.apply(first + count))) {
            count++;
        }
        return count;
    }

    /** The name of a tensor of a numbered layer of a numbered block. */
    interface NumberedName {
        /** Its name. */
        String of(int block, int layer);
    }

    /**
     * The number of classes.
     *
     * @param dimensions of the head's weight
     * @param usual where the head is missing
     */
    static int classes(FileTensors tensors, int dimensions, int usual) {
        String head = tensors.style().head().orElseThrow();
        return tensors.has(head + ".weight")
                ? tensors.shape(head + ".weight", dimensions).getFirst()
                : tensors.has(head + ".bias") ? tensors.shape(head + ".bias", 1).getFirst() : usual;
    }

    /** The preset that a spec is for other images and classes; else the spec as it is. */
    static FamilySpec named(FamilySpec spec, Stream<String> names) {
        return names.flatMap(name -> preset(name, spec))
                .filter(preset -> preset.toBuilder().name(spec.name()).build().equals(spec))
                .findFirst()
                .orElse(spec);
    }

    private static Stream<FamilySpec> preset(String name, FamilySpec like) {
        try {
            return Stream.of(
                    FamilySpec.preset(name)
                            .classes(like.classes())
                            .inputChannels(like.inputChannels())
                            .inputSize(like.inputHeight(), like.inputWidth())
                            .build());
        } catch (IllegalArgumentException e) {
            return Stream.empty(); // no network of that kind is so deep
        }
    }
}
