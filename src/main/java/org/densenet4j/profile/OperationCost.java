package org.densenet4j.profile;

import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.Operation;
import org.densenet4j.plan.Phase;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * What one execution of an operation takes, counted from shapes for a full batch.
 *
 * <p><b>FLOPs</b> are those of convolutions and matrix products, two for each multiply-add;
 * element-wise passes are not counted. <b>Bytes</b> are the least that the operation's passes move
 * to and from memory: each pass reads and writes its whole-batch matrices once; chunk-sized scratch
 * stays in the cache and is not counted, nor are the rows around a band; parameters are read in the
 * forward pass, and in the backward pass read again while their gradients are read and written. An
 * element of the matrices below takes what activations are stored in. Parameters, gradients,
 * velocities and logits are float32; only weights of 1x1 convolutions of bottlenecks and
 * transitions are read from the rounded copy that bfloat16 storage needs, whose making, before a
 * pass, is no operation and not counted.
 *
 * <p>In the table, X is what a node reads, with all its columns, and Y what it writes. Of matrices
 * beside these,
 *
 * <ul>
 *   <li>gX is what takes the gradient back to X: a write of columns that get their first gradient,
 *       a read and a write of columns that have one; nothing for images whose gradient nobody
 *       wants;
 *   <li>gY is what the gradient of Y takes to be finished: a read of it, and one of Y where some
 *       reader normalises Y's matrix or elements are dropped;
 *   <li>Xn is X if it is normalised, and nothing if it is read raw;
 *   <li>Z is a bottleneck, S a stem's convolution before its pool, and C a transition's before it.
 * </ul>
 *
 * <table>
 * <caption>Costs of a pass, elements for memory, and what NAIVE moves beside</caption>
 * <tr><th>operation</th><th>multiply-adds</th><th>elements moved</th><th>more for NAIVE</th></tr>
 * <tr><td>bottleneck layer, forward</td><td>M1 + M2</td><td>X + 2Z + Y</td><td>3X + 2Z</td></tr>
 * <tr><td>backward</td><td>twice that</td><td>X + gX + 5Z + gY</td><td>6X + 4Z</td></tr>
 * <tr><td>more for RECOMPUTE, backward</td><td>M1</td><td>X + Z</td><td></td></tr>
 * <tr><td>convolution, forward</td><td>M</td><td>X + Y</td><td>3Xn</td></tr>
 * <tr><td>backward</td><td>2M, for images that want no gradient M</td><td>X + gX + gY</td>
 *     <td>6Xn</td></tr>
 * <tr><td>convolution with its pool, forward</td><td>M</td><td>X + 2S + Y</td><td>S</td></tr>
 * <tr><td>backward</td><td>2M, for images that want no gradient M</td>
 *     <td>X + gX + 2S + 2gY</td><td></td></tr>
 * <tr><td>under RECOMPUTE, forward, backward</td><td>2M, and 2M more</td>
 *     <td>2X + Y, 2X + gX + 2gY</td><td></td></tr>
 * <tr><td>transition, forward</td><td>M of Y's pixels</td><td>X + Y</td><td>X</td></tr>
 * <tr><td>backward</td><td>twice that</td><td>X + gX + gY</td><td>3X</td></tr>
 * <tr><td>FC-DenseNet's transition down, forward</td><td>M</td><td>X + Y</td><td>X + C</td></tr>
 * <tr><td>backward</td><td>3M</td><td>X + gX + gY</td><td>3X</td></tr>
 * <tr><td>its transition up, forward, backward</td><td>M, 2M</td><td>X + Y, X + gX + gY</td>
 *     <td></td></tr>
 * <tr><td>pool, forward</td><td>0</td><td>X + Y</td><td>Xn</td></tr>
 * <tr><td>backward</td><td>0</td><td>X for maxima, or else Xn, + gX + gY</td><td>3Xn</td></tr>
 * <tr><td>sum, forward</td><td>0</td><td>X of both terms + Y</td><td></td></tr>
 * <tr><td>backward</td><td>0</td><td>Xn + gX of both, gY, with a ReLU at least two of Y</td>
 *     <td>3Xn of both</td></tr>
 * <tr><td>head, forward</td><td>M</td><td>X</td><td>Xn</td></tr>
 * <tr><td>backward</td><td>2M</td><td>Xn + gX</td><td>3Xn</td></tr>
 * <tr><td>head of pixels, forward</td><td>M</td><td>X, and float32 logits</td><td></td></tr>
 * <tr><td>backward</td><td>2M</td><td>X + gX, and float32 gradients of logits</td>
 *     <td>3Xn</td></tr>
 * <tr><td>loss</td><td>0</td><td>2 floats for each logit of every head</td><td></td></tr>
 * <tr><td>optimiser</td><td>0</td><td>5 floats for each parameter</td><td></td></tr>
 * </table>
 *
 * <p>What NAIVE moves more: a dense layer's concatenation (X read for it, and written), its
 * normalised output (written; in the pass that reads the concatenation) and, backwards, the
 * gradient of that in passes of its own; elsewhere a copy of the normalised output that is written
 * and never read, and a pass that corrects the gradient of all that was read at once, 3X.
 *
 * @param flops of convolutions and matrix products, recomputed ones included
 * @param bytes moved to and from memory
 * @param recomputedFlops the part of {@code flops} that an earlier pass has computed before
 * @param recomputedElements batch-norm outputs that are made again instead of being kept
 */
public record OperationCost(long flops, long bytes, long recomputedFlops, long recomputedElements) {

    /**
     * {@return the costs of all operations of a plan's schedule, in its order}
     *
     * @param plan of training
     */
    public static List<OperationCost> of(MemoryPlan plan) {
        Objects.requireNonNull(plan, "plan");
        CostCounter counter = new CostCounter(plan);
        List<OperationCost> costs = new ArrayList<>();
        for (Operation o : plan.operations()) {
            costs.add(counter.cost(o.name(), o.phase() == Phase.FORWARD));
        }
        return costs;
    }

    /** {@return floating-point operations for each byte; 0 without either} */
    public double intensity() {
        return bytes == 0 ? 0 : (double) flops / bytes;
    }
}
