package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

@EnabledOnOs({OS.LINUX, OS.MAC})
class CheckedStreamTest {
    @TempDir private Path folder;

    /** Has room for two bytes. */
    private static final class Full extends OutputStream {
        private int room = 2;

        @Override
        public void write(int b) throws IOException {
            if (room-- == 0) {
                throw new IOException("No space left on device");
            }
        }
    }

    private static CheckedStream.Checked print(OutputStream out, Path descriptor) {
        return new CheckedStream(out, descriptor).print("no.such.property");
    }

    @Test
    void theFirstFailureIsKeptThoughNobodyIsTold() throws IOException {
        Path log = Files.createFile(folder.resolve("log"));
        CheckedStream.Checked stream = print(new Full(), log);
        stream.print("ab");
        assertNull(stream.failure());
        stream.println("c");
        stream.println("more");
        assertEquals("No space left on device", stream.failure().getMessage());
    }

    @Test
    void aPipeThatNobodyReadsAnyMoreIsNoFailure() throws Exception {
        Path pipe = folder.resolve("pipe");
        assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
        CheckedStream.Checked stream = print(new Full(), pipe);
        stream.println("many lines");
        assertNull(stream.failure());
    }

    @Test
    void whatIsNotShownOnATerminalIsUtf8() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        print(bytes, folder).print("猫 à");
        assertEquals("猫 à", bytes.toString(StandardCharsets.UTF_8));
    }
}
