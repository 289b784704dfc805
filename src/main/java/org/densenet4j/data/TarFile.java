package org.densenet4j.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * Where the files in a tar archive lie (POSIX.1-1988 ustar, pax, and GNU's long names). Only
 * headers are read: the files are bytes of the archive, which can be read in any order later.
 */
final class TarFile {
    private static final int BLOCK = 512;
    private static final int CHECKSUM = 148;
    private static final int MOST_NAME = 1 << 20;

    private final Path path;
    private final FileChannel channel;
    private final long size;
    private final List<Entry> entries = new ArrayList<>();

    /**
     * A regular file in the archive.
     *
     * @param name with folders
     * @param offset of its first byte in the archive
     * @param size in bytes
     */
    record Entry(String name, long offset, long size) {}

    private TarFile(Path path, FileChannel channel) throws IOException {
        this.path = path;
        this.channel = channel;
        this.size = channel.size();
    }

    /**
     * The regular files in the order of the archive.
     *
     * @throws DataException in one line when it is broken, compressed or no tar archive
     */
    static List<Entry> entries(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            TarFile file = new TarFile(path, channel);
            file.scan();
            return file.entries;
        }
    }

    /** The content of a file; nothing else of the archive is looked at. */
    static byte[] read(Path path, long offset, int length) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            ByteBuffer content = ByteBuffer.allocate(length);
            while (content.hasRemaining()) {
                if (channel.read(content, offset + content.position()) < 0) {
                    throw new DataException(path + ": is shorter than it was; changed since?");
                }
            }
            return content.array();
        }
    }

    private void scan() throws IOException {
        long at = 0;
        String longName = null;
        long longSize = -1;
        while (at < size) {
            ByteBuffer header = bytes(at, BLOCK);
            if (isZero(header)) {
                return; // what follows is padding
            }
            check(header, at);
            long length = longSize >= 0 ? longSize : number(header, 124, 12, at);
            long data = at + BLOCK;
            long next = data + (length + BLOCK - 1) / BLOCK * BLOCK; // files are padded to blocks
            if (length < 0 || length > size - data || next > size) {
                throw new DataException(
                        path
                                + ": truncated: '"
                                + name(header)
                                + "' at byte "
                                + at
                                + " has "
                                + length
                                + " bytes, and the archive ends before");
            }
            char type = (char) header.get(156);
            switch (type) {
                case 'L' -> longName = text(data, length);
                case 'x' -> {
                    String extended = text(data, length);
                    longName = value(extended, "path", longName);
                    String extendedSize = value(extended, "size", null);
                    longSize = extendedSize == null ? -1 : parsed(extendedSize, at);
                }
                case '0', '\0', '7' -> {
                    String name = longName == null ? name(header) : longName;
                    entries.add(new Entry(name, data, length));
                    longName = null;
                    longSize = -1;
                }
                default -> { // folders, links, what is said of all files
                    longName = type == 'K' || type == 'g' ? longName : null;
                    longSize = type == 'K' || type == 'g' ? longSize : -1;
                }
            }
            at = next;
        }
    }

    private ByteBuffer bytes(long at, int count) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(count);
        while (bytes.hasRemaining() && channel.read(bytes, at + bytes.position()) >= 0) {
            continue;
        }
        if (bytes.hasRemaining()) {
            throw new DataException(path + ": truncated: it ends within a header at byte " + at);
        }
        return bytes.flip();
    }

    private static boolean isZero(ByteBuffer block) {
        for (int i = 0; i < BLOCK; i++) {
            if (block.get(i) != 0) {
                return false;
            }
        }
        return true;
    }

    /** The sum of all bytes of a header, with spaces in the place of the sum. */
    private void check(ByteBuffer header, long at) throws IOException {
        long sum = 0;
        for (int i = 0; i < BLOCK; i++) {
            sum += i >= CHECKSUM && i < CHECKSUM + 8 ? ' ' : header.get(i) & 0xFF;
        }
        if (sum == number(header, CHECKSUM, 8, at)) {
            return;
        }
        if (at == 0) {
            boolean gzip = header.get(0) == 0x1f && (header.get(1) & 0xFF) == 0x8b;
            throw new DataException(
                    path
                            + (gzip
                                    ? ": is compressed; shards are read in place: unpack it with"
                                            + " gunzip"
                                    : ": is no tar archive"));
        }
        throw new DataException(path + ": broken: the header at byte " + at + " has a wrong sum");
    }

    /** In octal digits, or in base 256 where the first bit is set. */
    private long number(ByteBuffer header, int from, int length, long at) throws IOException {
        if ((header.get(from) & 0x80) != 0) {
            long value = header.get(from) & 0x7F;
            for (int i = 1; i < length; i++) {
                value = value << 8 | header.get(from + i) & 0xFF;
            }
            return value;
        }
        String digits = ascii(header, from, length).strip();
        try {
            return digits.isEmpty() ? 0 : Long.parseLong(digits, 8);
        } catch (NumberFormatException e) {
            throw new DataException(
                    path
                            + (at == 0
                                    ? ": is no tar archive"
                                    : ": broken: the header at byte " + at + " has no number"),
                    e);
        }
    }

    private long parsed(String digits, long at) throws IOException {
        try {
            return Long.parseLong(digits);
        } catch (NumberFormatException e) {
            throw new DataException(
                    path + ": broken: the header at byte " + at + " has no number", e);
        }
    }

    private static String name(ByteBuffer header) {
        String name = ascii(header, 0, 100);
        boolean ustar = ascii(header, 257, 5).equals("ustar") && header.get(262) == 0;
        String prefix = ustar ? ascii(header, 345, 155) : "";
        return prefix.isEmpty() ? name : prefix + "/" + name;
    }

    private static String ascii(ByteBuffer header, int from, int length) {
        int end = from;
        while (end < from + length && header.get(end) != 0) {
            end++;
        }
        return new String(header.array(), from, end - from, StandardCharsets.UTF_8);
    }

    private String text(long at, long length) throws IOException {
        if (length > MOST_NAME) {
            throw new DataException(path + ": broken: a name of " + length + " bytes at " + at);
        }
        String text = new String(bytes(at, (int) length).array(), StandardCharsets.UTF_8);
        int end = text.indexOf('\0');
        return end < 0 ? text : text.substring(0, end);
    }

    /** Of the records {@code LENGTH KEY=VALUE\n} of a pax header. */
    private static String value(String extended, String key, String otherwise) {
        for (String line : extended.split("\n", -1)) {
            int space = line.indexOf(' ');
            if (space > 0 && line.startsWith(key + "=", space + 1)) {
                return line.substring(space + 2 + key.length());
            }
        }
        return otherwise;
    }
}
