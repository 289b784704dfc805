package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.ImageView;
import org.densenet4j.data.SegmentationFolder.Subset;
import org.densenet4j.data.SegmentationLoader;
import org.densenet4j.data.ViewedDataset;
import org.densenet4j.detection.CocoResults;
import org.densenet4j.detection.DetectionOutput;
import org.densenet4j.inference.DetectionEvaluation;
import org.densenet4j.inference.Detector;
import org.densenet4j.inference.Evaluation;
import org.densenet4j.inference.ExitEvaluation;
import org.densenet4j.inference.OutputEvaluation;
import org.densenet4j.inference.PixelEvaluation;
import org.densenet4j.inference.Predictor;
import org.densenet4j.io.AtomicFile;
import org.densenet4j.io.OneLine;
import org.densenet4j.report.Json;
import org.densenet4j.spec.LabelKind;
import org.densenet4j.train.TrainingRun;
import org.densenet4j.weights.Model;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/** {@code densenet4j evaluate}. */
@Command(
        name = "evaluate",
        description =
                "Measures a trained network on the test images of a data source; where it classifies"
                        + " pixels, on whole images, one by one; where it finds objects, by COCO's and"
                        + " VOC's average precision",
        mixinStandardHelpOptions = true)
final class EvaluateCommand implements Callable<Integer> {
    @Mixin private PredictorOption predictor;
    @Mixin private DataOption data;
    @Mixin private SegmentationDataOption segmentation;
    @Mixin private DetectionDataOption detection;
    @Mixin private DeviceOption device;
    @Mixin private TestTimeOption testTime;

    @Option(
            names = "--batch",
            paramLabel = "N",
            defaultValue = "64",
            description =
                    "most images of one pass (default: ${DEFAULT-VALUE}); where pixels are"
                            + " classified it is 1")
    private int batch;

    @Option(
            names = "--subset",
            paramLabel = "NAME",
            description =
                    "where pixels are classified, or --labels has a column of parts: TRAIN, VAL or"
                            + " TEST (default: TEST, or VAL where there are no test images; of"
                            + " --labels VAL, or TEST where there are none)")
    private Subset subset;

    @Option(
            names = "--anytime",
            description =
                    "of a network with several exits: accuracy of each against its multiply-adds and"
                            + " its time, also as a page")
    private boolean anytime;

    @Option(
            names = "--budget",
            description =
                    "the same, and with easy images leaving early, by thresholds that are found with"
                            + " the training images that --threshold-share left out")
    private boolean budget;

    @Option(
            names = "--results",
            paramLabel = "FILE",
            description =
                    "of a network that finds objects: writes what it finds as JSON that COCO's"
                            + " evaluation reads")
    private Path results;

    @Mixin private ReportOption report;

    @Option(names = "--json", description = "print JSON instead of a table")
    private boolean json;

    /** For picocli. */
    EvaluateCommand() {}

    @Override
    public Integer call() throws IOException {
        try (Model model = predictor.model();
                Device d = device.open()) {
            predictor.requireNormalisation(model);
            LabelKind kind = LabelKind.of(model.spec());
            data.labels(kind, model.spec().name());
            data.labelledFor(model.outputs().task());
            if (kind != LabelKind.OF_PIXELS) {
                segmentation.checkUnused();
            }
            if (kind != LabelKind.BOXES) {
                detection.checkUnused();
                if (results != null) {
                    throw new IllegalArgumentException(
                            "--results is for networks that find objects; leave it out");
                }
            }
            switch (kind) {
                case OF_PIXELS -> evaluatePixels(model, d);
                case BOXES -> evaluateBoxes(model, d);
                case OF_IMAGES -> evaluateImages(model, d);
            }
        }
        return 0;
    }

    private void evaluateImages(Model model, Device d) throws IOException {
        try (Predictor p = predictor.open(model, d, batch)) {
            data.followRun(TrainingRun.notesOf(model.metadata()));
            if (p.task().isOfVectors()) {
                testTime.requireNoneOfVectors();
            }
            Dataset test =
                    data.openTest(p.spec(), p.images(), subset == null ? "" : subset.toString());
            check(p, test);
            if (anytime || budget) {
                evaluateExits(p, test);
                return;
            }
            List<ImageView> views = testTime.views().views();
            BatchLoader loader =
                    BatchLoader.of(
                                    views.size() == 1
                                            ? test
                                            : ViewedDataset.of(test, p.preparation().crop(), views))
                            .batch(Math.max(1, batch / views.size()) * views.size())
                            .normalise(p.normalisation())
                            .threads(data.loaderThreads());
            if (data.skipsBroken()) {
                loader = loader.skipBroken(once(EvaluateCommand::tellBroken));
            }
            if (p.task().isOfVectors()) {
                OutputEvaluation outputs = OutputEvaluation.of(p, loader);
                System.out.print(json ? OutputReport.json(outputs) : OutputReport.table(outputs));
                return;
            }
            Evaluation result = Evaluation.of(p, loader, testTime.views());
            tellClasses(p, result);
            if (json) {
                System.out.print(json(result));
            } else {
                table(result);
            }
        }
    }

