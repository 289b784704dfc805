package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.data.ClassMask;
import org.densenet4j.data.Task;
import org.densenet4j.detection.Detection;
import org.densenet4j.detection.DetectionOutput;
import org.densenet4j.inference.DetectionPicture;
import org.densenet4j.inference.Detector;
import org.densenet4j.inference.EarlyPrediction;
import org.densenet4j.inference.Exit;
import org.densenet4j.inference.ExitThresholds;
import org.densenet4j.inference.OutputActivation;
import org.densenet4j.inference.Prediction;
import org.densenet4j.inference.Predictor;
import org.densenet4j.inference.Segmenter;
import org.densenet4j.inference.TestTimeAugmentation;
import org.densenet4j.io.OneLine;
import org.densenet4j.report.Json;
import org.densenet4j.spec.LabelKind;
import org.densenet4j.weights.Model;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;

/** {@code densenet4j predict}. */
@Command(
        name = "predict",
        description =
                "Says what images show. A network that classifies pixels writes three PNG files of"
                        + " each: the classes' indices, their colours, and the colours over the"
                        + " image. One that finds objects writes a PNG file with boxes of each, and"
                        + " all boxes as JSON. Exit code 1 when an image could not be read.",
        mixinStandardHelpOptions = true)
final class PredictCommand implements Callable<Integer> {
    @Mixin private PredictorOption predictor;
    @Mixin private ImagesOption images;
    @Mixin private DeviceOption device;
    @Mixin private PicturesOption pictures;
    @Mixin private BoxesOption boxes;
    @Mixin private TestTimeOption testTime;
    @Mixin private ExitOption exit;

    @Option(
            names = "--top",
            paramLabel = "K",
            defaultValue = "5",
            description =
                    "most probable classes to show, or those of the most pixels (default:"
                            + " ${DEFAULT-VALUE})")
    private int top;

    @Option(
            names = "--sigmoid",
            description =
                    "probabilities of each class by itself, of a network that was trained on images"
                            + " of several labels (default: as the weights record it, else"
                            + " softmax)")
    private boolean sigmoid;

    @Option(names = "--json", description = "print JSON instead of a table")
    private boolean json;

    /** For picocli. */
    PredictCommand() {}

    @Override
    public Integer call() throws IOException {
        if (top < 1) {
            throw new IllegalArgumentException("top = " + top + ": use 1 or more");
        }
        pictures.check();
        try (Device d = device.open();
                Model model = predictor.model()) {
            LabelKind kind = LabelKind.of(model.spec());
            if (kind != LabelKind.BOXES) {
                boxes.requireNone(model.spec());
            }
            int broken =
                    switch (kind) {
                        case OF_PIXELS -> classifyPixels(model, d);
                        case BOXES -> findObjects(model, d);
                        case OF_IMAGES -> classifyImages(model, d);
                    };
            return broken == 0 ? 0 : 1;
        }
    }

    private int classifyPixels(Model model, Device device) throws IOException {
        predictor.requireNoInputSize(model);
        testTime.requireNone();
        exit.requireNone();
        if (sigmoid) {
            throw new IllegalArgumentException(
                    "--sigmoid is for networks that classify images; '"
                            + model.spec().name()
                            + "' classifies pixels, each of which has one class; leave it out");
        }
        predictor.requireNormalisation(model);
        List<Path> inputs = new ArrayList<>(predictor.inputs());
        inputs.addAll(images.files());
        try (Segmenter segmenter =
                Segmenter.of(model).device(device).batch(images.batchOfPixels()).open()) {
            PicturesOption.Output output = pictures.open(inputs, images.files());
            if (!json) {
                return masks(segmenter, output, mask -> mask.print(System.out, top));
            }
            try (Json.Array out = Json.array(System.out)) {
                return masks(segmenter, output, mask -> out.add(mask.json(top)));
            }
        }
    }

