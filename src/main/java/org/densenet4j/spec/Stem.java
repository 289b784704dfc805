package org.densenet4j.spec;

import org.densenet4j.graph.NetworkSpec;

import java.util.Objects;
import java.util.Optional;

/** What comes before the first dense block or residual unit. */
public enum Stem {
    /** 3x3 convolution, stride 1: for images of 32x32 and the like. */
    SMALL,
    /** 7x7/2 convolution, batch normalisation, ReLU, 3x3/2 max-pool: for ImageNet. */
    IMAGENET,
    /**
     * Three 3x3 convolutions, the first with stride 2, each with batch normalisation and ReLU, and
     * a 3x3/2 max-pool: timm's stem of networks whose names end with {@code d}.
     */
    DEEP,
    /** The same with a blur pool: a 3x3 max-pool of every window, filtered as it is halved. */
    DEEP_BLUR;

    /**
     * {@return the stem of a network; empty for families that have none}
     *
     * @param spec the network
     */
    public static Optional<Stem> of(NetworkSpec spec) {
        return switch (Objects.requireNonNull(spec, "spec")) {
            case DenseNetSpec s -> Optional.of(s.stem());
            case ResNetSpec s -> Optional.of(s.stem());
            case MsdNetSpec s -> Optional.of(s.stem());
            default -> Optional.empty();
        };
    }

    /** {@return whether there are three convolutions} */
    public boolean isDeep() {
        return this == DEEP || this == DEEP_BLUR;
    }
}
