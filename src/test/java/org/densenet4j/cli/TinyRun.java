package org.densenet4j.cli;

import org.densenet4j.data.Glyphs;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Options of a training run that takes moments: 40 images, a network of three layers. */
final class TinyRun {
    static final int TRAIN_IMAGES = 40;

    private TinyRun() {}

    /** Writes the images once; returns the folder. */
    static Path data(Path temporary) throws IOException {
        Path folder = temporary.resolve("data");
        Glyphs.generate(folder, TRAIN_IMAGES, 10, 1);
        return folder;
    }

    static List<String> train(Path data, Path out, int epochs, String... more) {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "train",
                                "--data",
                                "cifar10:" + data,
                                "--model",
                                "bc-10-4",
                                "--batch",
                                "8",
                                "--epochs",
                                String.valueOf(epochs),
                                "--device",
                                "cpu",
                                "--threads",
                                "2",
                                "--no-compare",
                                "--out",
                                out.toString()));
        arguments.addAll(List.of(more));
        return arguments;
    }
}
