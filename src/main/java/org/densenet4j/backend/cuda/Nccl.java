package org.densenet4j.backend.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.densenet4j.backend.DeviceException;
import org.densenet4j.foreign.CFunction;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.Optional;

/**
 * NVIDIA's library for sums over GPUs, by its C functions (nccl.h), which are the same from 2.13
 * on.
 */
final class Nccl {
    /** Bytes of the name that the ranks of a job meet by (NCCL_UNIQUE_ID_BYTES). */
    static final int ID_BYTES = 128;

    private static final int FLOAT32 = 7;
    private static final int SUM = 0;
    private static final int SUCCESS = 0;
    private static final int IN_PROGRESS = 7;

    /** {@code ncclUniqueId}, which is passed by value. */
    private static final StructLayout ID =
            MemoryLayout.structLayout(MemoryLayout.sequenceLayout(ID_BYTES, JAVA_BYTE));

    private final CFunction getUniqueId;
    private final MethodHandle commInitRank;
    private final CFunction allReduce;
    private final CFunction groupStart;
    private final CFunction groupEnd;
    private final CFunction commGetAsyncError;
    private final CFunction commAbort;
    private final CFunction getErrorString;
    private final CFunction getLastError;

    /**
     * @param functions the library's
     */
    Nccl(SymbolLookup functions) {
        this.getUniqueId = function(functions, "ncclGetUniqueId");
        this.commInitRank =
                Linker.nativeLinker()
                        .downcallHandle(
                                symbol(functions, "ncclCommInitRank"),
                                FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, ID, JAVA_INT));
        this.allReduce = function(functions, "ncclAllReduce");
        this.groupStart = function(functions, "ncclGroupStart");
        this.groupEnd = function(functions, "ncclGroupEnd");
        this.commGetAsyncError = function(functions, "ncclCommGetAsyncError");
        this.commAbort = function(functions, "ncclCommAbort");
        this.getErrorString = function(functions, "ncclGetErrorString");
        this.getLastError = function(functions, "ncclGetLastError");
    }

    private static CFunction function(SymbolLookup functions, String name) {
        return new CFunction(symbol(functions, name));
    }

    private static MemorySegment symbol(SymbolLookup functions, String name) {
        return functions
                .find(name)
                .orElseThrow(
                        () ->
                                new DeviceException(
                                        "NCCL lacks " + name + "; install version 2.13 or newer"));
    }

    /** {@return a name that no other job has, {@link #ID_BYTES} long; asked of one rank} */
    byte[] uniqueId() {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment id = memory.allocate(ID);
            check(getUniqueId.call(id.address()), "naming a job", 0);
            return id.toArray(JAVA_BYTE);
        }
    }

    /**
     * Meets the other ranks and waits for them.
     *
     * @param id the same for all ranks
     * @param rank of this process, from 0
     * @param worldSize number of ranks
     * @return this rank, on the device of the caller's current context
     */
    Rank join(byte[] id, int rank, int worldSize) {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment name = memory.allocate(ID);
            MemorySegment.copy(id, 0, name, JAVA_BYTE, 0, ID_BYTES);
            MemorySegment out = memory.allocate(ADDRESS);
            int status;
            try {
                status = (int) commInitRank.invokeExact(out, worldSize, name, rank);
            } catch (Throwable e) {
                throw new AssertionError(e);
            }
            check(status, "joining " + worldSize + " GPUs as rank " + rank, 0);
            return new Rank(out.get(JAVA_LONG, 0));
        }
    }

    /** A rank that has met the others: an {@code ncclComm_t}. */
    final class Rank implements AutoCloseable {
        private final long communicator;
        private final MemorySegment state = Arena.ofAuto().allocate(JAVA_INT);
        private boolean closed;

        private Rank(long communicator) {
            this.communicator = communicator;
        }

        /**
         * Queues sums over all ranks, in place, as one operation. All ranks queue the same,
         * recorded or not.
         */
        void allReduce(List<FloatRange> parts, DeviceStream stream) {
            if (parts.size() == 1) {
                queue(parts.getFirst(), stream);
                return;
            }
            long count = parts.stream().mapToLong(FloatRange::count).sum();
            String operation = "sum of " + count + " floats over ranks";
            check(groupStart.call(), operation, communicator);
            try {
                parts.forEach(part -> queue(part, stream));
            } catch (RuntimeException e) {
                // A group that stays open would take whatever is queued later.
                groupEnd.call();
                throw e;
            }
            check(groupEnd.call(), operation, communicator);
        }

        private void queue(FloatRange part, DeviceStream stream) {
            check(
                    allReduce.call(
                            part.address(),
                            part.address(),
                            part.count(),
                            FLOAT32,
                            SUM,
                            communicator,
                            stream.handle().address()),
                    "sum of " + part.count() + " floats over ranks",
                    communicator);
        }

        /** {@return what has gone wrong since with what was queued; empty for nothing} */
        Optional<String> failure() {
            check(
                    commGetAsyncError.call(communicator, state.address()),
                    "asking how sums over ranks are doing",
                    communicator);
            int status = state.get(JAVA_INT, 0);
            return status == SUCCESS || status == IN_PROGRESS
                    ? Optional.empty()
                    : Optional.of(message(status, communicator));
        }

        /**
         * Ends this rank's part at once, with what is still queued. May be called twice.
         *
         * <p>It aborts: the other way to end, {@code ncclCommDestroy}, may wait for ranks that have
         * ended without a word (PyTorch's NCCLComm does the same). By the time a rank closes its
         * device normally nothing is under way any more.
         */
        @Override
        public void close() {
            if (!closed) {
                closed = true;
                check(commAbort.call(communicator), "leaving the other ranks", 0);
            }
        }
    }

    /**
     * @param status of which the lower half counts
     * @param communicator an {@code ncclComm_t}, or 0
     */
    private void check(long status, Object operation, long communicator) {
        if ((int) status != SUCCESS) {
            throw CudaStatus.ncclFailure(operation, message((int) status, communicator));
        }
    }

    /** NCCL's name of a status, and what it says of the last thing that went wrong. */
    private String message(int status, long communicator) {
        String name = text(getErrorString.call(status));
        String reason = text(getLastError.call(communicator));
        return reason.isBlank()
                ? name
                : name + " (" + String.join(" ", reason.lines().toList()) + ")";
    }

    private static String text(long address) {
        return address == 0
                ? ""
                : MemorySegment.ofAddress(address).reinterpret(Long.MAX_VALUE).getString(0).strip();
    }
}
