package org.densenet4j.inference;

import org.densenet4j.backend.Device;
import org.densenet4j.data.SegmentationBatch;
import org.densenet4j.data.SegmentationLoader;
import org.densenet4j.data.SegmentationScores;
import org.densenet4j.weights.Model;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * How well a network does on images with a label for every pixel. Void pixels do not count.
 *
 * @param images number of images
 * @param pixels with a label
 * @param voidPixels without one
 * @param loss mean softmax cross-entropy of pixels
 * @param accuracy share of pixels whose most probable class is their label
 * @param meanIou mean intersection over union of the classes that have one
 * @param classes results for each class
 */
public record PixelEvaluation(
        long images,
        long pixels,
        long voidPixels,
        double loss,
        double accuracy,
        double meanIou,
        List<ClassResult> classes) {

    /**
     * Results for one class.
     *
     * @param name of the class
     * @param iou intersection over union; NaN of a class that neither is nor is predicted anywhere
     * @param correct pixels of this class that are predicted to be
     * @param labelled pixels that are of this class
     * @param predicted pixels of any class that are predicted to be of this one
     */
    public record ClassResult(
            String name, double iou, long correct, long labelled, long predicted) {}

    /** Keeps a copy. */
    public PixelEvaluation {
        classes = List.copyOf(classes);
    }

    /**
     * Evaluates a model on whole images, one by one, each at its own size: the network is planned
     * again where the size changes.
     *
     * @param model of a network that classifies pixels
     * @param device which stays the caller's
     * @param images normalised as the model wants them, of batches of one whole image
     * @return loss, accuracy and intersection over union of each class
     * @throws IllegalArgumentException when the model does not classify pixels, the data has other
     *     classes or as many where the model's have no names, an image is too small for the
     *     network, or its outputs are not finite
     * @throws IOException when the weights cannot be read
     */
    public static PixelEvaluation of(Model model, Device device, SegmentationLoader images)
            throws IOException {
        Objects.requireNonNull(model, "model");
        Objects.requireNonNull(device, "device");
        Objects.requireNonNull(images, "images");
        checkClasses(model, images.classes().names());
        int classes = images.classes().count();
        SegmentationScores scores = new SegmentationScores(classes);
        double loss = 0;
        long count = 0;
        long voidPixels = 0;
        try (SegmentationLoader.Epoch batches = images.epoch(0);
                ResizedPredictor predictors =
                        new ResizedPredictor(
                                (height, width) ->
                                        Predictor.of(model.withInputSize(height, width))
                                                .device(device)
                                                .batch(1)
                                                .open())) {
            while (batches.hasNext()) {
                SegmentationBatch batch = batches.next();
                float[] logits =
                        predictors
                                .of(batch.height(), batch.width())
                                .logits(batch.images(), batch.size());
                int[] labels = batch.labels();
                int[] predicted = new int[labels.length];
                for (int p = 0; p < labels.length; p++) {
                    predicted[p] = ClassLogits.best(logits, p * classes, classes);
                    if (labels[p] != SegmentationBatch.VOID) {
                        loss += ClassLogits.loss(logits, p * classes, classes, labels[p]);
                    }
                }
                scores.add(labels, predicted);
                count += batch.size();
                voidPixels += labels.length - batch.labelledPixels();
            }
        }
        ClassLogits.checkLoss(count, loss);
        if (scores.pixels() == 0) {
            throw new IllegalArgumentException("none of the pixels has a label: all are void");
        }
        List<ClassResult> results = new ArrayList<>();
        for (int c = 0; c < classes; c++) {
            results.add(
                    new ClassResult(
                            images.classes().names().get(c),
                            scores.iou(c),
                            scores.intersection(c),
                            scores.labelled(c),
                            scores.predicted(c)));
        }
        return new PixelEvaluation(
                count,
                scores.pixels(),
                voidPixels,
                loss / scores.pixels(),
                scores.accuracy(),
                scores.meanIou(),
                results);
    }

    /** Tables of classes number them: the same names in another order are another numbering. */
    private static void checkClasses(Model model, List<String> data) {
        Segmenter.requirePixels(model.spec());
        List<String> names = model.images().classNames().orElse(null);
        if (names != null && !names.equals(data)) {
            throw new IllegalArgumentException(
                    "the network's classes are " + names + ", the data has " + data);
        }
        int classes = model.spec().classes();
        if (data.size() != classes) {
            throw new IllegalArgumentException(
                    "the network has " + classes + " classes, the data has " + data.size());
        }
    }
}
