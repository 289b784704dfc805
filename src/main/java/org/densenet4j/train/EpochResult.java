package org.densenet4j.train;

import org.densenet4j.data.OutputScores;
import org.densenet4j.data.Task;
import org.densenet4j.detection.DetectionScores;
import org.densenet4j.io.Csv;
import org.densenet4j.io.OneLine;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

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
 * @param task what the network is for
 * @param testOutputs how each output does in the test where images are labelled with vectors
 * @param testExits how each exit does in the test, of networks with several, such as MSDNets; empty
 *     for all others
 * @param testBoxes how good the boxes are in the test where objects are found
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
        List<Double> testIou,
        Task task,
        List<OutputScores.Score> testOutputs,
        List<ExitScore> testExits,
        DetectionScores testBoxes) {
    /** A column of the metrics where pixels are classified. */
    static final String MEAN_IOU = "test_mean_iou";

    /** What the columns of classes start with there. */
    static final String IOU_OF = "iou ";

    /** Columns of the metrics where images have several labels. */
    static final String AUROC = "test_auroc";

    static final String AVERAGE_PRECISION = "test_average_precision";

    /** What the columns of labels start with there. */
    static final String AUROC_OF = "auroc ";

    /** A column of the metrics where outputs are numbers. */
    static final String ABSOLUTE_ERROR = "test_mae";

    /** What the columns of numbers start with there. */
    static final String ERROR_OF = "mae ";

    /** What the columns of exits start with. */
    static final String LOSS_OF = "test_loss ";

    static final String ACCURACY_OF = "test_accuracy ";

    /** Columns of the metrics where objects are found; COCO's mean is the average precision. */
    static final String COCO50 = "test_ap50";

    static final String COCO75 = "test_ap75";

    static final String VOC = "test_voc";

    static final String VOC2007 = "test_voc2007";

    /** What the columns of classes start with there. */
    static final String AP_OF = "ap ";

    /** Keeps copies. */
    public EpochResult {
        testExits = List.copyOf(testExits);
        testIou = List.copyOf(testIou);
        testOutputs = List.copyOf(testOutputs);
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
                List.of(),
                Task.CLASSIFY,
                List.of(),
                List.of(),
                DetectionScores.NONE);
    }

    /** {@return whether pixels are classified, and not images} */
    public boolean isOfPixels() {
        return !testIou.isEmpty();
    }

    /** {@return mean area under the curve of the labels; NaN where there is none} */
    public double testMeanAuroc() {
        return OutputScores.mean(testOutputs, OutputScores.Score::auroc);
    }

    /**
     * {@return mean average precision of the labels, or COCO's of the boxes; NaN where there is
     * none}
     */
    public double testMeanAveragePrecision() {
        if (task == Task.DETECT) {
            return box(testBoxes.coco());
        }
        return OutputScores.mean(testOutputs, OutputScores.Score::averagePrecision);
    }

    /** A score of the boxes; NaN where the test's loss is no number. */
    private double box(double score) {
        return Double.isFinite(testLoss) ? score : Double.NaN;
    }

    /** {@return mean absolute error of the outputs; NaN where there is none} */
    public double testMeanAbsoluteError() {
        return OutputScores.mean(testOutputs, OutputScores.Score::absoluteError);
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
        return new ArrayList<>(cells(classNames).keySet());
    }

    String csv() {
        List<String> numbers =
                IntStream.range(
                                0,
                                Math.max(
                                        testBoxes.classes().size(),
                                        Math.max(testIou.size(), testOutputs.size())))
                        .mapToObj(String::valueOf)
                        .toList();
        return new Csv().row(List.copyOf(cells(numbers).values())).toString();
    }

    /** Columns and what is in them. */
    private Map<String, Object> cells(List<String> classNames) {
        Map<String, Object> cells = new LinkedHashMap<>();
        boolean classified = task != Task.REGRESS && task != Task.DETECT;
        cells.put("epoch", epoch);
        cells.put("steps", steps);
        cells.put("learning_rate", Csv.decimals(6, learningRate));
        cells.put("train_loss", Csv.decimals(6, trainLoss));
        if (classified) {
            cells.put("train_accuracy", Csv.decimals(6, trainAccuracy));
        }
        cells.put("test_loss", Csv.decimals(6, testLoss));
        if (classified) {
            cells.put("test_accuracy", Csv.decimals(6, testAccuracy));
        }
        switch (task) {
            case CLASSIFY -> cells.put("test_top5", Csv.decimals(6, testTop5));
            case SEGMENT -> cells.put(MEAN_IOU, Csv.decimals(6, testMeanIou()));
            case MULTILABEL -> {
                cells.put(AUROC, Csv.decimals(6, testMeanAuroc()));
                cells.put(AVERAGE_PRECISION, Csv.decimals(6, testMeanAveragePrecision()));
            }
            case REGRESS -> cells.put(ABSOLUTE_ERROR, Csv.significant(7, testMeanAbsoluteError()));
            case DETECT -> {
                cells.put(AVERAGE_PRECISION, Csv.decimals(6, testMeanAveragePrecision()));
                cells.put(COCO50, Csv.decimals(6, box(testBoxes.coco50())));
                cells.put(COCO75, Csv.decimals(6, box(testBoxes.coco75())));
                cells.put(VOC, Csv.decimals(6, box(testBoxes.voc())));
                cells.put(VOC2007, Csv.decimals(6, box(testBoxes.voc2007())));
            }
        }
        cells.put("seconds", Csv.decimals(2, seconds));
        cells.put("images_per_second", Csv.decimals(1, imagesPerSecond));
        cells.put("input_wait", Csv.decimals(4, inputWait));
        for (ExitScore exit : testExits) {
            put(cells, LOSS_OF, exit.exit(), Csv.decimals(6, exit.loss()));
            put(cells, ACCURACY_OF, exit.exit(), Csv.decimals(6, exit.accuracy()));
        }
        for (int c = 0; c < testIou.size(); c++) {
            put(cells, IOU_OF, classNames.get(c), Csv.decimals(6, testIou.get(c)));
        }
        for (int c = 0; c < testOutputs.size(); c++) {
            OutputScores.Score score = testOutputs.get(c);
            String name = classNames.get(c);
            if (classified) {
                put(cells, AUROC_OF, name, Csv.decimals(6, score.auroc()));
            } else {
                put(cells, ERROR_OF, name, Csv.significant(7, score.absoluteError()));
            }
        }
        for (int c = 0; c < testBoxes.classes().size(); c++) {
            double score = box(testBoxes.classes().get(c).coco());
            put(cells, AP_OF, classNames.get(c), Csv.decimals(6, score));
        }
        return cells;
    }

    /** Names that are the same on one line are told apart. */
    private static void put(Map<String, Object> cells, String prefix, String name, String value) {
        String column = prefix + OneLine.of(name);
        cells.put(cells.containsKey(column) ? column + " (" + cells.size() + ")" : column, value);
    }
}
