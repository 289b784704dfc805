package org.densenet4j.standin;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.densenet4j.distributed.Communicator;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;

/**
 * The ranks of a job without a launcher: processes of this machine that meet at a port, whose
 * number rank 0 writes into a file. Rank 0 collects what the others have, in the order of their
 * ranks, and sends all of them the result.
 */
final class LoopbackRanks implements Communicator {
    private static final int PATIENCE_MILLIS = 120_000;

    private final int rank;
    private final int worldSize;
    private final List<Socket> others = new ArrayList<>();

    LoopbackRanks(int rank, int worldSize, Path meeting) throws IOException {
        this.rank = rank;
        this.worldSize = worldSize;
        if (rank == 0) {
            receive(meeting);
        } else {
            others.add(call(meeting));
            new DataOutputStream(others.getFirst().getOutputStream()).writeInt(rank);
        }
    }

    private void receive(Path meeting) throws IOException {
        try (ServerSocket server =
                new ServerSocket(0, worldSize, InetAddress.getLoopbackAddress())) {
            server.setSoTimeout(PATIENCE_MILLIS);
            Path written =
                    Files.writeString(meeting.resolveSibling("port"), "" + server.getLocalPort());
            Files.move(written, meeting, StandardCopyOption.ATOMIC_MOVE);
            Socket[] byRank = new Socket[worldSize];
            for (int i = 1; i < worldSize; i++) {
                Socket socket = server.accept();
                byRank[new DataInputStream(socket.getInputStream()).readInt()] = socket;
            }
            for (int i = 1; i < worldSize; i++) {
                others.add(byRank[i]);
            }
        }
    }

    private static Socket call(Path meeting) throws IOException {
        for (int waited = 0; !Files.exists(meeting); waited += 10) {
            if (waited > PATIENCE_MILLIS) {
                throw new IOException("rank 0 has not come");
            }
            pause();
        }
        int port = Integer.parseInt(Files.readString(meeting));
        return new Socket(InetAddress.getLoopbackAddress(), port);
    }

    private static void pause() {
        try {
            Thread.sleep(10);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
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
        return rank;
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
        ByteBuffer own = ByteBuffer.allocate(values.length * Double.BYTES);
        own.asDoubleBuffer().put(values);
        try {
            if (rank == 0) {
                byte[] all = new byte[own.capacity()];
                for (Socket other : others) {
                    new DataInputStream(other.getInputStream()).readFully(all);
                    for (int i = 0; i < values.length; i++) {
                        values[i] += ByteBuffer.wrap(all).getDouble(i * Double.BYTES);
                    }
                }
                own.asDoubleBuffer().put(values);
                for (Socket other : others) {
                    other.getOutputStream().write(own.array());
                }
            } else {
                others.getFirst().getOutputStream().write(own.array());
                new DataInputStream(others.getFirst().getInputStream()).readFully(own.array());
                own.asDoubleBuffer().get(values);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("a rank has ended", e);
        }
    }

    @Override
    public void broadcast(MemorySegment bytes, int root) {
        double[] values = new double[Math.toIntExact(bytes.byteSize())];
        for (int i = 0; i < values.length && rank == root; i++) {
            values[i] = bytes.get(JAVA_BYTE, i);
        }
        allReduce(values);
        for (int i = 0; i < values.length; i++) {
            bytes.set(JAVA_BYTE, i, (byte) values[i]);
        }
    }

    @Override
    public void barrier() {
        allReduce(new double[1]);
    }

    @Override
    public void abort(int exitCode) {
        Runtime.getRuntime().halt(exitCode);
    }

    @Override
    public void close() {
        barrier();
    }
}
