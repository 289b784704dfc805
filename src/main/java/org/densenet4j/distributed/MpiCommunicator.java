package org.densenet4j.distributed;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.densenet4j.foreign.CFunction;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The ranks of {@code MPI_COMM_WORLD}.
 *
 * <p>Whatever ends the process before {@link #close}, also {@code System.exit(0)} and an exception
 * that no one catches, ends the other ranks by {@code MPI_Abort}: they would wait for ever, and
 * MPICH's launcher takes an exit with 0 for success. MPI's own errors end the process in the
 * library ({@code MPI_ERRORS_ARE_FATAL}, the default).
 *
 * <p>Functions that wait for other ranks are called as ordinary ones: a critical call would hold up
 * every thread of the JVM at its next safepoint.
 */
final class MpiCommunicator implements Communicator {
    private static final int LEFT_WITHOUT_CLOSE = 1;

    /** MPI counts in int; longer vectors go in pieces. */
    private static final long PIECE_BYTES = 1L << 30;

    private static final int NAME_BYTES = 256; // MPI_MAX_PROCESSOR_NAME of any ABI

    private final MpiLibrary library;
    private final MpiAbi.Handles handles;
    private final long inPlace;
    private final CFunction sum;
    private final CFunction send;
    private final CFunction wait;
    private final CFunction abort;
    private final CFunction finish;
    private final int rank;
    private final int worldSize;
    private final int localRank;
    private volatile boolean closed;

    private MpiCommunicator(MpiLibrary library, Launcher launcher) {
        this.library = library;
        this.handles = library.abi().handles(library.symbols());
        this.inPlace = library.abi().inPlace();
        this.sum = library.function("MPI_Allreduce");
        this.send = library.function("MPI_Bcast");
        this.wait = library.function("MPI_Barrier");
        this.abort = library.function("MPI_Abort");
        this.finish = library.function("MPI_Finalize");
        initialise();
        this.rank = number("MPI_Comm_rank");
        this.worldSize = number("MPI_Comm_size");
        if (worldSize != launcher.size() || rank != launcher.rank()) {
            close();
            throw new MpiException(
                    "this is "
                            + launcher
                            + ", and "
                            + this
                            + " knows of "
                            + worldSize
                            + (worldSize == 1 ? " process" : " processes")
                            + ": it is not the launcher's library; name that by "
                            + MpiLibrary.VARIABLE
                            + "=/path/to/libmpi.so");
        }
        this.localRank = findLocalRank();
    }

    /**
     * Joins the ranks of a launcher, which all do.
     *
     * @throws MpiException when the library is missing, or not the launcher's
     */
    static MpiCommunicator join(Launcher launcher) {
        MpiLibrary library = MpiLibrary.of(launcher, System.getenv());
        MpiCommunicator joined = new MpiCommunicator(library, launcher);
        Runtime.getRuntime().addShutdownHook(new Thread(joined::leave, "densenet4j-mpi"));
        return joined;
    }

    private void initialise() {
        int wanted = library.abi().serialized();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment granted = arena.allocate(Long.BYTES);
            call(
                    "MPI_Init_thread",
                    library.function("MPI_Init_thread"),
                    0,
                    0,
                    wanted,
                    granted.address());
            if (granted.get(JAVA_INT, 0) < wanted) {
                close();
                throw new MpiException(
                        this + " lets only one thread call it; use one that was built for threads");
            }
        }
    }

    private int number(String function) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment result = arena.allocate(Long.BYTES);
            call(function, library.function(function), handles.world(), result.address());
            return result.get(JAVA_INT, 0);
        }
    }

    /** Ranks below this one on a host of the same name. */
    private int findLocalRank() {
        int bits53 = 11; // a double holds an integer of 53 bits
        double[] hosts = new double[worldSize];
        hosts[rank] = hash(hostName()) >>> bits53;
        allReduce(hosts);
        int before = 0;
        for (int other = 0; other < rank; other++) {
            before += hosts[other] == hosts[rank] ? 1 : 0;
        }
        return before;
    }

    private String hostName() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocate(NAME_BYTES);
            MemorySegment length = arena.allocate(Long.BYTES);
            call(
                    "MPI_Get_processor_name",
                    library.function("MPI_Get_processor_name"),
                    name.address(),
                    length.address());
            return name.getString(0);
        }
    }

    /** FNV-1a, 64 bits. */
    private static long hash(String text) {
        long hash = 0xcbf29ce484222325L;
        for (int i = 0; i < text.length(); i++) {
            hash = (hash ^ text.charAt(i)) * 0x100000001b3L;
        }
        return hash;
    }

    @Override
    public int rank() {
        return rank;
    }

    @Override
    public int worldSize() {
        return worldSize;
    }

    @Override
    public int localRank() {
        return localRank;
    }

    @Override
    public void allReduce(MemorySegment floats) {
        reduce(floats, Float.BYTES, handles.float32());
    }

    @Override
    public void allReduce(double[] values) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(JAVA_DOUBLE, Math.max(1, values.length));
            MemorySegment.copy(values, 0, memory, JAVA_DOUBLE, 0, values.length);
            reduce(
                    memory.asSlice(0, (long) values.length * Double.BYTES),
                    Double.BYTES,
                    handles.float64());
            MemorySegment.copy(memory, JAVA_DOUBLE, 0, values, 0, values.length);
        }
    }

    private void reduce(MemorySegment memory, int each, long type) {
        forEachPiece(
                memory,
                (address, bytes) ->
                        call(
                                "MPI_Allreduce",
                                sum,
                                inPlace,
                                address,
                                bytes / each,
                                type,
                                handles.sum(),
                                handles.world()));
    }

    @Override
    public void broadcast(MemorySegment bytes, int root) {
        forEachPiece(
                bytes,
                (address, count) ->
                        call(
                                "MPI_Bcast",
                                send,
                                address,
                                count,
                                handles.bytes(),
                                root,
                                handles.world()));
    }

    private interface Piece {
        void of(long address, long bytes);
    }

    private static void forEachPiece(MemorySegment memory, Piece work) {
        if (!memory.isNative()) {
            throw new IllegalArgumentException("MPI needs native memory, this is on the heap");
        }
        for (long at = 0; at < memory.byteSize(); at += PIECE_BYTES) {
            work.of(memory.address() + at, Math.min(PIECE_BYTES, memory.byteSize() - at));
        }
    }

    @Override
    public void barrier() {
        call("MPI_Barrier", wait, handles.world());
    }

    /** One thread at a time: what {@code MPI_THREAD_SERIALIZED} asks for. */
    private synchronized void call(String name, CFunction function, long... arguments) {
        if (closed) {
            throw new IllegalStateException("the communicator is closed");
        }
        int status = (int) function.call(arguments);
        if (status != 0) {
            throw new MpiException(name + " of " + this + " failed with status " + status);
        }
    }

    /** Not one at a time: another thread may be waiting for a rank that will never come. */
    @Override
    public void abort(int exitCode) {
        LauncherPipe.OUTPUT.awaitRead();
        LauncherPipe.ERRORS.awaitRead();
        var unused = abort.call(handles.world(), exitCode);
        Runtime.getRuntime().halt(exitCode); // where it came back
    }

    private void leave() {
        if (!closed) {
            abort(LEFT_WITHOUT_CLOSE);
        }
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            call("MPI_Finalize", finish);
            closed = true;
        }
    }

    /** Such as "Open MPI v4.1.4 (libmpi.so.40)". */
    @Override
    public String toString() {
        return library.version() + " (" + library.name() + ")";
    }
}
