package org.densenet4j.download;

import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.function.LongConsumer;

/**
 * Fetches a file over HTTP into a partial file that a later run continues (RFC 9110, section 14:
 * range requests).
 */
final class ResumableDownload {
    private static final int CONNECT_MILLIS = 20_000;
    private static final int STALLED_MILLIS = 60_000;
    private static final int BUFFER_BYTES = 1 << 18;

    private final int tries;
    private final long pauseMillis;

    /**
     * With a number of tries.
     *
     * @param tries how often a broken connection is taken up again before giving up
     * @param pauseMillis pause before the second try; it doubles for each further one
     */
    ResumableDownload(int tries, long pauseMillis) {
        this.tries = tries;
        this.pauseMillis = pauseMillis;
    }

    /** A connection that broke; the next try continues. */
    private static final class BrokenException extends IOException {
        private static final long serialVersionUID = 1;

        BrokenException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /** The size that the server gives for a file. */
    long size(URI uri) throws IOException {
        HttpURLConnection connection = connect(uri, "HEAD");
        try {
            expect(connection, uri, HttpURLConnection.HTTP_OK);
            return connection.getContentLengthLong();
        } finally {
            connection.disconnect();
        }
    }

    /** A small text file; empty when the server does not have it. */
    Optional<String> text(URI uri) throws IOException {
        HttpURLConnection connection = connect(uri, "GET");
        try {
            if (status(connection, uri) == HttpURLConnection.HTTP_NOT_FOUND) {
                return Optional.empty();
            }
            expect(connection, uri, HttpURLConnection.HTTP_OK);
            try (InputStream in = connection.getInputStream()) {
                return Optional.of(new String(in.readNBytes(4096), StandardCharsets.US_ASCII));
            }
        } finally {
            connection.disconnect();
        }
    }

    /**
     * Completes {@code part}, from where it ends now.
     *
     * @param total the size of the whole file
     * @param progress told the number of bytes present
     * @throws IOException in one line; what was fetched stays for the next run
     */
    void complete(URI uri, Path part, long total, LongConsumer progress) throws IOException {
        long pause = pauseMillis;
        int failures = 0;
        while (true) {
            long before = Files.exists(part) ? Files.size(part) : 0;
            if (before == total) {
                return;
            }
            BrokenException broken;
            try {
                append(uri, part, before > total ? 0 : before, progress);
                // A server that closes too early looks like the end of the file.
                broken = broken(uri, new IOException("it ended too early"));
            } catch (BrokenException e) {
                broken = e;
            }
            long after = Files.exists(part) ? Files.size(part) : 0;
            if (after > total) {
                Files.delete(part);
                throw new IOException(
                        uri + " sent more than the " + total + " bytes it announced; run again");
            }
            if (after < total) {
                boolean advanced = after > before;
                failures = advanced ? 1 : failures + 1;
                pause = advanced ? pauseMillis : 2 * pause;
                if (failures >= tries) {
                    throw new IOException(
                            broken.getMessage() + "; run the same command again to continue",
                            broken);
                }
                sleep(pause);
            }
        }
    }

    private void append(URI uri, Path part, long from, LongConsumer progress) throws IOException {
        HttpURLConnection connection;
        int status;
        try {
            connection = connect(uri, "GET");
            if (from > 0) {
                connection.setRequestProperty("Range", "bytes=" + from + "-");
            }
            status = status(connection, uri);
        } catch (IOException e) {
            throw new BrokenException(e.getMessage(), e);
        }
        if (status >= HttpURLConnection.HTTP_INTERNAL_ERROR) {
            throw new BrokenException(uri.getHost() + " answered " + status, null);
        }
        try {
            boolean continued =
                    status == HttpURLConnection.HTTP_PARTIAL
                            && startsAt(connection.getHeaderField("Content-Range"), from);
            if (!continued) {
                expect(connection, uri, HttpURLConnection.HTTP_OK);
            }
            try (FileChannel out =
                    FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
                // A server without ranges sends everything again.
                long position = continued ? from : 0;
                out.truncate(position);
                out.position(position);
                copy(uri, connection, out, progress);
            }
        } finally {
            connection.disconnect();
        }
    }

    private static void copy(
            URI uri, HttpURLConnection connection, FileChannel out, LongConsumer progress)
            throws IOException {
        byte[] buffer = new byte[BUFFER_BYTES];
        try (InputStream in = open(uri, connection)) {
            while (true) {
                int read;
                try {
                    read = in.read(buffer);
                } catch (IOException e) {
                    throw broken(uri, e);
                }
                if (read < 0) {
                    return;
                }
                ByteBuffer bytes = ByteBuffer.wrap(buffer, 0, read);
                while (bytes.hasRemaining()) {
                    out.write(bytes);
                }
                progress.accept(out.position());
            }
        }
    }

    private static InputStream open(URI uri, HttpURLConnection connection) throws BrokenException {
        try {
            return connection.getInputStream();
        } catch (IOException e) {
            throw broken(uri, e);
        }
    }

    private static BrokenException broken(URI uri, IOException e) {
        return new BrokenException(
                "the connection to " + uri.getHost() + " broke (" + e.getMessage() + ")", e);
    }

    private static boolean startsAt(String contentRange, long from) {
        return contentRange != null && contentRange.startsWith("bytes " + from + "-");
    }

    private static HttpURLConnection connect(URI uri, String method) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) uri.toURL().openConnection();
        connection.setConnectTimeout(CONNECT_MILLIS);
        connection.setReadTimeout(STALLED_MILLIS);
        connection.setRequestMethod(method);
        connection.setRequestProperty("User-Agent", "densenet4j");
        return connection;
    }

    private static int status(HttpURLConnection connection, URI uri) throws IOException {
        try {
            return connection.getResponseCode();
        } catch (IOException e) {
            throw new IOException(
                    "cannot reach "
                            + uri.getHost()
                            + " ("
                            + e.getClass().getSimpleName()
                            + " "
                            + e.getMessage()
                            + "); check the network, or name a mirror with --repository",
                    e);
        }
    }

    private static void expect(HttpURLConnection connection, URI uri, int expected)
            throws IOException {
        int status = status(connection, uri);
        if (status != expected) {
            throw new IOException(
                    uri
                            + " answered "
                            + status
                            + "; check the address, or name another repository with --repository");
        }
    }

    private static void sleep(long millis) throws IOException {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted; run the same command again to continue", e);
        }
    }
}
