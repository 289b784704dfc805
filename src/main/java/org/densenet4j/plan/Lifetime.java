package org.densenet4j.plan;

/**
 * When a buffer is in use.
 *
 * @param first index of the first operation that needs it
 * @param last index of the last operation that needs it
 */
public record Lifetime(int first, int last) {}
