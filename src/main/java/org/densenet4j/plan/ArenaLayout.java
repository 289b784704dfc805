package org.densenet4j.plan;

import java.util.ArrayList;
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
        // Kept sorted by offset, so that one walk finds the lowest gap.
        List<Buffer> placed = new ArrayList<>();
        long end = 0;
        for (Buffer request : requests.stream().sorted(order).toList()) {
            long offset = 0;
            for (Buffer other : placed) {
                if (!other.overlapsInTime(request)) {
                    continue;
                }
                if (offset + request.bytes() <= other.offset()) {
                    break;
                }
                offset = Math.max(offset, other.offset() + other.bytes());
            }
            Buffer b = request.at(offset);
            int position = placed.size();
            while (position > 0 && placed.get(position - 1).offset() > offset) {
                position--;
            }
            placed.add(position, b);
            end = Math.max(end, offset + b.bytes());
        }
        return new ArenaLayout(placed, end, mostLive);
    }
}
