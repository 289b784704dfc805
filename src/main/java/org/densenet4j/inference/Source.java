package org.densenet4j.inference;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.ConvolvedBands;
import org.densenet4j.plan.InferenceRead;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/** What a node reads: chunks of columns, as they are or normalised. */
sealed interface Source permits RawSource, NormalisedSource, L2NormalisedSource {
    /** The columns of a read, with the tensors of their normalisation. */
    static Source of(InferenceDevice on, InferenceRead read, WeightSource weights)
            throws IOException {
        if (read.scales().isPresent()) {
            return new L2NormalisedSource(on, read, read.scales().get(), weights);
        }
        return read.norm().isPresent()
                ? new NormalisedSource(on, read, read.norm().get(), weights)
                : new RawSource(on, read);
    }

    /** Before the chunks of a pass. */
    void prepare();

    /** X of a read of one matrix, as it lies there. */
    Matrix values();

    /** Writes a chunk of what is read, which may be strided. */
    void copyTo(Chunk chunk, Matrix target);

    /**
     * What is convolved for a band, zeros where that is outside its image.
     *
     * @param scratch where it is put together
     */
    default Matrix read(ConvolvedBands bands, Kernels kernels, Chunk band, Matrix scratch) {
        copyTo(bands.read(band), bands.inside(kernels, band, scratch));
        return scratch;
    }

    /**
     * A chunk of what is read, dense.
     *
     * @param scratch where it may be put together
     */
    Matrix read(Chunk chunk, Matrix scratch);
}
