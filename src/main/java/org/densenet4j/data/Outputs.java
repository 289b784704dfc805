package org.densenet4j.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * What a file of weights records of its network's outputs.
 *
 * @param task what they say
 * @param thresholds of the probability of each label: where it is as likely as not that an image
 *     has it. NaN of outputs that were never trained; none where nobody has measured any
 */
public record Outputs(Task task, List<Float> thresholds) {
    private static final String TASK = "outputs.task";
    private static final String THRESHOLDS = "outputs.thresholds";

    /**
     * Checks the thresholds.
     *
     * @throws IllegalArgumentException in one line when one is not between 0 and 1, or there are
     *     some though an image has one class, or outputs are numbers
     */
    public Outputs {
        Objects.requireNonNull(task, "task");
        thresholds = WithoutNull.copy(thresholds, "thresholds");
        if (!thresholds.isEmpty() && task != Task.MULTILABEL) {
            throw new IllegalArgumentException(
                    "thresholds are for several labels (task multilabel), not for the task "
                            + task.text());
        }
        for (float t : thresholds) {
            if (!(Float.isNaN(t) || t > 0 && t < 1)) {
                throw new IllegalArgumentException(
                        "threshold = " + t + ": use a number between 0 and 1, or NaN");
            }
        }
    }

    /**
     * {@return outputs without thresholds}
     *
     * @param task what they say
     */
    public static Outputs of(Task task) {
        return new Outputs(task, List.of());
    }

    /**
     * Reads what a file records.
     *
     * @param path names the file in messages
     * @param metadata the file's
     * @param network what the network is for by its heads: {@link Task#SEGMENT}, {@link
     *     Task#DETECT}, or {@link Task#CLASSIFY} for those that say something of whole images
     * @param count of the network's outputs
     * @return what is recorded; {@code network} where nothing is
     * @throws IOException in one line when an entry is broken, or of another network
     */
    public static Outputs read(Path path, Map<String, String> metadata, Task network, int count)
            throws IOException {
        Objects.requireNonNull(path, "path");
        Objects.requireNonNull(metadata, "metadata");
        Objects.requireNonNull(network, "network");
        Task task = task(path, metadata, network);
        List<Float> thresholds = new ArrayList<>();
        String text = metadata.get(THRESHOLDS);
        try {
            if (text != null) {
                for (String part : text.split(",", -1)) {
                    thresholds.add(Float.valueOf(part.strip().replace("nan", "NaN")));
                }
                if (thresholds.size() != count) {
                    throw new IllegalArgumentException(
                            "there are " + thresholds.size() + ", and " + count + " outputs");
                }
            }
            return new Outputs(task, thresholds);
        } catch (IllegalArgumentException e) {
            throw new IOException(
                    path + ": the thresholds in the metadata are broken: " + e.getMessage(), e);
        }
    }

    private static Task task(Path path, Map<String, String> metadata, Task network)
            throws IOException {
        String text = metadata.get(TASK);
        if (text == null) {
            return network;
        }
        List<Task> possible =
                network == Task.SEGMENT || network == Task.DETECT
                        ? List.of(network)
                        : List.of(Task.CLASSIFY, Task.MULTILABEL, Task.REGRESS);
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

    /**
     * Moves a probability so that an output's threshold comes to 1/2, as torchxrayvision's {@code
     * op_norm} does: {@code y/(2t)} below the threshold, {@code 1 − (1 − y)/(2(1 − t))} above. It
     * tells on which side of the operating point an image is, and is no probability then.
     *
     * @param output its number
     * @param probability from 0 to 1
     * @return from 0 to 1; 1/2 where the output was never trained
     */
    public double calibrated(int output, double probability) {
        if (thresholds.isEmpty()) {
            return probability;
        }
        double t = thresholds.get(output);
        if (Double.isNaN(t)) {
            return 0.5;
        }
        return probability < t ? probability / (2 * t) : 1 - (1 - probability) / (2 * (1 - t));
    }

    /** {@return entries of a file's metadata, which {@link #read} understands} */
    public Map<String, String> entries() {
        Map<String, String> entries = new LinkedHashMap<>();
        if (task.isOfVectors() || task == Task.DETECT) {
            entries.put(TASK, task.text());
        }
        if (!thresholds.isEmpty()) {
            entries.put(
                    THRESHOLDS,
                    thresholds.stream()
                            .map(t -> String.valueOf(t).toLowerCase(Locale.ROOT))
                            .collect(Collectors.joining(",")));
        }
        return entries;
    }
}
