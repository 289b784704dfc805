package org.densenet4j.train;

import org.densenet4j.io.FailureReason;
import org.jspecify.annotations.Nullable;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;

/**
 * Scalars in the file format of TensorBoard: records of a length, its checksum, an {@code Event}
 * message and its checksum. The three messages that scalars need (tensorflow/core/util/event.proto,
 * framework/summary.proto) are a few bytes each, which is why no protobuf library is used.
 *
 * <p>Each start of a run writes a file of its own, whose first events tell TensorBoard to forget
 * what earlier files say about later steps.
 */
final class EventFile implements AutoCloseable {
    private static final int VARINT = 0;
    private static final int FIXED64 = 1;
    private static final int BYTES = 2;
    private static final int FIXED32 = 5;

    // Field numbers of Event, SessionLog and Summary.Value.
    private static final int WALL_TIME = 1;
    private static final int STEP = 2;
    private static final int FILE_VERSION = 3;
    private static final int SUMMARY = 5;
    private static final int SESSION_LOG = 7;
    private static final int SESSION_STATUS = 1;
    private static final int SESSION_START = 1;
    private static final int SUMMARY_VALUE = 1;
    private static final int TAG = 1;
    private static final int SIMPLE_VALUE = 2;

    private final @Nullable Path path;
    private final @Nullable FileChannel channel;
    private final ByteArrayOutputStream pending = new ByteArrayOutputStream();

    /**
     * Creates a file.
     *
     * @param firstStep what earlier files say from here on no longer holds
     * @throws IOException in one line with the path
     */
    EventFile(RunFolder run, long firstStep) throws IOException {
        this(run.path(), run.isWritten(), firstStep);
    }

    EventFile(Path folder, long firstStep) throws IOException {
        this(folder, true, firstStep);
    }

    /**
     * @param written false for a rank that leaves it to rank 0
     */
    private EventFile(Path folder, boolean written, long firstStep) throws IOException {
        if (!written) {
            path = null;
            channel = null;
            return;
        }
        long millis = System.currentTimeMillis();
        path =
                folder.resolve(
                        "events.out.tfevents."
                                + millis / 1000
                                + "."
                                + host()
                                + "."
                                + ProcessHandle.current().pid()
                                + "."
                                + millis % 1000);
        channel = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        Message version = event(0);
        version.bytes(FILE_VERSION, "brain.Event:2".getBytes(StandardCharsets.UTF_8));
        record(version);
        Message start = event(firstStep);
        start.bytes(SESSION_LOG, new Message().varint(SESSION_STATUS, SESSION_START).toBytes());
        record(start);
        flush();
    }

    private static String host() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "localhost";
        }
    }

    Path path() {
        return path;
    }

    /** Adds a value to a curve; {@link #flush} writes it. */
    void scalar(String tag, long step, double value) {
        if (!Double.isFinite(value)) {
            return; // a curve has no point there
        }
        Message point =
                new Message()
                        .bytes(TAG, tag.getBytes(StandardCharsets.UTF_8))
                        .fixed32(SIMPLE_VALUE, Float.floatToIntBits((float) value));
        Message summary = new Message().bytes(SUMMARY_VALUE, point.toBytes());
        record(event(step).bytes(SUMMARY, summary.toBytes()));
    }

    private static Message event(long step) {
        double seconds = System.currentTimeMillis() / 1e3;
        return new Message()
                .fixed64(WALL_TIME, Double.doubleToLongBits(seconds))
                .varint(STEP, step);
    }

    private void record(Message message) {
        byte[] data = message.toBytes();
        byte[] length =
                ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(data.length).array();
        pending.writeBytes(length);
        pending.writeBytes(maskedChecksum(length));
        pending.writeBytes(data);
        pending.writeBytes(maskedChecksum(data));
    }

    /** TFRecord's mask, so that a checksum of a checksum is not trivial. */
    private static byte[] maskedChecksum(byte[] bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        int value = (int) crc.getValue();
        int masked = (value >>> 15 | value << 17) + 0xA282EAD8;
        return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(masked).array();
    }

    /**
     * Writes what was added.
     *
     * @throws IOException in one line with the path
     */
    void flush() throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(pending.toByteArray());
        if (channel == null) {
            pending.reset();
            return;
        }
        try {
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
        } catch (IOException e) {
            throw new IOException("cannot write " + path + ": " + FailureReason.of(e), e);
        }
        pending.reset();
    }

    @Override
    public void close() throws IOException {
        if (channel != null) {
            channel.close();
        }
    }

    /** A protobuf message under construction. */
    private static final class Message {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        private void raw(long value) {
            while ((value & ~0x7FL) != 0) {
                out.write((int) (value & 0x7F | 0x80));
                value >>>= 7;
            }
            out.write((int) value);
        }

        private void key(int field, int type) {
            raw((long) field << 3 | type);
        }

        Message varint(int field, long value) {
            key(field, VARINT);
            raw(value);
            return this;
        }

        Message bytes(int field, byte[] value) {
            key(field, BYTES);
            raw(value.length);
            out.writeBytes(value);
            return this;
        }

        Message fixed32(int field, int value) {
            key(field, FIXED32);
            out.writeBytes(
                    ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
            return this;
        }

        Message fixed64(int field, long value) {
            key(field, FIXED64);
            out.writeBytes(
                    ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
            return this;
        }

        byte[] toBytes() {
            return out.toByteArray();
        }
    }
}
