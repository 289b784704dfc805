package org.densenet4j.cli;

import org.densenet4j.io.AtomicFile;
import org.densenet4j.io.OneLine;
import org.densenet4j.io.OutputRule;
import org.densenet4j.weights.Model;
import org.densenet4j.weights.OnnxExport;
import org.densenet4j.weights.OnnxOptions;
import org.densenet4j.weights.SafetensorsExport;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;

/** {@code densenet4j export}. */
@Command(
        name = "export",
        description =
                "Writes a trained network for other tools: safetensors with torchvision's names, or"
                        + " ONNX.",
        mixinStandardHelpOptions = true)
final class ExportCommand implements Callable<Integer> {
    enum Format {
        SAFETENSORS,
        ONNX
    }

    @Mixin private PredictorOption predictor;
    @Mixin private ExifOrientationOption orientation;
    @Mixin private OverwriteOption overwrite;

    @Option(
            names = "--format",
            paramLabel = "NAME",
            required = true,
            description = "safetensors or onnx")
    private Format format;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description = "file to write (default: model.safetensors or model.onnx)")
    private Path out;

    @Option(
            names = "--opset",
            paramLabel = "N",
            description =
                    "ONNX operator set, for older runtimes (default: " + OnnxExport.OPSET + ")")
    private Integer opset;

    @Option(
            names = "--softmax",
            description = "ONNX: a second output, probabilities, beside the logits")
    private boolean softmax;

    @Option(
            names = "--fixed-size",
            description =
                    "ONNX: height and width are those of the network (--input-size), for runtimes"
                            + " that want it so (default: free)")
    private boolean fixedSize;

    @Option(
            names = "--groups",
            description =
                    "ONNX, condensed CondenseNets: 1x1 convolutions in groups of the inputs that"
                            + " condensation left them (default: with zeros)")
    private boolean groups;

    /** For picocli. */
    ExportCommand() {}

    @Override
    public Integer call() throws IOException {
        if (format != Format.ONNX && (opset != null || softmax || fixedSize || groups)) {
            String option =
                    opset != null
                            ? "--opset"
                            : softmax ? "--softmax" : fixedSize ? "--fixed-size" : "--groups";
            throw new IllegalArgumentException(option + " is for --format onnx");
        }
        Path file = out != null ? out : Path.of("model." + format.name().toLowerCase(Locale.ROOT));
        OutputRule rule = overwrite.rule(predictor.inputs());
        rule.checkFile(file);
        try (Model opened = predictor.model()) {
            Model model = opened.withExifOrientation(orientation.or(opened.images()));
            rule.checkFile(file);
            if (format == Format.ONNX) {
                OnnxExport.write(model, file, onnxOptions());
            } else {
                SafetensorsExport.write(model, file);
            }
            PrintStream told = AtomicFile.isStandardOutput(file) ? System.err : System.out;
            told.printf(
                    Locale.ROOT,
                    "%s  %s%s%n",
                    OneLine.of(file.toString()),
                    model.spec(),
                    Files.isRegularFile(file)
                            ? String.format(Locale.ROOT, ", %,d bytes", Files.size(file))
                            : "");
        }
        return 0;
    }

    private OnnxOptions onnxOptions() {
        return OnnxOptions.defaults()
                .withOpset(opset == null ? OnnxExport.OPSET : opset)
                .withFixedSize(fixedSize)
                .withProbabilities(softmax)
                .withGroups(groups);
    }
}
