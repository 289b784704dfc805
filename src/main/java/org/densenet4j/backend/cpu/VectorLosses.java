package org.densenet4j.backend.cpu;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.OutputLoss;

import java.lang.foreign.MemorySegment;

/** Losses of vectors of targets. Loops for all: a batch has few outputs. */
final class VectorLosses extends StoredElements {
    VectorLosses(MemorySegment memory) {
        super(memory);
    }

    /** See {@link org.densenet4j.backend.Kernels#softmaxVectorLoss}. */
    void softmaxVectorLoss(
            Matrix logits,
            Matrix targets,
            Matrix scale,
            float smoothing,
            float focus,
            Matrix losses,
            Matrix hits,
            Matrix gradient) {
        int classes = logits.columns();
        for (int r = 0; r < logits.rows(); r++) {
            int best = firstLargest(logits, r);
            set(hits, 0, r, best == firstLargest(targets, r) ? 1f : 0f);
            double max = get(logits, r, best);
            double sum = 0;
            for (int c = 0; c < classes; c++) {
                sum += Math.exp(get(logits, r, c) - max);
            }
            double logSum = Math.log(sum);
            double loss = 0;
            double slopes = 0;
            for (int c = 0; c < classes; c++) {
                double log = get(logits, r, c) - max - logSum;
                double weight = weight(targets, scale, smoothing, r, c);
                loss -= weight * power(-Math.expm1(log), focus) * log;
                slopes += weight * slope(log, focus);
            }
            set(losses, 0, r, (float) loss);
            for (int c = 0; c < classes; c++) {
                double log = get(logits, r, c) - max - logSum;
                double weight = weight(targets, scale, smoothing, r, c);
                double g = weight * slope(log, focus) - Math.exp(log) * slopes;
                set(gradient, r, c, (float) g);
            }
        }
    }

    private int firstLargest(Matrix x, int row) {
        int best = 0;
        for (int c = 1; c < x.columns(); c++) {
            best = get(x, row, c) > get(x, row, best) ? c : best;
        }
        return best;
    }

    private double weight(Matrix targets, Matrix scale, float smoothing, int row, int c) {
        double target = (1 - smoothing) * get(targets, row, c) + smoothing / targets.columns();
        return get(scale, 0, c) * target;
    }

    /** {@code p·d/dp[−(1 − p)^γ·log p]} of a probability's logarithm. */
    private static double slope(double log, double gamma) {
        double rest = -Math.expm1(log);
        return gamma * slopeOfPower(rest, gamma) * Math.exp(log) * log - power(rest, gamma);
    }

    /** Also where the base is 0 and the exponent, which is not looked at then, is 0. */
    private static double power(double base, double exponent) {
        return exponent == 0 ? 1 : Math.pow(base, exponent);
    }

    /**
     * {@code base^(γ − 1)}; where the base is 0 it is infinite, and 0 is the limit of its products
     * with what goes to 0 as fast as the base. Without focus it is multiplied by 0.
     */
    private static double slopeOfPower(double base, double gamma) {
        return base == 0 || gamma == 0 ? 0 : power(base, gamma - 1);
    }

    /** See {@link org.densenet4j.backend.Kernels#outputLoss}. */
    void outputLoss(
            OutputLoss of,
            Matrix logits,
            Matrix targets,
            Matrix factors,
            Matrix losses,
            Matrix hits,
            Matrix gradient) {
        boolean labels = of.kind().isOfLabels();
        double[] found = new double[2]; // loss and its derivative
        for (int r = 0; r < logits.rows(); r++) {
            double loss = 0;
            int there = 0;
            int right = 0;
            for (int c = 0; c < logits.columns(); c++) {
                double target = get(targets, r, c);
                if (Double.isNaN(target)) {
                    set(gradient, r, c, 0f);
                    continue;
                }
                double output = get(logits, r, c);
                double factor = get(factors, 0, c);
                if (labels) {
                    ofLabel(of, output, target, get(factors, 1, c), found);
                } else {
                    ofNumber(of, output - target, found);
                }
                loss += factor * found[0];
                set(gradient, r, c, (float) (factor * found[1]));
                there++;
                right += output > 0 == target > 0.5 ? 1 : 0;
            }
            set(losses, 0, r, (float) loss);
            set(hits, 0, r, labels && there > 0 && right == there ? 1f : 0f);
        }
    }

    private static void ofNumber(OutputLoss of, double error, double[] found) {
        boolean line = of.kind() == OutputLoss.Kind.HUBER && Math.abs(error) > of.delta();
        double power = of.kind() == OutputLoss.Kind.HUBER ? 0.5 : 1;
        found[0] = line ? of.delta() * (Math.abs(error) - 0.5 * of.delta()) : power * error * error;
        found[1] = line ? of.delta() * Math.signum(error) : 2 * power * error;
    }

    private static void ofLabel(
            OutputLoss of, double z, double label, double positive, double[] found) {
        double t = (1 - of.smoothing()) * label + 0.5 * of.smoothing();
        double softened = Math.log1p(Math.exp(-Math.abs(z))); // log(1 + e^−|z|)
        double on = Math.max(-z, 0) + softened; // −log σ(z)
        double off = Math.max(z, 0) + softened; // −log(1 − σ(z))
        double p = Math.exp(-on);
        double q = Math.exp(-off);
        double loss = positive * t * on + (1 - t) * off;
        double slope = (1 - t) * p - positive * t * q;
        if (of.kind() == OutputLoss.Kind.FOCAL) {
            double wrong = p * (1 - t) + q * t; // 1 − p(t)
            double balance = of.alpha() < 0 ? 1 : of.alpha() * t + (1 - of.alpha()) * (1 - t);
            double focus = power(wrong, of.gamma());
            double change = slopeOfPower(wrong, of.gamma()) * p * q * (2 * t - 1);
            slope = balance * (focus * slope - of.gamma() * change * loss);
            loss *= balance * focus;
        }
        found[0] = loss;
        found[1] = slope;
    }
}
