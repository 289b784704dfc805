package org.densenet4j.cli;

import org.densenet4j.data.Glyphs;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

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

    /**
     * Pixels of images of 16x16 in a folder, a network of three layers; options that are given go
     * before these.
     */
    static List<String> segment(Path data, Path out, String... more) {
        Map<String, String> options = new LinkedHashMap<>();
        options.put("--model", "fc-densenet-1-1-2");
        options.put("--crop", "12");
        options.put("--data", "folder:" + data);
        options.put("--batch", "3");
        options.put("--epochs", "1");
        options.put("--device", "cpu");
        options.put("--threads", "2");
        options.put("--out", out.toString());
        for (int i = 0; i < more.length; i += 2) {
            options.put(more[i], more[i + 1]);
        }
        List<String> arguments = new ArrayList<>(List.of("train", "--no-compare"));
        options.forEach((key, value) -> arguments.addAll(List.of(key, value)));
        return arguments;
    }
}
