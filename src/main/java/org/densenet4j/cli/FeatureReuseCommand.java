package org.densenet4j.cli;

import org.densenet4j.insight.FeatureReuse;
import org.densenet4j.insight.FeatureReuseReport;
import org.densenet4j.insight.Scale;
import org.densenet4j.io.OneLine;
import org.densenet4j.weights.Model;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;

/** {@code densenet4j feature-reuse}. */
@Command(
        name = "feature-reuse",
        description =
                "Shows how strongly each layer of a trained network reads the features of each"
                        + " earlier one: a heat map for each dense block.",
        mixinStandardHelpOptions = true)
final class FeatureReuseCommand implements Callable<Integer> {
    @Mixin private TrainedModelOption trained;
    @Mixin private OverwriteOption overwrite;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "folder of PNG, CSV and HTML (default: the checkpoint's)")
    private Path out;

    @Option(
            names = "--scale",
            paramLabel = "NAME",
            defaultValue = "BLOCK",
            description =
                    "what colours are relative to: the largest weight of the BLOCK, as in the"
                            + " paper, or of the TARGET layer (default: ${DEFAULT-VALUE})")
    private Scale scale;

    /** For picocli. */
    FeatureReuseCommand() {}

    @Override
    public Integer call() throws IOException {
        FeatureReuse reuse;
        try (Model model = trained.open()) {
            reuse = FeatureReuse.of(model);
        }
        FeatureReuseReport report = new FeatureReuseReport(reuse, scale);
        Path folder = out == null ? trained.folder() : out;
        overwrite.rule(WeightsFiles.of(trained.file())).checkFolder(folder, report.files());
        System.out.println(reuse.spec());
        System.out.println();
        System.out.print(report.summary().text());
        System.out.println();
        for (Path file : report.write(folder)) {
            System.out.println("saved  " + OneLine.of(file.toString()));
        }
        return 0;
    }
}
