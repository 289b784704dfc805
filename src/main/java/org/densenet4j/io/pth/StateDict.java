package org.densenet4j.io.pth;

import org.densenet4j.io.OneLine;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Finds the weights in what was saved: at the top, under one of the usual keys, under any other key
 * that alone has some, or in a list or tuple.
 *
 * <p>Where several keys hold weights of the same kind, which is told by the names of their tensors,
 * those of "the" model ({@code state_dict}, {@code model}, ...) are meant, as timm has it, and the
 * others (averaged ones, a teacher) are remarked on. Where none of the keys or several are such
 * ones, it has to be said which is meant.
 */
final class StateDict {
    /** Keys of training scripts for the weights that are trained, in the order of preference. */
    private static final List<String> PLAIN =
            List.of(
                    "state_dict",
                    "model_state_dict",
                    "model_state",
                    "model",
                    "net",
                    "network",
                    "module",
                    "weights",
                    "params",
                    "state");

    /** Keys of weights that are one of several networks, or averaged ones. */
    private static final List<String> OTHER =
            List.of("student", "state_dict_ema", "model_ema", "ema_state_dict", "ema");

    /** All usual keys, in the order of preference. */
    static final List<String> KEYS = Stream.concat(PLAIN.stream(), OTHER.stream()).toList();

    /** What to do where it is not clear which weights are meant. */
    static final String CHOOSE = "--weights-key or LoadOptions.withWeightsKey";

    private static final String THRESHOLDS = "op_threshs";
    private static final int DEPTH = 5;
    private static final int LONGEST = 120;
    private static final Found NOTHING = new Found("", Map.of(), List.of(), List.of());

    private final String wanted;
    private final Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Map<Object, Map<String, Object>> leaves = new IdentityHashMap<>();
    private final List<String> places = new ArrayList<>();

    private StateDict(String wanted) {
        this.wanted = wanted;
    }

    /**
     * Weights in what was saved.
     *
     * @param place the keys that lead to them, with slashes in between; empty for the top
     * @param entries tensors by name, and {@link Placeholder}s under names of the same kind; empty
     *     when there are none
     * @param unclear places of weights none of which is preferred; empty where it is clear
     * @param leftOut places of others of the same kind
     */
    record Found(
            String place, Map<String, Object> entries, List<String> unclear, List<String> leftOut) {
        private boolean hasTensors() {
            return entries.values().stream().anyMatch(StridedTensor.class::isInstance);
        }

        private List<String> places() {
            return unclear.isEmpty() ? List.of(place) : unclear;
        }

        /** The ends of names, by which weights of networks are known from others. */
        private Stream<String> ends() {
            return entries.keySet().stream().map(Found::end);
        }

        /** The layer and its parameter, such as {@code norm5.bias}. */
        private static String end(String name) {
            return name.substring(name.lastIndexOf('.', name.lastIndexOf('.') - 1) + 1);
        }
    }

    /**
     * Finds the weights.
     *
     * @param key of the weights that are meant, at any depth, or what their names start with; null
     *     where it was not said
     * @throws PickleException when several keys have weights and it is not clear which are meant,
     *     or none has the key
     */
    static Found find(Object root, String key) throws PickleException {
        StateDict search = new StateDict(key);
        Found found = search.find(root, "", 0);
        if (!found.unclear().isEmpty()) {
            throw new PickleException(
                    "holds weights under several keys ("
                            + listed(found.unclear())
                            + "); choose one with "
                            + CHOOSE
                            + ", or save the one that is meant alone");
        }
        return key == null || found.hasTensors() ? found : search.named(root);
    }

    /** Weights whose names start with the key that was not found. */
    private Found named(Object root) throws PickleException {
        Found all = new StateDict(null).find(root, "", 0);
        Map<String, Object> named = new LinkedHashMap<>(all.entries());
        named.keySet().removeIf(name -> !name.startsWith(wanted + "."));
        if (named.isEmpty() && (all.hasTensors() || !all.unclear().isEmpty())) {
            throw new PickleException(
                    "has no weights under '"
                            + PickleReader.printable(wanted)
                            + "'"
                            + (places.isEmpty() ? "" : "; it has some under " + listed(places)));
        }
        return new Found(all.place(), named, List.of(), List.of());
    }

    static String listed(List<String> places) {
        return OneLine.listed(places.stream().map(PickleReader::printable).toList());
    }

    private Found find(Object value, String place, int depth) {
        if (!isContainer(value) || depth == DEPTH) {
            return NOTHING;
        }
        Map<String, Object> own = leaves.get(value);
        boolean isNew = own == null;
        if (isNew && !seen.add(value)) {
            return NOTHING;
        }
        Map<?, ?> map = map(value);
        if (isNew) {
            own = named(map);
        }
        Found top = new Found(place, own, List.of(), List.of());
        if (top.hasTensors()) {
            leaves.put(value, own); // which several keys may hold
            Found inside = isNew ? inside(map, place, depth, Map.of()) : NOTHING;
            if (hides(top, inside)) {
                return inside;
            }
            if (!place.isEmpty()) {
                places.add(place);
            }
            return isWanted(place) ? top : inside;
        }
        return inside(map, place, depth, own);
    }