    private void evaluateExits(Predictor p, Dataset test) throws IOException {
        testTime.requireNone();
        if (p.exits().size() < 2) {
            throw new IllegalArgumentException(
                    "--anytime and --budget are for networks with several exits, such as MSDNets;"
                            + " leave them out");
        }
        report.check(List.of(ExitReport.PAGE));
        List<ExitEvaluation.Point> curve = List.of();
        ExitEvaluation exits;
        if (budget) {
            ExitEvaluation heldOut =
                    ExitEvaluation.of(p, loader(p, data.openForThresholds(p.spec(), p.images())));
            exits = ExitEvaluation.of(p, loader(p, test));
            curve = exits.budgeted(heldOut);
        } else {
            exits = ExitEvaluation.of(p, loader(p, test));
        }
        ExitReport found = new ExitReport(exits, curve);
        Path folder = report.folder("exits", List.of(ExitReport.PAGE));
        found.write(folder, p.spec().toString());
        System.out.print(json ? found.json() : found.text());
        if (!json) {
            System.out.println(
                    "\nreport: " + OneLine.of(folder.resolve(ExitReport.PAGE).toString()));
        }
    }

    private BatchLoader loader(Predictor p, Dataset images) {
        BatchLoader loader =
                BatchLoader.of(images)
                        .batch(batch)
                        .normalise(p.normalisation())
                        .threads(data.loaderThreads());
        return data.skipsBroken() ? loader.skipBroken(once(EvaluateCommand::tellBroken)) : loader;
    }

    /** Each view of an image that is broken says so. */
    private static Consumer<String> once(Consumer<String> report) {
        Set<String> told = ConcurrentHashMap.newKeySet();
        return line -> {
            if (told.add(line)) {
                report.accept(line);
            }
        };
    }

    private static void tellBroken(String line) {
        System.err.println(OneLine.of(line));
    }

    private void evaluatePixels(Model model, Device d) throws IOException {
        predictor.requireNoInputSize(model);
        testTime.requireNone();
        SegmentationDataOption.Test test =
                segmentation.openTest(data, model.images(), model.classNames().size(), subset);
        SegmentationLoader loader =
                SegmentationLoader.of(test.images())
                        .normalise(model.normalisation())
                        .threads(data.loaderThreads());
        if (data.skipsBroken()) {
            loader = loader.skipBroken(EvaluateCommand::tellBroken);
        }
        PixelEvaluation result = PixelEvaluation.of(model, d, loader);
        if (model.images().classNames().isEmpty() && test.images().classes().hasTable()) {
            System.err.println(
                    "note: the weights do not name their classes, which are matched to the data's"
                            + " by position");
        }
        if (json) {
            System.out.print(json(result, test.subset()));
        } else {
            table(result, test.subset());
        }
    }

    private void evaluateBoxes(Model model, Device d) throws IOException {
        predictor.requireNoInputSize(model);
        testTime.requireNone();
        if (subset != null) {
            throw new IllegalArgumentException(
                    "--subset is for networks that classify pixels and for --labels FILE.csv; name"
                            + " sets with --val-sets");
        }
        DetectionDataOption.Test test =
                detection.openTest(data, model.images(), model.classNames());
        if (model.images().classNames().isEmpty()) {
            System.err.println(
                    "note: the weights do not name their classes, which are matched to the data's"
                            + " by position");
        }
        if (results != null) {
            report.checkFile(results);
        }
        Consumer<String> broken = data.skipsBroken() ? EvaluateCommand::tellBroken : null;
        ByteArrayOutputStream found = new ByteArrayOutputStream();
        DetectionEvaluation result;
        try (Detector detector =
                        Detector.of(model)
                                .device(d)
                                .batch(batch)
                                .output(DetectionOutput.PUBLISHED)
                                .open();
                CocoResults out = new CocoResults(found)) {
            result =
                    DetectionEvaluation.of(
                            detector,
                            test.images(),
                            broken,
                            (index, detections) -> {
                                if (results != null) {
                                    out.add(
                                            test.imageId().applyAsLong(index),
                                            detections,
                                            label -> test.categoryId().applyAsLong(label));
                                }
                            });
        }
        if (results != null) {
            AtomicFile.write(results, found.toByteArray());
        }
        System.out.print(
                json
                        ? DetectionReport.json(result, test.sets())
                        : DetectionReport.table(result, test.sets()));
        if (results != null && !json) {
            System.out.println("\nresults: " + OneLine.of(results.toString()));
        }
    }

