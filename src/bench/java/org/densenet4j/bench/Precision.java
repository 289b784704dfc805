package org.densenet4j.bench;

/** What numbers between convolutions are stored as. */
enum Precision {
    /** Single precision throughout. */
    FP32,
    /** bfloat16; sums, statistics and the optimiser's state are fp32. */
    BF16
}
