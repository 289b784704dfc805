package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;

import java.util.Optional;

/** The BN-ReLU output that the naive strategy keeps, as an autograd framework does. */
interface KeptCopy {
    /** Makes the copy of a chunk. */
    void keep(Chunk chunk, Matrix x, Matrix affine);

    /** A copy in this memory; nothing where there is none. */
    static KeptCopy in(Kernels kernels, Optional<Matrix> memory) {
        return memory.<KeptCopy>map(
                        copy ->
                                (chunk, x, affine) ->
                                        kernels.normaliseRelu(x, affine, chunk.of(copy)))
                .orElse((chunk, x, affine) -> {});
    }
}
