package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.util.ArrayList;
import java.util.List;

/**
 * Operations of an arena that take less time than their launches: what is done to vectors of a
 * value per channel between the passes over features, weights brought into another layout, sums of
 * blocks added up. They are gathered until something else is queued on the stream of work, and then
 * run in one launch ({@code cuda-kernels/small_operations.cu}), with the same results.
 *
 * <p>Those on channels, and those on few elements, form a chain: one block runs them in order, each
 * behind a barrier. The others have blocks of their own beside it, so they may share a launch only
 * with what does not touch what they write, nor writes what they touch. {@link Traffic} says what
 * an operation touches; where two meet, the first launch ends before the second operation.
 */
final class SmallOperations {
    private static final String KERNEL = "small_operations";

    /** {@code small_operations_threads} of the kernel. */
    static final int MOST_THREADS = 512;

    /** Channels whose sums of tiles a team of threads combines at a time. */
    private static final int CHANNELS_OF_TEAM = 8;

    /** Elements that one block sees to sooner than others are started. */
    private static final int ELEMENTS_OF_CHAIN = 8 * Tiling.THREADS;

    /**
     * Elements of tiles that one block combines about as soon as the many of a launch of its own:
     * four times in turn some 16 loads of 512 threads are on their way.
     */
    private static final long TILE_ELEMENTS_OF_CHAIN = 1 << 16;

    /** Elements of a matrix that is filled, copied or added to beside other operations. */
    private static final long MOST_ELEMENTS = 1 << 20;

    private final KernelLauncher launcher;
    private final GatheredLaunch gathered;
    private final boolean gathers;
    private final List<Queued> queued = new ArrayList<>();
    private int words = 1;
    private boolean closed;

    /** An operation that has not been launched. */
    private record Queued(
            SmallOperation operation,
            boolean inChain,
            int elements,
            int threads,
            Traffic traffic,
            Object[] arguments) {

        int words() {
            return 2 + arguments.length;
        }

        /** Whether one of the two writes what the other touches. */
        boolean meets(Queued other) {
            return overlap(traffic.writes(), other.traffic.reads())
                    || overlap(traffic.writes(), other.traffic.writes())
                    || overlap(traffic.reads(), other.traffic.writes());
        }

        private static boolean overlap(List<Matrix> some, List<Matrix> others) {
            for (Matrix a : some) {
                for (Matrix b : others) {
                    if (a.offset() < end(b) && b.offset() < end(a)) {
                        return true;
                    }
                }
            }
            return false;
        }

        private static long end(Matrix m) {
            return m.at(m.rows() - 1, m.columns());
        }
    }

    /**
     * @param launcher of the kernels' program
     * @param gathered what launches the queue before anything else gets on the stream of work
     * @param gathers whether operations wait for others at all
     */
    SmallOperations(KernelLauncher launcher, GatheredLaunch gathered, boolean gathers) {
        this.launcher = launcher;
        this.gathered = gathered;
        this.gathers = gathers;
    }

    /** Whether so many elements of tiles are combined in a chain. */
    static boolean combines(Matrix tiles) {
        return (long) tiles.rows() * tiles.columns() <= TILE_ELEMENTS_OF_CHAIN;
    }

    /** Whether filling, copying or adding to a matrix is a small operation: float32, and few. */
    static boolean takes(Matrix m) {
        return m.type() == DataType.FLOAT32 && (long) m.rows() * m.columns() <= MOST_ELEMENTS;
    }

    /** Combines tiles of sums, channel by channel, several threads to each. */
    void combine(SmallOperation operation, int channels, Traffic traffic, Object... arguments) {
        int teams = Math.ceilDiv(channels, CHANNELS_OF_TEAM);
        add(
                new Queued(
                        operation,
                        true,
                        0,
                        Math.min(MOST_THREADS, teams * Tiling.THREADS),
                        traffic,
                        arguments));
    }

    /** An operation on each of some channels. */
    void onChannels(SmallOperation operation, int channels, Traffic traffic, Object... arguments) {
        if (channels > 0) {
            add(new Queued(operation, true, 0, channels, traffic, arguments));
        }
    }

    /** An operation on each of some elements. */
    void onElements(SmallOperation operation, long elements, Traffic traffic, Object... arguments) {
        if (elements > 0) {
            add(
                    new Queued(
                            operation,
                            elements <= ELEMENTS_OF_CHAIN,
                            Math.toIntExact(elements),
                            Tiling.THREADS,
                            traffic,
                            arguments));
        }
    }

    private void add(Queued next) {
        if (closed) {
            throw new IllegalStateException("the arena is closed");
        }
        boolean fits = words + next.words() <= SmallOperationList.WORDS;
        if (!fits || queued.stream().anyMatch(earlier -> cannotJoin(earlier, next))) {
            launch();
        }
        queued.add(next);
        words += next.words();
        if (gathers) {
            gathered.wait(this);
        } else {
            launch();
        }
    }

    private static boolean cannotJoin(Queued earlier, Queued next) {
        boolean inOrder = earlier.inChain() && next.inChain();
        return !inOrder && next.meets(earlier);
    }

    /** Launches what waits, if anything does. */
    void launch() {
        if (queued.isEmpty()) {
            return;
        }
        List<Queued> now = List.copyOf(queued);
        forget();
        int threads = threads(now);
        boolean hasChain = now.stream().anyMatch(Queued::inChain);
        int blocks = hasChain ? 1 : 0;
        for (Queued q : now) {
            blocks += q.inChain() ? 0 : Math.ceilDiv(q.elements(), threads);
        }
        launcher.launch(KERNEL, new Grid(blocks, 1, threads, 1), traffic(now), list(now, hasChain));
    }

    /** Drops what waits: it belongs to work that has failed. */
    void forget() {
        queued.clear();
        words = 1;
    }

    /** Launches what waits and refuses more. */
    void close() {
        closed = true;
        launch();
    }

    /** Whole teams, which tiles are combined by. */
    private static int threads(List<Queued> operations) {
        int most = operations.stream().mapToInt(Queued::threads).max().orElseThrow();
        return most <= Tiling.THREADS ? Tiling.THREADS : MOST_THREADS;
    }

    private static Traffic traffic(List<Queued> operations) {
        Traffic all = Traffic.filling();
        for (Queued q : operations) {
            all = all.plus(q.traffic());
        }
        return all;
    }

    private static SmallOperationList list(List<Queued> operations, boolean hasChain) {
        long[] words = new long[SmallOperationList.WORDS];
        int end = 1;
        for (Queued q : operations) {
            words[end++] =
                    q.operation().ordinal()
                            | q.arguments().length << 8
                            | (q.inChain() ? 1 << 16 : 0);
            words[end++] = q.elements();
            for (Object argument : q.arguments()) {
                words[end++] = word(argument);
            }
        }
        words[0] = end | (hasChain ? 1L << 32 : 0);
        return new SmallOperationList(words, operations.stream().map(Queued::operation).toList());
    }

    private static long word(Object argument) {
        return switch (argument) {
            case Long v -> v;
            case Integer v -> v;
            case Float v -> Float.floatToRawIntBits(v);
            default -> throw new AssertionError(argument);
        };
    }
}
