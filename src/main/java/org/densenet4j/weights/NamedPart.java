package org.densenet4j.weights;

import org.densenet4j.io.Tensor;
import org.densenet4j.io.TensorDescription;
import org.densenet4j.io.TensorFile;

import java.io.IOException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/** The tensors of a file whose names start alike: one of several networks. Owns the file. */
final class NamedPart implements TensorFile {
    private final TensorFile file;
    private final Set<String> names;
    private final Map<String, String> unreadable;

    private NamedPart(TensorFile file, Set<String> names, Map<String, String> unreadable) {
        this.file = file;
        this.names = names;
        this.unreadable = unreadable;
    }

    /**
     * The tensors behind a key and a dot.
     *
     * @throws IllegalArgumentException when there are none; the file is open then
     */
    static NamedPart of(TensorFile file, String key) {
        Set<String> names = new LinkedHashSet<>(file.names());
        Map<String, String> unreadable = new LinkedHashMap<>(file.unreadable());
        names.removeIf(name -> !name.startsWith(key + "."));
        unreadable.keySet().removeIf(name -> !name.startsWith(key + "."));
        if (names.isEmpty()) {
            throw new IllegalArgumentException(
                    "has no weights whose names start with '" + key + ".'");
        }
        return new NamedPart(
                file, Collections.unmodifiableSet(names), Collections.unmodifiableMap(unreadable));
    }

    @Override
    public Set<String> names() {
        return names;
    }

    @Override
    public boolean contains(String name) {
        return names.contains(name);
    }

    @Override
    public TensorDescription describe(String name) {
        return file.describe(name);
    }

    @Override
    public Tensor tensor(String name) throws IOException {
        return file.tensor(name);
    }

    @Override
    public Map<String, String> unreadable() {
        return unreadable;
    }

    @Override
    public Map<String, String> metadata() {
        return file.metadata();
    }

    @Override
    public void close() {
        file.close();
    }
}
