package org.densenet4j.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.densenet4j.distributed.Communicator;
import org.densenet4j.distributed.Launcher;
import org.densenet4j.distributed.MpiException;
import org.densenet4j.train.OtherRankException;

import picocli.CommandLine;

import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The job that this process is a rank of, where a launcher has started it with others. Rank 0 owns
 * the terminal; the others are silent, unless one of them has failed and rank 0 has not.
 */
final class Job {
    /** The shell's code for Ctrl-C, after which all ranks have saved and stopped. */
    static final int STOPPED = 130;

    /** In which rank 0, had it failed alike, would have said so and ended the others. */
    private static final long PATIENCE_MILLIS = 2_000;

    /** In which the rank that has failed says so and ends this one. */
    private static final long LONG_PATIENCE_MILLIS = 20_000;

    private static final Optional<Launcher> LAUNCHER = Launcher.current();
    private static final PrintStream ERRORS = System.err;

    private static boolean joined;

    private Job() {}

    /** Whether there are other processes. */
    static boolean hasOthers() {
        return LAUNCHER.isPresent();
    }

    /** Whether this process owns files and terminal. */
    static boolean isFirst() {
        return LAUNCHER.map(launcher -> launcher.rank() == 0).orElse(true);
    }

    /** Keeps ranks other than 0 silent. */
    static void begin() {
        if (!isFirst()) {
            PrintStream silent = new PrintStream(OutputStream.nullOutputStream(), false, UTF_8);
            System.setOut(silent);
            System.setErr(silent);
        }
    }

    /**
     * Joins the other processes, all of which do.
     *
     * @throws org.densenet4j.distributed.MpiException when MPI is missing or is not the launcher's
     */
    static Communicator join() {
        Communicator world = Communicator.world();
        joined = true;
        return world;
    }

    /**
     * Which of a host's GPUs is this rank's: the number of its rank on the host, or the only one
     * that a launcher lets it see.
     */
    static int gpu() {
        if (!joined) {
            return 0;
        }
        String visible = System.getenv().getOrDefault("CUDA_VISIBLE_DEVICES", "");
        int gpus = visible.isBlank() ? Integer.MAX_VALUE : visible.split(",", -1).length;
        return Communicator.world().localRank() % gpus;
    }

    /** What rank 0 says, on all ranks. */
    static String ofFirst(String text) {
        Communicator world = Communicator.world();
        if (world.worldSize() == 1) {
            return text;
        }
        byte[] bytes = text.getBytes(UTF_8);
        double[] length = {isFirst() ? bytes.length : 0};
        world.allReduce(length);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(Math.max(1, (long) length[0]));
            if (isFirst()) {
                memory.copyFrom(MemorySegment.ofArray(bytes));
            }
            world.broadcast(memory, 0);
            byte[] told = new byte[(int) length[0]];
            MemorySegment.ofArray(told).copyFrom(memory.asSlice(0, told.length));
            return new String(told, UTF_8);
        }
    }

    /** Work that is done by one rank after the other. */
    interface Turn<T, E extends Exception> {
        T run() throws E;
    }

    /** Lets each rank do what would get in the way of others that do the same. */
    static <T, E extends Exception> T inTurn(Turn<T, E> work) throws E {
        Communicator world = Communicator.world();
        T result = null;
        for (int rank = 0; rank < world.worldSize(); rank++) {
            if (rank == world.rank()) {
                result = work.run();
            }
            world.barrier();
        }
        return result;
    }

    /**
     * Before a failure is told: a rank other than 0 waits for rank 0 to have failed alike, which
     * ends this one, and for a rank that has more to say than that another has failed.
     */
    static void beforeComplaint(Throwable failure) {
        if (!hasOthers()) {
            return;
        }
        if (failure instanceof OtherRankException) {
            sleep(LONG_PATIENCE_MILLIS);
        } else if (!isFirst()) {
            sleep(PATIENCE_MILLIS);
        }
        if (!leavesComplaint(failure)) {
            System.setErr(ERRORS);
        }
    }

    /**
     * Whether another process complains of the same: of the arguments rank 0, of an MPI library
     * that is missing or wrong one process of each host. No rank can have ended the others before
     * they were joined.
     */
    static boolean leavesComplaint(Throwable failure) {
        if (joined || isFirst()) {
            return false;
        }
        return failure instanceof CommandLine.ParameterException
                || failure instanceof MpiException && LAUNCHER.orElseThrow().localRank() != 0;
    }

    /** What a complaint begins with. */
    static String complaint() {
        return isFirst() ? "error: " : "error: rank " + LAUNCHER.orElseThrow().rank() + ": ";
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Ends this rank's part of the job, or, where its work has failed, the whole job. */
    static int end(int code) {
        if (!joined) {
            return code;
        }
        if (code == 0 || code == STOPPED) {
            Communicator.world().close();
        } else {
            Communicator.world().abort(code);
        }
        return code;
    }
}
