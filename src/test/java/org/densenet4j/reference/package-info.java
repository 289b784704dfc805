/**
 * A slow, obvious DenseNet in double precision that other tests are checked against: every
 * concatenation, normalisation and gradient is written out, nothing is shared, deferred or fused.
 */
package org.densenet4j.reference;
