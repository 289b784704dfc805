package org.densenet4j.train;

import org.densenet4j.data.Task;

import java.util.List;
import java.util.Locale;
import java.util.Objects;

/** Which number of the test says which state of a run is the best one. */
public enum BestBy {
    /**
     * Accuracy, mean area under the curve, mean absolute error, mean IoU or mean average precision,
     * as the task has it.
     */
    DEFAULT("", List.of(Task.values())),
    /** Share of right images, of several labels of those all of whose labels are right. */
    ACCURACY("accuracy", List.of(Task.CLASSIFY, Task.MULTILABEL, Task.SEGMENT)),
    /** Share of images whose class is among the five highest. */
    TOP5("share in the top 5", List.of(Task.CLASSIFY)),
    /** The lowest loss. */
    LOSS("loss", List.of(Task.values())),
    /** Mean intersection over union of the classes of pixels. */
    IOU("mean IoU", List.of(Task.SEGMENT)),
    /** Mean area under the receiver operating characteristic of the labels. */
    AUROC("mean AUROC", List.of(Task.MULTILABEL)),
    /** Mean average precision of the labels, or COCO's of the boxes. */
    AP("mean average precision", List.of(Task.MULTILABEL, Task.DETECT)),
    /** VOC's mean average precision of the boxes: at one overlap, the area under the curve. */
    VOC("mean average precision (VOC)", List.of(Task.DETECT)),
    /** VOC2007's mean average precision of the boxes: at one overlap and 11 recalls. */
    VOC07("mean average precision (VOC2007)", List.of(Task.DETECT)),
    /** The lowest mean absolute error. */
    MAE("mean absolute error", List.of(Task.REGRESS));

    private final String text;
    private final List<Task> tasks;

    BestBy(String text, List<Task> tasks) {
        this.text = text;
        this.tasks = tasks;
    }

    /**
     * {@return this, or what stands for the default}
     *
     * @param task of the network
     * @throws IllegalArgumentException in one line when the task has no such number
     */
    public BestBy resolved(Task task) {
        Objects.requireNonNull(task, "task");
        if (!tasks.contains(task)) {
            throw new IllegalArgumentException(
                    "--best-by "
                            + name().toLowerCase(Locale.ROOT)
                            + " does not fit the task "
                            + task.text()
                            + ", which has no "
                            + text
                            + "; use "
                            + String.join(
                                    ", ",
                                    List.of(values()).stream()
                                            .filter(b -> b.tasks.contains(task) && b != DEFAULT)
                                            .map(b -> b.name().toLowerCase(Locale.ROOT))
                                            .toList()));
        }
        if (this != DEFAULT) {
            return this;
        }
        return switch (task) {
            case CLASSIFY -> ACCURACY;
            case MULTILABEL -> AUROC;
            case REGRESS -> MAE;
            case SEGMENT -> IOU;
            case DETECT -> AP;
        };
    }

    /** {@return its name for readers, such as "mean AUROC"} */
    public String text() {
        return text;
    }

    /** {@return whether a lower number is better} */
    public boolean isLowest() {
        return this == LOSS || this == MAE;
    }

    /** {@return whether it is a share from 0 to 1, which readers see as percents} */
    public boolean isShare() {
        return this == ACCURACY || this == TOP5 || this == IOU;
    }

    /**
     * {@return a score for readers}
     *
     * @param score of this kind
     */
    public String format(double score) {
        return isShare()
                ? String.format(Locale.ROOT, "%.2f %%", 100 * score)
                : String.format(Locale.ROOT, "%.4f", score);
    }

    /** The number of a test; NaN where it has none. */
    double score(TestResult test) {
        return switch (this) {
            case DEFAULT -> throw new IllegalStateException("the task decides");
            case ACCURACY -> test.accuracy();
            case TOP5 -> test.top5();
            case LOSS -> test.loss();
            case IOU -> test.meanIou();
            case AUROC -> test.meanAuroc();
            case AP -> test.meanAveragePrecision();
            case VOC -> test.vocAveragePrecision();
            case VOC07 -> test.voc2007AveragePrecision();
            case MAE -> test.meanAbsoluteError();
        };
    }

    /**
     * Whether a number is better than another.
     *
     * @param before NaN for none
     */
    boolean isBetter(double score, double before) {
        if (Double.isNaN(score)) {
            return false;
        }
        return Double.isNaN(before) || (isLowest() ? score < before : score > before);
    }

    /** Its column of the metrics. */
    String column() {
        return switch (this) {
            case DEFAULT -> throw new IllegalStateException("the task decides");
            case ACCURACY -> "test_accuracy";
            case TOP5 -> "test_top5";
            case LOSS -> "test_loss";
            case IOU -> EpochResult.MEAN_IOU;
            case AUROC -> EpochResult.AUROC;
            case AP -> EpochResult.AVERAGE_PRECISION;
            case VOC -> EpochResult.VOC;
            case VOC07 -> EpochResult.VOC2007;
            case MAE -> EpochResult.ABSOLUTE_ERROR;
        };
    }

    /** What checkpoints call it; those of earlier versions know accuracy and mean IoU. */
    String key() {
        return switch (this) {
            case IOU -> "run.best-mean-iou";
            default -> "run.best-" + name().toLowerCase(Locale.ROOT);
        };
    }
}