    private int findObjects(Model model, Device device) throws IOException {
        predictor.requireNoInputSize(model);
        testTime.requireNone();
        exit.requireNone();
        pictures.requireNoOpacity(model.spec());
        if (sigmoid) {
            throw new IllegalArgumentException(
                    "--sigmoid is for networks that classify images; '"
                            + model.spec().name()
                            + "' finds objects; leave it out");
        }
        predictor.requireNormalisation(model);
        DetectionOutput output = boxes.output();
        List<Path> inputs = new ArrayList<>(predictor.inputs());
        inputs.addAll(images.files());
        try (Detector detector =
                Detector.of(model)
                        .device(device)
                        .batch(images.batchOfBoxes())
                        .output(output)
                        .open()) {
            PicturesOption.BoxesOutput written =
                    pictures.openBoxes(inputs, images.files(), detector.classNames());
            if (!DetectionPicture.hasLabels()) {
                System.err.println(
                        "note: this machine has no font: pictures have boxes without names");
            }
            List<Map<String, Object>> all = new ArrayList<>();
            int broken =
                    images.forEachDecoded(
                            detector.images(),
                            some -> {
                                for (PredictedBoxes one : find(detector, written, some)) {
                                    all.add(one.json());
                                    if (!json) {
                                        one.print(System.out);
                                    }
                                }
                            });
            Path list = written.finish(all);
            System.out.println(json ? Json.pretty(all) : OneLine.of(list.toString()));
            return broken;
        }
    }

    private static List<PredictedBoxes> find(
            Detector detector, PicturesOption.BoxesOutput written, List<ImagesOption.Decoded> some)
            throws IOException {
        List<List<Detection>> found =
                detector.detect(some.stream().map(ImagesOption.Decoded::image).toList());
        List<PredictedBoxes> told = new ArrayList<>();
        for (int i = 0; i < some.size(); i++) {
            ImagesOption.Decoded one = some.get(i);
            Path picture = written.write(one.file(), one.image(), found.get(i));
            told.add(
                    new PredictedBoxes(
                            one.file(), one.image(), found.get(i), detector.classNames(), picture));
        }
        return told;
    }

    private interface MaskUse {
        void accept(PredictedMask mask) throws IOException;
    }

    private int masks(Segmenter segmenter, PicturesOption.Output output, MaskUse use)
            throws IOException {
        return images.forEachOfOneSize(
                segmenter.images(),
                some -> {
                    List<ClassMask> all =
                            segmenter.masks(
                                    some.stream().map(ImagesOption.Decoded::image).toList());
                    for (int i = 0; i < all.size(); i++) {
                        Path file = some.get(i).file();
                        ClassMask mask = all.get(i);
                        List<Path> written = output.write(file, some.get(i).image(), mask);
                        use.accept(new PredictedMask(file, mask, written));
                    }
                });
    }

    private int classifyImages(Model model, Device device) throws IOException {
        pictures.requireNone(model.spec());
        if (sigmoid && model.outputs().task() == Task.REGRESS) {
            throw new IllegalArgumentException(
                    "--sigmoid is for labels, and the outputs of these weights are numbers; leave it"
                            + " out");
        }
        try (Predictor p =
                sigmoid
                        ? predictor.open(model, device, images.batch(), OutputActivation.SIGMOID)
                        : predictor.open(model, device, images.batch())) {
            if (p.task() == Task.REGRESS) {
                testTime.requireNone();
                exit.requireNone();
                return json ? jsonOfNumbers(p) : numbers(p);
            }
            exit.check(p);
            if (exit.isUsed()) {
                return early(p);
            }
            return json ? json(p) : table(p);
        }
    }

    // ---------------------------------------------------------------- several exits

    /** What is said of a batch by the exits that its images leave at. */
    private interface Leaving {
        List<EarlyPrediction> of(ImagesOption.Prepared some);
    }

    private int early(Predictor p) throws IOException {
        if (testTime.views() != TestTimeAugmentation.NONE) {
            throw new IllegalArgumentException(
                    "--tta looks at views of images, which leave early by themselves; leave out"
                            + " --tta, or --within and --confidence");
        }
        Leaving leaving = exit.exit(p).map(last -> at(p, last)).orElseGet(() -> whenSure(p));
        if (!json) {
            return images.forEachBatch(p, some -> print(p, some, leaving.of(some)));
        }
        try (Json.Array out = Json.array(System.out)) {
            return images.forEachBatch(
                    p,
                    some -> {
                        List<EarlyPrediction> all = leaving.of(some);
                        for (int i = 0; i < some.count(); i++) {
                            out.add(json(some.files().get(i).toString(), all.get(i)));
                        }
                    });
        }
    }

