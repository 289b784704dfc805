package org.densenet4j.cli;

import org.densenet4j.graph.Graph;
import org.densenet4j.io.AtomicFile;
import org.densenet4j.io.OneLine;
import org.densenet4j.io.OutputRule;
import org.densenet4j.weights.ConvertedExport;
import org.densenet4j.weights.Model;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;

/** {@code densenet4j convert}. */
@Command(
        name = "convert",
        description =
                "Writes a condensed CondenseNet as its authors convert it: 1x1 convolutions in"
                        + " groups, with an index of their inputs, and nothing of what training took"
                        + " away. All commands read such files, too.",
        mixinStandardHelpOptions = true)
final class ConvertCommand implements Callable<Integer> {
    @Mixin private PredictorOption predictor;
    @Mixin private OverwriteOption overwrite;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            defaultValue = "converted.safetensors",
            description = "file to write (default: ${DEFAULT-VALUE})")
    private Path out;

    @Option(
            names = "--half-classifier",
            description =
                    "keep only half of the classifier's features, those with the largest weights: what"
                            + " the authors' code does and reads; answers change a little (default: all,"
                            + " and answers stay the same)")
    private boolean halfClassifier;

    /** For picocli. */
    ConvertCommand() {}

    @Override
    public Integer call() throws IOException {
        OutputRule rule = overwrite.rule(predictor.inputs());
        rule.checkFile(out);
        try (Model model = predictor.model()) {
            rule.checkFile(out);
            ConvertedExport.write(model, out, halfClassifier);
            Graph graph = model.spec().graph();
            PrintStream told = AtomicFile.isStandardOutput(out) ? System.err : System.out;
            told.printf(
                    Locale.ROOT,
                    "%s  %s, %,d of %,d multiply-adds%s%n",
                    OneLine.of(out.toString()),
                    model.spec(),
                    graph.condensedMultiplyAdds(),
                    graph.multiplyAdds(),
                    Files.isRegularFile(out)
                            ? String.format(Locale.ROOT, ", %,d bytes", Files.size(out))
                            : "");
        }
        return 0;
    }
}
