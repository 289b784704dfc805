package org.densenet4j.cli;

import org.densenet4j.data.CentreCrop;
import org.densenet4j.data.DecodeOptions;
import org.densenet4j.data.LabelTable;
import org.densenet4j.data.LabelledFiles;
import org.densenet4j.data.Task;

import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Options for labels that are in a table beside a folder of images. */
final class LabelsOption {
    private static final String SPLIT = "split";
    private static final List<String> TRAINING = List.of("train", "training");
    private static final List<String> HELD_OUT = List.of("val", "valid", "validation");
    private static final List<String> TEST = List.of("test");
    private static final String NONE = "No Finding";
    private static final double USUAL_SHARE = 0.2;

    @Option(
            names = "--labels",
            paramLabel = "FILE.csv",
            description =
                    "labels of the images below --data folder:DIR: a line for each, with the name of"
                            + " its file and a column for each label (of --task classify: one column"
                            + " with the name of its class)")
    private Path labels;

    @Option(
            names = "--label-columns",
            paramLabel = "A,B,...",
            split = ",",
            description =
                    "columns that are labels, in the order of the outputs (default: all that no"
                            + " other option names)")
    private List<String> columns;

    @Option(
            names = "--label-separator",
            paramLabel = "TEXT",
            description =
                    "one column lists all labels of an image, with this between them, such as |")
    private String separator;

    @Option(
            names = "--file-column",
            paramLabel = "NAME",
            description = "column with the names of files (default: the first one)")
    private String file;

    @Option(
            names = "--split-column",
            paramLabel = "NAME",
            description =
                    "column that says train, val or test of each image (default: split, where there"
                            + " is one and no --hold-out; else images are held out at random)")
    private String split;

    @Option(
            names = "--group-column",
            paramLabel = "NAME",
            description =
                    "images with the same value, such as those of a patient, are held out together;"
                            + " where a column says which are, an error if some are in both parts")
    private String group;

    @Option(
            names = "--hold-out",
            paramLabel = "SHARE",
            description = "share of the images that are held out at random (default: 0.2)")
    private Double heldOut;

    /** Whether the run whose network is measured trained on a part of a table. */
    private boolean divided;

    /** For picocli. */
    LabelsOption() {}

    /** Whether labels are in a table. */
    boolean isGiven() {
        return labels != null;
    }

    /** The files that are read. */
    List<Path> inputs() {
        return labels == null ? List.of() : List.of(labels);
    }

    /**
     * Looks whether the options fit each other and the task.
     *
     * @throws IllegalArgumentException in one line when they do not
     */
    void check(Task task, DataOption data) {
        if (labels == null) {
            for (var option : settings().entrySet()) {
                if (!option.getValue().isEmpty()) {
                    throw new IllegalArgumentException(
                            "--" + option.getKey() + " is for --labels FILE.csv; leave it out");
                }
            }
            if (task.isOfVectors()) {
                throw new IllegalArgumentException(
                        "the task "
                                + task.text()
                                + " needs the labels of each image: --data folder:DIR --labels"
                                + " FILE.csv");
            }
            return;
        }
        if (task == Task.SEGMENT || task == Task.DETECT) {
            throw new IllegalArgumentException(
                    "--labels is for networks that look at whole images; labels of pixels are"
                            + " images, boxes are in files of their own, and their folders are found"
                            + " by --data");
        }
        if (!data.isFolder()) {
            throw new IllegalArgumentException(
                    "--labels is for --data folder:DIR, not for " + data.text());
        }
        if (separator != null && task != Task.MULTILABEL) {
            throw new IllegalArgumentException(
                    "--label-separator is for --task multilabel; leave it out");
        }
        if (heldOut != null && split != null) {
            throw new IllegalArgumentException(
                    "--hold-out draws images at random and --split-column names a column that says"
                            + " which they are; give one of them");
        }
        if (heldOut != null && !(heldOut > 0 && heldOut < 1)) {
            throw new IllegalArgumentException(
                    "--hold-out " + heldOut + ": use a number above 0 and below 1");
        }
    }

    /** Images to train on and images that are held out. */
    record Opened(LabelledFiles training, LabelledFiles heldOut) {}

    /**
     * Opens both parts.
     *
     * @param crop what is made of images
     */
    Opened open(Path folder, Task task, CentreCrop crop, DecodeOptions decoding)
            throws IOException {
        LabelTable table = table();
        List<String> names = columns(table);
        LabelTable.Parts parts = parts(table);
        LabelledFiles training =
                builder(folder, parts.training(), task, names, crop, decoding).open();
        LabelledFiles.Builder test = builder(folder, parts.heldOut(), task, names, crop, decoding);
        if (task == Task.CLASSIFY) {
            test.classNames(training.classNames());
        }
        return new Opened(training, test.open());
    }

    private LabelTable.Parts parts(LabelTable table) throws IOException {
        String splitBy = splitColumn(table);
        if (splitBy == null) {
            return table.divide(
                    group == null ? "" : group, heldOut == null ? USUAL_SHARE : heldOut, 0);
        }
        LabelTable.Parts parts =
                new LabelTable.Parts(table.where(splitBy, TRAINING), heldOut(table, splitBy));
        if (group != null) {
            parts.requireApart(group);
        }
        return parts;
    }

