package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDriver;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

import org.densenet4j.backend.DeviceException;
import org.densenet4j.distributed.Communicator;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Sums over the GPUs of a job's ranks, on a stream of their own beside that of work.
 *
 * <p>Two events keep the order: the stream of sums waits for {@code finished} before it sums what
 * the work queued so far has made, and the stream of work waits for {@code summed} before it goes
 * on with the sums. Under a recording both belong to the graph: the first wait forks the stream of
 * sums into it, and the second joins it again.
 */
final class RankSums implements AutoCloseable {
    private final CudaContext context;
    private final Communicator communicator;
    private final Nccl.Rank rank;
    private final Runnable forgetRecordings;
    private final DeviceStream stream = new DeviceStream();
    private final CUevent finished = new CUevent();
    private final CUevent summed = new CUevent();
    private long started;
    private boolean closed;

    private RankSums(
            CudaContext context,
            Communicator communicator,
            Nccl.Rank rank,
            Runnable forgetRecordings) {
        this.forgetRecordings = forgetRecordings;
        this.context = context;
        this.communicator = communicator;
        this.rank = rank;
        Deque<AutoCloseable> opened = new ArrayDeque<>();
        try {
            int[] least = new int[1];
            int[] greatest = new int[1];
            checkDriver(
                    JCudaDriver.cuCtxGetStreamPriorityRange(least, greatest),
                    "asking for the priorities of streams");
            // A sum runs on all ranks at once: one that waits for a place makes the others wait.
            checkDriver(
                    JCudaDriver.cuStreamCreateWithPriority(
                            stream, CUstream_flags.CU_STREAM_NON_BLOCKING, greatest[0]),
                    "making a stream");
            opened.push(() -> free(stream));
            int flags = CUevent_flags.CU_EVENT_DISABLE_TIMING;
            checkDriver(JCudaDriver.cuEventCreate(finished, flags), "making an event");
            opened.push(() -> free(finished));
            checkDriver(JCudaDriver.cuEventCreate(summed, flags), "making an event");
        } catch (RuntimeException e) {
            throw Teardown.undo(opened, e);
        }
        context.watch(this::check);
    }

    private static void free(DeviceStream stream) {
        checkDriver(JCudaDriver.cuStreamDestroy(stream), "freeing a stream");
    }

    private static void free(CUevent event) {
        checkDriver(JCudaDriver.cuEventDestroy(event), "freeing an event");
    }

    /**
     * Meets the other ranks, each of which calls this.
     *
     * @param communicator over which the ranks agree on the name that they meet by
     * @param rank of this process among {@code worldSize}
     * @param library loads NCCL, or throws
     * @param forgetRecordings frees all recordings that may hold sums: NCCL's abort waits for that
     *     (NVIDIA, CUDA graph best practice for PyTorch, process hang)
     * @throws DeviceException on all ranks when one of them has no NCCL, and when it does not start
     */
    static RankSums join(
            CudaContext context,
            Communicator communicator,
            int rank,
            int worldSize,
            Supplier<Nccl> library,
            Runnable forgetRecordings) {
        context.enter();
        Nccl nccl = null;
        byte[] id = new byte[Nccl.ID_BYTES];
        DeviceException failure = null;
        try {
            nccl = library.get();
            if (rank == 0) {
                id = nccl.uniqueId();
            }
        } catch (DeviceException e) {
            failure = e;
        }
        // Whoever met the others without asking would wait for ever for one that cannot come.
        double[] failures = {failure == null ? 0 : 1};
        communicator.allReduce(failures);
        if (failure != null || nccl == null) {
            throw new DeviceException(
                    "sums over " + worldSize + " GPUs need NCCL: " + failure.getMessage(), failure);
        }
        if (failures[0] > 0) {
            throw new DeviceException(
                    "sums over "
                            + worldSize
                            + " GPUs need NCCL on every rank, and "
                            + (int) failures[0]
                            + " of them cannot use it; its own line says why");
        }
        Nccl.Rank member = nccl.join(broadcast(communicator, id), rank, worldSize);
        try {
            return new RankSums(context, communicator, member, forgetRecordings);
        } catch (RuntimeException e) {
            throw Teardown.undo(List.of(member), e);
        }
    }

    private static byte[] broadcast(Communicator communicator, byte[] id) {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment bytes = memory.allocateFrom(JAVA_BYTE, id);
            communicator.broadcast(bytes, 0);
            return bytes.toArray(JAVA_BYTE);
        }
    }

    /** Whether these are sums over that communicator's ranks. */
    boolean isOf(Communicator other) {
        return other == communicator;
    }

    /** How many sums were started since the device joined. */
    long started() {
        return started;
    }

    /**
     * Queues sums of what the work queued so far makes; see {@link
     * org.densenet4j.backend.DeviceArena#startAllReduce}.
     */
    void start(List<FloatRange> parts, Communicator ofRanks) {
        if (!isOf(ofRanks)) {
            throw new IllegalStateException(
                    "the device has joined the ranks of another communicator");
        }
        context.enter();
        started++;
        checkDriver(JCudaDriver.cuEventRecord(finished, context.stream()), "recording an event");
        checkDriver(JCudaDriver.cuStreamWaitEvent(stream, finished, 0), "waiting for an event");
        rank.allReduce(parts, stream);
        if (context.isSynchronous()) {
            checkDriver(JCudaDriver.cuStreamSynchronize(stream), "summing over ranks");
        }
    }

    /** Makes the work queued next wait for the sums that were started. */
    void await() {
        context.enter();
        checkDriver(JCudaDriver.cuEventRecord(summed, stream), "recording an event");
        checkDriver(
                JCudaDriver.cuStreamWaitEvent(context.stream(), summed, 0), "waiting for an event");
    }

    /**
     * Asks all ranks, each of which calls this, whether they have recorded a step that sums: NCCL
     * wants that all of them replay a sum or none (NCCL user guide, using NCCL with CUDA graphs).
     *
     * @param here whether this rank has
     */
    boolean allRecorded(boolean here) {
        double[] failures = {here ? 0 : 1};
        communicator.allReduce(failures);
        return failures[0] == 0;
    }

    /** A sum that has lost a rank never ends by itself. */
    private void check() {
        Optional<String> failure = rank.failure();
        if (failure.isPresent()) {
            context.watch(null);
            forgetRecordings.run();
            rank.close(); // So that the sums that wait end, and with them the device's work.
            throw new DeviceException(
                    "summing over ranks: NCCL says "
                            + failure.get()
                            + "; another rank has ended, or the network between them is down");
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        context.watch(null);
        Teardown teardown = new Teardown();
        teardown.step(context::enter);
        teardown.step(forgetRecordings);
        teardown.close(rank);
        teardown.step(() -> free(summed));
        teardown.step(() -> free(finished));
        teardown.step(() -> free(stream));
        teardown.finish();
    }
}
