package org.densenet4j.profile;

import java.util.Objects;

/**
 * A network between ranks, as simulations have it: every rank sends and receives at once, at the
 * same rate, and nobody is in anybody's way.
 *
 * @param bytesPerSecond that a rank achieves in each direction
 * @param latencySeconds of a message, however short
 */
public record Wire(double bytesPerSecond, double latencySeconds) {
    /** How the ranks sum. MPI and NCCL choose by size and topology; these are the two ends. */
    public enum Algorithm {
        /**
         * Parts go round a ring twice: 2(N − 1) messages, one after the other (Patarasuk and Yuan
         * 2009, "Bandwidth optimal all-reduce algorithms for clusters of workstations", section 4).
         */
        RING,

        /**
         * Halves, quarters and so on are exchanged in pairs, summed, and exchanged again: 2·log2 N
         * messages (Rabenseifner's, in Thakur, Rabenseifner and Gropp 2005, "Optimization of
         * Collective Communication Operations in MPICH", section 4.5). NCCL's trees need about as
         * many.
         */
        HALVING
    }

    /** Rejects what is not positive. */
    public Wire {
        if (!(bytesPerSecond > 0 && bytesPerSecond < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(
                    "bytes per second = " + bytesPerSecond + ": use a number above 0");
        }
        if (!(latencySeconds >= 0 && latencySeconds < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("latency = " + latencySeconds + " s: use 0 or more");
        }
    }

    /**
     * {@return seconds of a sum over ranks: messages' latencies, and 2(N − 1)/N of the bytes, which
     * each rank has to send in either algorithm; additions are not counted}
     *
     * @param bytes of what is summed
     * @param ranks 1 or more
     * @param algorithm by which the ranks exchange
     */
    public double allReduceSeconds(long bytes, int ranks, Algorithm algorithm) {
        Objects.requireNonNull(algorithm, "algorithm");
        if (ranks < 1) {
            throw new IllegalArgumentException("ranks = " + ranks + ": use 1 or more");
        }
        int log2 = Integer.SIZE - Integer.numberOfLeadingZeros(ranks - 1);
        int messages =
                switch (algorithm) {
                    case RING -> 2 * (ranks - 1);
                    case HALVING -> 2 * log2;
                };
        return messages * latencySeconds + 2.0 * (ranks - 1) / ranks * bytes / bytesPerSecond;
    }
}