    /** Whether a few tensors of something else lie beside the key of the weights. */
    private static boolean hides(Found top, Found inside) {
        if (!inside.hasTensors() || inside.entries().size() <= top.entries().size()) {
            return false;
        }
        Set<String> ends = top.ends().collect(Collectors.toSet());
        return inside.ends().noneMatch(ends::contains);
    }

    /** What lies under the keys of a dictionary that is not, or not only, one of weights. */
    private Found inside(Map<?, ?> map, String place, int depth, Map<String, Object> entries) {
        Map<String, Object> own = entries;
        Map<String, Found> found = new LinkedHashMap<>();
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            if (!isContainer(entry.getValue())) {
                continue;
            }
            String key = name(entry.getKey(), found.size());
            String inner = place.isEmpty() ? key : place + "/" + key;
            Found weights = find(entry.getValue(), inner, depth + 1);
            if (weights.hasTensors() || !weights.unclear().isEmpty()) {
                found.putIfAbsent(key, weights);
            } else if (own.isEmpty()) {
                own = weights.entries(); // what is not read, of which there may be nothing else
            }
        }
        return found.isEmpty()
                ? new Found(place, own, List.of(), List.of())
                : preferred(List.copyOf(found.keySet()), found);
    }

    /** A key in a place; what is neither text nor a number could be of any length. */
    private static String name(Object key, int number) {
        String name =
                key instanceof String || key instanceof Long || key instanceof Integer
                        ? key.toString()
                        : "key " + number;
        return name.length() <= LONGEST ? name : name.substring(0, LONGEST) + "..." + number;
    }

    private boolean isWanted(String place) {
        return wanted == null || ("/" + place + "/").contains("/" + wanted + "/");
    }

    /** One of several, each under a key. */
    private static Found preferred(List<String> keys, Map<String, Found> found) {
        String first = KEYS.stream().filter(found::containsKey).findFirst().orElse(keys.getFirst());
        Found chosen = found.get(first);
        Set<String> ends = chosen.ends().collect(Collectors.toSet());
        Set<Map<String, Object>> told = Collections.newSetFromMap(new IdentityHashMap<>());
        told.add(chosen.entries());
        List<String> rivals = new ArrayList<>();
        List<String> leftOut = new ArrayList<>(chosen.leftOut());
        for (String key : keys) {
            Found other = found.get(key);
            boolean clear = other.unclear().isEmpty();
            boolean same = // as one that was seen before, under another key
                    clear
                            && (!told.add(other.entries())
                                    || other.entries().equals(chosen.entries()));
            boolean ofNoNetwork = // but of a loss, say
                    !same
                            && clear
                            && chosen.unclear().isEmpty()
                            && KEYS.contains(first)
                            && other.ends().noneMatch(ends::contains);
            if (key.equals(first) || same || ofNoNetwork) {
                continue;
            }
            boolean isBeside = PLAIN.contains(first) && !PLAIN.contains(key);
            (isBeside ? leftOut : rivals).addAll(other.places());
        }
        if (rivals.isEmpty()) {
            return new Found(chosen.place(), chosen.entries(), chosen.unclear(), leftOut);
        }
        List<String> all = new ArrayList<>(chosen.places());
        all.addAll(rivals);
        return new Found("", Map.of(), all, List.of());
    }

    /** A whole module of PyTorch at the top or under a key, in place of its weights. */
    static Optional<Placeholder> module(Object root) {
        return Stream.concat(
                        Stream.of(root),
                        isContainer(root) ? map(root).values().stream() : Stream.empty())
                .filter(value -> value instanceof Placeholder other && other.isModule())
                .map(Placeholder.class::cast)
                .findFirst();
    }

    private static boolean isContainer(Object value) {
        return value instanceof Map<?, ?>
                || value instanceof List<?>
                || value instanceof Placeholder;
    }

    /** What a container holds: by key, and of a list or tuple the containers by their index. */
    private static Map<?, ?> map(Object value) {
        if (!(value instanceof List<?> list)) {
            return value instanceof Placeholder other ? other.items() : (Map<?, ?>) value;
        }
        Map<Long, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < list.size(); i++) {
            if (isContainer(list.get(i))) {
                map.put((long) i, list.get(i));
            }
        }
        return map;
    }

    /**
     * Names of parameters have dots; an optimiser's state and counters have none. Of the buffers of
     * a whole network torchxrayvision's thresholds are read.
     */
    private static Map<String, Object> named(Map<?, ?> map) {
        Map<String, Object> named = new LinkedHashMap<>();
        map.forEach(
                (key, value) -> {
                    if (key instanceof String name
                            && (name.indexOf('.') >= 0 || name.equals(THRESHOLDS))
                            && (value instanceof StridedTensor || value instanceof Placeholder)) {
                        named.put(name, value);
                    }
                });
        return named;
    }
}
