package org.densenet4j.parity;

import org.densenet4j.reference.Kink;
import org.densenet4j.train.Sgd;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Optimiser steps in double precision: as they are, and with the kinks of every step where single
 * precision's gradients show that it went.
 */
final class OptimiserReplay {
    private OptimiserReplay() {}

    /** The losses before all steps, and the parameters after each. */
    record Steps(List<Map<String, double[]>> parameters, double[] losses) {}

    /** The steps as they are. */
    static Steps plain(DoublePrecision start, Sgd sgd, int steps) {
        List<Map<String, double[]>> parameters = new ArrayList<>();
        double[] losses = new double[steps];
        for (int step = 0; step < steps; step++) {
            losses[step] = start.pass().exact();
            start.step(sgd);
            parameters.add(start.parameters());
        }
        return new Steps(parameters, losses);
    }

    /**
     * What explains the parameters after each step; after the last also the losses, under {@code
     * losses}.
     */
    static List<Explanation> explain(
            DoublePrecision start, Steps plain, Sgd sgd, List<EngineResults.Step> ours) {
        List<Explanation> explanations = new ArrayList<>();
        int n = ours.size();
        double[] losses = new double[n];
        double[] roundedLosses = new double[n];
        int flips = 0;
        for (int step = 0; step < n; step++) {
            DoublePrecision.Loss loss = start.pass();
            losses[step] = loss.exact();
            roundedLosses[step] = loss.rounded();
            List<Kink> flipped = FlipSearch.search(start, ours.get(step).gradients());
            flips += flipped.size();
            start.backward(flipped);
            start.step(sgd);
            explanations.add(
                    new Explanation(
                            flips,
                            plain.parameters().get(step),
                            start.parameters(),
                            start.roundedParameters()));
        }
        explanations.add(
                explanations.removeLast().with("losses", plain.losses(), losses, roundedLosses));
        return explanations;
    }
}
