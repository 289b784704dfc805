package org.densenet4j.io.pth;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The format before PyTorch 1.6, in which torchvision's DenseNet weights of 2017 still are: five
 * pickles one behind the other (magic number, version, system, the value, keys of its storages),
 * then for each key the number of elements as 64 bits and the elements.
 */
final class LegacyContainer implements PthContainer {
    private static final BigInteger MAGIC_NUMBER = new BigInteger("1950a86a20f9469cfc6c", 16);
    private static final char PROTOCOL = 0x80;
    private static final char FRAME = 0x95;

    /** {@code LONG1}, its length and the number's first bytes. */
    private static final String LONG1_MAGIC = "\u008a\n\u006c\u00fc\u009c\u0046";

    private static final long VERSION = 1001;
    private static final int MAX_PICKLE = 64 << 20;
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Arena arena;
    private final Object root;
    private final Map<Storage, MemorySegment> data;
    private boolean closed;

    private LegacyContainer(Arena arena, Object root, Map<Storage, MemorySegment> data) {
        this.arena = arena;
        this.root = root;
        this.data = data;
    }

    /** Whether a file starts with a pickle of the magic number, by whatever protocol. */
    static boolean recognises(byte[] head) {
        String text = new String(head, StandardCharsets.ISO_8859_1);
        return text.startsWith("L" + MAGIC_NUMBER)
                || text.length() > 2
                        && text.charAt(0) == PROTOCOL
                        && (text.startsWith(LONG1_MAGIC, 2)
                                || text.charAt(2) == FRAME && text.startsWith(LONG1_MAGIC, 11));
    }

    @SuppressWarnings("MustBeClosedChecker") // the arena passes to the returned object
    static LegacyContainer open(Path path) throws IOException {
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            MemorySegment all =
                    channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            LegacyContainer container = read(arena, all);
            arena = null;
            return container;
        } finally {
            if (arena != null) {
                arena.close();
            }
        }
    }

    private static LegacyContainer read(Arena arena, MemorySegment all) throws PickleException {
        long most = Math.min(all.byteSize(), MAX_PICKLE);
        ByteBuffer in = all.asSlice(0, most).asByteBuffer();
        Map<String, Storage> storages = new HashMap<>();
        if (!MAGIC_NUMBER.equals(PickleReader.read(in, storages))
                || !Long.valueOf(VERSION).equals(PickleReader.read(in, storages))) {
            throw new PickleException("is not a PyTorch checkpoint");
        }
        if (PickleReader.read(in, storages) instanceof Map<?, ?> system
                && Boolean.FALSE.equals(system.get("little_endian"))) {
            throw new PickleException("was not written on a little-endian machine");
        }
        Object root = PickleReader.read(in, storages);
        if (!(PickleReader.read(in, storages) instanceof List<?> keys)) {
            throw new PickleException("lacks the list of its storages");
        }
        return new LegacyContainer(arena, root, place(all, in.position(), keys, storages));
    }

    /** Where the data of each storage lies; only the tensors know how long an element is. */
    private static Map<Storage, MemorySegment> place(
            MemorySegment all, long start, List<?> keys, Map<String, Storage> storages)
            throws PickleException {
        Map<Storage, MemorySegment> data = new HashMap<>();
        long at = start;
        for (Object key : keys) {
            Storage storage = key instanceof String name ? storages.get(name) : null;
            if (storage != null && storage.type().bytes() == 0) {
                throw new PickleException(
                        "has data of "
                                + storage.type().name()
                                + ", whose length is not known; save model.state_dict() alone");
            }
            if (storage == null
                    || at + Long.BYTES > all.byteSize()
                    || all.get(LONG, at) != storage.count()
                    || storage.bytes() > all.byteSize() - at - Long.BYTES) {
                throw new PickleException("the data does not fit its description; truncated?");
            }
            data.put(storage, all.asSlice(at + Long.BYTES, storage.bytes()));
            at += Long.BYTES + storage.bytes();
        }
        return data;
    }

    @Override
    public Object root() {
        return root;
    }

    @Override
    public byte[] read(Storage storage) throws IOException {
        MemorySegment bytes = data.get(storage);
        if (bytes == null) {
            throw new PickleException(
                    "lacks the data of storage '" + PickleReader.printable(storage.key()) + "'");
        }
        if (bytes.byteSize() > Integer.MAX_VALUE - 8) {
            throw new PickleException(
                    "storage '" + PickleReader.printable(storage.key()) + "' is too large");
        }
        return bytes.toArray(ValueLayout.JAVA_BYTE);
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            arena.close();
        }
    }
}
