package org.densenet4j.weights;

import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.ElementType;
import org.densenet4j.io.Tensor;
import org.densenet4j.io.TensorDescription;
import org.densenet4j.io.TensorFile;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** A file of a network's weights without the weights. */
final class ShapesOnly implements TensorFile {
    private final Map<String, List<Long>> shapes = new LinkedHashMap<>();

    ShapesOnly(NetworkSpec spec) {
        this(tensors(spec.graph()));
    }

    /** A file of any tensors. */
    ShapesOnly(List<ParameterSpec> tensors) {
        tensors.forEach(
                p -> shapes.put(p.name(), p.shape().stream().map(Integer::longValue).toList()));
    }

    private static List<ParameterSpec> tensors(Graph graph) {
        return Stream.concat(graph.parameters().stream(), graph.runningStatistics().stream())
                .toList();
    }

    @Override
    public Set<String> names() {
        return shapes.keySet();
    }

    @Override
    public boolean contains(String name) {
        return shapes.containsKey(name);
    }

    @Override
    public TensorDescription describe(String name) {
        return new TensorDescription(ElementType.F32, shapes.get(name));
    }

    @Override
    public Tensor tensor(String name) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Map<String, String> unreadable() {
        return Map.of();
    }

    @Override
    public Map<String, String> metadata() {
        return Map.of();
    }

    @Override
    public void close() {}
}
