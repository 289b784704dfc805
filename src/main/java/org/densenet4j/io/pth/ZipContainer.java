package org.densenet4j.io.pth;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * The format of PyTorch 1.6 and newer: a zip of stored (never compressed) records {@code
 * NAME/data.pkl} and {@code NAME/data/KEY}.
 *
 * <p>Compressed records are refused, and so are records that together claim more bytes than the
 * file has: with that no record can cost more memory than the file is long.
 */
final class ZipContainer implements PthContainer {
    /** The signature of a local file header, read big-endian. */
    static final int MAGIC = 0x504B_0304;

    private static final String PICKLE = "/data.pkl";
    private static final int MAX_PICKLE = 64 << 20;

    private final ZipFile zip;
    private final String folder;
    private final Object root;

    private ZipContainer(ZipFile zip, String folder, Object root) {
        this.zip = zip;
        this.folder = folder;
        this.root = root;
    }

    static ZipContainer open(Path path) throws IOException {
        ZipFile zip;
        try {
            zip = new ZipFile(path.toFile(), ZipFile.OPEN_READ, StandardCharsets.UTF_8);
        } catch (IOException | IllegalArgumentException e) {
            throw new PickleException("is not a whole zip file (" + reason(e) + "); truncated?");
        }
        try {
            String folder = folder(zip, Files.size(path));
            ZipEntry pickle = zip.getEntry(folder + PICKLE);
            if (pickle.getSize() > MAX_PICKLE) {
                throw new PickleException("has a pickle of " + pickle.getSize() + " bytes");
            }
            ZipEntry order = zip.getEntry(folder + "/byteorder");
            if (order != null
                    && (order.getSize() > 16
                            || !new String(bytes(zip, order), StandardCharsets.US_ASCII)
                                    .strip()
                                    .equals("little"))) {
                throw new PickleException("was not written on a little-endian machine");
            }
            Object root = PickleReader.read(ByteBuffer.wrap(bytes(zip, pickle)), new HashMap<>());
            ZipContainer container = new ZipContainer(zip, folder, root);
            zip = null;
            return container;
        } finally {
            if (zip != null) {
                zip.close();
            }
        }
    }

    /** Checks what all records claim, and finds the folder that they are in. */
    private static String folder(ZipFile zip, long fileSize) throws PickleException {
        String folder = null;
        long claimed = 0;
        ZipKind.refuse(zip);
        for (Enumeration<? extends ZipEntry> all = zip.entries(); all.hasMoreElements(); ) {
            ZipEntry entry = all.nextElement();
            String name = entry.getName();
            if (entry.getMethod() != ZipEntry.STORED
                    || entry.getSize() != entry.getCompressedSize()) {
                throw new PickleException(
                        "has the compressed record '"
                                + PickleReader.printable(name)
                                + "'; PyTorch never compresses");
            }
            claimed += entry.getSize();
            if (entry.getSize() < 0 || claimed > fileSize) {
                throw new PickleException("has records that are larger than the file");
            }
            if (name.endsWith(PICKLE) && name.indexOf('/') == name.length() - PICKLE.length()) {
                folder = name.substring(0, name.length() - PICKLE.length());
            }
        }
        if (folder == null) {
            throw new PickleException("is a zip file, but not a PyTorch checkpoint: no data.pkl");
        }
        return folder;
    }

    private static byte[] bytes(ZipFile zip, ZipEntry entry) throws IOException {
        byte[] bytes;
        try (InputStream in = zip.getInputStream(entry)) {
            bytes = in.readNBytes(Math.toIntExact(entry.getSize()));
        } catch (IOException | IllegalArgumentException | ArithmeticException e) {
            throw new PickleException("has a broken record (" + reason(e) + ")");
        }
        CRC32 crc = new CRC32();
        crc.update(bytes);
        if (bytes.length != entry.getSize() || crc.getValue() != entry.getCrc()) {
            throw new PickleException(
                    "has a damaged record '" + PickleReader.printable(entry.getName()) + "'");
        }
        return bytes;
    }

    private static String reason(Exception e) {
        return PickleReader.printable(e.getMessage() == null ? e.toString() : e.getMessage());
    }

    @Override
    public Object root() {
        return root;
    }

    @Override
    public byte[] read(Storage storage) throws IOException {
        ZipEntry entry = zip.getEntry(folder + "/data/" + storage.key());
        String name = PickleReader.printable(storage.key());
        if (entry == null) {
            throw new PickleException("lacks the data of storage '" + name + "'");
        }
        // What a buffer of bytes has behind the last whole element belongs to nothing.
        long rest = entry.getSize() - storage.bytes();
        if (rest < 0 || rest >= storage.type().bytes() || entry.getSize() > Integer.MAX_VALUE - 8) {
            throw new PickleException(
                    "storage '"
                            + name
                            + "' has "
                            + entry.getSize()
                            + " bytes, its tensors want "
                            + storage.bytes());
        }
        return bytes(zip, entry);
    }

    @Override
    public void close() {
        try {
            zip.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
