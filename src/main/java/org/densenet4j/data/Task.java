package org.densenet4j.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/** What a network says of images, and so what they are labelled with. */
public enum Task {
    /** One class of each image. */
    CLASSIFY,
    /** Which of several labels each image has: any number of them, or none. */
    MULTILABEL,
    /** Numbers for each image. */
    REGRESS,
    /** One class of each pixel. */
    SEGMENT;

    /** Metadata key of files of weights; those of networks that classify may have none. */
    public static final String KEY = "task";

    /** {@return whether images are labelled with vectors, and not with classes} */
    public boolean isOfVectors() {
        return this == MULTILABEL || this == REGRESS;
    }

    /** {@return its name as options and files spell it} */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * {@return what a file of weights records}
     *
     * @param path names the file in messages
     * @param metadata the file's
     * @param ofPixels whether its network classifies pixels, which needs no entry
     * @throws IOException in one line when the entry is none of these
     */
    public static Task read(Path path, Map<String, String> metadata, boolean ofPixels)
            throws IOException {
        Objects.requireNonNull(path, "path");
        Objects.requireNonNull(metadata, "metadata");
        String text = metadata.get(KEY);
        if (text == null) {
            return ofPixels ? SEGMENT : CLASSIFY;
        }
        List<Task> possible = ofPixels ? List.of(SEGMENT) : List.of(CLASSIFY, MULTILABEL, REGRESS);
        return possible.stream()
                .filter(task -> task.text().equals(text))
                .findFirst()
                .orElseThrow(
                        () ->
                                new IOException(
                                        path
                                                + ": the metadata has the task '"
                                                + text
                                                + "'; its network can have "
                                                + possible.stream()
                                                        .map(Task::text)
                                                        .collect(Collectors.joining(", "))));
    }

    /** {@return entries of a file's metadata, which {@link #read} understands} */
    public Map<String, String> entries() {
        return isOfVectors() ? Map.of(KEY, text()) : Map.of();
    }
}
