package org.densenet4j.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * Writes a file so that a reader, a crash or a full disk never sees half of it: into a temporary
 * file beside it, flushed to the disk, then renamed.
 */
public final class AtomicFile {
    private AtomicFile() {}

    /** Produces the content. */
    @FunctionalInterface
    public interface Content {
        /** Writes everything to {@code channel}. */
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
     * @throws IOException in one line with the path; the old file is untouched then
     */
    public static void write(Path path, String text) throws IOException {
        write(path, text.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Writes bytes to {@code path}, replacing what is there.
     *
     * @throws IOException in one line with the path; the old file is untouched then
     */
    public static void write(Path path, byte[] bytes) throws IOException {
        write(
                path,
                channel -> {
                    ByteBuffer left = ByteBuffer.wrap(bytes);
                    while (left.hasRemaining()) {
                        channel.write(left);
                    }
                });
    }

    /**
     * Writes {@code content} to {@code path}, replacing what is there.
     *
     * @throws IOException in one line with the path; the old file is untouched then
     */
    public static void write(Path path, Content content) throws IOException {
        write(path, content, temporary -> {});
    }

    static void write(Path path, Content content, Check check) throws IOException {
        Path absolute = path.toAbsolutePath();
        Path folder = absolute.getParent();
        Path temporary =
                folder.resolve(absolute.getFileName() + ".tmp-" + ProcessHandle.current().pid());
        try {
            try (FileChannel channel =
                    FileChannel.open(
                            temporary,
                            StandardOpenOption.CREATE,
                            StandardOpenOption.TRUNCATE_EXISTING,
                            StandardOpenOption.WRITE)) {
                content.writeTo(channel);
                channel.force(true);
            }
            check.check(temporary);
            move(temporary, absolute);
            syncFolder(folder);
        } catch (IOException e) {
            throw new IOException(
                    "cannot write " + path + ": " + reason(e) + "; the previous file is untouched",
                    e);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    /**
     * Makes a folder and what is missing above it.
     *
     * @throws IOException in one line with the path and the reason
     */
    public static void createFolder(Path folder) throws IOException {
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new IOException("cannot make the folder " + folder + ": " + reason(e), e);
        }
    }

    private static String reason(IOException e) {
        String message = e.getMessage() == null ? "" : e.getMessage();
        return e.getClass().getSimpleName().equals("IOException")
                ? message
                : e.getClass().getSimpleName() + " " + message;
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
