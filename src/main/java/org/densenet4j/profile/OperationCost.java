package org.densenet4j.profile;

import org.densenet4j.graph.Addition;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Transition;
import org.densenet4j.graph.TransitionDown;
import org.densenet4j.graph.TransitionUp;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.NetworkMemory;
import org.densenet4j.plan.Operation;
import org.densenet4j.plan.Phase;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What one execution of an operation takes, counted from shapes for a full batch.
 *
 * <p><b>FLOPs</b> are those of convolutions and matrix products, two for each multiply-add;
 * element-wise passes are not counted. <b>Bytes</b> are the least that the operation's passes move
 * to and from memory: each pass reads and writes its whole-batch matrices once; chunk-sized scratch
 * stays in the cache and is not counted; parameters are read in the forward pass, and in the
 * backward pass read again while their gradients are read and written. An element of the matrices
 * below takes what activations are stored in. Parameters, gradients, velocities and logits are
 * float32; only weights of 1x1 convolutions are read from the rounded copy that bfloat16 storage
 * needs, whose making, before a pass, is no operation and not counted. With M = N·H·W rows, K
 * prefix channels, w = 4k bottleneck channels, k new channels, and C channels of a block:
 *
 * <table>
 * <caption>Costs of a pass, elements for memory</caption>
 * <tr><th>operation</th><th>FLOPs</th><th>elements moved</th></tr>
 * <tr><td>bottleneck layer, forward</td><td>2M(Kw + 9wk)</td><td>M(K + 2w + k)</td></tr>
 * <tr><td>backward</td><td>4M(Kw + 9wk)</td><td>M(3K + 5w + 2k)</td></tr>
 * <tr><td>more for RECOMPUTE, backward</td><td>2MKw</td><td>M(K + w)</td></tr>
 * <tr><td>NAIVE, forward, backward</td><td>the same</td>
 *     <td>M(4K + 4w + k), M(9K + 9w + 2k)</td></tr>
 * <tr><td>plain layer, forward</td><td>18MKk</td><td>M(K + k), NAIVE M(5K + k)</td></tr>
 * <tr><td>backward</td><td>36MKk</td><td>M(3K + 2k), NAIVE M(9K + 2k)</td></tr>
 * <tr><td>transition (pooled first, M' rows behind the pool), forward</td><td>2M'CC'</td>
 *     <td>MC + M'C', NAIVE 2MC + M'C'</td></tr>
 * <tr><td>backward</td><td>4M'CC'</td><td>2MC + 2M'C', NAIVE 5MC + 2M'C'</td></tr>
 * <tr><td>head, forward, backward</td><td>2NC·classes, twice that</td>
 *     <td>MC, 2MC; NAIVE 2MC, 5MC</td></tr>
 * <tr><td>optimiser</td><td>0</td><td>5 floats for each parameter</td></tr>
 * </table>
 *
 * @param flops of convolutions and matrix products, recomputed ones included
 * @param bytes moved to and from memory
 * @param recomputedFlops the part of {@code flops} that an earlier pass has computed before
 * @param recomputedElements batch-norm outputs that are made again instead of being kept
 */
public record OperationCost(long flops, long bytes, long recomputedFlops, long recomputedElements) {

    /** The costs of all operations of a plan's schedule, in its order. */
    public static List<OperationCost> of(MemoryPlan plan) {
        Objects.requireNonNull(plan, "plan");
        Map<String, OperationCost> forward = new HashMap<>();
        Map<String, OperationCost> backward = new HashMap<>();
        new Counter(plan, forward, backward).count();
        List<OperationCost> costs = new ArrayList<>();
        for (Operation o : plan.operations()) {
            costs.add((o.phase() == Phase.FORWARD ? forward : backward).get(o.name()));
        }
        return costs;
    }

    /** Floating-point operations for each byte; 0 without either. */
    public double intensity() {
        return bytes == 0 ? 0 : (double) flops / bytes;
    }

    /** Counts what {@link OperationCost} says, stage by stage. */
    private static final class Counter {
        private final NetworkMemory memory;
        private final boolean naive;
        private final boolean recompute;
        private final long images;
        private final long element;
        private final Map<String, OperationCost> forward;
        private final Map<String, OperationCost> backward;

        Counter(
                MemoryPlan plan,
                Map<String, OperationCost> forward,
                Map<String, OperationCost> backward) {
            this.memory = plan.memory();
            this.naive = plan.strategy() == MemoryStrategy.NAIVE;
            this.recompute = plan.strategy() == MemoryStrategy.RECOMPUTE;
            this.images = plan.batch();
            this.element = memory.input().type().bytes();
            this.forward = forward;
            this.backward = backward;
        }

        void count() {
            memory.graph().nodes().forEach(this::count);
            long logits =
                    memory.losses().values().stream()
                            .mapToLong(loss -> images * loss.labelsPerImage() * loss.classes())
                            .sum();
            forward.put("loss", new OperationCost(0, 2 * logits * Float.BYTES, 0, 0));
            long updated = 5L * memory.parameters().columns();
            backward.put("optimiser", new OperationCost(0, updated * Float.BYTES, 0, 0));
        }

        private void count(Node node) {
            switch (node) {
                case ConvolutionLayer layer -> convolutionLayer(layer);
                case BottleneckLayer layer -> bottleneckLayer(layer);
                case PooledConvolution stem -> pooledConvolution(stem);
                case Transition transition -> transition(transition);
                case Classifier classifier -> classifier(classifier);
                case PixelClassifier classifier ->
                        convolution(
                                classifier, classifier.source(), pixelLogits(classifier), false);
                case Pooling pool -> pool(pool);
                case Addition sum -> addition(sum);
                case TransitionDown down -> convolution(down, down.source(), elements(down), true);
                case TransitionUp up -> convolution(up, up.source(), elements(up), false);
            }
        }

        /**
         * Parameters of an operation.
         *
         * @param all of them
         * @param operands those that are read in the activations' type
         */
        private record Parameters(long all, long operands) {}

        private void forward(String name, long flops, long elements, Parameters parameters) {
            forward(name, flops, elements, parameters, 0);
        }

        private void forward(
                String name,
                long flops,
                long elements,
                Parameters parameters,
                long recomputedFlops) {
            long bytes = elements * element + bytesRead(parameters);
            forward.put(name, new OperationCost(flops, bytes, recomputedFlops, 0));
        }

        private long bytesRead(Parameters p) {
            return (p.all() - p.operands()) * Float.BYTES + p.operands() * element;
        }

        private void backward(
                String name,
                long flops,
                long elements,
                Parameters parameters,
                long recomputedFlops,
                long recomputedElements) {
            long gradients = 2 * parameters.all() * Float.BYTES;
            long bytes = elements * element + bytesRead(parameters) + gradients;
            backward.put(
                    name, new OperationCost(flops, bytes, recomputedFlops, recomputedElements));
        }

        private void bottleneckLayer(BottleneckLayer l) {
            String name = l.name();
            long m = images * l.target().of().pixels();
            long prefix = l.prefixChannels();
            long w = l.width();
            long k = l.growthRate();
            Parameters parameters =
                    new Parameters(prefix * w + 9 * w * k + 2 * (prefix + w), prefix * w);
            long reduction = 2 * m * prefix * w;
            long flops = reduction + 18 * m * w * k;
            if (naive) {
                forward(name, flops, m * (4 * prefix + 4 * w + k), parameters);
                backward(name, 2 * flops, m * (9 * prefix + 9 * w + 2 * k), parameters, 0, 0);
                return;
            }
            forward(name, flops, m * (prefix + 2 * w + k), parameters);
            long moved = 3 * prefix + 5 * w + 2 * k;
            // RECOMPUTE makes the prefix's outputs twice: for Z, and for the weight gradient.
            backward(
                    name,
                    2 * flops + (recompute ? reduction : 0),
                    m * (moved + (recompute ? prefix + w : 0)),
                    parameters,
                    recompute ? reduction : 0,
                    m * ((recompute ? 2 : 1) * prefix + w));
        }

        private void convolutionLayer(ConvolutionLayer l) {
            String name = l.name();
            long in = images * l.source().height() * l.source().width() * l.source().channels();
            long out = images * l.target().of().pixels() * l.target().count();
            Parameters parameters = new Parameters(count(l.parameters()), 0);
            long flops = 2 * images * l.multiplyAdds();
            if (memory.isInput(l.source())) {
                boolean wanted = memory.inputGradient() != null;
                forward(name, flops, in + out, parameters);
                backward(
                        name,
                        wanted ? 2 * flops : flops,
                        2 * out + (wanted ? 2 * in : in),
                        parameters,
                        0,
                        0);
                return;
            }
            boolean normalised = l.source() instanceof Read.Normalised;
            boolean copies = naive && normalised;
            forward(name, flops, (copies ? 5 : 1) * in + out, parameters);
            backward(
                    name,
                    2 * flops,
                    (copies ? 9 : 3) * in + 2 * out,
                    parameters,
                    0,
                    normalised && !naive ? in : 0);
        }

        /** Elements of what a node reads of the whole batch. */
        private long elements(Read read) {
            return images * read.height() * read.width() * read.channels();
        }

        /** Elements of what a node writes of the whole batch. */
        private long elements(Node node) {
            return node.writes().map(c -> images * c.of().pixels() * c.count()).orElse(0L);
        }

        private long pixelLogits(PixelClassifier head) {
            return images * head.source().height() * head.source().width() * head.classes();
        }

        /**
         * A convolution in one pass, made again in the backward pass where its output is pooled.
         */
        private void convolution(Node node, Read source, long out, boolean again) {
            long in = elements(source);
            long flops = 2 * images * node.multiplyAdds();
            Parameters parameters = new Parameters(count(node.parameters()), 0);
            boolean normalised = source instanceof Read.Normalised;
            forward(node.name(), flops, in + out, parameters);
            backward(
                    node.name(),
                    (again ? 3 : 2) * flops,
                    3 * in + 2 * out,
                    parameters,
                    again ? flops : 0,
                    normalised && !naive ? in : 0);
        }

        private void pool(Pooling pool) {
            long in = elements(pool.source());
            long out = elements(pool);
            Parameters parameters = new Parameters(count(pool.parameters()), 0);
            forward(pool.name(), 0, in + out, parameters);
            boolean again = pool.readsAgain(pool.source());
            backward(pool.name(), 0, (again ? 3 : 2) * in + 2 * out, parameters, 0, 0);
        }

        private void addition(Addition sum) {
            long in = elements(sum.branch()) + elements(sum.shortcut());
            long out = elements(sum);
            Parameters parameters = new Parameters(count(sum.parameters()), 0);
            forward(sum.name(), 0, in + out, parameters);
            backward(sum.name(), 0, 2 * in + 2 * out, parameters, 0, 0);
        }

        private static long count(List<ParameterSpec> parameters) {
            return parameters.stream().mapToLong(ParameterSpec::count).sum();
        }

        private void transition(Transition t) {
            String name = t.name();
            long channels = t.source().channels();
            long in = images * t.source().height() * t.source().width() * channels;
            long rows = images * t.target().of().pixels();
            long out = rows * t.target().count();
            long weights = channels * t.target().count();
            Parameters parameters = new Parameters(weights + 2 * channels, weights);
            forward(name, 2 * rows * weights, (naive ? 2 : 1) * in + out, parameters);
            // The pooled output is made again under every strategy.
            backward(name, 4 * rows * weights, (naive ? 5 : 2) * in + 2 * out, parameters, 0, in);
        }

        private void classifier(Classifier c) {
            String name = c.name();
            long channels = c.source().channels();
            long in = images * c.source().height() * c.source().width() * channels;
            long weights = channels * c.classes();
            Parameters parameters = new Parameters(count(c.parameters()), 0);
            forward(name, 2 * images * weights, (naive ? 2 : 1) * in, parameters);
            backward(name, 4 * images * weights, (naive ? 5 : 2) * in, parameters, 0, 0);
        }

        private void pooledConvolution(PooledConvolution stem) {
            String name = stem.name();
            long input = images * stem.source().height() * stem.source().width();
            input *= stem.source().channels();
            long channels = stem.target().count();
            long convolved = images * stem.convolvedHeight() * stem.convolvedWidth() * channels;
            long out = images * stem.target().of().pixels() * channels;
            Parameters parameters = new Parameters(count(stem.parameters()), 0);
            long flops = 2 * images * stem.multiplyAdds();
            boolean wanted = !memory.isInput(stem.source()) || memory.inputGradient() != null;
            long gradientFlops = wanted ? 2 * flops : flops;
            long gradientInput = wanted ? 2 * input : input;
            if (recompute) {
                // The convolution runs for its statistics, for the pool, and twice backwards.
                forward(name, 2 * flops, 2 * input + out, parameters, flops);
                backward(
                        name,
                        gradientFlops + 2 * flops,
                        4 * out + input + gradientInput,
                        parameters,
                        2 * flops,
                        2 * convolved);
            } else {
                forward(name, flops, input + (naive ? 3 : 2) * convolved + out, parameters);
                backward(
                        name,
                        gradientFlops,
                        2 * convolved + 4 * out + gradientInput,
                        parameters,
                        0,
                        2 * convolved);
            }
        }
    }
}
