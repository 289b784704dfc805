package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.RelabelledDataset;
import org.densenet4j.data.Task;
import org.densenet4j.engine.Network;
import org.densenet4j.insight.PruneReport;
import org.densenet4j.insight.PruneReportFiles;
import org.densenet4j.insight.Ranking;
import org.densenet4j.io.OneLine;
import org.densenet4j.io.OutputRule;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.weights.Model;
import org.densenet4j.weights.Weights;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;

/** {@code densenet4j prune-report}. */
@Command(
        name = "prune-report",
        description =
                "Ranks the connections of a trained network by their mean absolute weight and"
                        + " measures the accuracy on the test images when the weakest are masked."
                        + " The checkpoint is not changed.",
        modelTransformer = DataOption.OfImages.class,
        mixinStandardHelpOptions = true)
final class PruneReportCommand implements Callable<Integer> {
    private static final int SHOWN = 10;

    @Mixin private TrainedModelOption trained;
    @Mixin private DataOption data;
    @Mixin private DeviceOption device;
    @Mixin private OverwriteOption overwrite;

    @Option(
            names = "--shares",
            paramLabel = "PERCENT",
            split = ",",
            defaultValue = "5,10,20,30,50",
            description = "shares of all connections to mask (default: ${DEFAULT-VALUE})")
    private List<Double> percents;

    @Option(
            names = "--rank-by",
            paramLabel = "NAME",
            defaultValue = "WEIGHT",
            description =
                    "WEIGHT: the mean absolute weight; TARGET: the same relative to the target"
                            + " layer's strongest connection (default: ${DEFAULT-VALUE})")
    private Ranking ranking;

    @Option(
            names = "--tolerance",
            paramLabel = "POINTS",
            defaultValue = "0.5",
            description =
                    "percentage points of accuracy that may be lost (default: ${DEFAULT-VALUE})")
    private double tolerance;

    @Option(
            names = "--batch",
            paramLabel = "N",
            defaultValue = "64",
            description = "images per pass (default: ${DEFAULT-VALUE})")
    private int batch;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "folder of CSV, JSON and PNG (default: the checkpoint's)")
    private Path out;

    /** For picocli. */
    PruneReportCommand() {}

    @Override
    public Integer call() throws IOException {
        List<Double> shares = new ArrayList<>();
        for (double percent : percents) {
            if (!(percent > 0 && percent <= 100)) {
                throw new IllegalArgumentException(
                        "--shares: " + percent + " is not a percentage above 0 and up to 100");
            }
            shares.add(percent / 100);
        }
        Path folder = out == null ? trained.folder() : out;
        List<Path> inputs = new ArrayList<>(data.inputs());
        inputs.addAll(WeightsFiles.of(trained.file()));
        OutputRule rule = overwrite.rule(inputs);
        rule.checkFolder(folder, PruneReportFiles.FILES);
        DenseNetSpec spec;
        Optional<Normalisation> trainedWith;
        ImageMetadata images;
        try (Model model = trained.open()) {
            spec = DenseNetSpec.of(model.spec());
            Task task = model.outputs().task();
            if (task.isOfVectors()) {
                throw new IllegalArgumentException(
                        "prune-report measures the accuracy of networks that tell one class of each"
                                + " image, and "
                                + trained.file()
                                + " is for --task "
                                + task.text());
            }
            data.labelledFor(task);
            trainedWith =
                    model.hasNormalisation()
                            ? Optional.of(model.normalisation())
                            : Optional.empty();
            images = model.images();
        }
        Dataset opened = data.openTest(spec, images, "");
        Normalisation normalisation =
                trainedWith.orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "the checkpoint does not record how images were"
                                                + " normalised; continue or fine-tune it with"
                                                + " train, which records that"));
        Dataset test = images.classNames().map(n -> RelabelledDataset.of(opened, n)).orElse(opened);
        checkFit(spec, test);
        PruneReport report;
        try (Device d = device.open();
                Network network = network(spec, d)) {
            Weights.load(trained.file(), network, trained.options());
            System.out.println(spec);
            System.out.printf(
                    Locale.ROOT, "%,d test images, on %s%n%n", test.size(), d.description());
            report = measure(network, test, normalisation, shares);
        }
        PruneReportFiles files = new PruneReportFiles(report);
        System.out.print(files.weakest(SHOWN).text());
        System.out.println();
        System.out.print(files.table().text());
        System.out.println();
        System.out.println(answer(report.largestWithin(tolerance / 100), report));
        System.out.println();
        rule.checkFolder(folder, PruneReportFiles.FILES);
        for (Path file : files.write(folder)) {
            System.out.println("saved  " + OneLine.of(file.toString()));
        }
        return 0;
    }

    /** With the smallest memory; nothing is trained. */
    private Network network(DenseNetSpec spec, Device d) {
        MemoryPlan plan =
                MemoryPlan.of(spec)
                        .strategy(MemoryStrategy.RECOMPUTE)
                        .batch(batch)
                        .within(d, Long.MAX_VALUE);
        return Network.open(plan, d, 1);
    }

    private PruneReport measure(
            Network network, Dataset test, Normalisation normalisation, List<Double> shares) {
        BatchLoader loader =
                BatchLoader.of(test)
                        .batch(batch)
                        .normalise(normalisation)
                        .threads(data.loaderThreads());
        if (data.skipsBroken()) {
            loader = loader.skipBroken(line -> System.err.println(OneLine.of(line)));
        }
        BatchLoader batches = loader;
        List<BatchLoader.Epoch> open = new ArrayList<>();
        try {
            return PruneReport.of(
                    network,
                    ranking,
                    shares,
                    () -> {
                        BatchLoader.Epoch epoch = batches.epoch(0);
                        open.add(epoch);
                        return epoch;
                    });
        } finally {
            open.forEach(BatchLoader.Epoch::close);
        }
    }

    private static void checkFit(DenseNetSpec spec, Dataset test) {
        if (test.height() != spec.inputHeight()
                || test.width() != spec.inputWidth()
                || test.classes() != spec.classes()) {
            throw new IllegalArgumentException(
                    String.format(
                            Locale.ROOT,
                            "the checkpoint is for images of %dx%d in %d classes, the data has %dx%d"
                                    + " in %d",
                            spec.inputHeight(),
                            spec.inputWidth(),
                            spec.classes(),
                            test.height(),
                            test.width(),
                            test.classes()));
        }
    }

    private String answer(Optional<PruneReport.Row> row, PruneReport report) {
        if (row.isEmpty()) {
            return String.format(
                    Locale.ROOT,
                    "no measured share stays within %.2f points of the whole network",
                    tolerance);
        }
        return String.format(
                Locale.ROOT,
                "%d of %d connections could go within %.2f points of accuracy, without training"
                        + " again",
                row.get().masked(),
                report.connections().size(),
                tolerance);
    }
}
