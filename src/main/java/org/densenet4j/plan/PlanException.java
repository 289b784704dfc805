package org.densenet4j.plan;

/** A plan that cannot be carried out; the message has the numbers and the alternatives. */
public final class PlanException extends RuntimeException {
    /** With a one-line message. */
    public PlanException(String message) {
        super(message);
    }
}
