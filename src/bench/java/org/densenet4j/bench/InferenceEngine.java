package org.densenet4j.bench;

/** A network that is loaded and answers calls of one batch size. */
interface InferenceEngine extends AutoCloseable {
    /**
     * Logits [batch, classes] of one of the batches of images that are there.
     *
     * @param number 0 to {@link LatencyFiles#BATCHES} − 1
     */
    float[] logits(int number) throws Exception;

    @Override
    void close() throws Exception;
}
