package org.densenet4j.train;

import org.densenet4j.data.OutputScores;
import org.densenet4j.data.SegmentationScores;
import org.densenet4j.detection.DetectionScores;
import org.densenet4j.engine.PixelTally;

import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * How a network does on labelled images. Loss and shares are NaN where the loss of an image is not
 * finite: its class is none then.
 *
 * @param images number of images
 * @param loss mean over images, over pixels with a label, or over targets
 * @param accuracy share of images or of pixels whose class has the highest logit; of several labels
 *     share of images of which all are right; of numbers 0; NaN where objects are found
 * @param top5 share whose class is among the five highest logits; NaN where pixels are classified
 * @param confusion images by class and prediction, [classes][classes]; empty where pixels are
 *     classified
 * @param pixels counts by class where pixels are classified
 * @param outputs how each output does where images are labelled with vectors
 * @param exits how each exit does, of networks with several; the loss above is the sum of theirs
 *     and the accuracy the last one's
 * @param boxes how good the boxes around objects are; {@link DetectionScores#NONE} where there are
 *     none
 */
public record TestResult(
        long images,
        double loss,
        double accuracy,
        double top5,
        int[][] confusion,
        PixelTally pixels,
        List<OutputScores.Score> outputs,
        List<ExitScore> exits,
        DetectionScores boxes) {
    private static final int[][] NO_CONFUSION = {};

    /** Keeps a copy. */
    public TestResult {
        outputs = List.copyOf(outputs);
        exits = List.copyOf(exits);
    }

    /**
     * Where images are labelled with vectors.
     *
     * @param accuracy share of images all of whose labels are right
     */
    static TestResult ofVectors(
            long images, double loss, double accuracy, List<OutputScores.Score> outputs) {
        return new TestResult(
                images,
                loss,
                accuracy,
                Double.NaN,
                NO_CONFUSION,
                PixelTally.NONE,
                outputs,
                List.of(),
                DetectionScores.NONE);
    }

    /** Where objects are found. */
    static TestResult ofBoxes(long images, double loss, DetectionScores boxes) {
        return new TestResult(
                images,
                loss,
                Double.NaN,
                Double.NaN,
                NO_CONFUSION,
                PixelTally.NONE,
                List.of(),
                List.of(),
                boxes);
    }

    /**
     * Where pixels are classified.
     *
     * @param lossSum of all pixels with a label
     */
    static TestResult ofPixels(long images, double lossSum, PixelTally pixels) {
        double loss = pixels.pixels() == 0 ? Double.NaN : lossSum / pixels.pixels();
        double accuracy = Double.isFinite(loss) ? scores(pixels).accuracy() : Double.NaN;
        return new TestResult(
                images,
                loss,
                accuracy,
                Double.NaN,
                NO_CONFUSION,
                pixels,
                List.of(),
                List.of(),
                DetectionScores.NONE);
    }

    private static SegmentationScores scores(PixelTally pixels) {
        SegmentationScores scores = new SegmentationScores(pixels.labelled().length);
        scores.add(pixels.intersection(), pixels.labelled(), pixels.predicted());
        return scores;
    }

    /**
     * {@return intersection over union of each class where pixels are classified, NaN of those that
     * do not occur; empty where images are}
     */
    public List<Double> iou() {
        if (pixels.equals(PixelTally.NONE)) {
            return List.of();
        }
        SegmentationScores scores = scores(pixels);
        boolean isNumber = Double.isFinite(loss);
        return IntStream.range(0, scores.classes())
                .mapToObj(c -> isNumber ? scores.iou(c) : Double.NaN)
                .toList();
    }

    /** {@return the mean of {@link #iou}; NaN where images are classified} */
    public double meanIou() {
        return pixels.equals(PixelTally.NONE) || !Double.isFinite(loss)
                ? Double.NaN
                : scores(pixels).meanIou();
    }

    /** {@return the mean of the outputs' areas under the curve; NaN where none has one} */
    public double meanAuroc() {
        return mean(OutputScores.Score::auroc);
    }

    /**
     * {@return the mean of the outputs' average precisions, or COCO's of the boxes; NaN where none
     * has one}
     */
    public double meanAveragePrecision() {
        if (boxes.images() > 0) {
            return Double.isFinite(loss) ? boxes.coco() : Double.NaN;
        }
        return mean(OutputScores.Score::averagePrecision);
    }

    /** {@return the mean of the outputs' absolute errors; NaN where none has one} */
    public double meanAbsoluteError() {
        return mean(OutputScores.Score::absoluteError);
    }

    private double mean(ToDoubleFunction<OutputScores.Score> of) {
        return Double.isFinite(loss) ? OutputScores.mean(outputs, of) : Double.NaN;
    }

    /** {@return VOC's mean average precision of the boxes; NaN where there is none} */
    public double vocAveragePrecision() {
        return Double.isFinite(loss) ? boxes.voc() : Double.NaN;
    }

    /** {@return VOC2007's mean average precision of the boxes; NaN where there is none} */
    public double voc2007AveragePrecision() {
        return Double.isFinite(loss) ? boxes.voc2007() : Double.NaN;
    }

    /** Adds up batches of labelled images. */
    static final class Sum implements TestSum {
        private static final int FIRST = 5;

        private final int classes;
        private final int[][] confusion;
        private final List<String> heads;

        /** Of each head, the losses and the images that are right, added up. */
        private final double[] headLoss;

        private final long[] headCorrect;
        private double loss;
        private double weight;
        private long correct;
        private long amongFive;
        private long images;

        /**
         * @param heads names of the heads, the last of which decides
         */
        Sum(int classes, List<String> heads) {
            this.classes = classes;
            this.heads = heads;
            this.confusion = new int[classes][classes];
            this.headLoss = new double[heads.size()];
            this.headCorrect = new long[heads.size()];
        }

        void add(StepResult step, int[] labels, Map<String, float[]> all) {
            if (heads.size() > 1) {
                for (int h = 0; h < heads.size(); h++) {
                    addHead(h, labels, all.get(heads.get(h)));
                }
            }
            float[] logits = all.get(heads.getLast());
            loss += step.loss() * step.meanOver();
            weight += step.meanOver();
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

        private void addHead(int head, int[] labels, float[] logits) {
            for (int i = 0; i < labels.length; i++) {
                int row = i * classes;
                int best = 0;
                for (int c = 0; c < classes; c++) {
                    best = logits[row + c] > logits[row + best] ? c : best;
                }
                double sum = 0;
                for (int c = 0; c < classes; c++) {
                    sum += Math.exp(logits[row + c] - logits[row + best]);
                }
                headLoss[head] += Math.log(sum) + logits[row + best] - logits[row + labels[i]];
                headCorrect[head] += best == labels[i] ? 1 : 0;
            }
        }

        private void headsOverRanks(Ranks ranks) {
            int n = heads.size();
            double[] sums = new double[2 * n];
            for (int h = 0; h < n; h++) {
                sums[h] = headLoss[h];
                sums[n + h] = headCorrect[h];
            }
            ranks.sum(sums);
            for (int h = 0; h < n; h++) {
                headLoss[h] = sums[h];
                headCorrect[h] = (long) sums[n + h];
            }
        }

        private List<ExitScore> exits(double n) {
            return heads.size() == 1
                    ? List.of()
                    : IntStream.range(0, heads.size())
                            .mapToObj(
                                    h ->
                                            new ExitScore(
                                                    heads.get(h),
                                                    headLoss[h] / n,
                                                    headCorrect[h] / n))
                            .toList();
        }

        @Override
        public void overRanks(Ranks ranks) {
            headsOverRanks(ranks);
            double[] sums = new double[FIRST + classes * classes];
            sums[0] = loss;
            sums[1] = correct;
            sums[2] = amongFive;
            sums[3] = images;
            sums[4] = weight;
            for (int i = 0; i < classes * classes; i++) {
                sums[FIRST + i] = confusion[i / classes][i % classes];
            }
            ranks.sum(sums);
            loss = sums[0];
            correct = (long) sums[1];
            amongFive = (long) sums[2];
            images = (long) sums[3];
            weight = sums[4];
            for (int i = 0; i < classes * classes; i++) {
                confusion[i / classes][i % classes] = (int) sums[FIRST + i];
            }
        }

        private double weight() {
            return Double.isFinite(loss) && weight > 0 ? weight : Double.NaN;
        }

        @Override
        public TestResult result() {
            double n = Double.isFinite(loss) ? Math.max(1, images) : Double.NaN;
            return new TestResult(
                    images,
                    loss / weight(),
                    correct / n,
                    amongFive / n,
                    confusion,
                    PixelTally.NONE,
                    List.of(),
                    exits(n),
                    DetectionScores.NONE);
        }
    }
}
