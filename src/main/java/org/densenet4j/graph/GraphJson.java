package org.densenet4j.graph;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * A graph as JSON: its matrices by their sizes, and its nodes as the records that they are. What a
 * record has is what is written, so a new kind of node needs nothing here.
 *
 * <pre>
 * {"input": {"name": "input", "height": 8, "width": 8, "channels": 3},
 *  "evaluatesWithBatchStatistics": false, "initialisation": "DENSENET",
 *  "features": [{"name": "x", "height": 8, "width": 8, "channels": 5}],
 *  "nodes": [{"is": "ConvolutionLayer", "name": "stem",
 *             "source": {"is": "Raw", "ranges": [{"of": "input", "from": 0, "count": 3}]}, …}, …]}
 * </pre>
 *
 * A graph's name is not part of it.
 */
public final class GraphJson {
    /** Only of networks that have some. */
    static final String LEARNED_GROUPS = "learnedGroups";

    private static final JsonFactory JSON = new JsonFactory();

    private GraphJson() {}

    /**
     * {@return the graph as JSON, in one line}
     *
     * @param graph any network
     */
    public static String write(Graph graph) {
        Objects.requireNonNull(graph, "graph");
        return json(
                json -> {
                    json.writeStartObject();
                    json.writeFieldName("input");
                    features(json, graph.input());
                    json.writeBooleanField(
                            "evaluatesWithBatchStatistics", graph.evaluatesWithBatchStatistics());
                    json.writeStringField("initialisation", graph.initialisation().name());
                    json.writeArrayFieldStart("features");
                    for (Features f : graph.features()) {
                        features(json, f);
                    }
                    json.writeEndArray();
                    json.writeArrayFieldStart("nodes");
                    for (Node node : graph.nodes()) {
                        value(json, node);
                    }
                    json.writeEndArray();
                    if (!graph.learnedGroups().isEmpty()) {
                        json.writeFieldName(LEARNED_GROUPS);
                        value(json, graph.learnedGroups());
                    }
                    json.writeEndObject();
                });
    }

    /**
     * {@return the graph that {@link #write} wrote}
     *
     * @param name of the graph
     * @param json what {@link #write} gave
     * @throws GraphException in one line that says where, when the text is not such JSON, or what
     *     is wrong with the graph
     */
    public static Graph read(String name, String json) {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(json, "json");
        return new GraphReader(JsonTree.parse(json)).graph(name);
    }

    /**
     * {@return what two graphs differ in beside their names, in a few words; empty when in nothing}
     *
     * @param one a graph
     * @param other the graph that it is compared with
     */
    public static Optional<String> difference(Graph one, Graph other) {
        Objects.requireNonNull(one, "one");
        Objects.requireNonNull(other, "other");
        if (write(one).equals(write(other))) {
            return Optional.empty();
        }
        int both = Math.min(one.nodes().size(), other.nodes().size());
        for (int i = 0; i < both; i++) {
            Node node = one.nodes().get(i);
            if (!text(node).equals(text(other.nodes().get(i)))) {
                return Optional.of("the node '" + node.name() + "'");
            }
        }
        int nodes = one.nodes().size();
        if (nodes != other.nodes().size()) {
            return Optional.of(nodes + " nodes, not " + other.nodes().size());
        }
        for (int i = 0; i < one.features().size(); i++) {
            String f = one.features().get(i).toString();
            if (!f.equals(other.features().get(i).toString())) {
                return Optional.of(f + ", not " + other.features().get(i));
            }
        }
        return Optional.of(
                one.input().toString().equals(other.input().toString())
                        ? "statistics of evaluation, initialisation or learned groups"
                        : one.input() + ", not " + other.input());
    }

    private static String text(Node node) {
        return json(json -> value(json, node));
    }

    /** Writes to a generator. */
    private interface Writing {
        void to(JsonGenerator json) throws IOException;
    }

    private static String json(Writing writing) {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JSON.createGenerator(text)) {
            writing.to(json);
        } catch (IOException e) {
            throw new IllegalStateException(e); // a StringWriter never fails
        }
        return text.toString();
    }

    private static void features(JsonGenerator json, Features f) throws IOException {
        json.writeStartObject();
        json.writeStringField("name", f.name());
        json.writeNumberField("height", f.height());
        json.writeNumberField("width", f.width());
        json.writeNumberField("channels", f.channels());
        json.writeEndObject();
    }

    private static void value(JsonGenerator json, Object value) throws IOException {
        switch (value) {
            case String s -> json.writeString(s);
            case Integer i -> json.writeNumber(i);
            case Double d -> json.writeNumber(d);
            case Boolean b -> json.writeBoolean(b);
            case Enum<?> e -> json.writeString(e.name());
            case Features f -> json.writeString(f.name());
            case List<?> list -> {
                json.writeStartArray();
                for (Object element : list) {
                    value(json, element);
                }
                json.writeEndArray();
            }
            case Optional<?> there -> value(json, there.orElseThrow());
            case Record r -> record(json, r);
            default -> throw new IllegalStateException("no JSON for " + value.getClass());
        }
    }

    private static void record(JsonGenerator json, Record record) throws IOException {
        json.writeStartObject();
        if (isOneOfSeveral(record.getClass())) {
            json.writeStringField("is", record.getClass().getSimpleName());
        }
        for (RecordComponent component : record.getClass().getRecordComponents()) {
            Object value = read(component, record);
            if (!value.equals(absent(component))) {
                json.writeFieldName(component.getName());
                value(json, value);
            }
        }
        json.writeEndObject();
    }

    /** What a component of a record is where its JSON has none; null where it has to be there. */
    static @Nullable Object absent(RecordComponent component) {
        IfAbsent absent = component.getAnnotation(IfAbsent.class);
        if (component.getType() == Optional.class) {
            return Optional.empty();
        }
        if (absent == null) {
            return null;
        }
        return component.getType() == boolean.class ? absent.value() != 0 : absent.value();
    }

    private static Object read(RecordComponent component, Record record) {
        try {
            return component.getAccessor().invoke(record);
        } catch (IllegalAccessException | InvocationTargetException e) {
            throw new IllegalStateException(e); // accessors of public records do not fail
        }
    }

    /** Whether a record is one of several kinds, so that its JSON says which. */
    static boolean isOneOfSeveral(Class<?> record) {
        return Node.class.isAssignableFrom(record) || Read.class.isAssignableFrom(record);
    }
}
