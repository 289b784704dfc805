package org.densenet4j.inference;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;

import org.densenet4j.io.AtomicFile;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/** Writes embeddings, one row per image, for other tools. */
public enum EmbeddingsWriter {
    /** {@code file,e0,e1,…}: one line per image. */
    CSV {
        @Override
        void write(List<String> names, List<float[]> rows, int length, WritableByteChannel channel)
                throws IOException {
            try (BufferedWriter out =
                    new BufferedWriter(Channels.newWriter(channel, StandardCharsets.UTF_8))) {
                out.write("file");
                for (int i = 0; i < length; i++) {
                    out.write(",e" + i);
                }
                out.write('\n');
                for (int r = 0; r < rows.size(); r++) {
                    out.write(quoted(names.get(r)));
                    for (float value : rows.get(r)) {
                        out.write("," + value);
                    }
                    out.write('\n');
                }
                out.flush();
            }
        }

        private String quoted(String text) {
            return text.matches("[^,\"\\r\\n]*") ? text : '"' + text.replace("\"", "\"\"") + '"';
        }
    },

    /** {@code [{"file": …, "embedding": […]}, …]}. */
    JSON {
        @Override
        void write(List<String> names, List<float[]> rows, int length, WritableByteChannel channel)
                throws IOException {
            try (JsonGenerator json =
                    new JsonFactory().createGenerator(Channels.newOutputStream(channel))) {
                json.writeStartArray();
                for (int r = 0; r < rows.size(); r++) {
                    json.writeStartObject();
                    json.writeStringField("file", names.get(r));
                    json.writeArrayFieldStart("embedding");
                    for (float value : rows.get(r)) {
                        json.writeNumber(value);
                    }
                    json.writeEndArray();
                    json.writeEndObject();
                }
                json.writeEndArray();
                json.flush();
            }
        }
    },

    /**
     * NumPy's format 1.0 (numpy.lib.format): float32 [images, length]. It has no room for names;
     * they are in a text file of the same name with {@code .txt} behind it, one a line.
     */
    NPY {
        @Override
        void write(List<String> names, List<float[]> rows, int length, WritableByteChannel channel)
                throws IOException {
            String header =
                    "{'descr': '<f4', 'fortran_order': False, 'shape': ("
                            + rows.size()
                            + ", "
                            + length
                            + "), }";
            int padded = (10 + header.length() + 1 + 63) / 64 * 64;
            ByteBuffer head = ByteBuffer.allocate(padded).order(ByteOrder.LITTLE_ENDIAN);
            head.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII));
            head.put((byte) 1).put((byte) 0).putShort((short) (padded - 10));
            head.put(header.getBytes(StandardCharsets.US_ASCII));
            while (head.position() < padded - 1) {
                head.put((byte) ' ');
            }
            head.put((byte) '\n').flip();
            writeFully(head, channel);
            ByteBuffer row = ByteBuffer.allocate(4 * length).order(ByteOrder.LITTLE_ENDIAN);
            for (float[] values : rows) {
                row.clear();
                row.asFloatBuffer().put(values);
                writeFully(row, channel);
            }
        }

        private void writeFully(ByteBuffer buffer, WritableByteChannel channel) throws IOException {
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
        }
    };

    abstract void write(
            List<String> names, List<float[]> rows, int length, WritableByteChannel channel)
            throws IOException;

    /**
     * Writes a file, all of it or nothing.
     *
     * @param names of the images
     * @param rows their embeddings
     * @param length of an embedding
     * @throws IOException in one line when writing fails
     */
    public void write(Path path, List<String> names, List<float[]> rows, int length)
            throws IOException {
        AtomicFile.write(path, channel -> write(names, rows, length, unclosable(channel)));
        if (this == NPY) {
            AtomicFile.write(
                    path.resolveSibling(path.getFileName() + ".txt"),
                    String.join("\n", names) + "\n");
        }
    }

    /** Writers of text close what they write to, which is the atomic file's to close. */
    private static WritableByteChannel unclosable(WritableByteChannel channel) {
        return new WritableByteChannel() {
            @Override
            public int write(ByteBuffer source) throws IOException {
                return channel.write(source);
            }

            @Override
            public boolean isOpen() {
                return channel.isOpen();
            }

            @Override
            public void close() {
                // left open
            }
        };
    }
}
