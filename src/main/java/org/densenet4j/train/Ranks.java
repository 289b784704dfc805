package org.densenet4j.train;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.densenet4j.backend.Device;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.PixelTally;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * What the ranks of a training run have to agree on: one that stops, fails or refuses a step alone
 * would leave the others waiting for it. A process without others agrees with itself, and nothing
 * is sent.
 */
final class Ranks {
    private final Communicator communicator;
    private boolean stop;
    private boolean failed;

    Ranks(Communicator communicator) {
        this.communicator = communicator;
    }

    int count() {
        return communicator.worldSize();
    }

    int rank() {
        return communicator.rank();
    }

    boolean isAlone() {
        return count() == 1;
    }

    /** Whether this rank owns files and terminal. */
    boolean isFirst() {
        return rank() == 0;
    }

    /** Numbers of labels and images over all ranks, and whether each rank has as many images. */
    record Images(int labels, int images, boolean equal) {}

    /** Before a step. */
    Images images(int labels, int images) {
        if (isAlone()) {
            return new Images(labels, images, true);
        }
        double[] sums = {labels, images, (double) images * images};
        communicator.allReduce(sums);
        // The mean of squares is the square of the mean where all are equal, and nowhere else.
        boolean equal = sums[2] * count() == sums[1] * sums[1];
        return new Images((int) sums[0], (int) sums[1], equal);
    }

    /** What this rank has to tell the others with the numbers of its next step. */
    void tell(boolean wantsToStop, boolean hasFailed) {
        stop = wantsToStop;
        failed = hasFailed;
    }

    /** Whether any rank told with the last step that it wants to stop. */
    boolean stop() {
        return stop;
    }

    /** Whether any rank told with the last step that it has failed. */
    boolean failed() {
        return failed;
    }

    /** Sums of what all ranks found in a step, before any of them judges its part. */
    Network.Outcome sum(Network.Outcome own) {
        if (isAlone()) {
            return own;
        }
        PixelTally pixels = own.pixels();
        int classes = pixels.labelled().length;
        double[] sums = new double[4 + 3 * classes];
        sums[0] = own.loss();
        sums[1] = own.correct();
        sums[2] = stop ? 1 : 0;
        sums[3] = failed ? 1 : 0;
        put(pixels, sums, 4);
        communicator.allReduce(sums);
        stop = sums[2] > 0;
        failed = sums[3] > 0;
        return new Network.Outcome(
                sums[0], (int) sums[1], own.gradientNorm(), tally(sums, 4, classes));
    }

    private static void put(PixelTally pixels, double[] values, int from) {
        int at = from;
        for (long[] counts :
                new long[][] {pixels.intersection(), pixels.labelled(), pixels.predicted()}) {
            for (long count : counts) {
                values[at++] = count;
            }
        }
    }

    private static PixelTally tally(double[] values, int from, int classes) {
        if (classes == 0) {
            return PixelTally.NONE;
        }
        long[][] counts = new long[3][classes];
        for (int i = 0; i < 3 * classes; i++) {
            counts[i / classes][i % classes] = (long) values[from + i];
        }
        return new PixelTally(counts[0], counts[1], counts[2]);
    }

    /** The sum over all ranks of counts by class. */
    PixelTally sum(PixelTally own, int classes) {
        double[] sums = new double[3 * classes];
        if (own.labelled().length == classes) { // a rank without images has counted nothing
            put(own, sums, 0);
        }
        communicator.allReduce(sums);
        return tally(sums, 0, classes);
    }

    /** Replaces numbers by their sums over all ranks. */
    void sum(double[] values) {
        communicator.allReduce(values);
    }

    /** The numbers of all ranks, one rank behind the other. */
    float[] gather(float[] own) {
        double[] values = new double[own.length];
        for (int i = 0; i < own.length; i++) {
            values[i] = own[i];
        }
        double[] all = gather(values);
        float[] gathered = new float[all.length];
        for (int i = 0; i < all.length; i++) {
            gathered[i] = (float) all[i];
        }
        return gathered;
    }

    /** The same of other numbers. */
    double[] gather(double[] own) {
        double[] counts = new double[count()];
        counts[rank()] = own.length;
        sum(counts);
        int before = 0;
        int all = 0;
        for (int r = 0; r < counts.length; r++) {
            before += r < rank() ? (int) counts[r] : 0;
            all += (int) counts[r];
        }
        double[] values = new double[all];
        System.arraycopy(own, 0, values, before, own.length);
        sum(values);
        return values;
    }

    /** Whether any rank says so. */
    boolean any(boolean own) {
        if (isAlone()) {
            return own;
        }
        double[] votes = {own ? 1 : 0};
        communicator.allReduce(votes);
        return votes[0] > 0;
    }

    /** Work that may fail on some ranks and not on others. */
    interface Work<T extends @Nullable Object> {
        T run() throws IOException;
    }

    /**
     * Does work on every rank, and fails on all of them where it fails on one.
     *
     * @throws IOException what was thrown here, or that another rank has failed
     */
    <T extends @Nullable Object> T together(Work<T> work) throws IOException {
        if (isAlone()) {
            return work.run();
        }
        T result;
        try {
            result = work.run();
        } catch (IOException | RuntimeException e) {
            any(true);
            throw e;
        }
        if (any(false)) {
            throw new OtherRankException();
        }
        return result;
    }

    /** Waits until all ranks are here. */
    void await() {
        communicator.barrier();
    }

    /**
     * Compares the networks of all ranks, which the same gradients have led to.
     *
     * @throws IllegalStateException when they differ
     */
    void requireSame(Network network) {
        if (isAlone()) {
            return;
        }
        if (!isSame(network.stateHash())) {
            throw new IllegalStateException(
                    "the parameters of the ranks differ: the sums of gradients were not the same on"
                            + " all of them; use the same MPI library and the same kind of"
                            + " processor on every host");
        }
    }

    /**
     * Compares the kinds of devices: those of one kind sum in one way.
     *
     * @throws IllegalArgumentException when they differ, on all ranks
     */
    void requireSameKind(Device device) {
        if (!isAlone() && !isSame(device.getClass().getName().hashCode())) {
            throw new IllegalArgumentException(
                    "the ranks have devices of different kinds, this one "
                            + device.description()
                            + "; name the one that all have, such as --device cuda");
        }
    }

    /** Whether all ranks have the same number. */
    private boolean isSame(long own) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment first = arena.allocateFrom(JAVA_LONG, own);
            communicator.broadcast(first, 0);
            return !any(first.get(JAVA_LONG, 0) != own);
        }
    }

    /** Begins from the state of rank 0. */
    void share(Network network) {
        network.takeFromFirstRank(communicator);
    }

    /** Averages what each rank has of its own images. */
    void average(Network network) {
        network.averageRunningStatistics(communicator);
    }

    Communicator communicator() {
        return communicator;
    }
}
