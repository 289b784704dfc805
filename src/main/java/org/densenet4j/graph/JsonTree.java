package org.densenet4j.graph;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** JSON as maps, lists, strings, whole numbers (long), other numbers (double) and booleans. */
final class JsonTree {
    private static final JsonFactory JSON =
            JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .streamReadConstraints(
                            StreamReadConstraints.builder()
                                    .maxNestingDepth(16)
                                    .maxNumberLength(32)
                                    .build())
                    .build();

    private JsonTree() {}

    /**
     * Parses one value.
     *
     * @throws GraphException in one line when the text is anything else
     */
    static Object parse(String text) {
        try (JsonParser json = JSON.createParser(text)) {
            json.nextToken();
            Object value = value(json);
            if (json.nextToken() != null) {
                throw new GraphException("there is more than one value in the graph's JSON");
            }
            return value;
        } catch (JsonProcessingException e) {
            throw new GraphException("the graph is not valid JSON: " + e.getOriginalMessage());
        } catch (IOException e) {
            throw new IllegalStateException(e); // a string never fails
        }
    }

    private static Object value(JsonParser json) throws IOException {
        return switch (json.currentToken()) {
            case START_OBJECT -> object(json);
            case START_ARRAY -> array(json);
            case VALUE_STRING -> json.getText();
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            case VALUE_NUMBER_FLOAT -> json.getDoubleValue();
            case VALUE_NUMBER_INT -> json.getLongValue();
            case null, default ->
                    throw new GraphException(
                            "the graph's JSON has "
                                    + (json.currentToken() == null
                                            ? "nothing in it"
                                            : "a value that is " + json.getText()));
        };
    }

    private static Map<String, Object> object(JsonParser json) throws IOException {
        Map<String, Object> fields = new LinkedHashMap<>();
        String name = json.nextFieldName();
        while (name != null) {
            json.nextToken();
            fields.put(name, value(json));
            name = json.nextFieldName();
        }
        return fields;
    }

    private static List<Object> array(JsonParser json) throws IOException {
        List<Object> values = new ArrayList<>();
        while (!json.nextToken().isStructEnd()) {
            values.add(value(json));
        }
        return values;
    }
}
