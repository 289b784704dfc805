package org.densenet4j.inference;

import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * How well a network does on labelled images.
 *
 * @param images number of images
 * @param loss mean softmax cross-entropy
 * @param top1 share of images whose most probable class is their label
 * @param top5 share of images whose label is among the five most probable classes
 * @param classes results for each class
 */
public record Evaluation(
        long images, double loss, double top1, double top5, List<ClassResult> classes) {

    /**
     * Results for one class.
     *
     * @param name of the class
     * @param images that are of this class
     * @param correct of them that are predicted to be
     * @param predicted images of any class that are predicted to be of this one
     */
    public record ClassResult(String name, long images, long correct, long predicted) {
        /** {@return share of the class's images that are found; NaN without any} */
        public double recall() {
            return (double) correct / images;
        }

        /** {@return share of the predictions of this class that are right; NaN without any} */
        public double precision() {
            return (double) correct / predicted;
        }
    }

    /** Keeps a copy. */
    public Evaluation {
        classes = List.copyOf(classes);
    }

    /**
     * Evaluates a predictor. Labels are matched to the network's classes by name; images of some of
     * the classes are enough. Where the predictor's model names no classes, the data must have as
     * many, and they are matched by position.
     *
     * @param predictor of a network that classifies images
     * @param images normalised as the predictor wants them, in any order
     * @return loss, accuracy and counts of each class
     * @throws IllegalArgumentException when the network does not know a class of the data
     */
    public static Evaluation of(Predictor predictor, BatchLoader images) {
        return of(predictor, images, TestTimeAugmentation.NONE);
    }

    /**
     * Evaluates a predictor by several views of each image.
     *
     * @param predictor of a network that classifies images
     * @param images of a {@link org.densenet4j.data.ViewedDataset} of these views, in order, in
     *     batches of whole images
     * @param views what each image is looked at by
     * @return loss, accuracy and counts of each class, of mean logits
     * @throws IllegalArgumentException when the network does not know a class of the data, or a
     *     batch does not have all views of its images
     */
    public static Evaluation of(
            Predictor predictor, BatchLoader images, TestTimeAugmentation views) {
        Objects.requireNonNull(predictor, "predictor");
        Objects.requireNonNull(images, "images");
        Objects.requireNonNull(views, "views");
        return measure(predictor, matched(predictor, images), views);
    }

    /** The images with labels that are the network's classes. */
    static BatchLoader matched(Predictor predictor, BatchLoader images) {
        return predictor
                .images()
                .classNames()
                .map(images::relabelled)
                .orElseGet(() -> byPosition(predictor, images));
    }

    private static BatchLoader byPosition(Predictor predictor, BatchLoader images) {
        int inData = images.classNames().size();
        if (inData != predictor.classes()) {
            throw new IllegalArgumentException(
                    "the network has "
                            + predictor.classes()
                            + " classes and its file does not name them, the data has "
                            + inData
                            + "; name them by --classes-file or Model.withClassNames");
        }
        return images;
    }

    private static Evaluation measure(
            Predictor predictor, BatchLoader images, TestTimeAugmentation views) {
        int each = views.views().size();
        int count = predictor.classes();
        long[] total = new long[count];
        long[] correct = new long[count];
        long[] predicted = new long[count];
        double loss = 0;
        long top5 = 0;
        try (BatchLoader.Epoch batches = images.epoch(0)) {
            for (Batch batch : batches) {
                if (batch.size() % each != 0) {
                    throw new IllegalArgumentException(
                            "a batch of "
                                    + batch.size()
                                    + " has not all "
                                    + each
                                    + " views of its images; use a multiple of these");
                }
                float[] logits =
                        views.averaged(predictor.logits(batch.images(), batch.size()), count);
                for (int i = 0; i < batch.size() / each; i++) {
                    int label = batch.labels()[i * each];
                    int rank = rank(logits, i * count, count, label);
                    int best = ClassLogits.best(logits, i * count, count);
                    total[label]++;
                    predicted[best]++;
                    correct[label] += best == label ? 1 : 0;
                    top5 += rank < 5 ? 1 : 0;
                    loss += ClassLogits.loss(logits, i * count, count, label);
                }
            }
        }
        ClassLogits.checkLoss(Arrays.stream(total).sum(), loss);
        List<ClassResult> classes = new ArrayList<>();
        long all = 0;
        long allCorrect = 0;
        for (int c = 0; c < count; c++) {
            classes.add(
                    new ClassResult(
                            predictor.classNames().get(c), total[c], correct[c], predicted[c]));
            all += total[c];
            allCorrect += correct[c];
        }
        return new Evaluation(
                all, loss / all, (double) allCorrect / all, (double) top5 / all, classes);
    }

    /** Classes that are before the label; of equal logits the one with the lower index is. */
    private static int rank(float[] logits, int at, int count, int label) {
        int rank = 0;
        for (int c = 0; c < count; c++) {
            boolean higher = logits[at + c] > logits[at + label];
            rank += higher || (c < label && logits[at + c] == logits[at + label]) ? 1 : 0;
        }
        return rank;
    }
}
