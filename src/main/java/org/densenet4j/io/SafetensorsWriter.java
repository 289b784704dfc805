package org.densenet4j.io;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;

/**
 * Writes a safetensors file, all of it or nothing: the file appears under its name only when it is
 * complete and on the disk (see {@link AtomicFile}).
 *
 * <pre>{@code
 * new SafetensorsWriter().metadata("format", "pt").floats(name, shape, () -> values).write(path);
 * }</pre>
 */
public final class SafetensorsWriter {
    private static final int BUFFER = 1 << 16;

    private record Entry(ElementType type, List<Integer> shape, Supplier<?> values) {
        long bytes() {
            long bytes = type.bytes();
            for (int dimension : shape) {
                bytes = Math.multiplyExact(bytes, (long) dimension);
            }
            return bytes;
        }
    }

    private final Map<String, Entry> entries = new LinkedHashMap<>();
    private final Map<String, String> metadata = new LinkedHashMap<>();

    private boolean sealed;

    /** A file without tensors, which the other methods add. */
    public SafetensorsWriter() {}

    /**
     * Adds an entry to {@code __metadata__}.
     *
     * @param key of the entry; a later one of this key replaces it
     * @param value any text
     * @return this
     */
    public SafetensorsWriter metadata(String key, String value) {
        metadata.put(Objects.requireNonNull(key, "key"), Objects.requireNonNull(value, "value"));
        return this;
    }

    /**
     * Adds a {@link Checksum}; the file is read back and compared with it before it takes the place
     * of what was at its path.
     *
     * @return this
     */
    public SafetensorsWriter sealed() {
        sealed = true;
        return metadata(Checksum.KEY, Checksum.PLACEHOLDER);
    }

    /**
     * Adds a float32 tensor, whose values are asked for when it is its turn to be written.
     *
     * @param name of the tensor, which no other has
     * @param shape sides of 0 or more; none for a single value
     * @param values gives as many numbers as the shape asks for, in row-major order
     * @return this
     */
    public SafetensorsWriter floats(String name, List<Integer> shape, Supplier<float[]> values) {
        return add(name, ElementType.F32, shape, values);
    }

    /**
     * Adds an int64 tensor.
     *
     * @param name of the tensor, which no other has
     * @param shape sides of 0 or more; none for a single value
     * @param values gives as many numbers as the shape asks for, in row-major order
     * @return this
     */
    public SafetensorsWriter longs(String name, List<Integer> shape, Supplier<long[]> values) {
        return add(name, ElementType.I64, shape, values);
    }

    private SafetensorsWriter add(
            String name, ElementType type, List<Integer> shape, Supplier<?> values) {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(values, "values");
        for (Integer side : Objects.requireNonNull(shape, "shape")) {
            if (Objects.requireNonNull(side, "shape") < 0) {
                throw new IllegalArgumentException(
                        "shape = " + shape + " of '" + name + "': use sides of 0 or more");
            }
        }
        if (entries.put(name, new Entry(type, List.copyOf(shape), values)) != null) {
            throw new IllegalArgumentException("tensor '" + name + "' is there twice");
        }
        return this;
    }

    /**
     * Writes the file. When this fails, whatever was at {@code path} before is still there.
     *
     * @param path where the file goes
     * @throws IOException with one line that names the file and the reason
     */
    public void write(Path path) throws IOException {
        Objects.requireNonNull(path, "path");
        AtomicFile.write(
                path,
                this::writeTo,
                temporary -> {
                    if (sealed) {
                        Checksum.seal(temporary);
                        Checksum.verify(temporary);
                    }
                });
    }

    private void writeTo(WritableByteChannel channel) throws IOException {
        byte[] header = header();
        ByteBuffer buffer = ByteBuffer.allocate(BUFFER).order(ByteOrder.LITTLE_ENDIAN);
        buffer.putLong(header.length);
        flush(buffer, channel);
        writeFully(ByteBuffer.wrap(header), channel);
        for (Map.Entry<String, Entry> named : entries.entrySet()) {
            Entry entry = named.getValue();
            long expected = entry.bytes() / entry.type().bytes();
            long written;
            if (entry.values().get() instanceof float[] floats) {
                written = floats.length;
                for (float value : floats) {
                    room(buffer, channel).putFloat(value);
                }
            } else {
                long[] longs = (long[]) entry.values().get();
                written = longs.length;
                for (long value : longs) {
                    room(buffer, channel).putLong(value);
                }
            }
            if (written != expected) {
                throw new IllegalArgumentException(
                        "tensor '"
                                + named.getKey()
                                + "' has "
                                + written
                                + " values, its shape "
                                + entry.shape()
                                + " asks for "
                                + expected);
            }
        }
        flush(buffer, channel);
    }

    private static ByteBuffer room(ByteBuffer buffer, WritableByteChannel channel)
            throws IOException {
        if (buffer.remaining() < 8) {
            flush(buffer, channel);
        }
        return buffer;
    }

    private static void flush(ByteBuffer buffer, WritableByteChannel channel) throws IOException {
        writeFully(buffer.flip(), channel);
        buffer.clear();
    }

    private static void writeFully(ByteBuffer buffer, WritableByteChannel channel)
            throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    private byte[] header() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (JsonGenerator json = new JsonFactory().createGenerator(bytes)) {
            json.writeStartObject();
            if (!metadata.isEmpty()) {
                json.writeObjectFieldStart("__metadata__");
                for (Map.Entry<String, String> entry : metadata.entrySet()) {
                    json.writeStringField(entry.getKey(), entry.getValue());
                }
                json.writeEndObject();
            }
            long offset = 0;
            for (Map.Entry<String, Entry> named : entries.entrySet()) {
                Entry entry = named.getValue();
                json.writeObjectFieldStart(named.getKey());
                json.writeStringField("dtype", entry.type().name());
                json.writeArrayFieldStart("shape");
                for (int dimension : entry.shape()) {
                    json.writeNumber(dimension);
                }
                json.writeEndArray();
                json.writeArrayFieldStart("data_offsets");
                json.writeNumber(offset);
                offset = Math.addExact(offset, entry.bytes());
                json.writeNumber(offset);
                json.writeEndArray();
                json.writeEndObject();
            }
            json.writeEndObject();
        }
        // Spaces at the end, so that the data starts on an 8-byte boundary.
        byte[] header = bytes.toByteArray();
        byte[] padded = Arrays.copyOf(header, (header.length + 7) / 8 * 8);
        Arrays.fill(padded, header.length, padded.length, (byte) ' ');
        return padded;
    }
}