    /**
     * Opens what a trained network is measured on: what was held out of its training, or all images
     * where nothing says that some were trained on.
     *
     * @param part what the column of parts says of them, such as {@code test}; empty for what is
     *     held out
     * @param classNames the network's, which the images of {@link Task#CLASSIFY} have
     */
    LabelledFiles openTest(
            Path folder,
            Task task,
            String part,
            List<String> classNames,
            CentreCrop crop,
            DecodeOptions decoding)
            throws IOException {
        LabelTable table = table();
        LabelledFiles.Builder test =
                builder(folder, measured(table, part), task, columns(table), crop, decoding);
        if (task == Task.CLASSIFY && !classNames.isEmpty()) {
            test.classNames(classNames);
        }
        return test.open();
    }

    private LabelTable measured(LabelTable table, String part) throws IOException {
        String splitBy = splitColumn(table);
        if (!part.isEmpty()) {
            if (splitBy == null) {
                throw new IOException(
                        table.path()
                                + ": no column says which images are "
                                + part
                                + "; name it by --split-column, or leave --subset out");
            }
            return table.where(splitBy, namesOf(part));
        }
        if (splitBy != null) {
            return heldOut(table, splitBy);
        }
        boolean drawn = group != null || heldOut != null || divided;
        return drawn ? parts(table).heldOut() : table;
    }

    private static List<String> namesOf(String part) {
        return Stream.of(TRAINING, HELD_OUT, TEST)
                .filter(names -> names.stream().anyMatch(part::equalsIgnoreCase))
                .findFirst()
                .orElse(List.of(part));
    }

    /** Validation, or the test where there is none. */
    private static LabelTable heldOut(LabelTable table, String column) throws IOException {
        boolean validates =
                table.column(column).stream()
                        .anyMatch(name -> HELD_OUT.stream().anyMatch(name::equalsIgnoreCase));
        return table.where(column, validates ? HELD_OUT : TEST);
    }

    private LabelledFiles.Builder builder(
            Path folder,
            LabelTable table,
            Task task,
            List<String> names,
            CentreCrop crop,
            DecodeOptions decoding) {
        return LabelledFiles.of(folder, table, task)
                .file(fileColumn(table))
                .labels(names)
                .crop(crop)
                .decoding(decoding);
    }

    private LabelTable table() throws IOException {
        LabelTable table = LabelTable.read(labels);
        if (separator == null) {
            return table;
        }
        List<String> lists =
                table.columns().stream()
                        .filter(column -> !isOther(table, column))
                        .filter(column -> columns == null || !columns.contains(column))
                        .toList();
        List<String> listing = new ArrayList<>();
        for (String column : lists) {
            if (table.column(column).stream().anyMatch(cell -> cell.contains(separator))) {
                listing.add(column);
            }
        }
        if (listing.size() != 1) {
            throw new IOException(
                    labels
                            + ": "
                            + (listing.isEmpty()
                                    ? "no column lists"
                                    : String.join(" and ", listing) + " list")
                            + " labels with '"
                            + separator
                            + "' between them; there has to be one column");
        }
        return table.listed(listing.getFirst(), separator, NONE);
    }

    private String fileColumn(LabelTable table) {
        return file == null ? table.columns().getFirst() : file;
    }

    private String splitColumn(LabelTable table) {
        if (split != null) {
            return split;
        }
        return heldOut == null && table.has(SPLIT) ? SPLIT : null;
    }

    private boolean isOther(LabelTable table, String column) {
        return column.equals(fileColumn(table))
                || column.equals(split)
                || column.equals(SPLIT)
                || column.equals(group);
    }

    private List<String> columns(LabelTable table) {
        if (columns != null) {
            return columns.stream().map(String::strip).toList();
        }
        return table.columns().stream().filter(column -> !isOther(table, column)).toList();
    }

    /** What a run has to remember of these options. */
    Map<String, String> settings() {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put(
                "labels", labels == null ? "" : labels.toAbsolutePath().normalize().toString());
        settings.put(
                "label-columns",
                columns == null ? "" : columns.stream().collect(Collectors.joining(",")));
        settings.put("label-separator", separator == null ? "" : separator);
        settings.put("file-column", file == null ? "" : file);
        settings.put("split-column", split == null ? "" : split);
        settings.put("group-column", group == null ? "" : group);
        settings.put("hold-out", heldOut == null ? "" : heldOut.toString());
        return settings;
    }

    /**
     * Divides a table as the run of some weights did, where no option says how: another part would
     * be images that were trained on. The table itself is named anew.
     */
    void follow(Map<String, String> notesOfRun) {
        if (split != null || group != null || heldOut != null) {
            return;
        }
        RememberedSettings settings =
                new RememberedSettings(new LinkedHashMap<>(notesOfRun), option -> false);
        settings.text("labels", saved -> divided = !saved.isEmpty());
        settings.text("split-column", saved -> split = saved.isEmpty() ? null : saved);
        settings.text("group-column", saved -> group = saved.isEmpty() ? null : saved);
        settings.text(
                "hold-out", saved -> heldOut = saved.isEmpty() ? null : Double.valueOf(saved));
    }

    /** Takes back what {@link #settings} told. */
    void restore(RememberedSettings settings) {
        settings.text("labels", saved -> labels = saved.isEmpty() ? null : Path.of(saved));
        settings.text(
                "label-columns",
                saved -> columns = saved.isEmpty() ? null : List.of(saved.split(",", -1)));
        settings.text("label-separator", saved -> separator = saved.isEmpty() ? null : saved);
        settings.text("file-column", saved -> file = saved.isEmpty() ? null : saved);
        settings.text("split-column", saved -> split = saved.isEmpty() ? null : saved);
        settings.text("group-column", saved -> group = saved.isEmpty() ? null : saved);
        settings.text(
                "hold-out", saved -> heldOut = saved.isEmpty() ? null : Double.valueOf(saved));
    }
}
