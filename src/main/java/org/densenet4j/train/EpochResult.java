package org.densenet4j.train;

import org.densenet4j.io.Csv;

/**
 * What an epoch brought.
 *
 * @param epoch counted from 1
 * @param steps training steps since the run began
 * @param learningRate of the epoch's last step
 * @param trainLoss mean over the epoch, while it was learning
 * @param trainAccuracy share of correct images, while it was learning
 * @param testLoss mean over the test images afterwards; NaN, as are the two behind it, when it is
 *     not finite
 * @param testAccuracy share of correct test images
 * @param testTop5 share of test images whose class is among the five highest
 * @param seconds of training and testing, in this process
 * @param imagesPerSecond in training steps
 * @param inputWait share of the training time spent waiting for images
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
        double inputWait) {
    static final String CSV_HEADER =
            "epoch,steps,learning_rate,train_loss,train_accuracy,test_loss,test_accuracy,"
                    + "test_top5,seconds,images_per_second,input_wait";

    String csv() {
        return new Csv()
                .row(
                        epoch,
                        steps,
                        Csv.decimals(6, learningRate),
                        Csv.decimals(6, trainLoss),
                        Csv.decimals(6, trainAccuracy),
                        Csv.decimals(6, testLoss),
                        Csv.decimals(6, testAccuracy),
                        Csv.decimals(6, testTop5),
                        Csv.decimals(2, seconds),
                        Csv.decimals(1, imagesPerSecond),
                        Csv.decimals(4, inputWait))
                .toString();
    }
}
