package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Random;

import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;

class FileBytesTest {
    /** The JDK's stream over the same bytes is the reference. */
    @RepeatedTest(20)
    void readsAndSeeksAsTheJdksStreamDoes(RepetitionInfo repetition) throws IOException {
        Random random = new Random(repetition.getCurrentRepetition());
        byte[] file = new byte[random.nextInt(1, 50)];
        random.nextBytes(file);
        try (ImageInputStream ours = new FileBytes(file);
                ImageInputStream jdks =
                        new MemoryCacheImageInputStream(new ByteArrayInputStream(file))) {
            assertEquals(file.length, ours.length());
            for (int i = 0; i < 200; i++) {
                switch (random.nextInt(5)) {
                    case 0 -> assertEquals(jdks.read(), ours.read());
                    case 1 -> {
                        int to = random.nextInt(file.length + 5);
                        jdks.seek(to);
                        ours.seek(to);
                    }
                    case 2 -> {
                        byte[] expected = new byte[12];
                        byte[] actual = new byte[12];
                        int offset = random.nextInt(5);
                        int count = random.nextInt(7);
                        assertEquals(
                                jdks.read(expected, offset, count),
                                ours.read(actual, offset, count));
                        assertArrayEquals(expected, actual);
                    }
                    case 3 -> {
                        if (jdks.getStreamPosition() < file.length) {
                            assertEquals(jdks.readBit(), ours.readBit());
                        }
                    }
                    default -> {
                        if (jdks.getStreamPosition() + 4 < file.length) {
                            assertEquals(jdks.readUnsignedInt(), ours.readUnsignedInt());
                        }
                    }
                }
                assertEquals(jdks.getStreamPosition(), ours.getStreamPosition());
                assertEquals(jdks.getBitOffset(), ours.getBitOffset());
            }
        }
    }
}
