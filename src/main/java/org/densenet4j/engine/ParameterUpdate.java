package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.RmspropCoefficients;
import org.densenet4j.engine.OptimiserStep.Decayed;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.plan.NetworkMemory;
import org.densenet4j.plan.ParameterLayout;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Runs an optimiser's step over all parameters, a slice at a time. */
final class ParameterUpdate {
    private final Compute compute;
    private final Kernels kernels;
    private final Map<Decayed, List<Range>> ranges = new EnumMap<>(Decayed.class);
    private Map<String, ParameterRule> rules = Map.of();

    ParameterUpdate(Compute compute) {
        this.compute = compute;
        this.kernels = compute.kernels();
    }

    /** Neighbours in memory that are treated alike; by default what decays, and what may not. */
    private record Range(int first, int length, boolean decays, ParameterRule rule) {
        boolean isLike(boolean otherDecays, ParameterRule other) {
            return decays == otherDecays && rule.equals(other);
        }

        Range longer(int more) {
            return new Range(first, length + more, decays, rule);
        }

        OptimiserStep of(OptimiserStep step) {
            double decay = rule.weightDecay().orElse(decays ? step.weightDecay() : 0);
            return step.withGroup(rule.rateScale(), (float) decay);
        }
    }

    void rules(Map<String, ParameterRule> value) {
        rules = value;
        ranges.clear();
    }

    void run(OptimiserStep step) {
        NetworkMemory memory = compute.memory();
        for (Range range : ranges.computeIfAbsent(step.decayed(), this::ranges)) {
            OptimiserStep own = range.of(step);
            Matrix p = memory.parameters().columns(range.first, range.length);
            Matrix g = memory.parameterGradients().columns(range.first, range.length);
            compute.forEachSlice(
                    range.length,
                    (from, count) ->
                            update(
                                    own,
                                    p.columns(from, count),
                                    g.columns(from, count),
                                    new State(range.first + from, count)));
        }
    }

    private List<Range> ranges(Decayed decayed) {
        ParameterLayout layout = compute.memory().parameterLayout();
        List<Range> all = new ArrayList<>();
        for (ParameterSpec p : layout.inPlace()) {
            ParameterRule rule = rules.getOrDefault(p.name(), ParameterRule.NONE);
            if (rule.frozen()) {
                continue;
            }
            boolean decays =
                    switch (decayed) {
                        case ALL -> true;
                        case WEIGHTS_AND_SCALES -> p.role().isWeight() || p.role().isScale();
                        case WEIGHTS -> p.role().isWeight();
                    };
            int length = layout.end(p) - layout.start(p);
            boolean joins =
                    !all.isEmpty()
                            && all.getLast().isLike(decays, rule)
                            && all.getLast().first + all.getLast().length == layout.start(p);
            all.add(
                    joins
                            ? all.removeLast().longer(length)
                            : new Range(layout.start(p), length, decays, rule));
        }
        return all;
    }

    /** What is remembered of a slice. */
    private final class State {
        private final int from;
        private final int count;

        State(int from, int count) {
            this.from = from;
            this.count = count;
        }

        Matrix get(String name) {
            return compute.memory().optimiserState(name).columns(from, count);
        }

        @Nullable Matrix get(boolean there, String name) {
            return there ? get(name) : null;
        }
    }

    private void update(OptimiserStep step, Matrix p, Matrix g, State state) {
        switch (step) {
            case SgdStep s ->
                    kernels.sgd(
                            p,
                            g,
                            state.get(SgdStep.VELOCITY),
                            s.rate(),
                            s.momentum(),
                            s.gradientShare(),
                            s.nesterov(),
                            s.weightDecay(),
                            s.gradientScale());
            case RmspropStep s ->
                    kernels.rmsprop(
                            p,
                            g,
                            state.get(RmspropStep.SQUARES),
                            state.get(s.centred(), RmspropStep.MEANS),
                            state.get(s.hasMomentum(), RmspropStep.VELOCITY),
                            new RmspropCoefficients(
                                    s.rate(),
                                    s.rho(),
                                    s.epsilon(),
                                    s.epsilonInside(),
                                    s.momentum(),
                                    s.weightDecay(),
                                    s.gradientScale()));
            case AdamStep s ->
                    kernels.adam(
                            p,
                            g,
                            state.get(AdamStep.MEAN),
                            state.get(AdamStep.SQUARE),
                            state.get(s.amsgrad(), AdamStep.LARGEST),
                            s.coefficients());
        }
    }
}
