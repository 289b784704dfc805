package org.densenet4j.insight;

import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Read;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/** Who wrote the columns that a node reads. */
final class ReadColumns {
    private final Graph graph;
    private final Map<Features, NavigableMap<Integer, Node>> writers = new IdentityHashMap<>();

    /**
     * Columns of one writer, next to each other in the order of the reader's weights.
     *
     * @param writer the node; null for the images
     * @param firstChannel the first of the reader's input channels that they are
     * @param channels how many
     */
    record Run(@Nullable Node writer, int firstChannel, int channels) {}

    ReadColumns(Graph graph) {
        this.graph = graph;
        for (Node node : graph.nodes()) {
            node.writes()
                    .ifPresent(
                            c ->
                                    writers.computeIfAbsent(c.of(), _ -> new TreeMap<>())
                                            .put(c.from(), node));
        }
    }

    /** What a read consists of. */
    List<Run> runs(Read read) {
        List<Run> runs = new ArrayList<>();
        int channel = 0;
        for (Columns range : read.ranges()) {
            int at = range.from();
            while (at < range.end()) {
                Node writer = writer(range.of(), at);
                int end = writer == null ? range.end() : writer.writes().orElseThrow().end();
                int count = Math.min(end, range.end()) - at;
                add(runs, new Run(writer, channel, count));
                channel += count;
                at += count;
            }
        }
        return runs;
    }

    private @Nullable Node writer(Features of, int column) {
        return of == graph.input() ? null : writers.get(of).floorEntry(column).getValue();
    }

    private static void add(List<Run> runs, Run run) {
        if (!runs.isEmpty() && runs.getLast().writer() == run.writer()) {
            Run last = runs.removeLast();
            runs.add(new Run(run.writer(), last.firstChannel(), last.channels() + run.channels()));
        } else {
            runs.add(run);
        }
    }
}
