package org.densenet4j.graph;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Makes a graph of the JSON that {@link GraphJson} wrote. */
final class GraphReader {
    /** Checking a graph takes memory for each column, which a few bytes of JSON may claim. */
    /** Of all features together as many as of one. */
    private static final long MOST_COLUMNS = Features.MOST_CHANNELS;

    /** And time for each column that a node reads. */
    private static final long MOST_READ = 1 << 30;

    private final Object json;
    private final Map<String, Features> features = new HashMap<>();
    private long columns;
    private long read;

    GraphReader(Object json) {
        this.json = json;
    }

    Graph graph(String name) {
        Fields all = new Fields("the graph", json);
        Fields input = new Fields("input", all.take("input"));
        if (!input.take("name").equals("input")) {
            throw new GraphException("the input has another name than 'input'");
        }
        Graph.Builder graph =
                Graph.builder(
                        name,
                        wholeNumber("input.height", input.take("height")),
                        wholeNumber("input.width", input.take("width")),
                        wholeNumber("input.channels", input.take("channels")));
        input.requireNoMore();
        add(graph.input());
        graph.evaluatesWithBatchStatistics(
                (Boolean)
                        value(
                                boolean.class,
                                "evaluatesWithBatchStatistics",
                                all.take("evaluatesWithBatchStatistics")));
        graph.initialisation(
                (Initialisation)
                        value(Initialisation.class, "initialisation", all.take("initialisation")));
        List<?> matrices = list("features", all.take("features"));
        for (int i = 0; i < matrices.size(); i++) {
            add(matrix("features[" + i + "]", matrices.get(i)));
        }
        List<?> nodes = list("nodes", all.take("nodes"));
        for (int i = 0; i < nodes.size(); i++) {
            graph.add((Node) value(Node.class, "nodes[" + i + "]", nodes.get(i)));
        }
        if (all.has(GraphJson.LEARNED_GROUPS)) {
            List<?> learned = list(GraphJson.LEARNED_GROUPS, all.take(GraphJson.LEARNED_GROUPS));
            for (int i = 0; i < learned.size(); i++) {
                String where = GraphJson.LEARNED_GROUPS + "[" + i + "]";
                graph.learnedGroups(
                        (LearnedGroups) value(LearnedGroups.class, where, learned.get(i)));
            }
        }
        all.requireNoMore();
        Graph made = built(graph);
        if (made.features().size() != matrices.size()) {
            throw new GraphException("the graph has features that no node writes");
        }
        return made;
    }

    private static Graph built(Graph.Builder graph) {
        try {
            return graph.build();
        } catch (ArithmeticException e) {
            throw new GraphException("the graph is larger than can be counted");
        }
    }

    private Features matrix(String where, Object tree) {
        Fields fields = new Fields(where, tree);
        Features made =
                new Features(
                        (String) value(String.class, where + ".name", fields.take("name")),
                        wholeNumber(where + ".height", fields.take("height")),
                        wholeNumber(where + ".width", fields.take("width")),
                        wholeNumber(where + ".channels", fields.take("channels")));
        fields.requireNoMore();
        return made;
    }

    private void add(Features f) {
        columns += f.channels();
        if (columns > MOST_COLUMNS) {
            throw new GraphException(
                    "the graph's features have more than " + MOST_COLUMNS + " columns");
        }
        if (features.put(f.name(), f) != null) {
            throw new GraphException("two matrices have the name '" + f.name() + "'");
        }
    }

    // ---------------------------------------------------------------- values

    private Object value(Type type, String where, Object tree) {
        return switch (type) {
            case ParameterizedType some when some.getRawType() == Optional.class ->
                    Optional.of(value(some.getActualTypeArguments()[0], where, tree));
            case ParameterizedType list -> values(list.getActualTypeArguments()[0], where, tree);
            case Class<?> c when c == String.class && tree instanceof String -> tree;
            case Class<?> c when c == boolean.class && tree instanceof Boolean -> tree;
            case Class<?> c when c == int.class -> wholeNumber(where, tree);
            case Class<?> c when c == double.class && tree instanceof Number n -> n.doubleValue();
            case Class<?> c when c.isEnum() -> constant(c, where, tree);
            case Class<?> c when c == Features.class -> known(where, tree);
            case Class<?> c when c.isSealed() -> record(kind(c, where, tree), where, tree);
            case Class<?> c when c.isRecord() -> record(c, where, tree);
            default -> throw wrong(where, tree, "what is wanted there");
        };
    }

