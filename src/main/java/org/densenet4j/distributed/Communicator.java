package org.densenet4j.distributed;

import java.lang.foreign.MemorySegment;

/**
 * The processes of a job, which are numbered by rank, and what they do together.
 *
 * <p>Every operation but {@link #abort} is collective: all ranks call the same ones in the same
 * order, with as many values each, and each call waits for the others. One thread at a time uses a
 * communicator.
 *
 * <p>It is not an {@link AutoCloseable} on purpose. {@link #close} waits for all ranks, and a rank
 * that leaves by an exception must not wait for those that wait for it: it ends without {@code
 * close}, and thereby ends the others, too.
 */
public interface Communicator {
    /**
     * {@return all processes that a launcher has started, {@code mpirun} or {@code srun}, connected
     * by MPI; {@link #alone} without one} Every rank calls this; the first call initialises MPI. A
     * process that ends without {@link #close} ends the others.
     *
     * @throws MpiException when the launcher's MPI library is not found, or is not the launcher's
     */
    static Communicator world() {
        return World.get();
    }

    /** {@return this process alone, which has no one to wait for} */
    static Communicator alone() {
        return SingleProcess.INSTANCE;
    }

    /** {@return number of this process, from 0} Rank 0 owns what there is once: files, terminal. */
    int rank();

    /** {@return number of processes, 1 or more} */
    int worldSize();

    /**
     * {@return number of this process among those of its host, from 0: which of its GPUs it has}
     */
    int localRank();

    /**
     * Replaces every float by its sum over all ranks, which get the same bits.
     *
     * @param floats native memory that the host can read, as long on every rank
     */
    void allReduce(MemorySegment floats);

    /**
     * Replaces every number by its sum over all ranks, which get the same bits.
     *
     * @param values as many on every rank
     */
    void allReduce(double[] values);

    /**
     * Replaces bytes by those of one rank.
     *
     * @param bytes native memory that the host can read, as long on every rank
     * @param root whose bytes all get
     */
    void broadcast(MemorySegment bytes, int root);

    /** Waits until all ranks are here. */
    void barrier();

    /**
     * Ends all ranks at once, whatever they are doing. Does not return.
     *
     * @param exitCode of the job, where the launcher hands it on
     */
    void abort(int exitCode);

    /** Ends this rank's part of a job whose work is done. May be called twice. */
    void close();
}
