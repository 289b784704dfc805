package org.densenet4j.io;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * An open safetensors file: 8 bytes of header length, a JSON header, raw little-endian data
 * (github.com/huggingface/safetensors).
 *
 * <p>Reading is strict. Lengths and offsets are checked against the file's size before anything is
 * believed; tensors may not overlap or leave gaps, sizes must equal shapes, names may not repeat.
 * The data is mapped and never copied as a whole. Close it to unmap; closing twice is allowed.
 */
public final class Safetensors implements TensorFile {
    /** The reference implementation's limit. */
    static final long MAX_HEADER = 100_000_000;

    private final Path path;
    private final Arena arena;
    private final MemorySegment all;
    private final Map<String, Tensor> tensors;
    private final Map<String, String> unreadable;
    private final Map<String, String> metadata;
    private volatile boolean closed;

    private Safetensors(
            Path path,
            Arena arena,
            MemorySegment all,
            Map<String, Tensor> tensors,
            Map<String, String> unreadable,
            Map<String, String> metadata) {
        this.path = path;
        this.arena = arena;
        this.all = all;
        this.tensors = tensors;
        this.unreadable = unreadable;
        this.metadata = metadata;
    }

    /**
     * Opens and checks a file.
     *
     * @param path of the file
     * @return the file, which the caller closes
     * @throws SafetensorsException when it is missing, unreadable or not valid, in one line
     * @throws IOException when reading fails
     */
    @SuppressWarnings("MustBeClosedChecker") // the arena passes to the returned object
    public static Safetensors open(Path path) throws IOException {
        Objects.requireNonNull(path, "path");
        if (Files.isDirectory(path)) {
            throw new SafetensorsException(path, "is a folder, not a safetensors file");
        }
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            Safetensors file = read(path, channel, arena);
            arena = null;
            return file;
        } catch (NoSuchFileException e) {
            throw new SafetensorsException(path, "no such file");
        } finally {
            if (arena != null) {
                arena.close();
            }
        }
    }

    private static Safetensors read(Path path, FileChannel channel, Arena arena)
            throws IOException {
        long size = channel.size();
        if (size < 8) {
            throw new SafetensorsException(
                    path, "has " + size + " bytes, too few for a safetensors file; truncated?");
        }
        MemorySegment all = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
        long headerLength =
                all.get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0);
        if (headerLength < 2 || headerLength > MAX_HEADER || headerLength > size - 8) {
            throw new SafetensorsException(
                    path,
                    "claims a header of "
                            + Long.toUnsignedString(headerLength)
                            + " bytes in a file of "
                            + size
                            + "; truncated, or not a safetensors file");
        }
        ByteBuffer header = all.asSlice(8, headerLength).asByteBuffer();
        SafetensorsHeader parsed = SafetensorsHeader.parse(path, header);
        parsed.checkPlacement(path, size - 8 - headerLength);
        MemorySegment data = all.asSlice(8 + headerLength);
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        Map<String, String> unreadable = new LinkedHashMap<>();
        for (SafetensorsHeader.Entry e : parsed.entries()) {
            if (e.type() == null) {
                unreadable.put(e.name(), OneLine.shortened(e.dtype()) + " " + e.shape());
                continue;
            }
            tensors.put(
                    e.name(),
                    new Tensor(
                            e.name(),
                            e.type(),
                            e.shape(),
                            data.asSlice(e.begin(), e.end() - e.begin())));
        }
        return new Safetensors(path, arena, all, tensors, unreadable, parsed.metadata());
    }

    /**
     * Compares the whole content with the {@link Checksum} in the metadata.
     *
     * @return false when there is none
     * @throws SafetensorsException in one line when they differ
     */
    public boolean verify() throws SafetensorsException {
        return Checksum.verify(path, all);
    }

    /** Names of all tensors, in the header's order. */
    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(tensors.keySet());
    }

    /** Whether there is a tensor of this name. */
    @Override
    public boolean contains(String name) {
        Objects.requireNonNull(name, "name");
        return tensors.containsKey(name);
    }

    /**
     * A tensor by name.
     *
     * @throws IllegalArgumentException when there is none
     * @throws IllegalStateException when the file is closed
     */
    @Override
    public Tensor tensor(String name) {
        Objects.requireNonNull(name, "name");
        if (closed) {
            throw new IllegalStateException(path + " is closed");
        }
        return find(name);
    }

    private Tensor find(String name) {
        Tensor tensor = tensors.get(name);
        if (unreadable.containsKey(name)) {
            throw new IllegalArgumentException(
                    "the tensor '" + name + "' is " + unreadable.get(name) + ", which is not read");
        }
        if (tensor == null) {
            throw new IllegalArgumentException("the file has no tensor named '" + name + "'");
        }
        return tensor;
    }

    @Override
    public TensorDescription describe(String name) {
        Objects.requireNonNull(name, "name");
        Tensor tensor = find(name);
        return new TensorDescription(tensor.type(), tensor.shape());
    }

    /** Tensors of other dtypes than {@link ElementType}. */
    @Override
    public Map<String, String> unreadable() {
        return Collections.unmodifiableMap(unreadable);
    }

    /** The header's {@code __metadata__}. */
    @Override
    public Map<String, String> metadata() {
        return metadata;
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            arena.close();
        }
    }
}