    private Leaving at(Predictor p, Exit last) {
        return some ->
                p.classify(last, some.prepared(), some.count(), top).stream()
                        .map(predictions -> new EarlyPrediction(last, predictions))
                        .toList();
    }

    private Leaving whenSure(Predictor p) {
        if (p.activation() != OutputActivation.SOFTMAX) {
            throw new IllegalArgumentException(
                    "--confidence is for images of one class each; use --within");
        }
        ExitThresholds thresholds = exit.thresholds(p);
        return some -> p.classifyEarly(some.prepared(), some.count(), thresholds, top);
    }

    private static void print(Predictor p, ImagesOption.Prepared some, List<EarlyPrediction> all) {
        for (int i = 0; i < some.count(); i++) {
            Exit left = all.get(i).exit();
            System.out.printf(
                    Locale.ROOT,
                    "%s  (exit %d of %d, %.1f M multiply-adds)%n",
                    OneLine.of(some.files().get(i).toString()),
                    left.number(),
                    p.exits().size(),
                    left.multiplyAdds() / 1e6);
            all.get(i).predictions().forEach(PredictCommand::print);
        }
    }

    private static Map<String, Object> json(String file, EarlyPrediction early) {
        Map<String, Object> all = new LinkedHashMap<>(json(file, early.predictions()));
        all.put("exit", early.exit().number());
        all.put("multiply_adds", early.exit().multiplyAdds());
        return all;
    }

    private int numbers(Predictor p) throws IOException {
        return images.forEachBatch(
                p,
                some -> {
                    float[] outputs = p.outputs(some.prepared(), some.count());
                    for (int i = 0; i < some.count(); i++) {
                        System.out.println(OneLine.of(some.files().get(i).toString()));
                        for (int c = 0; c < p.classes(); c++) {
                            System.out.printf(
                                    Locale.ROOT,
                                    "  %12.6g  %s%n",
                                    outputs[i * p.classes() + c],
                                    OneLine.of(p.classNames().get(c)));
                        }
                    }
                });
    }

    private int jsonOfNumbers(Predictor p) throws IOException {
        try (Json.Array out = Json.array(System.out)) {
            return images.forEachBatch(
                    p,
                    some -> {
                        float[] outputs = p.outputs(some.prepared(), some.count());
                        for (int i = 0; i < some.count(); i++) {
                            List<Map<String, Object>> values = new ArrayList<>();
                            for (int c = 0; c < p.classes(); c++) {
                                values.add(
                                        Json.object(
                                                "index",
                                                c,
                                                "output",
                                                p.classNames().get(c),
                                                "value",
                                                outputs[i * p.classes() + c]));
                            }
                            out.add(
                                    Json.object(
                                            "file",
                                            some.files().get(i).toString(),
                                            "outputs",
                                            values));
                        }
                    });
        }
    }

    private int table(Predictor p) throws IOException {
        return images.forEachBatch(
                p,
                testTime.views(),
                image -> null,
                some -> {
                    List<List<Prediction>> all = classify(p, some);
                    for (int i = 0; i < some.count(); i++) {
                        System.out.println(OneLine.of(some.files().get(i).toString()));
                        all.get(i).forEach(PredictCommand::print);
                    }
                });
    }

    private static void print(Prediction prediction) {
        System.out.printf(
                Locale.ROOT,
                "  %6.2f %%  %s%n",
                100 * prediction.probability(),
                OneLine.of(prediction.name()));
    }

    private int json(Predictor p) throws IOException {
        try (Json.Array out = Json.array(System.out)) {
            return images.forEachBatch(
                    p,
                    testTime.views(),
                    image -> null,
                    some -> {
                        List<List<Prediction>> all = classify(p, some);
                        for (int i = 0; i < some.count(); i++) {
                            out.add(json(some.files().get(i).toString(), all.get(i)));
                        }
                    });
        }
    }

    private List<List<Prediction>> classify(Predictor p, ImagesOption.Prepared some) {
        return p.classify(some.prepared(), some.count(), testTime.views(), top);
    }

    private static Map<String, Object> json(String file, List<Prediction> predictions) {
        return Json.object(
                "file",
                file,
                "predictions",
                predictions.stream()
                        .map(
                                p ->
                                        Json.object(
                                                "index", p.index(),
                                                "class", p.name(),
                                                "probability", p.probability()))
                        .toList());
    }
}
