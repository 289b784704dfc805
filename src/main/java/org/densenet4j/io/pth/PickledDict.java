package org.densenet4j.io.pth;

import org.densenet4j.io.OneLine;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * A pickled dictionary of plain values and NumPy's arrays of bytes, as data sets are published in
 * Python. Nothing in the file is executed, whatever it asks for.
 */
public final class PickledDict {
    private static final long LARGEST = 1L << 30;

    private final Path path;
    private final Map<?, ?> values;

    private PickledDict(Path path, Map<?, ?> values) {
        this.path = path;
        this.values = values;
    }

    /**
     * An array of bytes.
     *
     * @param shape dimensions, row-major
     * @param data its bytes, as many as the shape says
     */
    public record Bytes(List<Long> shape, byte[] data) {
        /** Keeps a copy of the shape. */
        public Bytes {
            shape = List.copyOf(shape);
            Objects.requireNonNull(data, "data");
        }
    }

    /**
     * Reads a file.
     *
     * @param path of Python 2 or 3, protocols 0 to 5
     * @return what is in it
     * @throws IOException in one line when it is no pickle of a dictionary, broken, or too large
     */
    public static PickledDict read(Path path) throws IOException {
        Objects.requireNonNull(path, "path");
        if (Files.size(path) > LARGEST) {
            throw new IOException(path + ": has " + Files.size(path) + " bytes, too many");
        }
        Object read;
        try {
            read = PickleReader.readData(ByteBuffer.wrap(Files.readAllBytes(path)));
        } catch (PickleException e) {
            throw new IOException(path + ": " + e.getMessage(), e);
        }
        if (!(read instanceof Map<?, ?> map)) {
            throw new IOException(path + ": is no pickle of a dictionary");
        }
        return new PickledDict(path, map);
    }

    /**
     * {@return a list of whole numbers}
     *
     * @param key of the dictionary
     * @throws IOException in one line when there is none
     */
    public long[] integers(String key) throws IOException {
        List<Long> numbers = list(key, Long.class, "whole numbers");
        return numbers.stream().mapToLong(Long::longValue).toArray();
    }

    /**
     * {@return a list of texts}
     *
     * @param key of the dictionary
     * @throws IOException in one line when there is none
     */
    public List<String> texts(String key) throws IOException {
        return list(key, String.class, "texts");
    }

    private <T> List<T> list(String key, Class<T> type, String what) throws IOException {
        List<T> found = new ArrayList<>();
        if (value(key) instanceof List<?> list && list.stream().allMatch(type::isInstance)) {
            list.forEach(one -> found.add(type.cast(one)));
            return found;
        }
        throw new IOException(path + ": '" + key + "' is no list of " + what);
    }

    /**
     * {@return an array of bytes (uint8), row-major}
     *
     * @param key of the dictionary
     * @throws IOException in one line when there is none
     */
    public Bytes bytes(String key) throws IOException {
        // version, shape, type, whether columns come first, data: ndarray.__setstate__
        if (value(key) instanceof Placeholder array
                && array.arrayState() instanceof List<?> state
                && state.size() == 5
                && state.get(1) instanceof List<?> sides
                && sides.stream().allMatch(Long.class::isInstance)
                && Boolean.FALSE.equals(state.get(3))) {
            List<Long> shape = sides.stream().map(Long.class::cast).toList();
            byte[] data = data(state.get(4));
            long wanted = 1;
            for (long side : shape) {
                wanted = side < 0 || side > LARGEST ? -1 : wanted * side;
            }
            if (data != null && data.length == wanted) {
                return new Bytes(shape, data);
            }
        }
        throw new IOException(path + ": '" + key + "' is no array of bytes (numpy.uint8)");
    }

    private static byte[] data(Object value) {
        if (value instanceof ByteBuffer buffer) {
            byte[] copy = new byte[buffer.remaining()];
            buffer.duplicate().get(copy);
            return copy;
        }
        return value instanceof String text ? text.getBytes(StandardCharsets.ISO_8859_1) : null;
    }

    private Object value(String key) throws IOException {
        Objects.requireNonNull(key, "key");
        if (!values.containsKey(key)) {
            throw new IOException(
                    path
                            + ": has no '"
                            + key
                            + "', but "
                            + OneLine.listed(
                                    values.keySet().stream().map(String::valueOf).toList()));
        }
        return values.get(key);
    }
}
