package org.densenet4j.io.pth;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Finds the weights in what was saved: at the top, under one of the usual keys, or under any other
 * key that alone has some.
 */
final class StateDict {
    /** Keys of training scripts, in the order of preference: plain weights before averaged ones. */
    static final List<String> KEYS =
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
                    "state",
                    "student",
                    "state_dict_ema",
                    "model_ema",
                    "ema_state_dict",
                    "ema");

    private static final int DEPTH = 5;

    private final Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());

    private StateDict() {}

    /**
     * Tensors by name, and {@link Placeholder}s under names of the same kind; empty when there are
     * none.
     *
     * @throws PickleException when several keys have weights and none of them is a usual one
     */
    static Map<String, Object> find(Object root) throws PickleException {
        return new StateDict().find(root, 0);
    }

    private Map<String, Object> find(Object value, int depth) throws PickleException {
        Map<?, ?> map = map(value);
        if (map == null || depth == DEPTH || !seen.add(map)) {
            return Map.of();
        }
        Map<String, Object> own = named(map);
        if (own.values().stream().anyMatch(StridedTensor.class::isInstance)) {
            return own;
        }
        for (String key : KEYS) {
            Map<String, Object> found = find(map.get(key), depth + 1);
            if (!found.isEmpty()) {
                return found;
            }
        }
        List<String> keys = new ArrayList<>();
        Map<String, Object> found = Map.of();
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            Map<String, Object> inner = find(entry.getValue(), depth + 1);
            if (!inner.isEmpty()) {
                keys.add(PickleReader.printable(String.valueOf(entry.getKey())));
                found = inner;
            }
        }
        if (keys.size() > 1) {
            throw new PickleException(
                    "holds weights under several keys ("
                            + String.join(", ", keys)
                            + "); save the one that is meant alone");
        }
        return found.isEmpty() ? own : found;
    }

    /** A whole module of PyTorch at the top or under a key, in place of its weights. */
    static Optional<Placeholder> module(Object root) {
        return Stream.concat(
                        Stream.of(root),
                        map(root) == null ? Stream.empty() : map(root).values().stream())
                .filter(value -> value instanceof Placeholder other && other.isModule())
                .map(Placeholder.class::cast)
                .findFirst();
    }

    private static Map<?, ?> map(Object value) {
        return value instanceof Placeholder placeholder
                ? placeholder.items()
                : value instanceof Map<?, ?> map ? map : null;
    }

    /** Names of parameters have dots; an optimiser's state and counters have none. */
    private static Map<String, Object> named(Map<?, ?> map) {
        Map<String, Object> named = new LinkedHashMap<>();
        map.forEach(
                (key, value) -> {
                    if (key instanceof String name
                            && name.indexOf('.') >= 0
                            && (value instanceof StridedTensor || value instanceof Placeholder)) {
                        named.put(name, value);
                    }
                });
        return named;
    }
}
