package org.densenet4j.backend;

import java.util.Objects;

/** What a device refuses to be asked for, in the same words whichever device it is. */
public final class DeviceArguments {
    /** Far beyond the operations of any plan. */
    private static final int MOST_MARKS = 1 << 20;

    private DeviceArguments() {}

    /**
     * Checks the arguments of {@link Device#allocate}.
     *
     * @param bytes size of the arena
     * @param scratchOffset where the backend's own scratch starts inside it, in bytes
     * @param scratchBytesPerLane size of that scratch for each lane
     * @param lanes of the device
     * @throws IllegalArgumentException when a size is negative, or the scratch of all lanes ends
     *     behind the arena
     */
    public static void checkArena(
            long bytes, long scratchOffset, long scratchBytesPerLane, int lanes) {
        checkNotNegative("bytes", bytes);
        checkNotNegative("scratchOffset", scratchOffset);
        checkNotNegative("scratchBytesPerLane", scratchBytesPerLane);
        if (scratchOffset > bytes || scratchBytesPerLane > (bytes - scratchOffset) / lanes) {
            throw new IllegalArgumentException(
                    "scratch of "
                            + lanes
                            + " lanes, "
                            + scratchBytesPerLane
                            + " bytes each from scratchOffset = "
                            + scratchOffset
                            + " on, does not fit an arena of bytes = "
                            + bytes);
        }
    }

    private static void checkNotNegative(String what, long value) {
        if (value < 0) {
            throw new IllegalArgumentException(what + " = " + value + ": use 0 or more");
        }
    }

    /**
     * Checks the arguments of {@link Device#forEachChunk}.
     *
     * @param chunks how many, from 0
     * @param task what is called for each
     */
    public static void checkChunks(int chunks, ChunkTask task) {
        Objects.requireNonNull(task, "task");
        checkNotNegative("chunks", chunks);
    }

    /**
     * {@return the argument of {@link Device#timer}}
     *
     * @param marks points that can be marked at the same time
     * @throws IllegalArgumentException when there cannot be so many
     */
    public static int checkedMarks(int marks) {
        if (marks < 0 || marks > MOST_MARKS) {
            throw new IllegalArgumentException("marks = " + marks + ": use 0 to " + MOST_MARKS);
        }
        return marks;
    }

    /**
     * Checks which mark of a {@link DeviceTimer} is meant.
     *
     * @param what name of the argument
     * @param index of the mark, from 0
     * @param marks that the timer has
     * @throws IndexOutOfBoundsException when it has no such mark
     */
    public static void checkMark(String what, int index, int marks) {
        if (index < 0 || index >= marks) {
            throw new IndexOutOfBoundsException(
                    what + " = " + index + ": the timer has " + marks + " marks, from 0");
        }
    }
}
