/**
 * What a device can do, in the field's terms: an arena, chunked execution, fused element-wise
 * kernels, matrix products and convolutions. Nothing here knows a network, and nothing above this
 * package knows which device it runs on.
 */
@NullMarked
package org.densenet4j.backend;

import org.jspecify.annotations.NullMarked;
