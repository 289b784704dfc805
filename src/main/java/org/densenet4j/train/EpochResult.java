package org.densenet4j.train;

import org.densenet4j.io.Csv;
import org.densenet4j.io.OneLine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What an epoch brought.
 *
 * @param epoch counted from 1
 * @param steps training steps since the run began
 * @param learningRate of the epoch's last step
 * @param trainLoss mean over the epoch, while it was learning
 * @param trainAccuracy share of correct images, or pixels, while it was learning
 * @param testLoss mean over the test images afterwards; NaN, as are the others of the test, when it
 *     is not finite
 * @param testAccuracy share of correct test images, or pixels
 * @param testTop5 share of test images whose class is among the five highest; NaN where pixels are
 *     classified
 * @param seconds of training and testing, in this process
 * @param imagesPerSecond in training steps
 * @param inputWait share of the training time spent waiting for images
 * @param testIou intersection over union of each class in the test where pixels are classified, NaN
 *     of those that do not occur; empty where images are
 */
public record EpochResult(
        int epoch,
        long steps,
        double learningRate,
        double trainLoss,
        double trainAccuracy,
        double testLoss,
        double testAccuracy,
        double testTop5,
        double seconds,
        double imagesPerSecond,
        double inputWait,
        List<Double> testIou) {
    /** A column of the metrics where pixels are classified. */
    static final String MEAN_IOU = "test_mean_iou";

    /** What the columns of classes start with there. */
    static final String IOU_OF = "iou ";

    /** Keeps a copy. */
    public EpochResult {
        testIou = List.copyOf(testIou);
    }

    /**
     * Of a network that classifies images.
     *
     * @param epoch its number, from 1
     * @param steps done so far
     * @param learningRate of the last step
     * @param trainLoss mean over the images of the epoch, before each one's update
     * @param trainAccuracy share of them, from 0 to 1
     * @param testLoss mean over the test set
     * @param testAccuracy share of the test set, from 0 to 1
     * @param testTop5 share whose class is among the five most probable ones
     * @param seconds of training and test
     * @param imagesPerSecond of training
     * @param inputWait share of the time that was spent waiting for images
     */
    public EpochResult(
            int epoch,
            long steps,
            double learningRate,
            double trainLoss,
            double trainAccuracy,
            double testLoss,
            double testAccuracy,
            double testTop5,
            double seconds,
            double imagesPerSecond,
            double inputWait) {
        this(
                epoch,
                steps,
                learningRate,
                trainLoss,
                trainAccuracy,
                testLoss,
                testAccuracy,
                testTop5,
                seconds,
                imagesPerSecond,
                inputWait,
                List.of());
    }

    /** {@return whether pixels are classified, and not images} */
    public boolean isOfPixels() {
        return !testIou.isEmpty();
    }

    /** {@return mean of {@link #testIou} over the classes that have one; NaN where none has} */
    public double testMeanIou() {
        return testIou.stream()
                .mapToDouble(Double::doubleValue)
                .filter(iou -> !Double.isNaN(iou))
                .average()
                .orElse(Double.NaN);
    }

    /** Names of the columns of {@link #csv}. */
    List<String> columns(List<String> classNames) {
        List<String> columns =
                new ArrayList<>(
                        Arrays.asList(
                                "epoch",
                                "steps",
                                "learning_rate",
                                "train_loss",
                                "train_accuracy",
                                "test_loss",
                                "test_accuracy",
                                isOfPixels() ? MEAN_IOU : "test_top5",
                                "seconds",
                                "images_per_second",
                                "input_wait"));
        for (int c = 0; c < testIou.size(); c++) {
            columns.add(IOU_OF + OneLine.of(classNames.get(c)));
        }
        return columns;
    }

    String csv() {
        List<Object> cells =
                new ArrayList<>(
                        List.of(
                                epoch,
                                steps,
                                Csv.decimals(6, learningRate),
                                Csv.decimals(6, trainLoss),
                                Csv.decimals(6, trainAccuracy),
                                Csv.decimals(6, testLoss),
                                Csv.decimals(6, testAccuracy),
                                Csv.decimals(6, isOfPixels() ? testMeanIou() : testTop5),
                                Csv.decimals(2, seconds),
                                Csv.decimals(1, imagesPerSecond),
                                Csv.decimals(4, inputWait)));
        testIou.forEach(iou -> cells.add(Csv.decimals(6, iou)));
        return new Csv().row(cells).toString();
    }
}
