package org.densenet4j.cli;

import org.densenet4j.data.Task;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.FcDenseNetSpec;

import picocli.CommandLine.Option;

import java.util.Map;

/**
 * What is classified, images or pixels. The model decides, and where none is chosen, the data; the
 * option says what is expected of them.
 */
final class TaskOption {
    private static final String IMAGES = "glyphs";
    private static final String GENERATED_PIXELS = "shapes";
    private static final String PIXELS = "fc-densenet";

    @Option(
            names = "--task",
            paramLabel = "NAME",
            description =
                    "CLASSIFY images, say which of several labels each has (MULTILABEL) or estimate"
                            + " numbers of it (REGRESS), which both need --labels; or SEGMENT"
                            + " images, which is to classify their pixels (default: what the model"
                            + " is for); SEGMENT alone trains a small FC-DenseNet on generated"
                            + " shapes")
    private Task task;

    /** For picocli. */
    TaskOption() {}

    /**
     * The recipe where none is named. For networks that classify pixels it is the paper's, but for
     * the generated shapes, which a short one is made for.
     *
     * @param settings what the user says, by key
     */
    String recipe(Map<String, String> settings, DataOption data) {
        String model = settings.get("model");
        boolean ofPixels =
                model == null
                        ? task == Task.SEGMENT || task == null && data.hasLabelsOfPixels()
                        : FamilySpec.preset(model) instanceof FcDenseNetSpec.Builder;
        return recipe(ofPixels, data);
    }

    /** The same where it is known what is classified. */
    String recipe(boolean ofPixels, DataOption data) {
        if (!ofPixels) {
            return IMAGES;
        }
        return data.isGenerated() ? GENERATED_PIXELS : PIXELS;
    }

    /** Adds the task to what the user says, by key. */
    void addTo(Map<String, String> settings) {
        if (task != null) {
            settings.put("task", task.text());
        }
    }

    /**
     * Looks whether the network is for this task.
     *
     * @param model its name
     * @throws IllegalArgumentException when it is for the other one
     */
    void check(String model, boolean ofPixels) {
        if (task == null || (task == Task.SEGMENT) == ofPixels) {
            return;
        }
        throw new IllegalArgumentException(
                "--task "
                        + task.text()
                        + " does not fit "
                        + model
                        + ", which classifies "
                        + (ofPixels
                                ? "pixels; leave it out, or choose a DenseNet or a ResNet with"
                                        + " --model"
                                : "images; leave it out, or choose an FC-DenseNet with --model,"
                                        + " such as fc-densenet56"));
    }
}
