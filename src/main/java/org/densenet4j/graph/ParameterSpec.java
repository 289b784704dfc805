package org.densenet4j.graph;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * A named tensor of the network.
 *
 * @param name torchvision's name, {@code features.denseblock1.denselayer1.conv1.weight}
 * @param shape the PyTorch layout; convolutions are [out, in, kh, kw]
 * @param role what it is for
 */
public record ParameterSpec(String name, List<Integer> shape, Role role) {
    /** What a tensor is for. */
    public enum Role {
        /** Weight of a convolution. */
        CONV_WEIGHT,
        /** Bias of a convolution. */
        CONV_BIAS,
        /** Scale gamma of a batch normalisation. */
        BN_WEIGHT,
        /** Shift beta of a batch normalisation. */
        BN_BIAS,
        /** Scale gamma of a layer normalisation. */
        LN_WEIGHT,
        /** Shift beta of a layer normalisation. */
        LN_BIAS,
        /** Scale of a layer's output, a number for each channel, that starts near zero. */
        LAYER_SCALE,
        /** Scale of an L2 normalisation, a number for each channel. */
        L2_SCALE,
        /** Weight of the classifier. */
        LINEAR_WEIGHT,
        /** Bias of the classifier. */
        LINEAR_BIAS,
        /** Running mean or variance of a batch normalisation; not trained. */
        RUNNING_STATISTIC;

        /** {@return whether this is a weight of a convolution or of the classifier} */
        public boolean isWeight() {
            return this == CONV_WEIGHT || this == LINEAR_WEIGHT;
        }

        /** {@return whether this is what channels are multiplied with} */
        public boolean isScale() {
            return switch (this) {
                case BN_WEIGHT, LN_WEIGHT, LAYER_SCALE, L2_SCALE -> true;
                default -> false;
            };
        }
    }

    /** Keeps a copy of the shape. */
    public ParameterSpec {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(role, "role");
        for (Integer side : Objects.requireNonNull(shape, "shape")) {
            Objects.requireNonNull(side, "shape");
        }
        shape = List.copyOf(shape);
    }

    /**
     * {@return a tensor of this shape}
     *
     * @param name in torchvision's naming
     * @param role what it does in its node
     * @param shape as PyTorch has it
     */
    public static ParameterSpec of(String name, Role role, int... shape) {
        Objects.requireNonNull(shape, "shape");
        return new ParameterSpec(name, Arrays.stream(shape).boxed().toList(), role);
    }

    /** {@return number of values} */
    public long count() {
        return shape.stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
    }

    /**
     * {@return values that one input has a part in: the product of all dimensions but the second}
     */
    public long fanOut() {
        return count() / shape.get(1);
    }

    /**
     * {@return values that one output is computed from: the product of all dimensions but the
     * first}
     */
    public long fanIn() {
        return count() / shape.getFirst();
    }
}
