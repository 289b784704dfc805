package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.inference.EmbeddingsWriter;
import org.densenet4j.inference.Predictor;
import org.densenet4j.io.OneLine;
import org.densenet4j.io.OutputRule;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;

/** {@code densenet4j embed}. */
@Command(
        name = "embed",
        description =
                "Writes embeddings of images: the features that the classifier reads. Exit code 1"
                        + " when an image could not be read.",
        mixinStandardHelpOptions = true)
final class EmbedCommand implements Callable<Integer> {
    @Mixin private PredictorOption predictor;
    @Mixin private ImagesOption images;
    @Mixin private DeviceOption device;
    @Mixin private OverwriteOption overwrite;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            required = true,
            description = "file to write: .csv, .json or .npy (names beside it in FILE.txt)")
    private Path out;

    /** For picocli. */
    EmbedCommand() {}

    @Override
    public Integer call() throws IOException {
        EmbeddingsWriter format = format();
        checkOutput(format);
        List<String> names = new ArrayList<>();
        List<float[]> rows = new ArrayList<>();
        try (Device d = device.open();
                Predictor p = predictor.openFor("embeddings", d, images.batch())) {
            int length = p.embeddingLength();
            int broken =
                    images.forEachBatch(
                            p,
                            some -> {
                                float[] all = p.embeddings(some.prepared(), some.count());
                                for (int i = 0; i < some.count(); i++) {
                                    String name = some.files().get(i).toString();
                                    names.add(name);
                                    rows.add(
                                            finite(
                                                    name,
                                                    Arrays.copyOfRange(
                                                            all, i * length, (i + 1) * length)));
                                }
                            });
            checkOutput(format);
            format.write(out, names, rows, length);
            System.out.printf(
                    Locale.ROOT,
                    "%d embeddings of length %d in %s%n",
                    rows.size(),
                    length,
                    OneLine.of(out.toString()));
            return broken == 0 ? 0 : 1;
        }
    }

    private static float[] finite(String name, float[] embedding) {
        for (float value : embedding) {
            if (!Float.isFinite(value)) {
                throw new IllegalArgumentException(
                        name
                                + ": its embedding is not finite; the weights or the normalisation"
                                + " are not those that the network was trained with");
            }
        }
        return embedding;
    }

    private void checkOutput(EmbeddingsWriter format) throws IOException {
        List<Path> inputs = new ArrayList<>(predictor.inputs());
        inputs.addAll(images.files());
        OutputRule rule = overwrite.rule(inputs);
        for (Path file : format.files(out)) {
            rule.checkFile(file);
        }
    }

    private EmbeddingsWriter format() {
        String name = String.valueOf(out.getFileName()).toLowerCase(Locale.ROOT);
        for (EmbeddingsWriter format : EmbeddingsWriter.values()) {
            if (name.endsWith("." + format.name().toLowerCase(Locale.ROOT))) {
                return format;
            }
        }
        throw new IllegalArgumentException(
                "--out " + out + ": use a name that ends in .csv, .json or .npy");
    }
}
