package org.densenet4j.weights;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Names of files that are parts of one: {@code model-00001-of-00002.safetensors}. */
final class Shards {
    private static final Pattern PART =
            Pattern.compile("(?<name>.*)-(?<number>\\d{5})-of-(?<count>\\d{5})\\.(?<kind>[^.]+)");

    private Shards() {}

    /** For a message about a file that lacks tensors: that it is a part, and what to give. */
    static Optional<String> hint(Path path) {
        Matcher part = PART.matcher(String.valueOf(path.getFileName()));
        if (!part.matches() || Integer.parseInt(part.group("count")) < 2) {
            return Optional.empty();
        }
        Path index =
                path.resolveSibling(part.group("name") + "." + part.group("kind") + ".index.json");
        return Optional.of(
                "it is one of "
                        + Integer.parseInt(part.group("count"))
                        + " files that belong together, by its name: give their index, "
                        + index.getFileName()
                        + (Files.exists(index) ? ", which lies beside it" : ""));
    }
}
