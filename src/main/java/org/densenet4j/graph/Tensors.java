package org.densenet4j.graph;

import org.densenet4j.graph.ParameterSpec.Role;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Collects the tensors of a node in their order. */
final class Tensors {
    private final List<ParameterSpec> list = new ArrayList<>();

    /** What a reader's normalisation has; nothing for a raw read. */
    Tensors norm(Read read) {
        return switch (read) {
            case Read.Normalised n -> norm(n.norm(), read.channels());
            case Read.L2Normalised n -> norm(n.norm(), read.channels());
            case Read.Raw _, Read.Activated _ -> this;
        };
    }

    /** Gamma and beta of what a node writes; nothing where its readers normalise. */
    Tensors norm(Optional<Norm> norm, Columns target) {
        norm.ifPresent(n -> norm(n, target.count()));
        return this;
    }

    Tensors norm(Norm norm, int channels) {
        list.add(ParameterSpec.of(norm.name() + ".weight", Role.BN_WEIGHT, channels));
        list.add(ParameterSpec.of(norm.name() + ".bias", Role.BN_BIAS, channels));
        return this;
    }

    Tensors norm(LayerNorm norm, int channels) {
        list.add(ParameterSpec.of(norm.name() + ".weight", Role.LN_WEIGHT, channels));
        list.add(ParameterSpec.of(norm.name() + ".bias", Role.LN_BIAS, channels));
        return this;
    }

    Tensors norm(L2Norm norm, int channels) {
        list.add(ParameterSpec.of(norm.name() + ".weight", Role.L2_SCALE, channels));
        return this;
    }

    Tensors scale(String name, int channels) {
        list.add(ParameterSpec.of(name, Role.LAYER_SCALE, channels));
        return this;
    }

    Tensors convolution(String name, int out, int in, int kernel, boolean bias) {
        list.add(ParameterSpec.of(name + ".weight", Role.CONV_WEIGHT, out, in, kernel, kernel));
        if (bias) {
            list.add(ParameterSpec.of(name + ".bias", Role.CONV_BIAS, out));
        }
        return this;
    }

    Tensors linear(String name, int out, int in) {
        list.add(ParameterSpec.of(name + ".weight", Role.LINEAR_WEIGHT, out, in));
        list.add(ParameterSpec.of(name + ".bias", Role.LINEAR_BIAS, out));
        return this;
    }

    List<ParameterSpec> list() {
        return List.copyOf(list);
    }
}
