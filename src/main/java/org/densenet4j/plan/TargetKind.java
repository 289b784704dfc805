package org.densenet4j.plan;

/** What an image is labelled with, which decides what memory its loss has. */
public enum TargetKind {
    /** The index of one class. */
    CLASS,

    /**
     * A number for each output: labels that an image has or has not, numbers to estimate, shares of
     * classes. NaN where there is none.
     */
    VECTOR
}
