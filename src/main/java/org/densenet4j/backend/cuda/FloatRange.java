package org.densenet4j.backend.cuda;

/**
 * Floats that lie together in device memory.
 *
 * @param address of the first
 * @param count how many
 */
record FloatRange(long address, long count) {}
