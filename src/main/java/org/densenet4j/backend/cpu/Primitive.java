package org.densenet4j.backend.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A compiled oneDNN primitive and, for each lane, its argument list: memory objects are pointed at
 * new data before each run, so lanes must not share them.
 */
final class Primitive implements AutoCloseable {
    private static final long ARGUMENT_BYTES = 16;

    private final OneDnn dnn;
    private final String what;
    private final MemorySegment primitive;
    private final int arguments;
    private final long scratchBytes;
    private final MemorySegment[][] memories;
    private final MemorySegment[] lists;

    /**
     * @param what name of the operation with its shapes, for error messages
     * @param keys argument numbers, in the order in which {@link #run} is given addresses; the
     *     scratchpad is added behind them
     * @param descs their tensor descriptions
     */
    Primitive(
            OneDnn dnn,
            Arena arena,
            int lanes,
            String what,
            MemorySegment description,
            int[] keys,
            MemorySegment... descs) {
        this.dnn = dnn;
        this.what = what;
        this.primitive = dnn.primitive(what, description);
        this.scratchBytes = dnn.scratchBytes(description);
        this.arguments = keys.length + (scratchBytes > 0 ? 1 : 0);
        this.memories = new MemorySegment[lanes][arguments];
        this.lists = new MemorySegment[lanes];
        for (int lane = 0; lane < lanes; lane++) {
            lists[lane] = arena.allocate(ARGUMENT_BYTES * arguments, 8);
            for (int i = 0; i < arguments; i++) {
                boolean scratch = i == keys.length;
                MemorySegment desc = scratch ? dnn.scratchDesc(description) : descs[i];
                memories[lane][i] = dnn.memory(desc);
                long at = ARGUMENT_BYTES * i;
                lists[lane].set(JAVA_INT, at, scratch ? OneDnn.ARG_SCRATCHPAD : keys[i]);
                lists[lane].set(ADDRESS, at + 8, memories[lane][i]);
            }
        }
    }

    long scratchBytes() {
        return scratchBytes;
    }

    /** Runs with data at these addresses; the scratch is the lane's own. */
    void run(int lane, MemorySegment scratch, MemorySegment a, MemorySegment b, MemorySegment c) {
        MemorySegment[] mine = memories[lane];
        dnn.setHandle(mine[0], a);
        dnn.setHandle(mine[1], b);
        if (c != null) {
            dnn.setHandle(mine[2], c);
        }
        if (scratchBytes > 0) {
            dnn.setHandle(mine[arguments - 1], scratch);
        }
        dnn.execute(what, primitive, arguments, lists[lane]);
    }

    @Override
    public void close() {
        dnn.destroyPrimitive(primitive);
        for (MemorySegment[] lane : memories) {
            for (MemorySegment memory : lane) {
                dnn.destroyMemory(memory);
            }
        }
    }
}
