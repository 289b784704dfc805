package org.densenet4j.train;

/**
 * How a network does on labelled images. Loss and shares are NaN where the loss of an image is not
 * finite: its class is none then.
 *
 * @param images number of images
 * @param loss mean softmax cross-entropy
 * @param accuracy share whose class has the highest logit
 * @param top5 share whose class is among the five highest logits
 * @param confusion images by class and prediction, [classes][classes]
 */
public record TestResult(
        long images, double loss, double accuracy, double top5, int[][] confusion) {

    /** Adds up batches. */
    static final class Sum {
        private final int classes;
        private final int[][] confusion;
        private double loss;
        private long correct;
        private long amongFive;
        private long images;

        Sum(int classes) {
            this.classes = classes;
            this.confusion = new int[classes][classes];
        }

        void add(StepResult step, int[] labels, float[] logits) {
            loss += step.loss() * step.images();
            correct += step.correct();
            images += step.images();
            for (int i = 0; i < labels.length; i++) {
                int row = i * classes;
                int best = 0;
                int higher = 0;
                for (int c = 0; c < classes; c++) {
                    best = logits[row + c] > logits[row + best] ? c : best;
                    higher += logits[row + c] > logits[row + labels[i]] ? 1 : 0;
                }
                confusion[labels[i]][best]++;
                amongFive += higher < 5 ? 1 : 0;
            }
        }

        TestResult result() {
            double n = Double.isFinite(loss) ? Math.max(1, images) : Double.NaN;
            return new TestResult(images, loss / n, correct / n, amongFive / n, confusion);
        }
    }
}
