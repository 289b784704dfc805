package org.densenet4j.spec;

import org.densenet4j.graph.NetworkSpec;

import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The hyperparameters of a network of one of the families that have names. Unlike a graph of one's
 * own it can be changed field by field, and files keep it as text ({@link SpecMetadata}).
 */
public sealed interface FamilySpec extends NetworkSpec
        permits DenseNetSpec,
                FcDenseNetSpec,
                ResNetSpec,
                CondenseNetSpec,
                MsdNetSpec,
                RdNetSpec,
                DsodSpec {
    /** The names that {@link #preset} knows. */
    String NAMES =
            DenseNetSpec.NAMES
                    + ", "
                    + FcDenseNetSpec.NAMES
                    + ", "
                    + ResNetSpec.NAMES
                    + ", "
                    + CondenseNetSpec.NAMES
                    + ", "
                    + MsdNetSpec.NAMES
                    + ", "
                    + RdNetSpec.NAMES
                    + ", "
                    + DsodSpec.NAMES;

    /**
     * {@return a preset of any family by name, which may be followed by changes: {@code +doubling}
     * for a growth rate that doubles with each block, {@code +width=1.5} and {@code +depth=0.5} for
     * factors of channels and layers}
     *
     * @param name of a network of any family, such as {@code densenet121}, {@code fc-densenet103}
     *     or {@code bc-100-12+doubling}
     * @throws IllegalArgumentException for any other name, with those that there are
     */
    static Builder preset(String name) {
        Objects.requireNonNull(name, "name");
        List<String> parts = List.of(name.strip().toLowerCase(Locale.ROOT).split("\\+", -1));
        if (parts.size() > 1) {
            return PresetVariant.of(
                    preset(parts.getFirst()),
                    String.join("+", parts),
                    parts.subList(1, parts.size()));
        }
        Optional<Builder> found =
                Stream.of(
                                DenseNetSpec.named(name),
                                FcDenseNetSpec.named(name),
                                ResNetSpec.named(name),
                                CondenseNetSpec.named(name),
                                MsdNetSpec.named(name),
                                RdNetSpec.named(name),
                                DsodSpec.named(name))
                        .<Builder>flatMap(Optional::stream)
                        .findFirst();
        return FieldChecks.known(found, name, NAMES);
    }

    /** Outputs of the classifier, for each image or each pixel; kinds of objects to be found. */
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
            permits DenseNetSpec.Builder,
                    FcDenseNetSpec.Builder,
                    ResNetSpec.Builder,
                    CondenseNetSpec.Builder,
                    MsdNetSpec.Builder,
                    RdNetSpec.Builder,
                    DsodSpec.Builder {
        /**
         * A name to show.
         *
         * @param value shown in reports and messages
         * @return this
         */
        Builder name(String value);

        /**
         * Outputs of the classifier.
         *
         * @param count 1 or more
         * @return this
         */
        Builder classes(int count);

        /**
         * Height and width of the images.
         *
         * @param pixels of each side
         * @return this
         */
        Builder inputSize(int pixels);

        /**
         * Height and width of the images.
         *
         * @param height rows of pixels
         * @param width columns of pixels
         * @return this
         */
        Builder inputSize(int height, int width);

        /**
         * Channels of the images.
         *
         * @param channels 3 for RGB, 1 for grey
         * @return this
         */
        Builder inputChannels(int channels);

        /**
         * Added to variances.
         *
         * @param epsilon a small positive number
         * @return this
         */
        Builder bnEpsilon(double epsilon);

        /**
         * Weight of the newest batch in the running statistics.
         *
         * @param momentum above 0 and up to 1
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
