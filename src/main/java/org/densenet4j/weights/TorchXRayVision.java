package org.densenet4j.weights;

import org.densenet4j.data.ChestXRays;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Outputs;
import org.densenet4j.data.Task;
import org.densenet4j.io.TensorFile;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Weights of torchxrayvision's DenseNets, which are known by a buffer beside torchvision's tensors:
 * the probability of each label at its operating point, NaN of labels that were not trained.
 */
final class TorchXRayVision {
    private static final String THRESHOLDS = "op_threshs";

    private TorchXRayVision() {}

    /** Whether a tensor is that buffer, which no network has a place for. */
    static boolean isThresholds(String name) {
        return name.equals(THRESHOLDS) || name.endsWith("." + THRESHOLDS);
    }

    private static Optional<String> buffer(TensorFile file) {
        return file.names().stream().filter(TorchXRayVision::isThresholds).findFirst();
    }

    /** Whether a file holds such weights. */
    static boolean holds(TensorFile file) {
        return buffer(file).isPresent();
    }

    /** What is known of the images of such weights, where the file records nothing else. */
    static ImageMetadata images(TensorFile file, ImageMetadata recorded) {
        Optional<String> buffer = buffer(file);
        if (buffer.isEmpty()) {
            return recorded;
        }
        boolean named =
                file.describe(buffer.get())
                        .shape()
                        .equals(List.of((long) ChestXRays.LABELS.size()));
        return recorded.or(
                new ImageMetadata(
                                named ? Optional.of(ChestXRays.LABELS) : Optional.empty(),
                                Optional.of(ChestXRays.NORMALISATION))
                        .withResizing(ChestXRays.RESIZING));
    }

    /**
     * What such weights say of outputs.
     *
     * @param recorded what the file's metadata say, which is all of other weights
     * @throws IOException in one line when a threshold is none, or there are more or fewer than
     *     outputs
     */
    static Outputs outputs(Path path, TensorFile file, Outputs recorded, int outputs)
            throws IOException {
        Optional<String> buffer = buffer(file);
        if (buffer.isEmpty()) {
            return recorded;
        }
        List<Float> thresholds = new ArrayList<>();
        for (float t : file.tensor(buffer.get()).toFloats()) {
            thresholds.add(t);
        }
        if (thresholds.size() != outputs) {
            throw new IOException(
                    path
                            + ": "
                            + buffer.get()
                            + " has "
                            + thresholds.size()
                            + " thresholds, the network has "
                            + outputs
                            + " outputs");
        }
        try {
            return new Outputs(Task.MULTILABEL, thresholds);
        } catch (IllegalArgumentException e) {
            throw new IOException(path + ": " + buffer.get() + ": " + e.getMessage(), e);
        }
    }
}
