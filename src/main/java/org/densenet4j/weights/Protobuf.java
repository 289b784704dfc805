package org.densenet4j.weights;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A protobuf message that is being put together (protobuf.dev/programming-guides/encoding): fields
 * by number, in the order in which they are added. Large arrays are asked for when it is their turn
 * to be written, so that a model is never in memory twice.
 */
final class Protobuf {
    private static final int VARINT = 0;
    private static final int LENGTH = 2;
    private static final int FIXED32 = 5;
    private static final int BUFFER_FLOATS = 1 << 14;

    /** Floats that are read when they are written. */
    interface Floats {
        float[] read() throws IOException;
    }

    private record LazyFloats(Floats source, long bytes) {}

    private final List<Object> parts = new ArrayList<>();
    private long size;

    /** A varint field: integers and enums. */
    Protobuf number(int field, long value) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        varint((long) field << 3 | VARINT, bytes);
        varint(value, bytes);
        return add(bytes.toByteArray());
    }

    /** A float field. */
    Protobuf number(int field, float value) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        varint((long) field << 3 | FIXED32, bytes);
        int bits = Float.floatToRawIntBits(value);
        for (int shift = 0; shift < 32; shift += 8) {
            bytes.write(bits >> shift);
        }
        return add(bytes.toByteArray());
    }

    /** A string field. */
    Protobuf text(int field, String value) {
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        start(field, utf8.length);
        return add(utf8);
    }

    /** A message inside this one. */
    Protobuf message(int field, Protobuf value) {
        start(field, value.size);
        parts.add(value);
        size += value.size;
        return this;
    }

    /** A bytes field of little-endian floats. */
    Protobuf floats(int field, long count, Floats source) {
        start(field, 4 * count);
        parts.add(new LazyFloats(source, 4 * count));
        size += 4 * count;
        return this;
    }

    private void start(int field, long length) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        varint((long) field << 3 | LENGTH, bytes);
        varint(length, bytes);
        add(bytes.toByteArray());
    }

    private Protobuf add(byte[] bytes) {
        parts.add(bytes);
        size += bytes.length;
        return this;
    }

    private static void varint(long value, ByteArrayOutputStream out) {
        long rest = value;
        while ((rest & ~0x7FL) != 0) {
            out.write((int) (rest & 0x7F | 0x80));
            rest >>>= 7;
        }
        out.write((int) rest);
    }

    /** Writes the whole message. */
    void writeTo(WritableByteChannel channel) throws IOException {
        for (Object part : parts) {
            switch (part) {
                case byte[] bytes -> write(ByteBuffer.wrap(bytes), channel);
                case LazyFloats floats -> write(floats, channel);
                default -> ((Protobuf) part).writeTo(channel);
            }
        }
    }

    private static void write(LazyFloats floats, WritableByteChannel channel) throws IOException {
        float[] values = floats.source().read();
        if (4L * values.length != floats.bytes()) {
            throw new IllegalStateException("the values changed their length");
        }
        ByteBuffer buffer = ByteBuffer.allocate(4 * BUFFER_FLOATS).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at < values.length; at += BUFFER_FLOATS) {
            int count = Math.min(BUFFER_FLOATS, values.length - at);
            buffer.clear();
            buffer.asFloatBuffer().put(values, at, count);
            write(buffer.limit(4 * count), channel);
        }
    }

    private static void write(ByteBuffer buffer, WritableByteChannel channel) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }
}
