package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.inference.Prediction;
import org.densenet4j.inference.Predictor;
import org.densenet4j.io.OneLine;
import org.densenet4j.report.Json;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;

/** {@code densenet4j predict}. */
@Command(
        name = "predict",
        description = "Says what images show. Exit code 1 when an image could not be read.",
        mixinStandardHelpOptions = true)
final class PredictCommand implements Callable<Integer> {
    @Mixin private PredictorOption predictor;
    @Mixin private ImagesOption images;
    @Mixin private DeviceOption device;

    @Option(
            names = "--top",
            paramLabel = "K",
            defaultValue = "5",
            description = "most probable classes to show (default: ${DEFAULT-VALUE})")
    private int top;

    @Option(names = "--json", description = "print JSON instead of a table")
    private boolean json;

    /** For picocli. */
    PredictCommand() {}

    @Override
    public Integer call() throws IOException {
        if (top < 1) {
            throw new IllegalArgumentException("top = " + top + ": use 1 or more");
        }
        try (Device d = device.open();
                Predictor p = predictor.open(d, images.batch())) {
            int broken = json ? json(p) : table(p);
            return broken == 0 ? 0 : 1;
        }
    }

    private int table(Predictor p) throws IOException {
        return images.forEachBatch(
                p,
                some -> {
                    List<List<Prediction>> all = p.classify(some.prepared(), some.count(), top);
                    for (int i = 0; i < some.count(); i++) {
                        System.out.println(OneLine.of(some.files().get(i).toString()));
                        for (Prediction prediction : all.get(i)) {
                            System.out.printf(
                                    Locale.ROOT,
                                    "  %6.2f %%  %s%n",
                                    100 * prediction.probability(),
                                    OneLine.of(prediction.name()));
                        }
                    }
                });
    }

    private int json(Predictor p) throws IOException {
        try (Json.Array out = Json.array(System.out)) {
            return images.forEachBatch(
                    p,
                    some -> {
                        List<List<Prediction>> all = p.classify(some.prepared(), some.count(), top);
                        for (int i = 0; i < some.count(); i++) {
                            out.add(json(some.files().get(i).toString(), all.get(i)));
                        }
                    });
        }
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
