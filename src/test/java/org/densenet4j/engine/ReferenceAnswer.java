package org.densenet4j.engine;

import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.GraphJson;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.random.Philox;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.reference.ReferenceNetwork;

import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What the reference in double precision says about a case. The same cases are asked about for
 * every strategy and device, so that answers are kept.
 *
 * @param of the case that the answer is about
 * @param evaluated logits of an evaluation
 * @param logits of a step's forward pass
 * @param inputGradient gradient of the pixels
 * @param gradients gradients of parameters by name
 * @param statistics running statistics after the step by name
 */
record ReferenceAnswer(
        RandomCase of,
        double[] evaluated,
        double[] logits,
        double loss,
        double[] inputGradient,
        Map<String, double[]> gradients,
        Map<String, double[]> statistics) {
    /** Of a step's draws. */
    static final long SEED = 99;

    /** Of a step's draws. */
    static final long STEP = 3;

    /** Of values of about 1; ten times what single precision is off at the end of a network. */
    private static final double KINK = 1e-5;

    private static final int DRAWS = 200;

    private static final int MOST_KEPT = 256;

    /** What an answer depends on. */
    private record Question(
            String graph,
            int images,
            long seed,
            boolean kinks,
            boolean clear,
            Mode mode,
            double dropout,
            float smoothing) {}

    private static final Map<Question, ReferenceAnswer> KEPT =
            new LinkedHashMap<>(MOST_KEPT, 0.75f, true) {
                @Override
                protected boolean removeEldestEntry(Map.Entry<Question, ReferenceAnswer> eldest) {
                    return size() > MOST_KEPT;
                }
            };

    /**
     * Asks.
     *
     * @param clear whether the case is redrawn until no ReLU and no max-pool is within rounding of
     *     going the other way: there a gradient may differ by as much as it likes, on one processor
     *     and not on the next
     */
    static synchronized ReferenceAnswer to(
            RandomCase drawn, boolean clear, Mode mode, double dropout, float smoothing) {
        Question question =
                new Question(
                        GraphJson.write(drawn.spec.graph()),
                        drawn.images,
                        drawn.seed(),
                        drawn.kinks(),
                        clear,
                        mode,
                        dropout,
                        smoothing);
        ReferenceAnswer kept = KEPT.get(question);
        if (kept == null) {
            RandomCase c = clear ? clearOfKinks(drawn, mode, dropout) : drawn;
            kept = answer(c, mode, dropout, smoothing);
            KEPT.put(question, kept);
        }
        return kept;
    }

    private static ReferenceAnswer answer(
            RandomCase c, Mode mode, double dropout, float smoothing) {
        ReferenceNetwork reference = c.reference();
        double[] pixels = c.pixelsAsDoubles();
        double[] evaluated =
                reference.forward(pixels, Mode.EVALUATE, ReferenceNetwork.Dropout.NONE).clone();
        double[] logits = reference.forward(pixels, mode, philox(c.spec.graph(), dropout)).clone();
        double loss = reference.loss(c.labels, smoothing);
        reference.backward();
        Graph graph = c.spec.graph();
        return new ReferenceAnswer(
                c,
                evaluated,
                logits,
                loss,
                reference.inputGradient(),
                graph.parameters().stream()
                        .map(ParameterSpec::name)
                        .collect(Collectors.toMap(name -> name, reference::gradient)),
                graph.runningStatistics().stream()
                        .map(ParameterSpec::name)
                        .collect(Collectors.toMap(name -> name, reference::runningStatistic)));
    }

    /** The gradient of a parameter. */
    double[] gradient(String name) {
        return gradients.get(name);
    }

    /** A running statistic after the step. */
    double[] runningStatistic(String name) {
        return statistics.get(name);
    }

    private static RandomCase clearOfKinks(RandomCase drawn, Mode mode, double dropout) {
        RandomCase c = drawn;
        for (int i = 0; i < DRAWS; i++) {
            ReferenceNetwork reference = c.reference();
            reference.forward(c.pixelsAsDoubles(), mode, philox(c.spec.graph(), dropout));
            // What dropout made zero is zero in every precision.
            boolean clear =
                    reference.margins().values().stream()
                            .flatMapToDouble(Arrays::stream)
                            .allMatch(margin -> margin == 0 || Math.abs(margin) > KINK);
            if (clear) {
                return c;
            }
            c = c.redrawn();
        }
        throw new AssertionError("every draw has a ReLU close to zero: " + drawn);
    }

    /** The engine's dropout and stochastic depth, from their definitions. */
    private static ReferenceNetwork.Dropout philox(Graph graph, double rate) {
        long threshold = (long) ((float) rate * 4294967296.0);
        Map<Integer, Float> survivals = new HashMap<>();
        graph.nodes().stream()
                .map(Node::drops)
                .forEach(drops -> survivals.put(drops.draw(), (float) drops.survival()));
        Set<Integer> imageByImage =
                graph.nodes().stream()
                        .filter(DepthwiseLayer.class::isInstance)
                        .map(node -> node.drops().draw())
                        .collect(Collectors.toSet());
        return (draw, element) -> {
            int[] words = new int[4];
            if (imageByImage.contains(draw)) {
                return layerFactor(element, survivals.get(draw), draw, STEP);
            }
            Philox.next(element / 4, draw, (int) STEP, 0, (int) SEED, 0, words);
            boolean dropped = (words[element % 4] & 0xFFFF_FFFFL) < threshold;
            float survival = survivals.get(draw);
            return dropped ? 0 : layerFactor(survival, draw, STEP) / (1 - (double) (float) rate);
        };
    }

    /** 0 for a layer that stochastic depth drops, 1/p for one that it keeps. */
    static double layerFactor(float survival, int draw, long step) {
        return layerFactor(-1, survival, draw, step);
    }

    /** The same of one image, which has a draw of its own. */
    private static double layerFactor(int counter, float survival, int draw, long step) {
        int[] words = new int[4];
        Philox.next(counter, draw, (int) step, 0, (int) SEED, 0, words);
        boolean dropped = (words[0] & 0xFFFF_FFFFL) < (long) ((1f - survival) * 4294967296.0);
        return dropped ? 0 : 1.0 / survival;
    }
}
