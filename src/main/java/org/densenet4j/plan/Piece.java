package org.densenet4j.plan;

import org.densenet4j.graph.Columns;

/**
 * Columns that one reader adds its gradient to, or overwrites because it is the first to write one.
 *
 * @param offset of the columns among the channels that are read
 * @param columns that are read
 * @param overwrites whether no other reader's gradient is there yet
 */
public record Piece(int offset, Columns columns, boolean overwrites) {}
