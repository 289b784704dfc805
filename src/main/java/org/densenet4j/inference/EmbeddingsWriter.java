package org.densenet4j.inference;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.densenet4j.io.AtomicFile;
import org.densenet4j.io.Csv;
import org.densenet4j.io.OneLine;
import org.densenet4j.report.Json;

import java.io.BufferedOutputStream;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.Writer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** Writes embeddings, one row per image, for other tools. */
public enum EmbeddingsWriter {
    /** {@code file,e0,e1,…}: one line per image; a value that is not finite is an empty cell. */
    CSV {
        @Override
        void write(List<String> names, List<float[]> rows, int length, WritableByteChannel channel)
                throws IOException {
            try (Writer out = new BufferedWriter(Channels.newWriter(channel, UTF_8))) {
                List<Object> header = new ArrayList<>(List.of("file"));
                for (int i = 0; i < length; i++) {
                    header.add("e" + i);
                }
                out.write(new Csv().row(header).toString());
                for (int r = 0; r < rows.size(); r++) {
                    List<Object> row = new ArrayList<>(List.of(names.get(r)));
                    for (float value : rows.get(r)) {
                        row.add(value);
                    }
                    out.write(new Csv().row(row).toString());
                }
            }
        }
    },

    /** {@code [{"file": …, "embedding": […]}, …]}; a value that is not finite is null. */
    JSON {
        @Override
        void write(List<String> names, List<float[]> rows, int length, WritableByteChannel channel)
                throws IOException {
            try (OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel));
                    Json.Array array = Json.array(out)) {
                for (int r = 0; r < rows.size(); r++) {
                    array.add(Json.object("file", names.get(r), "embedding", rows.get(r)));
                }
            }
        }
    },

    /**
     * NumPy's format 1.0 (numpy.lib.format): float32 [images, length]. It has no room for names;
     * they are in a text file of the same name with {@code .txt} behind it, one a line, control
     * characters as {@link OneLine} writes them.
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
     * @param path the file
     * @param names of the images
     * @param rows their embeddings
     * @param length of an embedding
     * @throws IOException in one line when writing fails
     */
    public void write(Path path, List<String> names, List<float[]> rows, int length)
            throws IOException {
        Objects.requireNonNull(path, "path");
        Objects.requireNonNull(names, "names");
        Objects.requireNonNull(rows, "rows");
        if (names.size() != rows.size()) {
            throw new IllegalArgumentException(
                    names.size() + " names for " + rows.size() + " rows: give one for each");
        }
        for (float[] row : rows) {
            if (Objects.requireNonNull(row, "rows").length != length) {
                throw new IllegalArgumentException(
                        "length = " + length + ": a row has " + row.length + " values");
            }
        }
        AtomicFile.write(path, channel -> write(names, rows, length, unclosable(channel)));
        if (this == NPY) {
            StringBuilder lines = new StringBuilder();
            names.forEach(name -> lines.append(OneLine.of(name)).append('\n'));
            AtomicFile.write(files(path).getLast(), lines.toString());
        }
    }

    /**
     * {@return what {@link #write} writes}
     *
     * @param path the file
     */
    public List<Path> files(Path path) {
        Objects.requireNonNull(path, "path");
        return this == NPY
                ? List.of(path, path.resolveSibling(path.getFileName() + ".txt"))
                : List.of(path);
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
