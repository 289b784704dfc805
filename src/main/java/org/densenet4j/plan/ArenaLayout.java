package org.densenet4j.plan;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * Places buffers in one arena so that no two that live at the same time overlap.
 *
 * <p>Lifetimes in a training step are nearly nested (what is made last in the forward pass is used
 * first in the backward pass), and for nested lifetimes first-fit in order of decreasing lifetime
 * is optimal. Several orders are tried and the smallest arena wins; {@link #isTight} tells whether
 * it reaches the lower bound, the most bytes alive at one time.
 */
final class ArenaLayout {
    private final List<Buffer> buffers;
    private final long bytes;
    private final long mostLive;

    private ArenaLayout(List<Buffer> buffers, long bytes, long mostLive) {
        this.buffers = buffers;
        this.bytes = bytes;
        this.mostLive = mostLive;
    }

    static ArenaLayout of(List<Buffer> requests, int operations) {
        long mostLive = mostLive(requests, operations);
        Comparator<Buffer> longestFirst =
                Comparator.<Buffer>comparingInt(b -> b.last() - b.first()).reversed();
        Comparator<Buffer> largestFirst = Comparator.comparingLong(Buffer::bytes).reversed();
        List<Comparator<Buffer>> orders =
                List.of(
                        longestFirst.thenComparing(largestFirst),
                        largestFirst.thenComparing(longestFirst),
                        Comparator.comparingInt(Buffer::first).thenComparing(longestFirst),
                        Comparator.comparingInt(Buffer::last).reversed());
        ArenaLayout best = null;
        for (Comparator<Buffer> order : orders) {
            ArenaLayout layout = firstFit(requests, order, mostLive);
            if (best == null || layout.bytes < best.bytes) {
                best = layout;
            }
            if (best.isTight()) {
                break;
            }
        }
        return best;
    }

    /** Buffers with their offsets, lowest first. */
    List<Buffer> buffers() {
        return buffers;
    }

    /** Size of the arena. */
    long bytes() {
        return bytes;
    }

    /** Whether the arena is exactly as large as the most bytes alive at one time. */
    boolean isTight() {
        return bytes == mostLive;
    }

    private static long mostLive(List<Buffer> requests, int operations) {
        long[] change = new long[operations + 1];
        for (Buffer b : requests) {
            change[b.first()] += b.bytes();
            change[b.last() + 1] -= b.bytes();
        }
        long live = 0;
        long most = 0;
        for (long delta : change) {
            live += delta;
            most = Math.max(most, live);
        }
        return most;
    }

    private static ArenaLayout firstFit(
            List<Buffer> requests, Comparator<Buffer> order, long mostLive) {
        Placed placed = new Placed(requests.size());
        List<Buffer> buffers = new ArrayList<>(requests.size());
        long end = 0;
        for (Buffer request : requests.stream().sorted(order).toList()) {
            Buffer b = request.at(placed.lowestGap(request));
            placed.add(b);
            buffers.add(b);
            end = Math.max(end, b.offset() + b.bytes());
        }
        buffers.sort(Comparator.comparingLong(Buffer::offset));
        return new ArenaLayout(buffers, end, mostLive);
    }

    /**
     * What has been placed, lowest offset first, so that one walk finds the lowest gap. In arrays:
     * a network of a thousand layers has thousands of buffers, and every one walks past all others.
     */
    private static final class Placed {
        private final long[] offsets;
        private final long[] ends;
        private final int[] firsts;
        private final int[] lasts;
        private int count;

        Placed(int capacity) {
            offsets = new long[capacity];
            ends = new long[capacity];
            firsts = new int[capacity];
            lasts = new int[capacity];
        }

        /** The lowest offset where no buffer of the same time is in the way. */
        long lowestGap(Buffer request) {
            int first = request.first();
            int last = request.last();
            long offset = 0;
            for (int i = 0; i < count; i++) {
                if (firsts[i] <= last && first <= lasts[i]) {
                    if (offset + request.bytes() <= offsets[i]) {
                        break;
                    }
                    offset = Math.max(offset, ends[i]);
                }
            }
            return offset;
        }

        void add(Buffer b) {
            int found = Arrays.binarySearch(offsets, 0, count, b.offset());
            int position = found < 0 ? -found - 1 : found;
            insert(offsets, position, b.offset());
            insert(ends, position, b.offset() + b.bytes());
            insert(firsts, position, b.first());
            insert(lasts, position, b.last());
            count++;
        }

        private void insert(long[] values, int position, long value) {
            System.arraycopy(values, position, values, position + 1, count - position);
            values[position] = value;
        }

        private void insert(int[] values, int position, int value) {
            System.arraycopy(values, position, values, position + 1, count - position);
            values[position] = value;
        }
    }
}
