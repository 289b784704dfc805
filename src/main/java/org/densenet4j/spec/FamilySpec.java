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
     * {@return a preset of any family by name}
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

    /**
     * Added to variances.
     *
     * @return epsilon of all batch normalisations
     */
    double bnEpsilon();

    /** {@return weight of the newest batch in the running statistics (PyTorch's convention)} */
    double bnMomentum();

    /** {@return layers with weights on the longest path, as the papers count them} */
    int depth();

    /**
     * Starts from this spec.
     *
     * @return a builder with this spec's settings
     */
    Builder toBuilder();

    /** The fields that all families have; {@link #build} validates them. */
    sealed interface Builder
            permits DenseNetSpec.Builder, FcDenseNetSpec.Builder, ResNetSpec.Builder {
        /**
         * A name to show.
         *
         * @return this
         */
        Builder name(String value);

        /**
         * Outputs of the classifier.
         *
         * @return this
         */
        Builder classes(int count);

        /**
         * Height and width of the images.
         *
         * @return this
         */
        Builder inputSize(int pixels);

        /**
         * Height and width of the images.
         *
         * @return this
         */
        Builder inputSize(int height, int width);

        /**
         * Channels of the images.
         *
         * @return this
         */
        Builder inputChannels(int channels);

        /**
         * Added to variances.
         *
         * @return this
         */
        Builder bnEpsilon(double epsilon);

        /**
         * Weight of the newest batch in the running statistics.
         *
         * @return this
         */
        Builder bnMomentum(double momentum);

        /**
         * {@return the finished spec}
         *
         * @throws IllegalArgumentException naming the field, its value and the fix
         */
        FamilySpec build();
    }
}
