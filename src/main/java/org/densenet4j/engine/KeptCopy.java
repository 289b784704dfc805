package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;

import java.util.Optional;

/** What the naive strategy keeps although it could be made again, as an autograd framework does. */
final class KeptCopy {
    private final Kernels kernels;
    private final Optional<Matrix> memory;

    private KeptCopy(Kernels kernels, Optional<Matrix> memory) {
        this.kernels = kernels;
        this.memory = memory;
    }

    /** A copy in this memory; nothing is kept where there is none. */
    static KeptCopy in(Kernels kernels, Optional<Matrix> memory) {
        return new KeptCopy(kernels, memory);
    }

    /** Keeps a chunk. */
    void keep(Chunk chunk, Matrix values) {
        memory.ifPresent(copy -> kernels.copy(values, chunk.of(copy)));
    }

    /** Keeps the BN-ReLU output of a chunk. */
    void keep(Chunk chunk, Matrix x, Matrix affine) {
        memory.ifPresent(copy -> kernels.normaliseRelu(x, affine, chunk.of(copy)));
    }
}
