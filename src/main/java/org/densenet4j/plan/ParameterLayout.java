package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.ParameterSpec;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where each tensor lies inside a contiguous vector of all parameters (or gradients, or velocities,
 * or running statistics). Each starts on a cache-line boundary. Weights of convolutions and of the
 * classifier lie before everything else, then come scales, then shifts, so that an optimiser that
 * treats them differently runs over two ranges and not over hundreds of tensors.
 */
public final class ParameterLayout {
    private static final int ALIGNMENT = Allocator.ALIGNMENT / 4;

    private final Map<String, ParameterSpec> specs = new LinkedHashMap<>();
    private final Map<String, Integer> starts = new LinkedHashMap<>();
    private final int weightsEnd;
    private final int length;

    ParameterLayout(List<ParameterSpec> parameters) {
        parameters.forEach(p -> specs.put(p.name(), p));
        weightsEnd = place(parameters.stream().filter(p -> p.role().isWeight()).toList(), 0);
        int scalesEnd =
                place(parameters.stream().filter(ParameterLayout::isScale).toList(), weightsEnd);
        length =
                place(
                        parameters.stream()
                                .filter(p -> !p.role().isWeight() && !isScale(p))
                                .toList(),
                        scalesEnd);
    }

    private static boolean isScale(ParameterSpec p) {
        return p.role().isScale();
    }

    private int place(List<ParameterSpec> tensors, int start) {
        int next = start;
        for (ParameterSpec p : tensors) {
            starts.put(p.name(), next);
            int count = Math.toIntExact(p.count());
            next = Math.addExact(next, aligned(count));
        }
        return next;
    }

    /**
     * {@return a number of elements rounded up to whole cache lines}
     *
     * @param elements 0 or more
     */
    public static int aligned(int elements) {
        return Math.ceilDiv(elements, ALIGNMENT) * ALIGNMENT;
    }

    /** {@return where the weights of convolutions and classifiers end, which lie first} */
    public int weightsEnd() {
        return weightsEnd;
    }

    /** {@return all tensors in the order in which they lie} */
    public List<ParameterSpec> inPlace() {
        return specs.values().stream().sorted(Comparator.comparingInt(this::start)).toList();
    }

    /**
     * {@return where a tensor starts}
     *
     * @param tensor one of {@link #tensors}
     */
    public int start(ParameterSpec tensor) {
        return start(tensor.name());
    }

    /**
     * {@return where a tensor and its padding end, and the next one starts}
     *
     * @param tensor one of {@link #tensors}
     */
    public int end(ParameterSpec tensor) {
        return start(tensor) + aligned(Math.toIntExact(tensor.count()));
    }

    /** {@return elements of the whole vector, padding included} */
    public int length() {
        return length;
    }

    /** {@return all tensors in their order} */
    public List<ParameterSpec> tensors() {
        return List.copyOf(specs.values());
    }

    /**
     * {@return the description of a tensor}
     *
     * @param name of the tensor, as the network spells it
     */
    public ParameterSpec spec(String name) {
        ParameterSpec spec = specs.get(name);
        if (spec == null) {
            throw new IllegalArgumentException("the network has no tensor named '" + name + "'");
        }
        return spec;
    }

    /**
     * {@return a tensor inside {@code vector}, flat}
     *
     * @param vector [1, {@link #length}] of parameters, gradients or whatever lies in this order
     * @param name of the tensor, as the network spells it
     */
    public Matrix in(Matrix vector, String name) {
        return vector.columns(start(name), Math.toIntExact(spec(name).count()));
    }

    /**
     * {@return a tensor inside {@code vector} as [first dimension, product of the others]}
     *
     * @param vector [1, {@link #length}] of parameters, gradients or whatever lies in this order
     * @param name of the tensor, as the network spells it
     */
    public Matrix matrix(Matrix vector, String name) {
        int rows = spec(name).shape().getFirst();
        int columns = Math.toIntExact(spec(name).count() / rows);
        return Matrix.dense(in(vector, name).offset(), rows, columns, vector.type());
    }

    private int start(String name) {
        spec(name);
        return starts.get(name);
    }
}
