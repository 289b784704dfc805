package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.inference.InferenceNetwork;
import org.densenet4j.plan.BottleneckLayerInference;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.profile.WarmedSteps;
import org.densenet4j.spec.Initialiser;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Forward passes in evaluation mode, with what a {@code Predictor} runs on. */
final class InferenceMeasurement {
    private final NetworkSpec spec;
    private final int batch;
    private final int steps;
    private final double warmUpSeconds;
    private final long seed;
    private final boolean condensed;

    /**
     * Some passes.
     *
     * @param condensed whether weights with learned groups are what condensation leaves
     */
    InferenceMeasurement(
            NetworkSpec spec,
            int batch,
            int steps,
            double warmUpSeconds,
            long seed,
            boolean condensed) {
        this.spec = spec;
        this.batch = batch;
        this.steps = steps;
        this.warmUpSeconds = warmUpSeconds;
        this.seed = seed;
        this.condensed = condensed;
    }

    MeasuredLine on(Device device) throws IOException {
        InferencePlan plan =
                InferencePlan.of(spec)
                        .batch(batch)
                        .condensed(condensed)
                        .within(device, Long.MAX_VALUE);
        RandomImages data = new RandomImages(spec, batch, seed, 1, 0);
        WeightSource weights = initialWeights();
        long before = ResidentMemory.current();
        try (InferenceNetwork network = InferenceNetwork.open(plan, device, weights)) {
            float[] logits = new float[Math.multiplyExact(batch, network.logitsPerImage())];
            double[] seconds =
                    WarmedSteps.run(
                            steps,
                            warmUpSeconds,
                            number -> {
                                float[] images = data.next().images();
                                long start = System.nanoTime();
                                network.forward(images, 0, batch);
                                network.logits(batch, logits, 0);
                                return WarmedSteps.secondsSince(start);
                            });
            return new MeasuredLine(
                    MeasuredProcess.INFERENCE,
                    batch,
                    plan.peakBytes(),
                    network.allocatedBytes(),
                    plan.activationBytes(),
                    ResidentMemory.largest() - before,
                    seconds,
                    new double[0],
                    facts(network, device));
        }
    }

    private static Map<String, String> facts(InferenceNetwork network, Device device) {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("graphs", network.recording());
        facts.putAll(device.facts());
        fusedLayers(network).ifPresent(count -> facts.put("fusedLayers", count));
        return facts;
    }

    /** How many dense layers keep everything between Z and the block on the device's chip. */
    private static Optional<String> fusedLayers(InferenceNetwork network) {
        List<BottleneckLayerInference> layers =
                network.plan().memory().nodes().stream()
                        .filter(BottleneckLayerInference.class::isInstance)
                        .map(BottleneckLayerInference.class::cast)
                        .toList();
        long fused = layers.stream().filter(BottleneckLayerInference::appends).count();
        return fused == 0 ? Optional.empty() : Optional.of(fused + "/" + layers.size());
    }

    /** What training would begin with: time does not depend on values. */
    private WeightSource initialWeights() {
        Graph graph = spec.graph();
        Map<String, ParameterSpec> tensors = new HashMap<>();
        graph.parameters().forEach(p -> tensors.put(p.name(), p));
        graph.runningStatistics().forEach(p -> tensors.put(p.name(), p));
        Map<String, LearnedGroups> groups = new HashMap<>();
        if (condensed) {
            graph.learnedGroups().forEach(learned -> groups.put(learned.weight(), learned));
        }
        Initialiser initialiser = Initialiser.of(graph, seed);
        return name -> {
            ParameterSpec p = tensors.get(name);
            float[] values = new float[Math.toIntExact(p.count())];
            initialiser.fill(p, values);
            LearnedGroups learned = groups.get(name);
            if (learned != null) {
                condense(values, p.shape().get(1), learned);
            }
            return values;
        };
    }

    /** Every group of outputs keeps other inputs, at equal distances. */
    private static void condense(float[] weights, int inputs, LearnedGroups learned) {
        for (int i = 0; i < weights.length; i++) {
            int group = i / inputs % learned.groups();
            if ((i % inputs + group) % learned.factor() != 0) {
                weights[i] = 0;
            }
        }
    }
}
