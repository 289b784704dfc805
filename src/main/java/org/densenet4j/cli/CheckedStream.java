package org.densenet4j.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Standard output or standard error. Nobody gets an exception of {@code System.out} that has no
 * room to write to: this remembers the first one, for the exit code. The text is UTF-8, as in the
 * files that are written, unless a terminal says that it shows something else.
 */
final class CheckedStream extends OutputStream {
    private static final int TYPE = 0170000;
    private static final int PIPE = 0010000;
    private static final int SOCKET = 0140000;

    private final OutputStream out;
    private final Path descriptor;
    private volatile IOException failure;

    /**
     * @param descriptor what tells where {@code out} leads to, such as {@code /dev/fd/1}
     */
    CheckedStream(OutputStream out, Path descriptor) {
        this.out = out;
        this.descriptor = descriptor;
    }

    /** Takes the place of the JDK's streams. */
    static void install() {
        System.setOut(
                new CheckedStream(new FileOutputStream(FileDescriptor.out), Path.of("/dev/fd/1"))
                        .print("stdout.encoding"));
        System.setErr(
                new CheckedStream(new FileOutputStream(FileDescriptor.err), Path.of("/dev/fd/2"))
                        .print("stderr.encoding"));
    }

    /** A stream that sends each line when it is complete. */
    Checked print(String encodingProperty) {
        return new Checked(this, charset(System.getProperty(encodingProperty)));
    }

    private static Charset charset(String terminal) {
        if (System.console() == null || !System.console().isTerminal() || terminal == null) {
            return StandardCharsets.UTF_8;
        }
        // A terminal of an ASCII locale is one that nobody told what it can show.
        return !Charset.isSupported(terminal)
                        || Charset.forName(terminal).equals(StandardCharsets.US_ASCII)
                ? StandardCharsets.UTF_8
                : Charset.forName(terminal);
    }

    /** The print stream of a {@link CheckedStream}. */
    static final class Checked extends PrintStream {
        private final CheckedStream stream;

        private Checked(CheckedStream stream, Charset charset) {
            super(stream, true, charset);
            this.stream = stream;
        }

        /** Why something could not be written; null where all was, or nobody wants it any more. */
        IOException failure() {
            flush();
            return stream.failure == null || stream.readerIsGone() ? null : stream.failure;
        }
    }

    /** A pipe whose reader has seen enough, such as {@code head}, is no failure. */
    private boolean readerIsGone() {
        try {
            int type = (int) Files.getAttribute(descriptor, "unix:mode") & TYPE;
            return type == PIPE || type == SOCKET;
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
            return String.valueOf(failure.getMessage()).contains("pipe");
        }
    }

    @Override
    public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        try {
            out.write(bytes, offset, length);
        } catch (IOException e) {
            if (failure == null) {
                failure = e;
            }
            throw e;
        }
    }
}
