package org.densenet4j.weights;

import org.densenet4j.data.ImageMetadata;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.StringJoiner;

/**
 * What another program must know to feed an exported graph as this project does: the notes in an
 * ONNX file's {@code metadata_props}. The words are those of {@code docs/inference.md}.
 */
final class OnnxNotes {
    private OnnxNotes() {}

    /** The notes by name. Class names and normalisation are there where they are known. */
    static Map<String, String> of(Model model, int leastSide) {
        DenseNetSpec spec = model.spec();
        Map<String, String> notes = new LinkedHashMap<>(model.images().entries());
        notes.put("input.layout", layout(spec.inputChannels()));
        notes.put("input.size", "[" + spec.inputHeight() + "," + spec.inputWidth() + "]");
        notes.put("input.least", String.valueOf(leastSide));
        notes.put("preparation", preparation(spec, model.images()));
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

    private static String preparation(DenseNetSpec spec, ImageMetadata images) {
        StringJoiner text = new StringJoiner(" ");
        if (images.exifOrientation()) {
            text.add("Images are turned upright as their Exif orientation says.");
        }
        text.add(
                "Images are resized (bilinear, antialiased) so that the input is 7/8 of the"
                        + " shorter side and cut out of the middle, as torchvision evaluates.");
        if (spec.stem() == Stem.SMALL) {
            text.add(
                    "A network for small images takes an image of exactly its input size as it is.");
        }
        text.add(
                "Pixel values from 0 to 1 are normalised: less the channel's mean, divided by its"
                        + " deviation.");
        if (images.normalisation().isEmpty()) {
            text.add("Mean and deviation are not known.");
        }
        return text.toString();
    }
}
