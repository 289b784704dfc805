package org.densenet4j.parity;

import org.densenet4j.backend.Device;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.train.Optimiser;
import org.densenet4j.train.Trainer;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * What this engine computes of a case.
 *
 * @param evalLogits in evaluation mode
 * @param trainLogits in training mode
 * @param gradients by the parameter's name; of the images, channels last, under {@code input}
 * @param running statistics after that one pass
 * @param steps of the optimiser
 */
record EngineResults(
        double[] evalLogits,
        double[] trainLogits,
        double trainLoss,
        Map<String, double[]> gradients,
        Map<String, double[]> running,
        List<Step> steps) {
    /** The loss before a step, its gradients, and the parameters after it. */
    record Step(double loss, Map<String, double[]> gradients, Map<String, double[]> parameters) {}

    /** Runs a network of the spec under a strategy. */
    static EngineResults of(
            NetworkSpec spec,
            Map<String, double[]> weights,
            CaseBatch batch,
            Optimiser optimiser,
            int steps,
            Device device,
            MemoryStrategy strategy) {
        MemoryPlan plan =
                MemoryPlan.of(spec)
                        .strategy(strategy)
                        .batch(batch.images())
                        .inputGradient(true)
                        .on(device);
        double[] evalLogits;
        double[] trainLogits;
        double loss;
        Map<String, double[]> gradients;
        Map<String, double[]> running;
        try (Network network = Network.open(plan, device, 0)) {
            load(network, weights);
            int n = batch.images();
            network.input(batch.pixels(), n);
            network.forward(new Pass(n, Mode.EVALUATE, 0, 0));
            evalLogits = Difference.toDoubles(network.logits(n));

            Pass train = new Pass(n, Mode.TRAIN, 0, 0);
            network.zeroGradients();
            network.forward(train);
            trainLogits = Difference.toDoubles(network.logits(n));
            loss = network.loss(train, batch.labels(), 0, batch.labelled());
            network.backward(train);
            gradients = read(network.parameters(), network::gradient);
            gradients.put("input", Difference.toDoubles(network.inputGradient(n)));
            running = read(network.runningStatistics(), network::runningStatistic);
        }
        List<Step> taken = new ArrayList<>();
        if (steps > 0) {
            try (Trainer trainer =
                    Trainer.of(spec, device)
                            .strategy(strategy)
                            .batch(batch.images())
                            .optimizer(optimiser)
                            .open()) {
                Network network = trainer.network();
                load(network, weights);
                for (int step = 1; step <= steps; step++) {
                    taken.add(
                            new Step(
                                    step(trainer, batch),
                                    read(network.parameters(), network::gradient),
                                    read(network.parameters(), network::parameter)));
                }
            }
        }
        return new EngineResults(evalLogits, trainLogits, loss, gradients, running, taken);
    }

    /** The loss before it. */
    private static double step(Trainer trainer, CaseBatch batch) {
        Network network = trainer.network();
        Pass pass = trainer.nextPass(batch.images());
        network.zeroGradients();
        network.input(batch.pixels(), batch.images());
        network.trainingPass(pass, batch.labels(), 0, batch.labelled());
        double loss = network.outcome(pass, batch.labelled()).loss();
        trainer.update();
        return loss;
    }

    private static void load(Network network, Map<String, double[]> weights) {
        for (ParameterSpec p : network.parameters()) {
            network.parameter(p.name(), Difference.toFloats(weights.get(p.name())));
        }
        for (ParameterSpec p : network.runningStatistics()) {
            network.runningStatistic(p.name(), Difference.toFloats(weights.get(p.name())));
        }
    }

    private static Map<String, double[]> read(
            List<ParameterSpec> specs, Function<String, float[]> tensor) {
        Map<String, double[]> values = new LinkedHashMap<>();
        for (ParameterSpec p : specs) {
            values.put(p.name(), Difference.toDoubles(tensor.apply(p.name())));
        }
        return values;
    }
}
