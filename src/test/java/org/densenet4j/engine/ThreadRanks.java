package org.densenet4j.engine;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.densenet4j.distributed.Communicator;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Ranks that are threads of one process, and sum in the order of their numbers. */
public final class ThreadRanks {
    private static final int PATIENCE_SECONDS = 120;

    private final double[][] shown;
    private final CyclicBarrier barrier;
    private byte[] sent = new byte[0];

    private ThreadRanks(int count) {
        shown = new double[count][];
        barrier = new CyclicBarrier(count);
    }

    /** As many communicators, each for a thread of its own. */
    public static List<Communicator> of(int count) {
        ThreadRanks ranks = new ThreadRanks(count);
        List<Communicator> all = new ArrayList<>();
        for (int rank = 0; rank < count; rank++) {
            all.add(ranks.new Rank(rank));
        }
        return all;
    }

    private final class Rank implements Communicator {
        private final int number;

        Rank(int number) {
            this.number = number;
        }

        @Override
        public int rank() {
            return number;
        }

        @Override
        public int worldSize() {
            return shown.length;
        }

        @Override
        public int localRank() {
            return number;
        }

        @Override
        public void allReduce(MemorySegment floats) {
            double[] values = new double[Math.toIntExact(floats.byteSize() / Float.BYTES)];
            for (int i = 0; i < values.length; i++) {
                values[i] = floats.getAtIndex(JAVA_FLOAT, i);
            }
            allReduce(values);
            for (int i = 0; i < values.length; i++) {
                floats.setAtIndex(JAVA_FLOAT, i, (float) values[i]);
            }
        }

        @Override
        public void allReduce(double[] values) {
            shown[number] = values.clone();
            barrier();
            for (int i = 0; i < values.length; i++) {
                values[i] = 0;
                for (double[] one : shown) {
                    values[i] += one[i];
                }
            }
            barrier();
        }

        @Override
        public void broadcast(MemorySegment bytes, int root) {
            if (number == root) {
                sent = bytes.toArray(JAVA_BYTE); // a segment may be its thread's alone
            }
            barrier();
            bytes.copyFrom(MemorySegment.ofArray(sent));
            barrier();
        }

        @Override
        public void barrier() {
            try {
                barrier.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
            } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
                throw new IllegalStateException("a rank has not come", e);
            }
        }

        @Override
        public void abort(int exitCode) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void close() {}
    }
}
