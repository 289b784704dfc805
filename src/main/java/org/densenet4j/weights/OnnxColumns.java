package org.densenet4j.weights;

import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Features;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * Which tensors hold which columns of which features. ONNX knows no matrix whose columns several
 * operators write: each has an output of its own, and what a node reads is concatenated, in the
 * order in which it is read. A concatenation is made once, so a layer of a dense block adds its
 * columns to the one before.
 */
final class OnnxColumns {
    private final OnnxGraph graph;
    private final int axis;
    private final String suffix;
    private final Map<Features, Tensors> features = new IdentityHashMap<>();

    /**
     * What one node wrote.
     *
     * @param concatenation name of the operator that puts it behind the columns before
     */
    private record Piece(Columns columns, String tensor, String concatenation) {}

    /**
     * The tensors of one matrix.
     *
     * @param pieces by their first column
     * @param known by their first column and the column behind their last
     */
    private record Tensors(
            NavigableMap<Integer, Piece> pieces,
            Map<Integer, NavigableMap<Integer, String>> known) {
        Tensors() {
            this(new TreeMap<>(), new TreeMap<>());
        }

        void know(int from, int end, String tensor) {
            known.computeIfAbsent(from, _ -> new TreeMap<>()).put(end, tensor);
        }

        /** The longest tensor from a column on that goes no further than another; null if none. */
        Map.@Nullable Entry<Integer, String> longest(int from, int end) {
            NavigableMap<Integer, String> ends = known.get(from);
            return ends == null ? null : ends.floorEntry(end);
        }
    }

    /**
     * @param axis of the tensors on which the columns lie
     * @param suffix of the names of operators
     */
    OnnxColumns(OnnxGraph graph, int axis, String suffix) {
        this.graph = graph;
        this.axis = axis;
        this.suffix = suffix;
    }

    /**
     * A node has made a tensor.
     *
     * @param concatenation name of the operator that puts it behind the columns before, if any does
     */
    void write(Columns columns, String tensor, String concatenation) {
        Tensors t = features.computeIfAbsent(columns.of(), _ -> new Tensors());
        t.pieces().put(columns.from(), new Piece(columns, tensor, concatenation));
        t.know(columns.from(), columns.end(), tensor);
    }

    /** Any tensor of some features, for its height and width. */
    String any(Features of) {
        return features.get(of).pieces().firstEntry().getValue().tensor();
    }

    /**
     * The columns as one tensor.
     *
     * @param reader name of the node that reads them
     */
    String read(List<Columns> ranges, String reader) {
        if (ranges.size() == 1) {
            return read(ranges.getFirst());
        }
        List<String> parts = new ArrayList<>();
        ranges.forEach(range -> parts.addAll(parts(range)));
        return concatenation(reader + ".concat", parts);
    }

    private String read(Columns range) {
        List<String> parts = parts(range);
        if (parts.size() == 1) {
            return parts.getFirst();
        }
        Tensors t = features.get(range.of());
        Piece last = t.pieces().lowerEntry(range.end()).getValue();
        boolean prefix = range.from() == 0 && last.columns().end() == range.end();
        String whole = concatenation(prefix ? last.concatenation() : name(range), parts);
        t.know(range.from(), range.end(), whole);
        return whole;
    }

    /** Tensors that are the columns when they are put behind each other. */
    private List<String> parts(Columns range) {
        Tensors t = features.get(range.of());
        List<String> parts = new ArrayList<>();
        int at = range.from();
        while (at < range.end()) {
            if (t.longest(at, range.end()) == null) {
                slice(t, range, at);
            }
            Map.Entry<Integer, String> next = t.longest(at, range.end());
            parts.add(next.getValue());
            at = next.getKey();
        }
        return parts;
    }

    /** Cuts columns of a range, from one on, out of what a node wrote. */
    private void slice(Tensors t, Columns range, int at) {
        Piece piece = t.pieces().floorEntry(at).getValue();
        int end = Math.min(piece.columns().end(), range.end());
        int first = piece.columns().from();
        String name = name(range.of().columns(at, end - at));
        t.know(at, end, graph.slice(name + suffix, piece.tensor(), axis, at - first, end - first));
    }

    private static String name(Columns columns) {
        return columns.of().name() + ".columns" + columns.from() + "-" + columns.end();
    }

    private String concatenation(String name, List<String> parts) {
        return graph.node("Concat", name + suffix, parts, OnnxGraph.integer("axis", axis));
    }
}
