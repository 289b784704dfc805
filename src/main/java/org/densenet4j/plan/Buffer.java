package org.densenet4j.plan;

/**
 * A placed buffer.
 *
 * @param name unique within the plan
 * @param category what it is for
 * @param bytes size
 * @param first index of the first operation that needs it
 * @param last index of the last operation that needs it
 * @param offset where it starts in the arena
 */
public record Buffer(String name, Category category, long bytes, int first, int last, long offset) {

    /**
     * {@return whether its memory is in use during an operation}
     *
     * @param operation index in the plan's schedule
     */
    public boolean liveAt(int operation) {
        return first <= operation && operation <= last;
    }

    boolean overlapsInTime(Buffer other) {
        return first <= other.last && other.first <= last;
    }

    Buffer at(long newOffset) {
        return new Buffer(name, category, bytes, first, last, newOffset);
    }
}
