package org.densenet4j.distributed;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;

@EnabledOnOs(OS.LINUX)
class LauncherPipeTest {
    @TempDir private Path temporary;

    private Path file;

    @BeforeEach
    void makePipe() throws Exception {
        file = temporary.resolve("pipe");
        assertEquals(0, new ProcessBuilder("mkfifo", file.toString()).start().waitFor());
    }

    @Test
    void waitsUntilTheOtherEndHasReadWhatWasWritten() throws Exception {
        try (RandomAccessFile bothEnds = new RandomAccessFile(file.toFile(), "rw")) {
            LauncherPipe pipe = new LauncherPipe(descriptor());
            assertEquals(0, pipe.unread());
            bothEnds.write("error: of a rank\n".getBytes());
            assertEquals(17, pipe.unread());
            CompletableFuture<Void> waiting = CompletableFuture.runAsync(pipe::awaitRead);
            Thread.sleep(50);
            assertFalse(waiting.isDone(), "did not wait");
            bothEnds.readFully(new byte[17]);
            waiting.join();
            assertEquals(0, pipe.unread());
        }
    }

    @Test
    void doesNotWaitForEverForAnEndThatNoOneReads() throws IOException {
        try (RandomAccessFile bothEnds = new RandomAccessFile(file.toFile(), "rw")) {
            LauncherPipe pipe = new LauncherPipe(descriptor());
            bothEnds.write(1);
            pipe.awaitRead();
            assertEquals(1, pipe.unread());
        }
    }

    @Test
    void aFileHasNoOneToWaitFor() throws IOException {
        file = Files.writeString(temporary.resolve("plain"), "");
        try (RandomAccessFile log = new RandomAccessFile(file.toFile(), "rw")) {
            log.write(new byte[5]);
            assertEquals(0, new LauncherPipe(descriptor()).unread());
        }
    }

    @Test
    void aDescriptorThatIsNoneHasNothingUnread() {
        assertEquals(0, new LauncherPipe(1 << 20).unread());
    }

    /** The number under which this process has the file open. */
    private int descriptor() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.filter(this::isOfFile)
                    .mapToInt(link -> Integer.parseInt(link.getFileName().toString()))
                    .findFirst()
                    .orElseThrow();
        }
    }

    private boolean isOfFile(Path link) {
        try {
            return Files.readSymbolicLink(link).equals(file);
        } catch (IOException e) {
            return false; // that of this listing itself
        }
    }
}
