package org.densenet4j.spec;

import org.densenet4j.graph.NetworkSpec;

import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The hyperparameters of a network of one of the families that have names. Unlike a graph of one's
 * own it can be changed field by field, and files keep it as text ({@link SpecMetadata}).
 */
public sealed interface FamilySpec extends NetworkSpec
        permits DenseNetSpec, FcDenseNetSpec, ResNetSpec {
    /** The names that {@link #preset} knows. */
    String NAMES = DenseNetSpec.NAMES + ", " + FcDenseNetSpec.NAMES + ", " + ResNetSpec.NAMES;

    /**
     * A preset of any family by name.
     *
     * @throws IllegalArgumentException for any other name, with those that there are
     */
    static Builder preset(String name) {
        Objects.requireNonNull(name, "name");
        Optional<Builder> found =
                Stream.of(
                                DenseNetSpec.named(name),
                                FcDenseNetSpec.named(name),
                                ResNetSpec.named(name))
                        .<Builder>flatMap(Optional::stream)
                        .findFirst();
        return FieldChecks.known(found, name, NAMES);
    }

    /** Outputs of the classifier, for each image or each pixel. */
    int classes();

    /** Added to variances. */
    double bnEpsilon();

    /** Weight of the newest batch in the running statistics (PyTorch's convention). */
    double bnMomentum();

    /** Layers with weights on the longest path, as the papers count them. */
    int depth();

    /** Starts from this spec. */
    Builder toBuilder();

    /** The fields that all families have; {@link #build} validates them. */
    sealed interface Builder
            permits DenseNetSpec.Builder, FcDenseNetSpec.Builder, ResNetSpec.Builder {
        /** A name to show. */
        Builder name(String value);

        /** Outputs of the classifier. */
        Builder classes(int count);

        /** Height and width of the images. */
        Builder inputSize(int pixels);

        /** Height and width of the images. */
        Builder inputSize(int height, int width);

        /** Channels of the images. */
        Builder inputChannels(int channels);

        /** Added to variances. */
        Builder bnEpsilon(double epsilon);

        /** Weight of the newest batch in the running statistics. */
        Builder bnMomentum(double momentum);

        /**
         * The finished spec.
         *
         * @throws IllegalArgumentException naming the field, its value and the fix
         */
        FamilySpec build();
    }
}
