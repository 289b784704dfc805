package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.engine.OptimiserStep.Decayed;
import org.densenet4j.plan.NetworkMemory;
import org.densenet4j.plan.ParameterLayout;

/** Runs an optimiser's step over all parameters, a slice at a time. */
final class ParameterUpdate {
    private final Compute compute;
    private final Kernels kernels;

    ParameterUpdate(Compute compute) {
        this.compute = compute;
        this.kernels = compute.kernels();
    }

    /** Parameters of one sort, their gradients, and what the optimiser remembers of them. */
    private interface Range {
        Matrix of(ParameterLayout layout, Matrix vector);
    }

    void run(OptimiserStep step) {
        run(step, ParameterLayout::weights, true);
        run(step, ParameterLayout::scales, step.decayed() != Decayed.WEIGHTS);
        run(step, ParameterLayout::shifts, step.decayed() == Decayed.ALL);
    }

    private void run(OptimiserStep step, Range range, boolean decayed) {
        NetworkMemory memory = compute.memory();
        ParameterLayout layout = memory.parameterLayout();
        Matrix p = range.of(layout, memory.parameters());
        Matrix g = range.of(layout, memory.parameterGradients());
        Matrix state = range.of(layout, memory.velocity());
        compute.forEachSlice(
                p.columns(),
                (from, count) ->
                        update(
                                step,
                                p.columns(from, count),
                                g.columns(from, count),
                                state.columns(from, count),
                                decayed));
    }

    private void update(OptimiserStep step, Matrix p, Matrix g, Matrix state, boolean decayed) {
        switch (step) {
            case SgdStep s ->
                    kernels.sgd(
                            p,
                            g,
                            state,
                            s.rate(),
                            s.momentum(),
                            s.nesterov(),
                            decayed ? s.weightDecay() : 0f,
                            s.gradientScale());
            case RmspropStep s ->
                    kernels.rmsprop(
                            p,
                            g,
                            state,
                            s.rate(),
                            s.rho(),
                            s.epsilon(),
                            s.epsilonInside(),
                            decayed ? s.weightDecay() : 0f,
                            s.gradientScale());
        }
    }
}
