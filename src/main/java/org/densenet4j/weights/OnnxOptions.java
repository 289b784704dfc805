package org.densenet4j.weights;

/**
 * How {@link OnnxExport} writes a model.
 *
 * @param opset operator set, 13 to {@link OnnxExport#OPSET}
 * @param fixedSize whether height and width of the images are the model's and no others; else they
 *     are free. The batch is always free
 * @param probabilities whether there is a second output {@code probabilities}, the softmax of the
 *     logits
 * @param grouped whether condensed 1x1 convolutions are written in groups of the inputs that
 *     condensation left them, and not with zeros
 */
public record OnnxOptions(int opset, boolean fixedSize, boolean probabilities, boolean grouped) {
    /** Checks the opset. */
    public OnnxOptions {
        if (opset < OnnxExport.OLDEST_OPSET || opset > OnnxExport.OPSET) {
            throw new IllegalArgumentException(
                    "opset = "
                            + opset
                            + ": use "
                            + OnnxExport.OLDEST_OPSET
                            + " to "
                            + OnnxExport.OPSET);
        }
    }

    /** {@return the current opset, images of any size, logits alone} */
    public static OnnxOptions defaults() {
        return new OnnxOptions(OnnxExport.OPSET, false, false, false);
    }

    /**
     * {@return the same with an older opset, for an older runtime}
     *
     * @param value 13 to 22
     */
    public OnnxOptions withOpset(int value) {
        return new OnnxOptions(value, fixedSize, probabilities, grouped);
    }

    /**
     * {@return the same with height and width fixed or free}
     *
     * @param value whether the file takes images of the network's size only
     */
    public OnnxOptions withFixedSize(boolean value) {
        return new OnnxOptions(opset, value, probabilities, grouped);
    }

    /**
     * {@return the same with or without the output {@code probabilities}}
     *
     * @param value whether there is an output of the softmax beside the logits
     */
    public OnnxOptions withProbabilities(boolean value) {
        return new OnnxOptions(opset, fixedSize, value, grouped);
    }

    /**
     * {@return the same with the 1x1 convolutions of a condensed network in groups, as
     * CondenseNet's authors convert them, or with zeros}
     *
     * @param value whether inputs are gathered, convolved in groups and put in order again
     */
    public OnnxOptions withGroups(boolean value) {
        return new OnnxOptions(opset, fixedSize, probabilities, value);
    }
}
