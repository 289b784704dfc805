package org.densenet4j.io;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Objects;

/**
 * Writes a file so that a reader, a crash or a full disk never sees half of it: into a temporary
 * file beside it, flushed to the disk, then renamed. A link stays and what it leads to is written.
 * Devices and pipes have no name to take: they get the bytes once these are complete.
 */
public final class AtomicFile {
    private static final Path STANDARD_OUTPUT = Path.of("/dev/stdout");

    /** Most bytes of a file's name on the usual file systems. */
    private static final int LONGEST_NAME = 255;

    private AtomicFile() {}

    /** Produces the content. */
    @FunctionalInterface
    public interface Content {
        /**
         * Writes everything to {@code channel}.
         *
         * @param channel where the content goes; the caller closes it
         * @throws IOException when it cannot be made or written; nothing is replaced then
         */
        void writeTo(WritableByteChannel channel) throws IOException;
    }

    /** Looks at the complete file before it takes the old one's place. */
    @FunctionalInterface
    interface Check {
        /** Throws when the file is not as it should be. */
        void check(Path temporary) throws IOException;
    }

    /**
     * Writes text as UTF-8 to {@code path}, replacing what is there.
     *
     * @param path file, device or pipe
     * @param text the whole content
     * @throws IOException in one line with the path; the old file is untouched then
     */
    public static void write(Path path, String text) throws IOException {
        write(path, Objects.requireNonNull(text, "text").getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Writes bytes to {@code path}, replacing what is there.
     *
     * @param path file, device or pipe
     * @param bytes the whole content
     * @throws IOException in one line with the path; the old file is untouched then
     */
    public static void write(Path path, byte[] bytes) throws IOException {
        write(path, content(Objects.requireNonNull(bytes, "bytes")));
    }

    /** These bytes. */
    static Content content(byte[] bytes) {
        return channel -> {
            ByteBuffer left = ByteBuffer.wrap(bytes);
            while (left.hasRemaining()) {
                channel.write(left);
            }
        };
    }

    /**
     * Writes {@code content} to {@code path}, replacing what is there.
     *
     * @param path file, device or pipe
     * @param content is called once
     * @throws IOException in one line with the path; the old file is untouched then
     */
    public static void write(Path path, Content content) throws IOException {
        write(path, Objects.requireNonNull(content, "content"), temporary -> {});
    }

    static void write(Path path, Content content, Check check) throws IOException {
        Objects.requireNonNull(path, "path");
        boolean replaces = false;
        try {
            if (isStream(path)) {
                send(content, check, path);
                return;
            }
            if (Files.isDirectory(path)) {
                throw new IOException("it is a folder");
            }
            Path target = Files.exists(path) ? path.toRealPath() : path.toAbsolutePath();
            if (!Files.isDirectory(target.getParent())) {
                throw new IOException("there is no folder " + target.getParent());
            }
            replaces = Files.exists(target, LinkOption.NOFOLLOW_LINKS);
            replace(target, content, check);
        } catch (IOException e) {
            throw new IOException(
                    "cannot write "
                            + path
                            + ": "
                            + FailureReason.of(e)
                            + (replaces ? "; the previous file is untouched" : ""),
                    e);
        }
    }

    private static void replace(Path target, Content content, Check check) throws IOException {
        Path temporary = createTemporary(target);
        try {
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
                content.writeTo(channel);
                channel.force(true);
            }
            check.check(temporary);
            move(temporary, target);
            syncFolder(target.getParent());
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    /**
     * Makes an empty file beside {@code target}, which goes away with the process: after its
     * shutdown hooks, of which one may be saving a checkpoint.
     */
    private static Path createTemporary(Path target) throws IOException {
        String end = ".tmp-" + ProcessHandle.current().pid();
        String name = target.getFileName().toString();
        while ((name + end).getBytes(StandardCharsets.UTF_8).length > LONGEST_NAME) {
            name = name.substring(0, name.offsetByCodePoints(name.length(), -1));
        }
        for (int number = 1; ; number++) {
            Path temporary = target.resolveSibling(name + end + (number == 1 ? "" : "-" + number));
            try {
                Files.createFile(temporary);
                temporary.toFile().deleteOnExit();
                return temporary;
            } catch (FileAlreadyExistsException e) {
                // Of another thread, or somebody else's: the next name.
            }
        }
    }

    /**
     * Finds out whether a file can be made in a folder.
     *
     * @throws IOException when it cannot
     */
    static void probe(Path folder) throws IOException {
        Files.delete(createTemporary(folder.toAbsolutePath().resolve("densenet4j")));
    }

    /**
     * Whether bytes written to {@code path} go somewhere that is no file of its own: a device, a
     * pipe, or the standard output.
     */
    static boolean isStream(Path path) {
        return isStandardOutput(path)
                || Files.exists(path) && !Files.isRegularFile(path) && !Files.isDirectory(path);
    }

    /**
     * {@return whether {@code path}, such as {@code /dev/stdout}, is where standard output goes}
     *
     * @param path of a file, a device or nothing
     */
    public static boolean isStandardOutput(Path path) {
        Objects.requireNonNull(path, "path");
        try {
            return Files.exists(STANDARD_OUTPUT) && Files.isSameFile(path, STANDARD_OUTPUT);
        } catch (IOException e) {
            return false; // it does not exist
        }
    }

    /** Writes a temporary file elsewhere, as its check may need to go back in it, and copies it. */
    private static void send(Content content, Check check, Path path) throws IOException {
        Path temporary = Files.createTempFile("densenet4j-", ".tmp");
        temporary.toFile().deleteOnExit();
        try {
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
                content.writeTo(channel);
            }
            check.check(temporary);
            if (isStandardOutput(path)) {
                // By the descriptor, which knows its place in a file that others write to, too.
                System.out.flush();
                Files.copy(temporary, new FileOutputStream(FileDescriptor.out));
            } else {
                try (FileOutputStream out = new FileOutputStream(path.toFile(), true)) {
                    Files.copy(temporary, out);
                }
            }
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    /**
     * Makes a folder and what is missing above it.
     *
     * @param folder to be there afterwards; it may be already
     * @throws IOException in one line with the path and the reason
     */
    public static void createFolder(Path folder) throws IOException {
        Objects.requireNonNull(folder, "folder");
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            String reason =
                    e instanceof FileAlreadyExistsException
                            ? "it is not a folder"
                            : FailureReason.of(e);
            throw new IOException("cannot make the folder " + folder + ": " + reason, e);
        }
    }

    private static void move(Path from, Path to) throws IOException {
        try {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    /** Makes the rename itself durable, where the system can open a folder. */
    private static void syncFolder(Path folder) {
        try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        } catch (IOException ignored) {
            // Windows cannot open folders; the rename is still atomic there.
        }
    }
}
