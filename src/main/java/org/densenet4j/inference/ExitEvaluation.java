package org.densenet4j.inference;

import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * What each exit of a network says of labelled images, and how long it took.
 *
 * <p>Of the authors' two settings (Huang et al. 2018, arXiv 1703.09844, section 3), {@link
 * #anytime} has every image leave at the same exit, and {@link #budgeted} lets easy images leave
 * early.
 */
public final class ExitEvaluation {
    private final List<Exit> exits;
    private final List<Double> seconds;
    private final float[][] confidence;
    private final boolean[][] right;
    private final int images;

    private ExitEvaluation(
            List<Exit> exits,
            List<Double> seconds,
            float[][] confidence,
            boolean[][] right,
            int images) {
        this.exits = exits;
        this.seconds = seconds;
        this.confidence = confidence;
        this.right = right;
        this.images = images;
    }

    /**
     * A point of a curve.
     *
     * @param accuracy share of images whose most probable class is their label
     * @param multiplyAdds mean of an image
     * @param seconds mean of an image, as measured, in batches of the predictor's
     */
    public record Point(double accuracy, double multiplyAdds, double seconds) {}

    /**
     * Looks at all images at all exits. Labels are matched to the network's classes by name, or by
     * position where it names none.
     *
     * @param predictor of a network for images
     * @param loader of labelled images, normalised as the predictor wants them
     * @return what was found
     * @throws IllegalArgumentException when the network has no exits for images, does not know a
     *     class of the data, or there are no images
     */
    public static ExitEvaluation of(Predictor predictor, BatchLoader loader) {
        Objects.requireNonNull(predictor, "predictor");
        Objects.requireNonNull(loader, "loader");
        List<Exit> exits = predictor.exits();
        if (exits.isEmpty()) {
            throw new IllegalArgumentException(
                    "the network '" + predictor.spec().name() + "' has no exits for images");
        }
        List<float[][]> confidences = new ArrayList<>();
        List<boolean[][]> hits = new ArrayList<>();
        double[] nanos = new double[exits.size()];
        int[] count = {0};
        try (BatchLoader.Epoch batches = Evaluation.matched(predictor, loader).epoch(0)) {
            for (Batch batch : batches) {
                float[][] c = new float[exits.size()][batch.size()];
                boolean[][] r = new boolean[exits.size()][batch.size()];
                look(predictor, batch, c, r, nanos);
                confidences.add(c);
                hits.add(r);
                count[0] += batch.size();
            }
        }
        if (count[0] == 0) {
            throw new IllegalArgumentException("there are no images to evaluate exits on");
        }
        List<Double> seconds = new ArrayList<>();
        for (double n : nanos) {
            seconds.add(n / 1e9 / count[0]);
        }
        return joined(exits, List.copyOf(seconds), confidences, hits, count[0]);
    }

    private static void look(
            Predictor predictor,
            Batch batch,
            float[][] confidence,
            boolean[][] right,
            double[] nanos) {
        int classes = predictor.classes();
        predictor.throughExits(
                batch.images(),
                batch.size(),
                (exit, first, logits, time) -> {
                    nanos[exit] += time;
                    OutputActivation.SOFTMAX.apply(logits, classes);
                    for (int i = 0; i < logits.length / classes; i++) {
                        int best = ClassLogits.best(logits, i * classes, classes);
                        confidence[exit][first + i] = logits[i * classes + best];
                        right[exit][first + i] = best == batch.labels()[first + i];
                    }
                    return true;
                });
    }

    private static ExitEvaluation joined(
            List<Exit> exits,
            List<Double> seconds,
            List<float[][]> confidences,
            List<boolean[][]> hits,
            int images) {
        float[][] confidence = new float[exits.size()][images];
        boolean[][] right = new boolean[exits.size()][images];
        for (int exit = 0; exit < exits.size(); exit++) {
            int at = 0;
            for (int b = 0; b < hits.size(); b++) {
                int n = hits.get(b)[exit].length;
                System.arraycopy(confidences.get(b)[exit], 0, confidence[exit], at, n);
                System.arraycopy(hits.get(b)[exit], 0, right[exit], at, n);
                at += n;
            }
        }
        return new ExitEvaluation(exits, seconds, confidence, right, images);
    }

    /** {@return the network's exits} */
    public List<Exit> exits() {
        return exits;
    }

    /** {@return images that were looked at} */
    public int images() {
        return images;
    }

    /** The largest probability of an image at an exit. */
    double confidence(int exit, int image) {
        return confidence[exit][image];
    }

    /** {@return accuracy and cost of each exit, when every image leaves there} */
    public List<Point> anytime() {
        List<Point> points = new ArrayList<>();
        for (int exit = 0; exit < exits.size(); exit++) {
            int hits = 0;
            for (boolean r : right[exit]) {
                hits += r ? 1 : 0;
            }
            points.add(
                    new Point(
                            (double) hits / images,
                            exits.get(exit).multiplyAdds(),
                            seconds.get(exit)));
        }
        return points;
    }

    /**
     * {@return accuracy and mean cost when images leave by thresholds}
     *
     * @param thresholds one for each exit but the last
     */
    public Point budgeted(ExitThresholds thresholds) {
        Objects.requireNonNull(thresholds, "thresholds").requireFor(exits);
        int hits = 0;
        double multiplyAdds = 0;
        double time = 0;
        for (int i = 0; i < images; i++) {
            int exit = 0;
            while (!thresholds.leaves(exit, confidence[exit][i])) {
                exit++;
            }
            hits += right[exit][i] ? 1 : 0;
            multiplyAdds += exits.get(exit).multiplyAdds();
            time += seconds.get(exit);
        }
        return new Point((double) hits / images, multiplyAdds / images, time / images);
    }

    /**
     * {@return the curve of {@link #budgeted} for q = p/20, p = 1 to 39, as published}
     *
     * @param heldOut the same network on images that it was not trained on, for thresholds
     */
    public List<Point> budgeted(ExitEvaluation heldOut) {
        Objects.requireNonNull(heldOut, "heldOut");
        List<Point> points = new ArrayList<>();
        for (int p = 1; p < 40; p++) {
            points.add(budgeted(ExitThresholds.of(heldOut, p / 20.0)));
        }
        return points;
    }
}
