package org.densenet4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The files that are read where one is named as {@code --weights}. */
final class WeightsFiles {
    private static final String INDEX = ".index.json";

    private WeightsFiles() {}

    /** The file, and for an index all weights beside it, of which it may name any. */
    static List<Path> of(Path weights) throws IOException {
        List<Path> files = new ArrayList<>(List.of(weights));
        if (weights.toString().endsWith(INDEX) && Files.isRegularFile(weights)) {
            try (Stream<Path> beside = Files.list(weights.toAbsolutePath().getParent())) {
                beside.filter(file -> file.toString().matches("(?s).*\\.(safetensors|bin|pth?)"))
                        .forEach(files::add);
            }
        }
        return files;
    }
}
