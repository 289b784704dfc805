package org.densenet4j.weights;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;

import org.densenet4j.io.OneLine;
import org.densenet4j.io.Tensor;
import org.densenet4j.io.TensorDescription;
import org.densenet4j.io.TensorFile;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * Weights in several files beside each other, and the index that tells which tensor is in which:
 * {@code {"weight_map": {NAME: FILE}}}, as Hugging Face's libraries write it ({@code
 * model.safetensors.index.json}).
 *
 * <p>The index is read as a stream and may not be larger than {@link #MOST_BYTES}. Files are named
 * without folders, so that none is opened but those that lie beside the index.
 */
final class ShardedFile implements TensorFile {
    private static final long MOST_BYTES = 32 << 20;
    private static final int MOST_FILES = 1000;
    private static final JsonFactory JSON =
            JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .streamReadConstraints(
                            StreamReadConstraints.builder()
                                    .maxNestingDepth(16)
                                    .maxStringLength(1 << 16)
                                    .build())
                    .build();

    private final Map<String, TensorFile> tensors = new LinkedHashMap<>();
    private final Map<String, String> unreadable = new LinkedHashMap<>();
    private final Map<String, TensorFile> files = new LinkedHashMap<>();

    private ShardedFile() {}

    /** Whether a file may be an index: it starts as a JSON object and is no safetensors file. */
    static boolean recognises(byte[] head) {
        String text = new String(head, StandardCharsets.UTF_8).strip();
        if (text.startsWith("\ufeff")) {
            text = text.substring(1).strip();
        }
        // A header's length, which safetensors files start with, has zeros behind it.
        return text.startsWith("{") && text.indexOf('\0') < 0 && text.length() > 1;
    }

    /**
     * Opens an index and all files that it names.
     *
     * @throws IOException in one line when it is no index, or does not fit the files
     */
    static ShardedFile open(Path path) throws IOException {
        Map<String, String> places = read(path);
        ShardedFile sharded = new ShardedFile();
        boolean opened = false;
        try {
            for (String name : new LinkedHashSet<>(places.values())) {
                sharded.files.put(name, file(path, name));
            }
            for (Map.Entry<String, String> place : places.entrySet()) {
                sharded.add(path, place.getKey(), place.getValue());
            }
            opened = true;
            return sharded;
        } finally {
            if (!opened) {
                sharded.close();
            }
        }
    }

    private static Map<String, String> read(Path path) throws IOException {
        long size = Files.size(path);
        if (size > MOST_BYTES) {
            throw new IOException(
                    path + ": is " + size + " bytes of JSON, too many for an index of weights");
        }
        Map<String, String> places = new LinkedHashMap<>();
        boolean map = false;
        try (InputStream in = Files.newInputStream(path);
                JsonParser json = JSON.createParser(in)) {
            json.nextToken();
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                boolean weights = json.currentName().equals("weight_map");
                if (json.nextToken() == JsonToken.START_OBJECT && weights) {
                    map = true;
                    readMap(path, json, places);
                } else {
                    json.skipChildren();
                }
            }
            if (json.currentToken() != JsonToken.END_OBJECT || json.nextToken() != null) {
                throw new IOException(
                        path + ": is a JSON file, not weights, and not an index of them");
            }
        } catch (JsonProcessingException e) {
            throw new IOException(
                    path
                            + ": is not a JSON file that is an index of weights: "
                            + OneLine.shortened(e.getOriginalMessage()),
                    e);
        }
        if (!map || places.isEmpty()) {
            throw new IOException(
                    path
                            + ": is a JSON file, not weights, and not an index of them, which has a"
                            + " weight_map");
        }
        return places;
    }

    private static void readMap(Path path, JsonParser json, Map<String, String> places)
            throws IOException {
        Set<String> files = new LinkedHashSet<>();
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String tensor = json.currentName();
            if (json.nextToken() != JsonToken.VALUE_STRING) {
                throw new IOException(
                        path + ": the index names no file for '" + OneLine.shortened(tensor) + "'");
            }
            String file = json.getText();
            if (file.isBlank()
                    || file.equals(".")
                    || file.equals("..")
                    || file.chars().anyMatch(c -> c == '/' || c == '\\' || c < ' ')) {
                throw new IOException(
                        path
                                + ": the index names '"
                                + OneLine.shortened(file)
                                + "', which is not the name of a file beside it");
            }
            files.add(file);
            if (files.size() > MOST_FILES) {
                throw new IOException(
                        path + ": the index names more than " + MOST_FILES + " files");
            }
            places.put(tensor, file);
        }
    }

    @SuppressWarnings("MustBeClosedChecker") // the file passes to the caller
    private static TensorFile file(Path index, String name) throws IOException {
        Path file;
        try {
            file = index.resolveSibling(name);
        } catch (IllegalArgumentException e) {
            throw new IOException(
                    index + ": the index names '" + OneLine.shortened(name) + "', which is no file",
                    e);
        }
        if (!Files.exists(file)) {
            throw new IOException(
                    index
                            + ": the index names "
                            + name
                            + ", which is not beside it; copy it there");
        }
        return WeightFile.whole(file);
    }

    private void add(Path index, String tensor, String name) throws IOException {
        TensorFile file = files.get(name);
        if (file.contains(tensor)) {
            tensors.put(tensor, file);
        } else if (file.unreadable().containsKey(tensor)) {
            unreadable.put(tensor, file.unreadable().get(tensor));
        } else {
            throw new IOException(
                    index
                            + ": the index says that '"
                            + OneLine.shortened(tensor)
                            + "' is in "
                            + name
                            + ", but it is not; do the files belong together?");
        }
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(tensors.keySet());
    }

    @Override
    public boolean contains(String name) {
        return tensors.containsKey(name);
    }

    @Override
    public TensorDescription describe(String name) {
        return file(name).describe(name);
    }

    @Override
    public Tensor tensor(String name) throws IOException {
        return file(name).tensor(name);
    }

    private TensorFile file(String tensor) {
        TensorFile file = tensors.get(tensor);
        if (file == null) {
            throw new IllegalArgumentException("the files have no tensor named '" + tensor + "'");
        }
        return file;
    }

    @Override
    public Map<String, String> unreadable() {
        return Collections.unmodifiableMap(unreadable);
    }

    @Override
    public Map<String, String> metadata() {
        return Map.of();
    }

    @Override
    public void close() {
        files.values().forEach(TensorFile::close);
    }
}
