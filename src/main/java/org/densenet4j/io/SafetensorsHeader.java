package org.densenet4j.io;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The JSON header of a safetensors file, parsed as a stream: a hostile header costs no more memory
 * than its own length.
 */
record SafetensorsHeader(List<Entry> entries, Map<String, String> metadata) {
    private static final int MAX_DIMENSIONS = 32;
    private static final JsonFactory JSON =
            JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .streamReadConstraints(
                            StreamReadConstraints.builder()
                                    .maxNestingDepth(8)
                                    .maxNumberLength(32)
                                    .build())
                    .build();

    /**
     * A tensor: its data are the bytes [begin, end) behind the header.
     *
     * @param type null for a dtype that is not read
     */
    record Entry(
            String name,
            String dtype,
            @Nullable ElementType type,
            List<Long> shape,
            long begin,
            long end) {}

    static SafetensorsHeader parse(Path path, ByteBuffer header) throws IOException {
        String text;
        try {
            text = StandardCharsets.UTF_8.newDecoder().decode(header).toString();
        } catch (CharacterCodingException e) {
            throw new SafetensorsException(path, "the header is not valid UTF-8");
        }
        try (JsonParser json = JSON.createParser(text)) {
            return parse(path, json);
        } catch (JsonProcessingException e) {
            throw new SafetensorsException(
                    path, "the header is not valid JSON: " + e.getOriginalMessage());
        }
    }

    private static SafetensorsHeader parse(Path path, JsonParser json) throws IOException {
        List<Entry> entries = new ArrayList<>();
        Map<String, String> metadata = Map.of();
        expect(path, json.nextToken(), JsonToken.START_OBJECT, "the header");
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String name = json.currentName();
            json.nextToken();
            if (name.equals("__metadata__")) {
                metadata = metadata(path, json);
            } else {
                entries.add(entry(path, name, json));
            }
        }
        if (json.nextToken() != null) {
            throw new SafetensorsException(path, "there is more than one value in the header");
        }
        return new SafetensorsHeader(entries, metadata);
    }

    private static Map<String, String> metadata(Path path, JsonParser json) throws IOException {
        Map<String, String> metadata = new LinkedHashMap<>();
        expect(path, json.currentToken(), JsonToken.START_OBJECT, "__metadata__");
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String key = json.currentName();
            expect(path, json.nextToken(), JsonToken.VALUE_STRING, "metadata '" + key + "'");
            metadata.put(key, json.getText());
        }
        return metadata;
    }

    private static Entry entry(Path path, String name, JsonParser json) throws IOException {
        String what = "tensor '" + name + "'";
        String dtype = null;
        List<Long> shape = null;
        List<Long> offsets = null;
        expect(path, json.currentToken(), JsonToken.START_OBJECT, what);
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String field = json.currentName();
            json.nextToken();
            switch (field) {
                case "dtype" -> {
                    expect(path, json.currentToken(), JsonToken.VALUE_STRING, what + " dtype");
                    dtype = json.getText();
                }
                case "shape" -> shape = numbers(path, what + " shape", MAX_DIMENSIONS, json);
                case "data_offsets" -> offsets = numbers(path, what + " data_offsets", 2, json);
                default ->
                        throw new SafetensorsException(
                                path, what + " has an unknown field '" + field + "'");
            }
        }
        if (dtype == null || shape == null || offsets == null || offsets.size() != 2) {
            throw new SafetensorsException(path, what + " lacks dtype, shape or two data_offsets");
        }
        Entry entry = new Entry(name, dtype, type(dtype), shape, offsets.get(0), offsets.get(1));
        checkSize(path, what, entry);
        return entry;
    }

    private static @Nullable ElementType type(String name) {
        for (ElementType type : ElementType.values()) {
            if (type.name().equals(name)) {
                return type;
            }
        }
        return null;
    }

    private static List<Long> numbers(Path path, String what, int most, JsonParser json)
            throws IOException {
        List<Long> numbers = new ArrayList<>();
        expect(path, json.currentToken(), JsonToken.START_ARRAY, what);
        while (json.nextToken() != JsonToken.END_ARRAY) {
            expect(path, json.currentToken(), JsonToken.VALUE_NUMBER_INT, what);
            if (json.getNumberType() == JsonParser.NumberType.BIG_INTEGER
                    || json.getLongValue() < 0
                    || numbers.size() == most) {
                throw new SafetensorsException(path, what + " is out of range");
            }
            numbers.add(json.getLongValue());
        }
        return List.copyOf(numbers);
    }

    private static void expect(Path path, JsonToken found, JsonToken wanted, String what)
            throws SafetensorsException {
        if (found != wanted) {
            throw new SafetensorsException(path, what + " is not as the format wants it");
        }
    }

    private static void checkSize(Path path, String what, Entry e) throws SafetensorsException {
        if (e.type() == null) {
            if (e.begin() > e.end()) {
                throw new SafetensorsException(path, what + " ends before it begins");
            }
            return; // how long an element is is not known
        }
        long bytes = e.type().bytes();
        try {
            for (long dimension : e.shape()) {
                bytes = Math.multiplyExact(bytes, dimension);
            }
        } catch (ArithmeticException overflow) {
            throw new SafetensorsException(path, what + " has an impossible shape " + e.shape());
        }
        if (e.begin() > e.end() || e.end() - e.begin() != bytes) {
            throw new SafetensorsException(
                    path,
                    what
                            + " of shape "
                            + e.shape()
                            + " and type "
                            + e.type()
                            + " is "
                            + bytes
                            + " bytes, its offsets are ["
                            + e.begin()
                            + ", "
                            + e.end()
                            + ")");
        }
    }

    /** Tensors must fill the data without overlap, gap or rest. */
    void checkPlacement(Path path, long dataBytes) throws SafetensorsException {
        List<Entry> sorted = new ArrayList<>(entries);
        sorted.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
        long next = 0;
        for (Entry e : sorted) {
            if (e.begin() != next) {
                throw new SafetensorsException(
                        path,
                        "tensor '"
                                + e.name()
                                + "' starts at "
                                + e.begin()
                                + (e.begin() < next ? " and overlaps another" : " behind a gap"));
            }
            if (e.end() > dataBytes) {
                throw new SafetensorsException(
                        path,
                        "tensor '"
                                + e.name()
                                + "' ends at "
                                + e.end()
                                + ", the file has "
                                + dataBytes
                                + " bytes of data; truncated?");
            }
            next = e.end();
        }
        if (next != dataBytes) {
            throw new SafetensorsException(
                    path, "has " + (dataBytes - next) + " bytes behind the last tensor");
        }
    }
}
