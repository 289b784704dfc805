package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.inference.InferenceNetwork;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.profile.WarmedSteps;
import org.densenet4j.spec.Initialiser;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;

/** Forward passes in evaluation mode, with what a {@code Predictor} runs on. */
final class InferenceMeasurement {
    private final NetworkSpec spec;
    private final int batch;
    private final int steps;
    private final double warmUpSeconds;
    private final long seed;

    InferenceMeasurement(NetworkSpec spec, int batch, int steps, double warmUpSeconds, long seed) {
        this.spec = spec;
        this.batch = batch;
        this.steps = steps;
        this.warmUpSeconds = warmUpSeconds;
        this.seed = seed;
    }

    MeasuredLine on(Device device) throws IOException {
        InferencePlan plan = InferencePlan.of(spec).batch(batch).within(device, Long.MAX_VALUE);
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
                    device.facts());
        }
    }

    /** What training would begin with: time does not depend on values. */
    private WeightSource initialWeights() {
        Graph graph = spec.graph();
        Map<String, ParameterSpec> tensors = new HashMap<>();
        graph.parameters().forEach(p -> tensors.put(p.name(), p));
        graph.runningStatistics().forEach(p -> tensors.put(p.name(), p));
        Initialiser initialiser = Initialiser.of(graph, seed);
        return name -> {
            ParameterSpec p = tensors.get(name);
            float[] values = new float[Math.toIntExact(p.count())];
            initialiser.fill(p, values);
            return values;
        };
    }
}
