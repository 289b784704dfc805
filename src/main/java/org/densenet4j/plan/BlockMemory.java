package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.spec.BlockShape;

import java.util.List;

/**
 * Memory of a dense block. This is where concatenation disappears: {@code features} is one matrix,
 * every layer reads a column prefix of it and appends its k columns.
 *
 * @param features X [N·H·W, C_total]
 * @param statistics [3, C_total], taken once when a channel is produced and used by all consumers
 * @param gradient G [N·H·W, C_total], of one block at a time
 * @param deferred [2, C_total], the sums B and Γ of the deferred batch-norm correction
 */
public record BlockMemory(
        BlockShape shape,
        Matrix features,
        Matrix statistics,
        Matrix gradient,
        Matrix deferred,
        List<LayerMemory> layers) {}
