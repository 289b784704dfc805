package org.densenet4j.spec;

import static org.densenet4j.spec.FieldChecks.normalisation;
import static org.densenet4j.spec.FieldChecks.positive;

import org.densenet4j.graph.Graph;

import java.util.List;
import java.util.Objects;

/** The fields that the specs of all families have, so that each spec has only its own. */
abstract class FamilyFields {
    private final String name;
    private final int classes;
    private final int inputHeight;
    private final int inputWidth;
    private final int inputChannels;
    private final double bnEpsilon;
    private final double bnMomentum;

    /** Made when it is first asked for. */
    private volatile Graph graph;

    FamilyFields(Builder<?> b) {
        name = b.name;
        classes = positive("classes", b.classes);
        inputHeight = positive("inputSize", b.inputHeight);
        inputWidth = positive("inputSize", b.inputWidth);
        inputChannels = positive("inputChannels", b.inputChannels);
        bnEpsilon = b.bnEpsilon;
        bnMomentum = b.bnMomentum;
        normalisation(bnEpsilon, bnMomentum);
    }

    /** Makes the network. */
    abstract Graph makeGraph();

    /** The values of the family's own fields. */
    abstract List<Object> ownValues();

    /** {@return the network: the same object every time} */
    public final Graph graph() {
        Graph made = graph;
        if (made == null) {
            made = makeGraph();
            graph = made;
        }
        return made;
    }

    /** {@return name of the preset, or {@code custom}} */
    public final String name() {
        return name;
    }

    /** {@return outputs of the classifier, for each image or each pixel} */
    public final int classes() {
        return classes;
    }

    /** {@return rows of pixels of an image} */
    public final int inputHeight() {
        return inputHeight;
    }

    /** {@return columns of pixels of an image} */
    public final int inputWidth() {
        return inputWidth;
    }

    /** {@return channels of an image} */
    public final int inputChannels() {
        return inputChannels;
    }

    /**
     * Added to variances.
     *
     * @return epsilon of all batch normalisations
     */
    public final double bnEpsilon() {
        return bnEpsilon;
    }

    /** {@return weight of the newest batch in the running statistics (PyTorch's convention)} */
    public final double bnMomentum() {
        return bnMomentum;
    }

    private List<Object> values() {
        return List.of(
                name,
                classes,
                inputHeight,
                inputWidth,
                inputChannels,
                bnEpsilon,
                bnMomentum,
                ownValues());
    }

    @Override
    public final boolean equals(Object other) {
        return other instanceof FamilyFields spec
                && getClass() == spec.getClass()
                && values().equals(spec.values());
    }

    @Override
    public final int hashCode() {
        return values().hashCode();
    }

    /** The end of a spec's text. */
    final String inputAndClasses() {
        return "input "
                + inputHeight
                + "x"
                + inputWidth
                + "x"
                + inputChannels
                + ", classes "
                + classes;
    }

    /**
     * Collects the fields.
     *
     * @param <B> the family's own builder
     */
    abstract static class Builder<B extends Builder<B>> {
        private String name = "custom";
        private int classes;
        private int inputHeight;
        private int inputWidth;
        private int inputChannels = 3;
        private double bnEpsilon;
        private double bnMomentum = 0.1;

        Builder(int classes, int pixels, double bnEpsilon) {
            this.classes = classes;
            this.inputHeight = pixels;
            this.inputWidth = pixels;
            this.bnEpsilon = bnEpsilon;
        }

        /** This builder. */
        abstract B self();

        /** The fields of a spec. */
        final B common(FamilyFields spec) {
            bnMomentum = spec.bnMomentum;
            return name(spec.name)
                    .classes(spec.classes)
                    .inputSize(spec.inputHeight, spec.inputWidth)
                    .inputChannels(spec.inputChannels)
                    .bnEpsilon(spec.bnEpsilon);
        }

        /**
         * A name to show.
         *
         * @param value shown in reports and messages
         * @return this
         */
        public final B name(String value) {
            name = Objects.requireNonNull(value, "name");
            return self();
        }

        /**
         * Outputs of the classifier, for each image or each pixel.
         *
         * @param count 1 or more
         * @return this
         */
        public final B classes(int count) {
            classes = count;
            return self();
        }

        /**
         * Height and width of the images.
         *
         * @param pixels of each side
         * @return this
         */
        public final B inputSize(int pixels) {
            return inputSize(pixels, pixels);
        }

        /**
         * Height and width of the images.
         *
         * @param height rows of pixels
         * @param width columns of pixels
         * @return this
         */
        public final B inputSize(int height, int width) {
            inputHeight = height;
            inputWidth = width;
            return self();
        }

        /**
         * Channels of the images.
         *
         * @param channels 3 for RGB, 1 for grey
         * @return this
         */
        public final B inputChannels(int channels) {
            inputChannels = channels;
            return self();
        }

        /**
         * Added to variances.
         *
         * @param epsilon a small positive number
         * @return this
         */
        public final B bnEpsilon(double epsilon) {
            bnEpsilon = epsilon;
            return self();
        }

        /**
         * Weight of the newest batch in the running statistics.
         *
         * @param momentum above 0 and up to 1
         * @return this
         */
        public final B bnMomentum(double momentum) {
            bnMomentum = momentum;
            return self();
        }
    }
}
