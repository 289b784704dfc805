package org.densenet4j.inference;

import org.densenet4j.data.DetectionDataset;
import org.densenet4j.data.LabelledBox;
import org.densenet4j.data.RelabelledDetectionDataset;
import org.densenet4j.detection.Detection;
import org.densenet4j.detection.DetectionOutput;
import org.densenet4j.detection.DetectionScores;
import org.densenet4j.detection.DetectionTally;
import org.densenet4j.detection.MultiBoxLoss;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * How well a network finds the objects in images.
 *
 * @param loss of SSD, over all priors that are matched with an object
 * @param classNames in the order of the scores
 * @param scores average precision by both definitions
 */
public record DetectionEvaluation(double loss, List<String> classNames, DetectionScores scores) {
    /** Keeps a copy. */
    public DetectionEvaluation {
        classNames = List.copyOf(classNames);
        Objects.requireNonNull(scores, "scores");
    }

    /** Is told what was found in each image. */
    @FunctionalInterface
    public interface Found {
        /**
         * An image, in the order of the data.
         *
         * @param index of the image
         * @param detections in its pixels, highest score first
         * @throws IOException when it cannot be kept
         */
        void accept(int index, List<Detection> detections) throws IOException;
    }

    /**
     * Evaluates a detector, whose {@link Detector.Builder#output} should be {@link
     * DetectionOutput#PUBLISHED}: scores are of boxes of any probability.
     *
     * @param detector of a network that knows the classes of the data, by their names where the
     *     model's are known, else by their number
     * @param data of images of any size
     * @param broken is told of images that cannot be read and are left out; null when they end the
     *     evaluation
     * @param found is told what was found, image by image
     * @return the scores
     * @throws IllegalArgumentException when the data has other classes, or the network's outputs
     *     are not finite
     * @throws IOException in one line when an image or none at all can be read
     */
    public static DetectionEvaluation of(
            Detector detector,
            DetectionDataset data,
            @Nullable Consumer<String> broken,
            Found found)
            throws IOException {
        Objects.requireNonNull(detector, "detector");
        Objects.requireNonNull(data, "data");
        Objects.requireNonNull(found, "found");
        DetectionDataset matched = matched(detector, data);
        int classes = detector.spec().classes();
        MultiBoxLoss function = MultiBoxLoss.of(detector.spec().priors(), classes);
        DetectionTally tally = new DetectionTally(classes);
        double loss = 0;
        long matches = 0;
        long images = 0;
        int most = detector.plan().batch();
        for (int first = 0; first < matched.size(); first += most) {
            List<One> some = read(detector, matched, first, most, broken);
            if (some.isEmpty()) {
                continue;
            }
            float[] prepared = new float[some.size() * detector.length()];
            for (int i = 0; i < some.size(); i++) {
                System.arraycopy(
                        some.get(i).prepared,
                        0,
                        prepared,
                        i * detector.length(),
                        detector.length());
            }
            Detector.HeadOutputs outputs = detector.outputs(prepared, some.size());
            MultiBoxLoss.Outcome outcome =
                    function.of(
                            outputs.logits(),
                            outputs.offsets(),
                            some.stream().map(One::shares).toList());
            loss += outcome.loss() * outcome.matches();
            matches += outcome.matches();
            List<List<Detection>> shares = detector.found(outputs);
            for (int i = 0; i < some.size(); i++) {
                One one = some.get(i);
                List<Detection> pixels =
                        DetectionOutput.inPixels(shares.get(i), one.height, one.width);
                tally.add(one.objects, pixels);
                found.accept(one.index, pixels);
                images++;
            }
        }
        if (images == 0) {
            throw new IOException("none of the images can be read");
        }
        return new DetectionEvaluation(
                matches == 0 ? Double.NaN : loss / matches, detector.classNames(), tally.scores());
    }

    private static DetectionDataset matched(Detector detector, DetectionDataset data) {
        if (detector.images().classNames().isPresent()) {
            return RelabelledDetectionDataset.of(data, detector.classNames());
        }
        if (data.classNames().size() != detector.spec().classes()) {
            throw new IllegalArgumentException(
                    "the network has "
                            + detector.spec().classes()
                            + " classes and its file does not name them, the data has "
                            + data.classNames().size()
                            + "; name them by --classes-file or Model.withClassNames");
        }
        return data;
    }

    /** An image of a pass. */
    private record One(
            int index, int height, int width, List<LabelledBox> objects, float[] prepared) {
        List<LabelledBox> shares() {
            return objects.stream()
                    .map(o -> o.withBox(o.box().scaled(1.0 / width, 1.0 / height)))
                    .toList();
        }
    }

    private static List<One> read(
            Detector detector,
            DetectionDataset data,
            int first,
            int most,
            @Nullable Consumer<String> broken)
            throws IOException {
        try {
            List<One> read = new ArrayList<>();
            IntStream.range(first, Math.min(data.size(), first + most))
                    .parallel()
                    .mapToObj(index -> read(detector, data, index, broken))
                    .toList()
                    .forEach(read::addAll);
            return read;
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /** None where the image is broken and that is not the end. */
    private static List<One> read(
            Detector detector,
            DetectionDataset data,
            int index,
            @Nullable Consumer<String> broken) {
        try {
            One one =
                    data.read(
                            index,
                            image -> {
                                float[] prepared = new float[detector.length()];
                                detector.prepare(image.image(), prepared, 0);
                                return new One(
                                        index,
                                        image.image().height(),
                                        image.image().width(),
                                        image.objects(),
                                        prepared);
                            });
            return List.of(one);
        } catch (UncheckedIOException e) {
            if (broken == null) {
                throw e;
            }
            synchronized (detector) {
                broken.accept(String.valueOf(e.getCause().getMessage()));
            }
            return List.of();
        }
    }
}
