package org.densenet4j.cli;

import org.densenet4j.data.Task;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.LabelKind;

import picocli.CommandLine.Option;

import java.util.Map;

/**
 * What is classified, images or pixels, or whether objects are found. The model decides, and where
 * none is chosen, the data; the option says what is expected of them.
 */
final class TaskOption {
    private static final String IMAGES = "glyphs";
    private static final String GENERATED_PIXELS = "shapes";
    private static final String PIXELS = "fc-densenet";
    private static final String GENERATED_BOXES = "scenes";
    private static final String BOXES = "dsod";

    @Option(
            names = "--task",
            paramLabel = "NAME",
            description =
                    "CLASSIFY images, say which of several labels each has (MULTILABEL) or estimate"
                            + " numbers of it (REGRESS), which both need --labels; or SEGMENT"
                            + " images, which is to classify their pixels; or DETECT objects, with"
                            + " boxes around them (default: what the model is for); SEGMENT alone"
                            + " trains a small FC-DenseNet on generated shapes, DETECT alone a small"
                            + " DSOD on generated scenes")
    private Task task;

    /** For picocli. */
    TaskOption() {}

    /**
     * The recipe where none is named. For networks that classify pixels or find objects it is the
     * paper's, but for generated images, which a short one is made for.
     *
     * @param settings what the user says, by key
     */
    String recipe(Map<String, String> settings, DataOption data) {
        String model = settings.get("model");
        LabelKind kind =
                model == null ? wanted(data) : LabelKind.of(FamilySpec.preset(model).build());
        return recipe(kind, data);
    }

    private LabelKind wanted(DataOption data) {
        if (task == Task.SEGMENT || task == null && data.hasLabelsOfPixels()) {
            return LabelKind.OF_PIXELS;
        }
        return task == Task.DETECT || task == null && data.hasBoxes()
                ? LabelKind.BOXES
                : LabelKind.OF_IMAGES;
    }

    /** The same where it is known what the network is trained on. */
    String recipe(LabelKind kind, DataOption data) {
        return switch (kind) {
            case OF_IMAGES -> IMAGES;
            case OF_PIXELS -> data.isGenerated() ? GENERATED_PIXELS : PIXELS;
            case BOXES -> data.isGenerated() ? GENERATED_BOXES : BOXES;
        };
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
    void check(String model, LabelKind kind) {
        if (task == null || kind == kind(task)) {
            return;
        }
        throw new IllegalArgumentException(
                "--task "
                        + task.text()
                        + " does not fit "
                        + model
                        + ", which "
                        + kind.network()
                        + "; leave it out, or choose "
                        + switch (kind(task)) {
                            case OF_IMAGES -> "a DenseNet or a ResNet with --model";
                            case OF_PIXELS -> "an FC-DenseNet with --model, such as fc-densenet56";
                            case BOXES -> "a DSOD with --model, such as dsod300";
                        });
    }

    private static LabelKind kind(Task task) {
        return switch (task) {
            case CLASSIFY, MULTILABEL, REGRESS -> LabelKind.OF_IMAGES;
            case SEGMENT -> LabelKind.OF_PIXELS;
            case DETECT -> LabelKind.BOXES;
        };
    }
}
