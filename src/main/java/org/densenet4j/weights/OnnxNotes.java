package org.densenet4j.weights;

import org.densenet4j.data.CentreCrop;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Resizing;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.PixelHead;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;

/**
 * What another program must know to feed an exported graph as this project does: the notes in an
 * ONNX file's {@code metadata_props}. The words are those of {@code docs/inference.md}.
 */
final class OnnxNotes {
    private OnnxNotes() {}

    /** The notes by name. Class names and normalisation are there where they are known. */
    static Map<String, String> of(Graph network, OnnxExport.Known known, int leastSide) {
        Map<String, String> notes = new LinkedHashMap<>(known.images().entries());
        notes.putAll(known.outputs().entries());
        notes.put("input.layout", layout(network.inputChannels()));
        notes.put("input.size", "[" + network.inputHeight() + "," + network.inputWidth() + "]");
        notes.put("input.least", String.valueOf(leastSide));
        notes.put("preparation", preparation(network, known));
        if (network.evaluatesWithBatchStatistics()) {
            notes.put("batch-statistics", "of the images that are run together");
        }
        return notes;
    }

    private static String layout(int channels) {
        String colours =
                switch (channels) {
                    case 1 -> "grey";
                    case 3 -> "red, green, blue";
                    default -> String.valueOf(channels);
                };
        return "float32 [batch, channels (" + colours + "), height, width]";
    }

    private static String preparation(Graph network, OnnxExport.Known known) {
        ImageMetadata images = known.images();
        StringJoiner text = new StringJoiner(" ");
        if (images.exifOrientation()) {
            text.add("Images are turned upright as their Exif orientation says.");
        }
        if (labelsPixels(network)) {
            text.add("Images keep their size; there are logits of every pixel.");
        } else {
            text.add(resizing(images.resizing().orElse(Resizing.DEFAULT)));
            if (isForSmallImages(network)) {
                text.add(
                        "A network for small images takes an image of exactly its input size as it"
                                + " is.");
            }
        }
        text.add(
                "Pixel values from 0 to 1 are normalised: less the channel's mean, divided by its"
                        + " deviation.");
        if (images.normalisation().isEmpty()) {
            text.add("Mean and deviation are not known.");
        }
        return text.toString();
    }

    private static String resizing(Resizing resizing) {
        double share = resizing.cropShare();
        boolean usual = share == CentreCrop.SHARE;
        return "Images are resized ("
                + resizing.interpolation().name().toLowerCase(Locale.ROOT)
                + ", antialiased) so that the input is "
                + (usual ? "7/8" : share == 1 ? "all" : share)
                + " of the shorter side and cut out of the middle"
                + (resizing.equals(Resizing.DEFAULT) ? ", as torchvision evaluates." : ".");
    }

    private static boolean labelsPixels(Graph network) {
        return network.heads().getLast() instanceof PixelHead;
    }

    /** Whether the first convolution looks at every pixel, as only a stem for small images does. */
    private static boolean isForSmallImages(Graph network) {
        return network.nodes().getFirst() instanceof ConvolutionLayer stem
                && stem.window().stride() == 1;
    }
}
