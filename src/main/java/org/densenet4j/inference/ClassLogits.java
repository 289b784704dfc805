package org.densenet4j.inference;

/** What the logits of one image, or of one pixel, say: a row of an array, one value per class. */
final class ClassLogits {
    private ClassLogits() {}

    /** The class of the largest logit; of equal ones the first. */
    static int best(float[] logits, int at, int classes) {
        int best = 0;
        for (int c = 1; c < classes; c++) {
            best = logits[at + c] > logits[at + best] ? c : best;
        }
        return best;
    }

    /** Refuses a sum of losses that says nothing. */
    static void checkLoss(long images, double loss) {
        if (images == 0) {
            throw new IllegalArgumentException("none of the images can be read");
        }
        if (!Double.isFinite(loss)) {
            throw new IllegalArgumentException(
                    "the network's outputs are not finite for some of the images: its weights or"
                            + " the normalisation are not those that it was trained with");
        }
    }

    /** Softmax cross-entropy {@code log Σ exp(z) − z[label]}, in double precision. */
    static double loss(float[] logits, int at, int classes, int label) {
        double largest = Double.NEGATIVE_INFINITY;
        for (int c = 0; c < classes; c++) {
            largest = Math.max(largest, logits[at + c]);
        }
        double sum = 0;
        for (int c = 0; c < classes; c++) {
            sum += Math.exp(logits[at + c] - largest);
        }
        return Math.log(sum) + largest - logits[at + label];
    }
}
