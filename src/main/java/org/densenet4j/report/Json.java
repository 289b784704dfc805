package org.densenet4j.report;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.json.JsonWriteFeature;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.OutputStream;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/** JSON of nested maps, collections, arrays of numbers, strings, numbers and booleans. */
public final class Json {
    private static final JsonFactory FACTORY =
            JsonFactory.builder().disable(JsonWriteFeature.WRITE_NAN_AS_STRINGS).build();

    private Json() {}

    /**
     * {@return an object with its members in the given order: {@code object("type", "bar", "data",
     * list)}}
     *
     * @param namesAndValues a name, its value, the next name and so on
     * @throws IllegalArgumentException when a name has no value
     */
    public static Map<String, @Nullable Object> object(@Nullable Object... namesAndValues) {
        Objects.requireNonNull(namesAndValues, "namesAndValues");
        if (namesAndValues.length % 2 != 0) {
            throw new IllegalArgumentException("a name without a value");
        }
        Map<String, @Nullable Object> members = new LinkedHashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            members.put((String) namesAndValues[i], namesAndValues[i + 1]);
        }
        return members;
    }

    /**
     * {@return the value on one line, for a script}
     *
     * @param value null, or of the types that {@link Json} names
     * @throws IllegalArgumentException when a value is of another type
     */
    public static String compact(@Nullable Object value) {
        return text(value, false);
    }

    /**
     * {@return the value on many lines, for a person}
     *
     * @param value null, or of the types that {@link Json} names
     * @throws IllegalArgumentException when a value is of another type
     */
    public static String pretty(@Nullable Object value) {
        return text(value, true) + "\n";
    }

    /**
     * An array whose elements are written as they come, for one too long to hold.
     *
     * <pre>{@code
     * try (Json.Array array = Json.array(out)) {
     *     array.add(Json.object("file", name, "embedding", numbers));
     * }
     * }</pre>
     *
     * @param out gets UTF-8, and stays open
     * @return this
     * @throws IOException when {@code out} fails
     */
    public static Array array(OutputStream out) throws IOException {
        Objects.requireNonNull(out, "out");
        JsonGenerator generator = FACTORY.createGenerator(out);
        generator.disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);
        generator.useDefaultPrettyPrinter();
        generator.writeStartArray();
        return new Array(generator);
    }

    /** See {@link #array}. */
    public static final class Array implements AutoCloseable {
        private final JsonGenerator out;

        private Array(JsonGenerator out) {
            this.out = out;
        }

        /**
         * Writes an element.
         *
         * @param element null, or of the types that {@link Json} names
         * @return this
         * @throws IllegalArgumentException when a value is of another type
         * @throws IOException when the stream fails
         */
        public Array add(@Nullable Object element) throws IOException {
            write(element, out);
            return this;
        }

        /** Ends the array, and its line. */
        @Override
        public void close() throws IOException {
            out.writeEndArray();
            out.writeRaw('\n');
            out.close();
        }
    }

    private static String text(@Nullable Object value, boolean indented) {
        StringWriter text = new StringWriter();
        try (JsonGenerator out = FACTORY.createGenerator(text)) {
            if (indented) {
                out.useDefaultPrettyPrinter();
            }
            write(value, out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString();
    }

    private static void write(@Nullable Object value, JsonGenerator out) throws IOException {
        switch (value) {
            case null -> out.writeNull();
            case Map<?, ?> members -> {
                out.writeStartObject();
                for (Map.Entry<?, ?> member : members.entrySet()) {
                    out.writeFieldName(String.valueOf(member.getKey()));
                    write(member.getValue(), out);
                }
                out.writeEndObject();
            }
            case Collection<?> elements -> {
                out.writeStartArray();
                for (Object element : elements) {
                    write(element, out);
                }
                out.writeEndArray();
            }
            case double[] numbers -> {
                out.writeStartArray();
                for (double number : numbers) {
                    writeNumber(number, out);
                }
                out.writeEndArray();
            }
            case float[] numbers -> {
                out.writeStartArray();
                for (float number : numbers) {
                    writeNumber(number, out);
                }
                out.writeEndArray();
            }
            case long[] numbers -> out.writeArray(numbers, 0, numbers.length);
            case int[] numbers -> out.writeArray(numbers, 0, numbers.length);
            case Double number -> writeNumber(number, out);
            case Float number -> writeNumber(number, out);
            case Integer number -> out.writeNumber(number);
            case Long number -> out.writeNumber(number);
            case Boolean flag -> out.writeBoolean(flag);
            case String string -> out.writeString(string);
            case Enum<?> constant -> out.writeString(constant.name());
            default ->
                    throw new IllegalArgumentException(
                            value.getClass().getName() + " has no form in JSON");
        }
    }

    private static void writeNumber(float number, JsonGenerator out) throws IOException {
        if (Float.isFinite(number)) {
            out.writeNumber(number);
        } else {
            out.writeNull();
        }
    }

    /** JSON has no NaN and no infinities: they become null. */
    private static void writeNumber(double number, JsonGenerator out) throws IOException {
        if (Double.isFinite(number)) {
            out.writeNumber(number);
        } else {
            out.writeNull();
        }
    }
}
