package org.densenet4j.cli;

import org.densenet4j.weights.Model;
import org.densenet4j.weights.OnnxExport;
import org.densenet4j.weights.SafetensorsExport;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
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

    /** For picocli. */
    ExportCommand() {}

    @Override
    public Integer call() throws IOException {
        if (opset != null && format != Format.ONNX) {
            throw new IllegalArgumentException("--opset is for --format onnx");
        }
        Path file = out != null ? out : Path.of("model." + format.name().toLowerCase(Locale.ROOT));
        if (Files.isDirectory(file)) {
            throw new IOException(file + ": is a folder; name a file");
        }
        try (Model model = predictor.model()) {
            if (format == Format.ONNX) {
                OnnxExport.write(model, file, opset == null ? OnnxExport.OPSET : opset);
            } else {
                SafetensorsExport.write(model, file);
            }
            System.out.printf(
                    Locale.ROOT, "%s  %s, %,d bytes%n", file, model.spec(), Files.size(file));
        }
        return 0;
    }
}
