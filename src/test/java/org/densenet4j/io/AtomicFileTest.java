package org.densenet4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

@EnabledOnOs({OS.LINUX, OS.MAC})
class AtomicFileTest {
    @TempDir private Path folder;

    @Test
    void aFileThatHasTheTemporaryNameIsNotTouched() throws IOException {
        Path file = folder.resolve("model.onnx");
        Path other =
                Files.writeString(
                        folder.resolve("model.onnx.tmp-" + ProcessHandle.current().pid()), "mine");
        AtomicFile.write(file, "new");
        assertEquals("new", Files.readString(file));
        assertEquals("mine", Files.readString(other));
    }

    @Test
    void aLinkStaysALink() throws IOException {
        Path target = Files.writeString(folder.resolve("target"), "old");
        Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("target"));
        AtomicFile.write(link, "new");
        assertTrue(Files.isSymbolicLink(link));
        assertEquals("new", Files.readString(target));
    }

    @Test
    void nothingIsLeftOfAContentThatFails() throws IOException {
        IllegalStateException e =
                assertThrows(
                        IllegalStateException.class,
                        () ->
                                AtomicFile.write(
                                        folder.resolve("file"),
                                        channel -> {
                                            channel.write(ByteBuffer.allocate(100));
                                            throw new IllegalStateException("no content");
                                        }));
        assertEquals("no content", e.getMessage());
        try (var files = Files.list(folder)) {
            assertEquals(0, files.count());
        }
    }

    /** In a process of its own: writes for ever. */
    static final class Writer {
        public static void main(String[] path) throws IOException {
            AtomicFile.write(
                    Path.of(path[0]),
                    channel -> {
                        channel.write(ByteBuffer.allocate(100));
                        System.out.println("writing");
                        LockSupport.park();
                    });
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"INT", "TERM"})
    void nothingIsLeftOfAProcessThatIsStopped(String signal) throws Exception {
        Process process =
                new ProcessBuilder(
                                "env",
                                "--default-signal=INT",
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-cp",
                                System.getProperty("java.class.path"),
                                Writer.class.getName(),
                                folder.resolve("file").toString())
                        .redirectErrorStream(true)
                        .start();
        assertEquals("writing", process.inputReader().readLine());
        try (var files = Files.list(folder)) {
            assertEquals(1, files.count(), "the temporary file");
        }
        new ProcessBuilder("kill", "-" + signal, "" + process.pid()).start().waitFor();
        assertTrue(process.waitFor(20, TimeUnit.SECONDS));
        try (var files = Files.list(folder)) {
            assertEquals(0, files.count());
        }
    }

    @Test
    void aNameAsLongAsNamesMayBeCanBeWritten() throws IOException {
        Path file = folder.resolve("ü".repeat(127) + "x");
        AtomicFile.write(file, "text");
        assertEquals("text", Files.readString(file));
    }

    @Test
    void aPipeGetsTheBytes() throws Exception {
        Path pipe = folder.resolve("pipe");
        assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
        CompletableFuture<String> read =
                CompletableFuture.supplyAsync(
                        () -> {
                            try {
                                return Files.readString(pipe);
                            } catch (IOException e) {
                                return e.toString();
                            }
                        });
        AtomicFile.write(pipe, "through");
        assertEquals("through", read.get(20, TimeUnit.SECONDS));
        assertFalse(Files.isRegularFile(pipe));
    }

    @Test
    void devicesStayDevices() throws IOException {
        AtomicFile.write(Path.of("/dev/null"), "text");
        assertFalse(Files.isRegularFile(Path.of("/dev/null")));
    }

    @Test
    void theReasonIsInWords() throws IOException {
        assertFails("no/such/file", "there is no folder ");
        Files.createDirectory(folder.resolve("folder"));
        assertFails("folder", "it is a folder");
        IOException e =
                assertThrows(
                        IOException.class,
                        () ->
                                AtomicFile.createFolder(
                                        Files.writeString(folder.resolve("file"), "")));
        assertEquals(
                "cannot make the folder " + folder.resolve("file") + ": it is not a folder",
                e.getMessage());
    }

    private void assertFails(String name, String reason) {
        Path file = folder.resolve(name);
        IOException e = assertThrows(IOException.class, () -> AtomicFile.write(file, "text"));
        assertTrue(
                e.getMessage().startsWith("cannot write " + file + ": " + reason), e.getMessage());
    }
}
