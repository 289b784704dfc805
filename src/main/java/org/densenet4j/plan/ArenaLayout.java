package org.densenet4j.plan;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Places buffers in one arena so that no two that live at the same time overlap.
 *
 * <p>Lifetimes in a training step are nearly nested (what is made last in the forward pass is used
 * first in the backward pass), and for nested lifetimes first-fit in order of decreasing lifetime
 * is optimal. Several orders are tried, each repaired by placing earlier what stuck out, and the
 * smallest arena wins; {@link #isTight} tells whether it reaches the lower bound, the most bytes
 * alive at one time.
 */
final class ArenaLayout {
    private static final long PAIRS_TO_TRY = 100_000_000;
    private static final int MOST_ROUNDS = 400;

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
            List<Buffer> queue = requests.stream().sorted(order).toList();
            for (Repair repair : Repair.values()) {
                ArenaLayout layout = repaired(queue, mostLive, repair);
                if (best == null || layout.bytes < best.bytes) {
                    best = layout;
                }
                if (best.isTight()) {
                    return best;
                }
            }
        }
        return best;
    }

    /** Where buffers go that stuck out. */
    private enum Repair {
        TO_THE_FRONT,
        /** Anywhere before their place. */
        ANYWHERE,
        /** As ANYWHERE, and one other buffer moves at random. */
        ANYWHERE_WITH_ANOTHER
    }

    /**
     * Places the buffers in order and then, while some stick out above the lower bound, again with
     * those earlier. Draws have a fixed seed, so that a plan is the same every time.
     */
    private static ArenaLayout repaired(List<Buffer> order, long mostLive, Repair repair) {
        SplittableRandom random = new SplittableRandom(1);
        List<Buffer> queue = order;
        ArenaLayout layout = firstFit(queue, mostLive);
        ArenaLayout best = layout;
        int rounds = rounds(order);
        for (int round = 0; round < rounds && !best.isTight(); round++) {
            List<Buffer> next = promoted(queue, layout, mostLive, repair, random);
            ArenaLayout candidate = firstFit(next, mostLive);
            // A random move that grows the arena is undone; a move to the front would repeat
            // itself.
            if (repair == Repair.TO_THE_FRONT || candidate.bytes <= layout.bytes) {
                queue = next;
                layout = candidate;
            }
            if (layout.bytes < best.bytes) {
                best = layout;
            }
        }
        return best;
    }

    /** Attempts at repairing an order: fewer for more buffers, since each is quadratic. */
    private static int rounds(List<Buffer> requests) {
        long pairs = (long) requests.size() * requests.size();
        return (int) Math.clamp(PAIRS_TO_TRY / Math.max(1, pairs), 2, MOST_ROUNDS);
    }

    /** The same order, but what stuck out above the lower bound comes earlier. */
    private static List<Buffer> promoted(
            List<Buffer> queue,
            ArenaLayout layout,
            long mostLive,
            Repair repair,
            SplittableRandom random) {
        Set<String> high = new HashSet<>();
        for (Buffer b : layout.buffers) {
            if (b.offset() + b.bytes() > mostLive) {
                high.add(b.name());
            }
        }
        List<Buffer> next = new ArrayList<>(queue.size());
        int front = 0;
        for (Buffer b : queue) {
            if (high.contains(b.name())) {
                next.add(
                        repair == Repair.TO_THE_FRONT ? front++ : random.nextInt(next.size() + 1),
                        b);
            } else {
                next.add(b);
            }
        }
        if (repair == Repair.ANYWHERE_WITH_ANOTHER) {
            // What is in the way may be any other one.
            Buffer other = next.remove(random.nextInt(next.size()));
            next.add(random.nextInt(next.size() + 1), other);
        }
        return next;
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

    private static ArenaLayout firstFit(List<Buffer> queue, long mostLive) {
        Placed placed = new Placed(queue.size());
        List<Buffer> buffers = new ArrayList<>(queue.size());
        long end = 0;
        for (Buffer request : queue) {
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
