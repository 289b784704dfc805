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

    /** Two ranges: what decays, and what may not. */
    void run(OptimiserStep step) {
        ParameterLayout layout = compute.memory().parameterLayout();
        int from = layout.end(step.decayed() == Decayed.WEIGHTS_AND_SCALES);
        run(step, 0, from, true);
        run(step, from, layout.length() - from, step.decayed() == Decayed.ALL);
    }

    private void run(OptimiserStep step, int first, int length, boolean decayed) {
        NetworkMemory memory = compute.memory();
        Matrix p = memory.parameters().columns(first, length);
        Matrix g = memory.parameterGradients().columns(first, length);
        Matrix state = memory.velocity().columns(first, length);
        compute.forEachSlice(
                length,
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
