/**
 * The training step: dense blocks, transitions, stem and head, forward and backward, on the
 * matrices of a memory plan. Runs on any {@link org.densenet4j.backend.Device} and knows none in
 * particular.
 */
@NullMarked
package org.densenet4j.engine;

import org.jspecify.annotations.NullMarked;
