package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;

/** The Python version of CIFAR, as Python 2 wrote it and as Python 3 writes it again. */
class CifarPickleTest {
    private static final int VALUES = 3072;

    @TempDir private Path folder;

    /** A pickle as Python 2.7 wrote the published files: opcode by opcode. */
    private static final class Python2 {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();

        Python2() {
            raw("\u0080\u0002}(");
        }

        Python2 raw(String opcodes) {
            out.writeBytes(opcodes.getBytes(StandardCharsets.ISO_8859_1));
            return this;
        }

        Python2 text(String text) {
            return raw("U" + (char) text.length() + text);
        }

        Python2 number(int value) {
            return raw("J").bytes(
                            ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value));
        }

        Python2 bytes(ByteBuffer bytes) {
            out.writeBytes(bytes.array());
            return this;
        }

        Python2 numbers(String key, int... values) {
            text(key).raw("](");
            for (int value : values) {
                number(value);
            }
            return raw("e");
        }

        Python2 texts(String key, String... values) {
            text(key).raw("](");
            for (String value : values) {
                text(value);
            }
            return raw("e");
        }

        Python2 array(String key, byte[] data, int images) {
            text(key)
                    .raw(
                            "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\u0085U\u0001btR");
            raw("(K\u0001").number(images).number(VALUES).raw("\u0086");
            raw(
                    "cnumpy\ndtype\n(U\u0002u1K\0K\u0001tR(K\u0003U\u0001|NNNJ\u00ff\u00ff\u00ff\u00ff");
            raw("J\u00ff\u00ff\u00ff\u00ffK\0tb\u0089T");
            bytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(data.length));
            return bytes(ByteBuffer.wrap(data)).raw("tb");
        }

        byte[] end() {
            raw("u.");
            return out.toByteArray();
        }
    }

    private static byte[] pixels(int images, long seed) {
        byte[] pixels = new byte[images * VALUES];
        new SplittableRandom(seed).nextBytes(pixels);
        return pixels;
    }

    private void writeCifar10() throws IOException {
        Path root = Files.createDirectories(folder.resolve("cifar-10-batches-py"));
        for (int f = 1; f <= 5; f++) {
            Files.write(
                    root.resolve("data_batch_" + f),
                    new Python2()
                            .texts("filenames", "a.png", "b.png")
                            .numbers("labels", f, 9)
                            .array("data", pixels(2, f), 2)
                            .end());
        }
        Files.write(
                root.resolve("test_batch"),
                new Python2().array("data", pixels(1, 9), 1).numbers("labels", 3).end());
        String[] names = new String[10];
        Arrays.setAll(names, i -> "name" + i);
        Files.write(root.resolve("batches.meta"), new Python2().texts("label_names", names).end());
    }

    @Test
    void thePublishedFilesOfPython2AreRead() throws IOException {
        writeCifar10();
        Cifar cifar = Cifar.cifar10(folder);
        assertEquals(10, cifar.train().size());
        assertEquals(1, cifar.test().size());
        assertEquals("name3", cifar.train().classNames().get(3));
        assertEquals(2, cifar.train().label(2));
        assertEquals(9, cifar.train().label(3));
        byte[] read = new byte[VALUES];
        cifar.train().read(3, read);
        byte[] planes = Arrays.copyOfRange(pixels(2, 2), VALUES, 2 * VALUES);
        for (int p = 0; p < 1024; p++) {
            for (int c = 0; c < 3; c++) {
                assertEquals(planes[c * 1024 + p], read[3 * p + c]);
            }
        }
        assertEquals(10, Cifar.cifar10(folder.resolve("cifar-10-batches-py")).train().size());
    }

    @Test
    void theBinaryVersionGoesFirst() throws IOException {
        writeCifar10();
        Path binary = folder.resolve("cifar-10-batches-bin");
        Glyphs.generate(binary, 20, 4, 1);
        assertEquals(20, Cifar.cifar10(folder).train().size());
    }

    /** By scripts/record_cifar_pickles.py. */
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 5})
    void whatPython3WritesIsReadInEveryProtocol(int protocol)
            throws IOException, URISyntaxException {
        Path recorded =
                Path.of(CifarPickleTest.class.getResource("/cifar/protocol" + protocol).toURI());
        Cifar cifar = Cifar.cifar100(recorded);
        assertEquals(3, cifar.train().size());
        assertEquals(1, cifar.test().size());
        assertEquals("class-42", cifar.train().classNames().get(42));
        assertEquals(17, cifar.train().label(1));
        byte[] read = new byte[VALUES];
        cifar.train().read(2, read);
        byte[] expected = new byte[VALUES];
        for (int p = 0; p < 1024; p++) {
            for (int c = 0; c < 3; c++) {
                expected[3 * p + c] = (byte) (7 * (2 * VALUES + c * 1024 + p));
            }
        }
        assertArrayEquals(expected, read);
    }

    private String refusal() {
        return assertThrows(IOException.class, () -> Cifar.cifar10(folder)).getMessage();
    }

    @Test
    void brokenFilesAreRefusedInOneLineThatNamesThem() throws IOException {
        writeCifar10();
        Path file = folder.resolve("cifar-10-batches-py/data_batch_3");
        byte[] good = Files.readAllBytes(file);
        for (int length : new int[] {0, 1, 100, 3000, good.length - 1}) {
            Files.write(file, Arrays.copyOf(good, length));
            String message = refusal();
            assertTrue(message.contains("data_batch_3: the pickle"), message);
            assertEquals(1, message.lines().count());
        }
        Files.write(file, new Python2().numbers("labels", 1, 2).end());
        assertTrue(refusal().contains("has no 'data'"), refusal());
        Files.write(file, new Python2().numbers("labels", 1).array("data", pixels(2, 1), 2).end());
        assertTrue(refusal().contains("has 1 labels"), refusal());
        Files.write(
                file, new Python2().numbers("labels", 1, 10).array("data", pixels(2, 1), 2).end());
        assertTrue(refusal().contains("has label 10"), refusal());
        Files.write(
                file, new Python2().numbers("labels", 1, 3).array("data", pixels(2, 1), 3).end());
        assertTrue(refusal().contains("'data' is no array of bytes"), refusal());
        Files.delete(file);
        assertTrue(refusal().contains("no such file"), refusal());
    }

    @Test
    void whatAFileAsksForIsNotDone() throws IOException {
        writeCifar10();
        Path touched = folder.resolve("touched");
        Path file = folder.resolve("cifar-10-batches-py/data_batch_3");
        Files.write(
                file,
                new Python2()
                        .text("data")
                        .raw("cos\nsystem\n")
                        .raw(
                                "(U"
                                        + (char) ("touch " + touched).length()
                                        + "touch "
                                        + touched
                                        + "tR")
                        .end());
        assertTrue(refusal().contains("'data' is no array of bytes"), refusal());
        assertFalse(Files.exists(touched));
    }
}
