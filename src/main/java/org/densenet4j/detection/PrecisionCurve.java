package org.densenet4j.detection;

import java.util.Arrays;

/** Precision and recall after each of what was found, best first. */
final class PrecisionCurve {
    private static final int POINTS = 11;

    private final int objects;
    private double[] precision = new double[16];
    private double[] recall = new double[16];
    private int count;
    private int right;

    /** Of so many objects that can be found, 1 or more. */
    PrecisionCurve(int objects) {
        this.objects = objects;
    }

    /** Adds the next detection, which is right or wrong. */
    void add(boolean isRight) {
        if (count == precision.length) {
            precision = Arrays.copyOf(precision, 2 * count);
            recall = Arrays.copyOf(recall, 2 * count);
        }
        right += isRight ? 1 : 0;
        precision[count] = (double) right / (count + 1);
        recall[count] = (double) right / objects;
        count++;
    }

    /** The best precision at each place or behind it, where recall is as high or higher. */
    private double[] envelope() {
        double[] best = Arrays.copyOf(precision, count);
        for (int i = count - 2; i >= 0; i--) {
            best[i] = Math.max(best[i], best[i + 1]);
        }
        return best;
    }

    /** Mean of the envelope where recall first reaches each of some values; 0 where it does not. */
    double meanAt(double[] recalls) {
        double[] best = envelope();
        double sum = 0;
        int at = 0;
        for (double wanted : recalls) {
            while (at < count && recall[at] < wanted) {
                at++;
            }
            sum += at < count ? best[at] : 0;
        }
        return sum / recalls.length;
    }

    double elevenPoints() {
        double[] recalls = new double[POINTS];
        for (int i = 0; i < POINTS; i++) {
            recalls[i] = i / (POINTS - 1.0);
        }
        return meanAt(recalls);
    }

    /** Σ (recall − recall before)·envelope. */
    double area() {
        double[] best = envelope();
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += best[i] * (recall[i] - (i == 0 ? 0 : recall[i - 1]));
        }
        return sum;
    }
}
