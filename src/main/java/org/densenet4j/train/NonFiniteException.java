package org.densenet4j.train;

/** A loss or gradient became NaN or infinite; the message names the step and the layer. */
public final class NonFiniteException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** Counted from 1. */
    private final long step;

    /** The stage, or the parameter. */
    private final String layer;

    NonFiniteException(long step, String layer, String what) {
        super(
                what
                        + " is not finite in step "
                        + step
                        + ", first in "
                        + layer
                        + "; lower the learning rate, clip gradients or check the data");
        this.step = step;
        this.layer = layer;
    }

    /** {@return the step that failed, counted from 1; its update was not applied} */
    public long step() {
        return step;
    }

    /** {@return the stage or parameter in which it was found first} */
    public String layer() {
        return layer;
    }
}
