package org.densenet4j.profile;

import org.densenet4j.graph.Node;
import org.densenet4j.graph.Read;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.NetworkMemory;
import org.densenet4j.plan.Piece;

/** Elements of whole-batch matrices that a node's reads and its output move: X, gX, gY and Y. */
final class MovedElements {
    private final NetworkMemory memory;
    private final long images;

    MovedElements(MemoryPlan plan) {
        this.memory = plan.memory();
        this.images = plan.batch();
    }

    /** X: what is read. */
    long read(Read read) {
        return images * read.height() * read.width() * read.channels();
    }

    /** Xn: what is read, if it is normalised. */
    long normalised(Read read) {
        return read.isNormalised() ? read(read) : 0;
    }

    /** Whether the gradient of what is read goes anywhere. */
    boolean wantsGradient(Read read) {
        return memory.wantsGradient(read);
    }

    /** gX: a write of what gets its first gradient, a read and a write of what has one. */
    long gradient(Node node, int index) {
        Read read = node.reads().get(index);
        if (!wantsGradient(read)) {
            return 0;
        }
        long columns = 0;
        for (Piece p : memory.lifetimes().pieces(node, index)) {
            columns += (p.overwrites() ? 1L : 2L) * p.columns().count();
        }
        return images * read.height() * read.width() * columns;
    }

    /** Y: what is written. */
    long written(Node node) {
        return node.writes().map(c -> images * c.of().pixels() * c.count()).orElse(0L);
    }

    /** gY: what it takes to finish the gradient of what was written. */
    long writtenGradient(Node node) {
        return (readsOutputAgain(node) ? 2 : 1) * written(node);
    }

    /** The correction of a normalised gradient, and what was dropped, need the values as well. */
    boolean readsOutputAgain(Node node) {
        boolean normalised =
                node.writes().map(c -> memory.graph().epsilon(c.of()).isPresent()).orElse(false);
        return normalised || node.outputNorm().isPresent() || node.drops().any();
    }
}
