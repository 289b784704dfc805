package org.densenet4j.io;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** Lists as JSON arrays, the form in which they stand in a file's metadata. */
public final class JsonList {
    private static final JsonFactory JSON = new JsonFactory();

    private JsonList() {}

    /**
     * {@return a list of strings as JSON}
     *
     * @param strings of any characters
     */
    public static String of(List<String> strings) {
        Objects.requireNonNull(strings, "strings");
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JSON.createGenerator(text)) {
            json.writeStartArray();
            for (String value : strings) {
                json.writeString(value);
            }
            json.writeEndArray();
        } catch (IOException e) {
            throw new IllegalStateException(e); // a StringWriter never fails
        }
        return text.toString();
    }

    /**
     * {@return numbers as JSON}
     *
     * @param numbers finite ones
     */
    public static String of(float[] numbers) {
        Objects.requireNonNull(numbers, "numbers");
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JSON.createGenerator(text)) {
            json.writeStartArray();
            for (float value : numbers) {
                json.writeNumber(value);
            }
            json.writeEndArray();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return text.toString();
    }

    /**
     * Reads a list of strings.
     *
     * @param path names the file in the message
     * @param what names the entry of the file's metadata in the message
     * @param text the JSON
     * @return the strings
     * @throws IOException in one line when {@code text} is anything else
     */
    public static List<String> strings(Path path, String what, String text) throws IOException {
        Objects.requireNonNull(path, "path");
        Objects.requireNonNull(what, "what");
        Objects.requireNonNull(text, "text");
        List<String> values = new ArrayList<>();
        try (JsonParser json = start(text)) {
            while (json.nextToken() == JsonToken.VALUE_STRING) {
                values.add(json.getText());
            }
            end(json);
        } catch (JsonProcessingException e) {
            throw new IOException(path + ": the metadata '" + what + "' is not a list of names", e);
        }
        return values;
    }

    /**
     * Reads a list of numbers.
     *
     * @param path names the file in the message
     * @param what names the entry of the file's metadata in the message
     * @param text the JSON
     * @return the numbers
     * @throws IOException in one line when {@code text} is anything else
     */
    public static float[] floats(Path path, String what, String text) throws IOException {
        Objects.requireNonNull(path, "path");
        Objects.requireNonNull(what, "what");
        Objects.requireNonNull(text, "text");
        List<Float> values = new ArrayList<>();
        try (JsonParser json = start(text)) {
            while (json.nextToken() != null && json.currentToken().isNumeric()) {
                values.add(json.getFloatValue());
            }
            end(json);
        } catch (JsonProcessingException e) {
            throw new IOException(
                    path + ": the metadata '" + what + "' is not a list of numbers", e);
        }
        float[] numbers = new float[values.size()];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = values.get(i);
        }
        return numbers;
    }

    private static JsonParser start(String text) throws IOException {
        JsonParser json = JSON.createParser(text);
        if (json.nextToken() != JsonToken.START_ARRAY) {
            throw new JsonParseException(json, "not a list");
        }
        return json;
    }

    private static void end(JsonParser json) throws IOException {
        if (json.currentToken() != JsonToken.END_ARRAY || json.nextToken() != null) {
            throw new JsonParseException(json, "not a list");
        }
    }
}
