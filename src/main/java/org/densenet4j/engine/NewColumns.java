package org.densenet4j.engine;

import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Node;
import org.densenet4j.plan.Channels;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;

import java.util.List;
import java.util.Optional;

/**
 * The columns that a node appends to a feature matrix, and their gradient.
 *
 * <p>When a node's backward pass starts, all consumers of its columns are done: the deferred
 * batch-norm correction is applied to these columns, once, instead of by every consumer to all that
 * it reads.
 */
final class NewColumns {
    private final Compute compute;
    private final Kernels kernels;
    private final Drops drops;
    private final int pixels;
    private final float epsilon;
    private final boolean normalised;
    private final Optional<OutputNorm> outputNorm;
    private final boolean passesThrough;
    private final Channels channels;
    private final List<Matrix> unnormalised;
    private final Matrix correction;

    /**
     * The columns of a node.
     *
     * @param correction memory for a, b and c [3, k]
     */
    NewColumns(Compute compute, Node node, Matrix correction) {
        Columns target = node.writes().orElseThrow();
        this.compute = compute;
        this.kernels = compute.kernels();
        this.drops = node.drops();
        this.pixels = target.of().pixels();
        this.normalised = compute.memory().graph().epsilon(target.of()).isPresent();
        this.epsilon = (float) compute.memory().graph().epsilon(target.of()).orElse(1);
        this.channels = compute.memory().channels(target);
        this.unnormalised =
                compute.memory().lifetimes().unnormalised(node).stream()
                        .map(c -> compute.memory().channels(c).deferred())
                        .toList();
        this.correction = correction;
        this.outputNorm = node.outputNorm().map(norm -> new OutputNorm(compute, norm, channels));
        this.passesThrough =
                outputNorm.isEmpty() && compute.memory().graph().isActivated(target.of());
    }

    /** X of the columns. */
    Matrix values() {
        return channels.values();
    }

    /** G of the columns, which lacks its correction until it is read by {@link #gradient}. */
    Matrix gradientOfColumns() {
        return channels.gradient();
    }

    /** Statistics [3, k] of the columns. */
    Matrix statistics() {
        return channels.statistics();
    }

    /**
     * a, b and c [3, k] that make the gradient of the columns, for those who read it themselves.
     */
    Matrix correction() {
        return correction;
    }

    /** X of the columns for the images of a pass. */
    Matrix of(Pass pass) {
        return channels.values().rows(0, pass.images() * pixels);
    }

    /**
     * What of the output is dropped in this step, the same whenever it is asked for: elements
     * (dropout) and the whole layer (stochastic depth).
     */
    Dropout dropout(Pass pass) {
        return drops.any() && pass.mode() != Mode.EVALUATE
                ? new Dropout(
                        (float) drops.rate(),
                        pass.seed(),
                        compute.memory().stepCounter().offset(),
                        drops.draw(),
                        (float) drops.survival())
                : Dropout.NONE;
    }

    /**
     * Appends a chunk.
     *
     * @param partials of all chunks [2·chunks, k]
     */
    void append(Matrix y, Chunk chunk, Dropout dropout, Matrix partials) {
        kernels.appendFeatures(
                y, chunk.of(channels.values()), chunk.firstRow(), dropout, chunk.partial(partials));
    }

    /**
     * Statistics of the new channels, for all their consumers.
     *
     * @param chunks whose rows are those of the output
     */
    void finish(Pass pass, Matrix partials, Chunks chunks) {
        finish(pass, partials, chunks.rowsPerChunk());
    }

    /** The same of chunks that are counted in other rows. */
    void finish(Pass pass, Matrix partials, int rowsPerChunk) {
        outputNorm.ifPresent(n -> n.finish(pass, partials, rowsPerChunk, pass.images() * pixels));
        if (passesThrough) {
            OutputNorm.passThrough(kernels, channels);
        }
        if (normalised && compute.usesBatchStatistics(pass)) {
            kernels.finishStatistics(
                    partials, rowsPerChunk, pass.images() * pixels, epsilon, channels.statistics());
        }
    }

    /**
     * Whether nothing has to be done to the gradient: values and statistics may be gone by then.
     */
    private boolean isGradientAsItIs() {
        return !normalised && outputNorm.isEmpty() && !drops.any();
    }

    /** Before the chunks of a backward pass. */
    void prepareGradient(Pass pass) {
        if (isGradientAsItIs()) {
            return;
        }
        if (outputNorm.isPresent()) {
            outputNorm.get().finishGradient(pass, pass.images() * pixels, correction);
            return;
        }
        boolean corrects =
                normalised && compute.defersCorrections() && compute.usesBatchStatistics(pass);
        if (corrects) {
            unnormalised.forEach(sums -> kernels.fill(sums, 0));
        } else if (compute.defersCorrections()) {
            kernels.fill(channels.statistics(), 0); // a mean that nobody took may be no number
        }
        kernels.deferredCorrection(
                channels.deferred(),
                channels.statistics(),
                pass.images() * pixels,
                !corrects,
                correction);
    }

    /** The finished gradient of a chunk of the output, dense. */
    void gradient(Chunk chunk, Dropout dropout, Matrix dY) {
        if (isGradientAsItIs()) {
            kernels.copy(chunk.of(channels.gradient()), dY);
            return;
        }
        if (drops.equals(Drops.NOTHING)) {
            kernels.applyCorrection(
                    chunk.of(channels.gradient()),
                    chunk.of(channels.values()),
                    correction,
                    channels.statistics(),
                    false,
                    dY);
            return;
        }
        kernels.gradientOfAppended(
                chunk.of(channels.gradient()),
                chunk.of(channels.values()),
                correction,
                channels.statistics(),
                chunk.firstRow(),
                dropout,
                dY);
    }
}
