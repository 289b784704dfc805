package org.densenet4j.weights;

import org.densenet4j.backend.Notice;
import org.densenet4j.data.CocoFile;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.VocFolder;
import org.densenet4j.io.caffe.CaffeException;
import org.densenet4j.io.caffe.CaffeFields;
import org.densenet4j.io.caffe.CaffeLayer;
import org.densenet4j.io.caffe.CaffeModel;

import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * What a Caffe model says of the images that it was trained with: Caffe saves the layer that reads
 * them, with its settings. Pixels are from 0 to 255 there, blue first; a mean is subtracted and the
 * difference multiplied by a scale ({@code data_transformer.cpp}).
 */
final class CaffeImages {
    private static final int TRANSFORMATION = 100;
    private static final int INPUT = 143;
    private static final int ANNOTATED_DATA = 200;
    private static final int DETECTIONS = 204;

    /** Of all of the authors' programs: blue, green, red. */
    private static final List<Double> AUTHORS_MEAN = List.of(104.0, 117.0, 123.0);

    private static final double WHITE = 255;
    private static final int COLOURS = 3;

    /** Sides of a batch. */
    private static final int BATCH = 4;

    private final Path path;
    private final CaffeModel model;
    private final Optional<CaffeFields> transformation;

    CaffeImages(Path path, CaffeModel model) throws CaffeException {
        this.path = path;
        this.model = model;
        this.transformation = first(TRANSFORMATION);
    }

    /** The settings of the first layer that has some of a kind. */
    private Optional<CaffeFields> first(int kind) throws CaffeException {
        for (CaffeLayer layer : model.layers()) {
            CaffeFields found = layer.settings(kind);
            if (!found.isEmpty()) {
                return Optional.of(found);
            }
        }
        return Optional.empty();
    }

    /**
     * Height and width: those that images are warped to or, where no layer reads them, those of the
     * batch that the network is given. Empty where neither is told.
     */
    Optional<List<Long>> size() throws CaffeException {
        if (transformation.isPresent()) {
            CaffeFields resizing = transformation.get().message(8);
            List<Long> warped = List.of(resizing.number(3, 0), resizing.number(4, 0));
            return warped.contains(0L) ? Optional.empty() : Optional.of(warped);
        }
        Optional<CaffeFields> input = first(INPUT);
        List<Long> batch =
                input.isPresent() ? input.get().message(1).numbers(1) : model.inputSides();
        return batch.size() == BATCH ? Optional.of(batch.subList(2, BATCH)) : Optional.empty();
    }

    /**
     * What there is to say to whoever prepares images for the network.
     *
     * @param channels of its images
     * @param classes of objects
     */
    ImageMetadata metadata(int channels, int classes) throws CaffeException {
        return new ImageMetadata(classNames(classes), normalisation(channels));
    }

    /** Empty where the mean is in a file of its own. */
    private Optional<Normalisation> normalisation(int channels) throws CaffeException {
        if (transformation.isEmpty()) {
            if (channels != COLOURS) {
                return Optional.empty();
            }
            Notice.once(
                    Level.WARNING,
                    path
                            + ": the file does not tell how images were normalised, since no layer"
                            + " of it reads any: taken as the authors', who subtract 104 from blue,"
                            + " 117 from green and 123 from red; --mean and --std say otherwise");
            return Optional.of(normalisation(AUTHORS_MEAN, 1));
        }
        CaffeFields settings = transformation.get();
        if (settings.text(4).isPresent()) {
            return Optional.empty();
        }
        List<Double> mean = settings.decimals(5);
        if (mean.size() < 2) {
            mean = Collections.nCopies(channels, mean.isEmpty() ? 0.0 : mean.getFirst());
        }
        double scale = settings.decimal(1, 1);
        try {
            if (mean.size() != channels) {
                throw new IllegalArgumentException(
                        "means of " + mean.size() + " channels of " + channels);
            }
            return Optional.of(normalisation(mean, scale));
        } catch (IllegalArgumentException e) {
            throw new CaffeException(
                    path, "is a Caffe model that normalises images by " + e.getMessage());
        }
    }

    /** Here pixels are from 0 to 1, red first, and divided by a deviation. */
    private static Normalisation normalisation(List<Double> mean, double scale) {
        List<Double> ordered = new ArrayList<>(mean);
        if (ordered.size() == COLOURS) {
            Collections.reverse(ordered);
        }
        float[] means = new float[ordered.size()];
        float[] deviations = new float[ordered.size()];
        for (int c = 0; c < means.length; c++) {
            means[c] = (float) (ordered.get(c) / WHITE);
            deviations[c] = (float) (1 / (WHITE * scale));
        }
        return new Normalisation(means, deviations);
    }

    /** Those of VOC and COCO, by the label map that the network was trained with. */
    private Optional<List<String>> classNames(int classes) throws CaffeException {
        Optional<String> map = labelMap();
        List<String> names =
                map.isEmpty()
                        ? List.of()
                        : map.get().endsWith("labelmap_voc.prototxt")
                                ? VocFolder.CLASSES
                                : map.get().endsWith("labelmap_coco.prototxt")
                                        ? CocoFile.CLASSES
                                        : List.of();
        return names.size() == classes ? Optional.of(names) : Optional.empty();
    }

    private Optional<String> labelMap() throws CaffeException {
        Optional<CaffeFields> data = first(ANNOTATED_DATA);
        if (data.isPresent()) {
            return data.get().text(2);
        }
        Optional<CaffeFields> detections = first(DETECTIONS);
        return detections.isPresent() ? detections.get().message(5).text(4) : Optional.empty();
    }
}
