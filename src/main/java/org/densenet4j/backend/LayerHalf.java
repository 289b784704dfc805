package org.densenet4j.backend;

import java.util.Objects;

/**
 * A half of a dense layer that a device may have fused kernels for, and how it would run without
 * them: what {@link Device#fuses} is asked about. Equal halves take the same time.
 */
public sealed interface LayerHalf {

    /**
     * {@return whether a device has fused kernels for it}
     *
     * @param device that is asked
     */
    boolean isFusedOn(Device device);

    /** {@return one line that identifies it, for people and files} */
    String label();

    /**
     * The bottleneck, {@code Z = relu(bn1(X[:, :K]))·W1ᵀ}, in one pass, or as products of chunks.
     *
     * @param whole over the rows of the whole batch
     * @param chunkRows rows of a chunk
     * @param blockColumns elements from one row of the block's matrix to the next
     */
    record Bottleneck(PointwiseShape whole, int chunkRows, int blockColumns) implements LayerHalf {
        /** Needs a shape. */
        public Bottleneck {
            Objects.requireNonNull(whole, "whole");
        }

        @Override
        public boolean isFusedOn(Device device) {
            return Objects.requireNonNull(device, "device").takesWholeBatch(whole);
        }

        @Override
        public String label() {
            return "1x1 "
                    + whole.rows()
                    + "x"
                    + whole.inputChannels()
                    + " of "
                    + blockColumns
                    + " to "
                    + whole.outputChannels()
                    + " in "
                    + whole.type().label()
                    + ", chunks of "
                    + chunkRows;
        }
    }

    /**
     * The new features, {@code Y = conv3x3(relu(bn2(Z)))}, straight to the block, or a convolution
     * of chunks.
     *
     * @param whole over the images of the whole batch
     * @param chunkImages images of a chunk
     * @param blockColumns elements from one row of the block's matrix to the next
     */
    record NewFeatures(ConvolutionShape whole, int chunkImages, int blockColumns)
            implements LayerHalf {
        /** Needs a shape. */
        public NewFeatures {
            Objects.requireNonNull(whole, "whole");
        }

        @Override
        public boolean isFusedOn(Device device) {
            return Objects.requireNonNull(device, "device").appendedMemory(whole).isPresent();
        }

        @Override
        public String label() {
            return "3x3 "
                    + whole.images()
                    + "x"
                    + whole.height()
                    + "x"
                    + whole.width()
                    + "x"
                    + whole.inputChannels()
                    + " to "
                    + whole.outputChannels()
                    + " of "
                    + blockColumns
                    + " in "
                    + whole.type().label()
                    + ", chunks of "
                    + chunkImages;
        }
    }
}
