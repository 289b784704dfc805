package org.densenet4j.parity;

import org.densenet4j.reference.Kink;
import org.densenet4j.train.Sgd;

import java.util.ArrayList;
import java.util.List;

/**
 * Optimiser steps in double precision, with the kinks of every step where single precision's
 * gradients show that it went.
 */
final class OptimiserReplay {
    private OptimiserReplay() {}

    /**
     * What explains the parameters after each step; after the last also the losses, under {@code
     * losses}.
     */
    static List<Explanation> explain(
            DoublePrecision start, ExactValues exact, Sgd sgd, List<EngineResults.Step> ours) {
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
                            exact.parameters(step + 1),
                            start.parameters(),
                            start.roundedParameters()));
        }
        explanations.add(
                explanations.removeLast().with("losses", exact.losses(), losses, roundedLosses));
        return explanations;
    }
}
