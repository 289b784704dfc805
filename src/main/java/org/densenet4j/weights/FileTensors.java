package org.densenet4j.weights;

import org.densenet4j.io.OneLine;
import org.densenet4j.io.TensorFile;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** The tensors of a file by the names that we give them. */
final class FileTensors {
    private final Path path;
    private final TensorFile file;
    private final NameStyle style;
    private final Map<String, String> fileNames;

    private FileTensors(
            Path path, TensorFile file, NameStyle style, Map<String, String> fileNames) {
        this.path = path;
        this.file = file;
        this.style = style;
        this.fileNames = fileNames;
    }

    /**
     * By the names of a kind of network.
     *
     * @throws IOException in one line when the file has several such networks, or two tensors with
     *     one name
     */
    static FileTensors of(Path path, TensorFile file, NameStyle style) throws IOException {
        List<String> all = all(file);
        WeightNames names;
        try {
            names = WeightNames.of(all, style);
        } catch (IllegalArgumentException e) {
            throw new IOException(path + ": " + e.getMessage(), e);
        }
        Map<String, String> fileNames = new LinkedHashMap<>();
        for (String name : all) {
            String canonical = names.canonical(name);
            if (WeightNames.isBookkeeping(canonical)) {
                continue;
            }
            String other = fileNames.put(canonical, name);
            if (other != null) {
                throw new IOException(
                        path
                                + ": '"
                                + other
                                + "' and '"
                                + name
                                + "' are both '"
                                + canonical
                                + "'; which one is meant?");
            }
        }
        return new FileTensors(path, file, style, fileNames);
    }

    /**
     * By the names of the family that they are of.
     *
     * @throws IOException in one line also when they are of none
     */
    static FileTensors of(Path path, TensorFile file) throws IOException {
        List<String> all = all(file);
        NameStyle found = NameStyle.ofNames(all).orElse(null);
        if (found == null) {
            String families =
                    Arrays.stream(FamilyNames.values())
                            .map(FileTensors::described)
                            .collect(Collectors.joining(", or of "));
            throw new IOException(
                    none(path, families, all)
                            + "; weights of a graph of one's own are opened together with it");
        }
        return of(path, file, found);
    }

    private static String described(NameStyle style) {
        return style.network() + ", such as " + style.example();
    }

    private static String none(Path path, String wanted, Collection<String> names) {
        return path + ": has no tensor with a name of " + wanted + likeNames(names);
    }

    private static String likeNames(Collection<String> names) {
        return names.isEmpty()
                ? "; it has none at all"
                : "; its names are like "
                        + names.stream()
                                .limit(2)
                                .map(OneLine::shortened)
                                .collect(Collectors.joining(", "));
    }

    private static List<String> all(TensorFile file) {
        List<String> all = new ArrayList<>(file.names());
        all.addAll(file.unreadable().keySet());
        return all;
    }

    NameStyle style() {
        return style;
    }

    /** The file's names by ours, without bookkeeping; also of what cannot be read. */
    Map<String, String> fileNames() {
        return fileNames;
    }

    boolean has(String name) {
        return fileNames.containsKey(name);
    }

    /**
     * The shape of a tensor.
     *
     * @throws IllegalArgumentException when it is missing or has other than these dimensions
     */
    List<Integer> shape(String name, int dimensions) {
        String fileName = fileNames.get(name);
        if (fileName == null || !file.contains(fileName)) {
            throw new IllegalArgumentException(
                    name
                            + (fileName == null
                                    ? " is missing"
                                    : " is " + file.unreadable().get(fileName)));
        }
        List<Long> shape = file.describe(fileName).shape();
        if (shape.size() != dimensions || shape.stream().anyMatch(d -> d < 1 || d > 1 << 20)) {
            throw new IllegalArgumentException(name + " is " + shape);
        }
        return shape.stream().map(Math::toIntExact).toList();
    }

    /**
     * Refuses a file of something else.
     *
     * @throws IOException in one line with what it has instead
     */
    void requireFeatures() throws IOException {
        if (fileNames.values().stream().noneMatch(name -> style.prefix(name).isPresent())) {
            throw new IOException(
                    none(path, described(style), fileNames.values())
                            + otherFamily().map(spec -> "; they are those of " + spec).orElse(""));
        }
    }

    private Optional<String> otherFamily() {
        try {
            return Optional.of(InferredSpec.of(of(path, file)).toString());
        } catch (IllegalArgumentException | IOException e) {
            return Optional.empty(); // of none, or not of a whole one
        }
    }
}
