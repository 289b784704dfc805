/**
 * Inference: a forward pass with folded batch normalisation in its own, smaller memory plan, and
 * what people want of it: classes, embeddings, heat maps.
 */
@NullMarked
package org.densenet4j.inference;

import org.jspecify.annotations.NullMarked;
