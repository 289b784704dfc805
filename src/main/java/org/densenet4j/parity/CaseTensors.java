package org.densenet4j.parity;

import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.Read;
import org.densenet4j.io.ParityCase;
import org.densenet4j.io.Tensor;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What a case records, checked against the network that it describes. */
final class CaseTensors {
    private final ParityCase parity;
    private final Graph graph;
    private final Map<String, List<String>> groups = new LinkedHashMap<>();
    private final Set<String> known = new LinkedHashSet<>();

    private CaseTensors(ParityCase parity, NetworkSpec spec) {
        this.parity = parity;
        this.graph = spec.graph();
    }

    /**
     * Checks names and shapes.
     *
     * @throws IOException in one line when a tensor is missing or has another shape
     */
    static CaseTensors of(ParityCase parity, NetworkSpec spec) throws IOException {
        CaseTensors tensors = new CaseTensors(parity, spec);
        tensors.check();
        return tensors;
    }

    private void check() throws IOException {
        long images = parity.input().shape().getFirst();
        Features input = graph.input();
        single("input", shape(images, input.channels(), input.height(), input.width()));
        Read head = graph.heads().getLast().reads().getFirst();
        boolean ofPixels = graph.classifiesPixels();
        single("labels", ofPixels ? shape(images, head.height(), head.width()) : shape(images));
        checkLabels();
        List<Long> logits =
                ofPixels
                        ? shape(images, graph.classes(), head.height(), head.width())
                        : shape(images, graph.classes());
        single("eval.logits", logits);
        single("train.logits", logits);
        if (parity.tensor("train.loss").count() != 1) {
            throw wrongShape("train.loss", List.of(1L));
        }
        single("train.loss", parity.tensor("train.loss").shape());
        single("train.grad.input", parity.input().shape());
        List<ParameterSpec> all = new ArrayList<>(graph.parameters());
        all.addAll(graph.runningStatistics());
        group("weights.", all);
        group("train.grad.", graph.parameters());
        group("train.running.", graph.runningStatistics());
        for (int step = 1; step <= parity.steps(); step++) {
            if (!parity.group("sgd" + step + ".").isEmpty()) {
                group("sgd" + step + ".", graph.parameters());
            }
        }
        known.add("sgd.losses");
    }

    private static List<Long> shape(long... dimensions) {
        return Arrays.stream(dimensions).boxed().toList();
    }

    private void checkLabels() throws IOException {
        for (int label : parity.labels()) {
            if (label >= graph.classes()) {
                throw new IOException(
                        parity.path()
                                + ": label "
                                + label
                                + " is not in 0.."
                                + (graph.classes() - 1));
            }
        }
    }

    private void single(String name, List<Long> expected) throws IOException {
        if (!parity.tensor(name).shape().equals(expected)) {
            throw wrongShape(name, expected);
        }
        known.add(name);
    }

    private void group(String prefix, List<ParameterSpec> members) throws IOException {
        List<String> names = new ArrayList<>();
        for (ParameterSpec p : members) {
            String name = prefix + p.name();
            if (!parity.contains(name)) {
                throw new IOException(parity.path() + ": the tensor '" + name + "' is missing");
            }
            single(name, p.shape().stream().map(Integer::longValue).toList());
            names.add(p.name());
        }
        groups.put(prefix, names);
    }

    private IOException wrongShape(String name, List<Long> expected) {
        Tensor tensor = parity.tensor(name);
        return new IOException(
                parity.path()
                        + ": the tensor '"
                        + name
                        + "' has shape "
                        + tensor.shape()
                        + ", the network wants "
                        + expected);
    }

    /** Names in a group, without its prefix; none where nothing of it was recorded. */
    List<String> names(String prefix) {
        return groups.getOrDefault(prefix, List.of());
    }

    /** The network's weights and running statistics by name. */
    Map<String, double[]> weights() {
        Map<String, double[]> weights = new LinkedHashMap<>();
        for (String name : names("weights.")) {
            weights.put(name, parity.tensor("weights." + name).toDoubles());
        }
        return weights;
    }

    /** Tensors of the file that nothing is compared with. */
    List<String> unused() {
        return parity.names().stream()
                .filter(name -> !known.contains(name) && !name.startsWith("noise."))
                .toList();
    }
}
