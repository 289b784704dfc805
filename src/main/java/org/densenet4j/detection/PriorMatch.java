package org.densenet4j.detection;

import org.densenet4j.data.Box;

import java.util.Arrays;
import java.util.List;

/**
 * Which object each prior has to find (Liu et al. 2016, arXiv 1512.02325, section 2.2). First every
 * object gets the prior that overlaps it most, the largest overlap of all first, and no prior
 * twice; then every other prior whose overlap with an object is above a threshold takes the one
 * that it overlaps most. Overlap is intersection over union.
 */
final class PriorMatch {
    /** For priors that find nothing. */
    static final int NONE = -1;

    /** An overlap that is none, as in the authors' code: an object outside of all priors. */
    private static final double LEAST = 1e-6;

    private final int[] objects;
    private final double[] overlaps;

    private PriorMatch(int[] objects, double[] overlaps) {
        this.objects = objects;
        this.overlaps = overlaps;
    }

    /**
     * Matches the objects of one image.
     *
     * @param truth in shares of the image's sides
     * @param above overlap of a match beyond each object's best
     */
    static PriorMatch of(Priors priors, List<Box> truth, double above) {
        int count = priors.size();
        int[] matched = new int[count];
        double[] best = new double[count];
        double[][] overlap = new double[truth.size()][count];
        Arrays.fill(matched, NONE);
        for (int p = 0; p < count; p++) {
            Box prior = priors.box(p);
            for (int t = 0; t < truth.size(); t++) {
                overlap[t][p] = prior.iou(truth.get(t));
                if (overlap[t][p] > best[p]) {
                    best[p] = overlap[t][p];
                    matched[p] = overlap[t][p] > above ? t : matched[p];
                }
            }
        }
        assignBest(overlap, matched);
        return new PriorMatch(matched, best);
    }

    /** Each object's own prior, which overrides what the prior itself would take. */
    private static void assignBest(double[][] overlap, int[] matched) {
        boolean[] served = new boolean[overlap.length];
        boolean[] taken = new boolean[matched.length];
        for (int round = 0; round < overlap.length; round++) {
            int object = NONE;
            int prior = NONE;
            double most = LEAST;
            for (int t = 0; t < overlap.length; t++) {
                for (int p = 0; !served[t] && p < matched.length; p++) {
                    if (overlap[t][p] > most && !taken[p]) {
                        most = overlap[t][p];
                        object = t;
                        prior = p;
                    }
                }
            }
            if (object == NONE) {
                return;
            }
            served[object] = true;
            taken[prior] = true;
            matched[prior] = object;
        }
    }

    /** The object that a prior finds, or {@link #NONE}. */
    int object(int prior) {
        return objects[prior];
    }

    /** The largest overlap with any object. */
    double overlap(int prior) {
        return overlaps[prior];
    }
}
