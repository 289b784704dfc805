package org.densenet4j.backend.cpu;

import org.densenet4j.backend.Matrix;

/** The operands of {@link AccumulateGradient} and of {@link AccumulateGradientAveragePool}. */
record Accumulation(
        Matrix gradient,
        Matrix x,
        Matrix affine,
        Matrix statistics,
        Matrix weight,
        Matrix blockGradient,
        Matrix partial) {}
