package org.densenet4j.backend;

/** One chunk of a pass over a batch. Runs on a lane, which owns its own scratch memory. */
@FunctionalInterface
public interface ChunkTask {
    /**
     * Works on a chunk.
     *
     * @param lane which of {@link Device#lanes()} runs this chunk: selects scratch memory
     * @param chunk index of the chunk, {@code 0 <= chunk < chunks}
     */
    void run(int lane, int chunk);
}
