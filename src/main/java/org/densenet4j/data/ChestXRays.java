package org.densenet4j.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * How torchxrayvision (Cohen et al. 2022, arXiv 2111.00595) names labels of chest X-rays and scales
 * their pixels, and weights labels in its loss.
 */
public final class ChestXRays {
    /** The 18 outputs of its DenseNets, in their order. */
    public static final List<String> LABELS =
            List.of(
                    "Atelectasis",
                    "Consolidation",
                    "Infiltration",
                    "Pneumothorax",
                    "Edema",
                    "Emphysema",
                    "Fibrosis",
                    "Effusion",
                    "Pneumonia",
                    "Pleural_Thickening",
                    "Cardiomegaly",
                    "Nodule",
                    "Mass",
                    "Hernia",
                    "Lung Lesion",
                    "Fracture",
                    "Lung Opacity",
                    "Enlarged Cardiomediastinum");

    /** {@code (2·v/255 − 1)·1024} of one grey channel: pixels from −1024 to 1024. */
    public static final Normalisation NORMALISATION =
            new Normalisation(new float[] {0.5f}, new float[] {1f / 2048});

    /** Of the shorter side the network sees all. */
    public static final Resizing RESIZING = new Resizing(Interpolation.BILINEAR, 1);

    private ChestXRays() {}

    /**
     * {@return the weights of labels in its loss, which is meaned by label: rare labels count more,
     * {@code (max − n + mean)/max} of the numbers n of images that have each}
     *
     * @param counts of the training images
     * @throws IllegalArgumentException when no image has any label
     */
    public static List<Double> labelWeights(List<LabelledFiles.Counts> counts) {
        Objects.requireNonNull(counts, "counts");
        double most = counts.stream().mapToDouble(LabelledFiles.Counts::positive).max().orElse(0);
        double mean =
                counts.stream().mapToDouble(LabelledFiles.Counts::positive).average().orElse(0);
        if (most == 0) {
            throw new IllegalArgumentException(
                    "no image has any of the labels, so that they have no weights");
        }
        List<Double> weights = new ArrayList<>();
        counts.forEach(label -> weights.add((most - label.positive() + mean) / most));
        return weights;
    }
}