    private List<Object> values(Type type, String where, Object tree) {
        List<Object> values = new ArrayList<>();
        List<?> list = list(where, tree);
        for (int i = 0; i < list.size(); i++) {
            values.add(value(type, where + "[" + i + "]", list.get(i)));
        }
        return values;
    }

    private Object record(Class<?> type, String where, Object tree) {
        Fields fields = new Fields(where, tree);
        if (GraphJson.isOneOfSeveral(type) && !type.getSimpleName().equals(fields.take("is"))) {
            throw wrong(where, fields.all.get("is"), type.getSimpleName());
        }
        RecordComponent[] components = type.getRecordComponents();
        Class<?>[] types = new Class<?>[components.length];
        Object[] values = new Object[components.length];
        for (int i = 0; i < components.length; i++) {
            String name = components[i].getName();
            types[i] = components[i].getType();
            Object absent = GraphJson.absent(components[i]);
            values[i] =
                    absent != null && !fields.has(name)
                            ? absent
                            : value(
                                    components[i].getGenericType(),
                                    where + "." + name,
                                    fields.take(name));
        }
        fields.requireNoMore();
        try {
            Object made = type.getDeclaredConstructor(types).newInstance(values);
            if (made instanceof Columns c) {
                count(c);
            }
            return made;
        } catch (InvocationTargetException e) {
            throw switch (e.getCause()) {
                case GraphException refusal -> refusal;
                case ArithmeticException _ ->
                        new GraphException(where + " is larger than can be counted");
                default -> new IllegalStateException(e);
            };
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e); // every record has that constructor
        }
    }

    private void count(Columns c) {
        read += c.count();
        if (read > MOST_READ) {
            throw new GraphException("the graph's nodes read more than " + MOST_READ + " columns");
        }
    }

    private static Class<?> kind(Class<?> type, String where, Object tree) {
        Object kind = new Fields(where, tree).take("is");
        List<Class<?>> kinds = records(type).toList();
        return kinds.stream()
                .filter(c -> c.getSimpleName().equals(kind))
                .findFirst()
                .orElseThrow(
                        () ->
                                wrong(
                                        where,
                                        kind,
                                        kinds.stream()
                                                .map(Class::getSimpleName)
                                                .collect(Collectors.joining(", "))));
    }

    /** The records that are of a kind, in the order in which it permits them. */
    private static Stream<Class<?>> records(Class<?> kind) {
        return kind.isSealed()
                ? Arrays.stream(kind.getPermittedSubclasses()).flatMap(GraphReader::records)
                : Stream.of(kind);
    }

    private static Object constant(Class<?> type, String where, Object tree) {
        return Arrays.stream(type.getEnumConstants())
                .filter(c -> ((Enum<?>) c).name().equals(tree))
                .findFirst()
                .orElseThrow(() -> wrong(where, tree, Arrays.toString(type.getEnumConstants())));
    }

    private Features known(String where, Object tree) {
        Features f = tree instanceof String ? features.get(tree) : null;
        if (f == null) {
            throw wrong(where, tree, "the name of features");
        }
        return f;
    }

    private static int wholeNumber(String where, Object tree) {
        if (tree instanceof Long n && n == n.intValue()) {
            return n.intValue();
        }
        throw wrong(where, tree, "a whole number");
    }

    private static List<?> list(String where, Object tree) {
        if (tree instanceof List<?> list) {
            return list;
        }
        throw wrong(where, tree, "a list");
    }

    private static GraphException wrong(String where, Object found, String wanted) {
        return new GraphException(where + " is '" + shown(found) + "', not " + wanted);
    }

    private static String shown(Object found) {
        String text = String.valueOf(found).replaceAll("\\s+", " ");
        return text.length() > 40 ? text.substring(0, 40) + "..." : text;
    }

    /** The fields of a JSON object, each of which is wanted once. */
    private static final class Fields {
        private final String where;
        private final Map<?, ?> all;
        private final Set<Object> taken = new HashSet<>();

        Fields(String where, Object tree) {
            if (!(tree instanceof Map<?, ?> fields)) {
                throw wrong(where, tree, "an object");
            }
            this.where = where;
            this.all = fields;
        }

        boolean has(String name) {
            return all.containsKey(name);
        }

        Object take(String name) {
            Object value = all.get(name);
            if (value == null) {
                throw new GraphException(where + " lacks '" + name + "'");
            }
            taken.add(name);
            return value;
        }

        void requireNoMore() {
            for (Object name : all.keySet()) {
                if (!taken.contains(name)) {
                    throw new GraphException(where + " has an unknown field '" + shown(name) + "'");
                }
            }
        }
    }
}
