package org.densenet4j.profile;

import org.densenet4j.plan.BlockMemory;
import org.densenet4j.plan.LayerMemory;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.NetworkMemory;
import org.densenet4j.plan.Operation;
import org.densenet4j.plan.Phase;
import org.densenet4j.plan.StemMemory;
import org.densenet4j.spec.HeadShape;
import org.densenet4j.spec.LayerShape;
import org.densenet4j.spec.Stem;
import org.densenet4j.spec.TransitionShape;

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
            stem(memory.stem());
            for (BlockMemory block : memory.blocks()) {
                for (LayerMemory layer : block.layers()) {
                    if (layer.bottleneck() != null) {
                        bottleneckLayer(layer.name(), layer.shape());
                    } else {
                        plainLayer(layer.name(), layer.shape());
                    }
                }
            }
            memory.transitions().forEach(t -> transition(t.name(), t.shape()));
            head(memory.head().shape());
            long logits = images * memory.head().shape().classes();
            forward.put("loss", new OperationCost(0, 2 * logits * Float.BYTES, 0, 0));
            long updated = 5L * memory.parameters().columns();
            backward.put("optimiser", new OperationCost(0, updated * Float.BYTES, 0, 0));
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

        private void bottleneckLayer(String name, LayerShape l) {
            long m = images * l.height() * l.width();
            long prefix = l.prefixChannels();
            long w = l.bottleneckChannels();
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

        private void plainLayer(String name, LayerShape l) {
            long m = images * l.height() * l.width();
            long prefix = l.prefixChannels();
            long k = l.growthRate();
            Parameters parameters = new Parameters(9 * prefix * k + 2 * prefix, 0);
            long flops = 18 * m * prefix * k;
            forward(name, flops, m * ((naive ? 5 : 1) * prefix + k), parameters);
            backward(
                    name,
                    2 * flops,
                    m * ((naive ? 9 : 3) * prefix + 2 * k),
                    parameters,
                    0,
                    naive ? 0 : m * prefix);
        }

        private void transition(String name, TransitionShape t) {
            long in = images * t.height() * t.width() * t.inputChannels();
            long rows = images * t.outHeight() * t.outWidth();
            long out = rows * t.outputChannels();
            long weights = (long) t.inputChannels() * t.outputChannels();
            Parameters parameters = new Parameters(weights + 2L * t.inputChannels(), weights);
            forward(name, 2 * rows * weights, (naive ? 2 : 1) * in + out, parameters);
            // The pooled output is made again under every strategy.
            backward(name, 4 * rows * weights, (naive ? 5 : 2) * in + 2 * out, parameters, 0, in);
        }

        private void head(HeadShape h) {
            long in = images * h.height() * h.width() * h.channels();
            long weights = (long) h.channels() * h.classes();
            Parameters parameters = new Parameters(weights + h.classes() + 2L * h.channels(), 0);
            forward("head", 2 * images * weights, (naive ? 2 : 1) * in, parameters);
            backward("head", 4 * images * weights, (naive ? 5 : 2) * in, parameters, 0, 0);
        }

        private void stem(StemMemory stem) {
            long input = images * stem.shape().inputHeight() * stem.shape().inputWidth();
            input *= stem.shape().inputChannels();
            long convolved = images * stem.shape().convHeight() * stem.shape().convWidth();
            convolved *= stem.shape().channels();
            long out = images * stem.shape().outHeight() * stem.shape().outWidth();
            out *= stem.shape().channels();
            boolean small = memory.shape().spec().stem() == Stem.SMALL;
            long norm = small ? 0 : 2L * stem.shape().channels();
            Parameters parameters = new Parameters(stem.convolution().weights() + norm, 0);
            long flops = stem.convolution().flops((int) images);
            boolean withInputGradient = memory.inputGradient() != null;
            long gradientFlops = withInputGradient ? 2 * flops : flops;
            long gradientInput = withInputGradient ? 2 * input : input;
            if (small) {
                forward("stem", flops, input + out, parameters);
                backward("stem", gradientFlops, 2 * out + gradientInput, parameters, 0, 0);
            } else if (recompute) {
                // The convolution runs for its statistics, for the pool, and twice backwards.
                forward("stem", 2 * flops, 2 * input + out, parameters, flops);
                backward(
                        "stem",
                        gradientFlops + 2 * flops,
                        4 * out + input + gradientInput,
                        parameters,
                        2 * flops,
                        2 * convolved);
            } else {
                forward("stem", flops, input + (naive ? 3 : 2) * convolved + out, parameters);
                backward(
                        "stem",
                        gradientFlops,
                        2 * convolved + 4 * out + gradientInput,
                        parameters,
                        0,
                        2 * convolved);
            }
        }
    }
}