    private static void table(PixelEvaluation e, Subset subset) {
        System.out.printf(
                Locale.ROOT,
                "%,d images of %s, %,d pixels with a label, %.1f %% void%nloss            %.4f%n"
                        + "accuracy        %.2f %%%nmean IoU        %.2f %%%n%n%s",
                e.images(),
                subset,
                e.pixels(),
                100.0 * e.voidPixels() / (e.pixels() + e.voidPixels()),
                e.loss(),
                100 * e.accuracy(),
                100 * e.meanIou(),
                ClassScores.table(e.classes()));
    }

    private static String json(PixelEvaluation e, Subset subset) {
        return Json.pretty(
                Json.object(
                        "subset", subset.toString(),
                        "images", e.images(),
                        "pixels", e.pixels(),
                        "void_pixels", e.voidPixels(),
                        "loss", e.loss(),
                        "accuracy", e.accuracy(),
                        "mean_iou", e.meanIou(),
                        "classes",
                                e.classes().stream()
                                        .map(
                                                c ->
                                                        Json.object(
                                                                "class", c.name(),
                                                                "iou", c.iou(),
                                                                "pixels", c.labelled(),
                                                                "correct", c.correct(),
                                                                "predicted", c.predicted()))
                                        .toList()));
    }

    private static void check(Predictor p, Dataset test) {
        if (test.height() != p.spec().inputHeight() || test.width() != p.spec().inputWidth()) {
            throw new IllegalArgumentException(
                    "the network takes images of "
                            + p.spec().inputHeight()
                            + "x"
                            + p.spec().inputWidth()
                            + ", the data has "
                            + test.height()
                            + "x"
                            + test.width()
                            + "; set --input-size, or use other --data");
        }
        if (test.channels() != p.spec().inputChannels()) {
            throw new IllegalArgumentException(
                    "the network takes images of "
                            + channels(p.spec().inputChannels())
                            + ", the data has "
                            + channels(test.channels())
                            + "; use other --data");
        }
    }

    private static String channels(int count) {
        return count + (count == 1 ? " channel" : " channels");
    }

    /** What the reader has to know about how classes were matched. */
    private static void tellClasses(Predictor p, Evaluation e) {
        if (p.images().classNames().isEmpty()) {
            System.err.println(
                    "note: the weights do not name their classes, which are matched to the data's"
                            + " by position; --classes-file matches them by name");
        }
        List<String> without =
                e.classes().stream()
                        .filter(c -> c.images() == 0)
                        .map(Evaluation.ClassResult::name)
                        .toList();
        if (!without.isEmpty()) {
            System.err.printf(
                    Locale.ROOT,
                    "note: the data has images of %d of the %d classes; none of %s%n",
                    e.classes().size() - without.size(),
                    e.classes().size(),
                    OneLine.listed(without));
        }
    }

    private static void table(Evaluation e) {
        System.out.printf(
                Locale.ROOT,
                "%,d images%nloss            %.4f%naccuracy        %.2f %%%namong the top 5 %.2f"
                        + " %%%n%n%-24s %8s %9s %9s%n",
                e.images(),
                e.loss(),
                100 * e.top1(),
                100 * e.top5(),
                "class",
                "images",
                "recall",
                "precision");
        for (Evaluation.ClassResult c : e.classes()) {
            System.out.printf(
                    Locale.ROOT,
                    "%-24s %8d %9s %9s%n",
                    OneLine.of(c.name()),
                    c.images(),
                    ClassScores.percent(c.recall()),
                    ClassScores.percent(c.precision()));
        }
    }

    private static String json(Evaluation e) {
        return Json.pretty(
                Json.object(
                        "images", e.images(),
                        "loss", e.loss(),
                        "top1", e.top1(),
                        "top5", e.top5(),
                        "classes",
                                e.classes().stream()
                                        .map(
                                                c ->
                                                        Json.object(
                                                                "class", c.name(),
                                                                "images", c.images(),
                                                                "correct", c.correct(),
                                                                "predicted", c.predicted()))
                                        .toList()));
    }
}
