/**
 * A slow, obvious DenseNet in double precision that the engine is judged by: every concatenation,
 * normalisation and gradient is written out, nothing is shared, deferred or fused. {@code parity}
 * asks it what rounding and ReLUs at zero may do; tests compare everything with it.
 */
package org.densenet4j.reference;
