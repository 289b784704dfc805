package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.zip.GZIPOutputStream;

class MnistTest {
    private static final int HEIGHT = 4;
    private static final int WIDTH = 3;
    private static final int IMAGE_HEADER = 16;
    private static final int LABEL_HEADER = 8;
    private static final String IMAGES = "train-images-idx3-ubyte";
    private static final String LABELS = "train-labels-idx1-ubyte";

    @TempDir private Path folder;

    private static byte[] compressed(byte[] bytes) throws IOException {
        ByteArrayOutputStream to = new ByteArrayOutputStream();
        try (OutputStream zip = new GZIPOutputStream(to)) {
            zip.write(bytes);
        }
        return to.toByteArray();
    }

    @BeforeEach
    void writeSet() throws IOException {
        IdxFiles.write(folder, 5, 2, HEIGHT, WIDTH);
    }

    @Test
    void imagesHaveOneChannelAndLabelsAreOfTheirRecord() throws IOException {
        Mnist set = Mnist.digits(folder);
        assertEquals(5, set.train().size());
        assertEquals(2, set.test().size());
        assertEquals(HEIGHT, set.train().height());
        assertEquals(WIDTH, set.train().width());
        assertEquals(1, set.train().channels());
        byte[] images = Files.readAllBytes(folder.resolve(IMAGES));
        byte[] labels = Files.readAllBytes(folder.resolve(LABELS));
        byte[] pixels = new byte[HEIGHT * WIDTH];
        for (int i = 0; i < 5; i++) {
            set.train().read(i, pixels);
            int at = IMAGE_HEADER + i * pixels.length;
            assertArrayEquals(Arrays.copyOfRange(images, at, at + pixels.length), pixels);
            assertEquals(labels[LABEL_HEADER + i], set.train().label(i));
        }
    }

    @Test
    void classesHaveTheNamesOfTheirSet() throws IOException {
        assertEquals("7", Mnist.digits(folder).train().classNames().get(7));
        assertEquals("Sneaker", Mnist.fashion(folder).test().classNames().get(7));
        assertEquals(10, Mnist.fashion(folder).train().classes());
    }

    @Test
    void compressedFilesAreReadWhateverTheirNames() throws IOException {
        byte[] plain = Files.readAllBytes(folder.resolve(IMAGES));
        Mnist set = Mnist.digits(folder);
        Files.delete(folder.resolve(IMAGES));
        Files.write(folder.resolve(IMAGES + ".gz"), compressed(plain));
        Path labels = folder.resolve(LABELS);
        Files.write(labels, compressed(Files.readAllBytes(labels)));
        Mnist again = Mnist.digits(folder);
        byte[] expected = new byte[HEIGHT * WIDTH];
        byte[] actual = new byte[HEIGHT * WIDTH];
        for (int i = 0; i < 5; i++) {
            set.train().read(i, expected);
            again.train().read(i, actual);
            assertArrayEquals(expected, actual);
            assertEquals(set.train().label(i), again.train().label(i));
        }
    }

    @Test
    void filesMayLieInRawOrHaveADotInTheirNames() throws IOException {
        Path outer = Files.createDirectory(folder.resolve("MNIST"));
        IdxFiles.write(Files.createDirectory(outer.resolve("raw")), 5, 2, HEIGHT, WIDTH);
        assertEquals(5, Mnist.digits(outer).train().size());
        Files.move(folder.resolve(IMAGES), folder.resolve("train-images.idx3-ubyte"));
        assertEquals(5, Mnist.digits(folder).train().size());
    }

    @Test
    void everyFaultIsOneLineThatNamesTheFile() throws IOException {
        assertFault("none: no such folder", folder.resolve("none"));
        Path images = folder.resolve(IMAGES);
        byte[] good = Files.readAllBytes(images);
        Files.write(images, Arrays.copyOf(good, good.length - 1));
        assertFault(IMAGES + ": ends after 59 of 5 x 4 x 3 values; truncated", folder);
        Files.write(images, Arrays.copyOf(good, 10));
        assertFault(IMAGES + ": ends within its header; truncated", folder);
        Files.write(images, new byte[0]);
        assertFault(IMAGES + ": ends within its header; truncated", folder);
        Files.write(images, Arrays.copyOf(good, good.length + 1));
        assertFault(IMAGES + ": goes on behind its 5 x 4 x 3 values", folder);
        byte[] zip = compressed(good);
        Files.write(images, Arrays.copyOf(zip, zip.length - 9));
        assertFault(IMAGES + ": ", folder);
        zip[3] = 7; // flags of a header that is not there
        Files.write(images, zip);
        assertFault(IMAGES + ": ", folder);
        Files.write(images, IdxFiles.idx(256, 6, HEIGHT, WIDTH));
        assertFault(LABELS + ": has 5 labels for the 6 images of " + IMAGES, folder);
        Files.write(images, IdxFiles.idx(256, 5, HEIGHT, WIDTH + 1));
        assertFault("training images are 4x4, test images 4x3", folder);
        Files.write(images, Files.readAllBytes(folder.resolve(LABELS)));
        assertFault(
                IMAGES
                        + ": begins with 00000801; an IDX file of bytes with 3 dimensions begins"
                        + " with 00000803",
                folder);
        Files.write(images, ByteBuffer.allocate(16).putInt(0x803).putInt(-1).array());
        assertFault(IMAGES + ": says that it has -1 x ... values", folder);
        Files.write(
                images,
                ByteBuffer.allocate(16).putInt(0x803).putInt(1 << 20).putInt(1 << 20).array());
        assertFault(IMAGES + ": says that it has 1048576 x 1048576 x ... values", folder);
        Files.write(images, good);
        byte[] labels = Files.readAllBytes(folder.resolve(LABELS));
        labels[LABEL_HEADER + 3] = 10;
        Files.write(folder.resolve(LABELS), labels);
        assertFault(LABELS + ": image 3 has label 10, there are 0 to 9", folder);
        Files.delete(images);
        assertFault(IMAGES + ": no such file, nor with .gz", folder);
    }

    private static void assertFault(String part, Path folder) {
        DataException e = assertThrows(DataException.class, () -> Mnist.digits(folder));
        assertTrue(e.getMessage().contains(part), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
    }

    @Test
    void mutatedFilesAreReadOrRefusedAndNothingElse() throws IOException {
        SplittableRandom random = new SplittableRandom(3);
        int refused = 0;
        for (String name : new String[] {IMAGES, LABELS}) {
            Path file = folder.resolve(name);
            byte[] plain = Files.readAllBytes(file);
            byte[] zip = compressed(plain);
            for (int i = 0; i < 1_000; i++) {
                byte[] mutant = (i % 2 == 0 ? plain : zip).clone();
                mutant[random.nextInt(mutant.length)] = (byte) random.nextInt();
                if (random.nextInt(3) == 0) {
                    mutant = Arrays.copyOf(mutant, random.nextInt(2 * mutant.length));
                }
                Files.write(file, mutant);
                try {
                    Dataset train = Mnist.digits(folder).train();
                    for (int r = 0; r < train.size(); r++) {
                        assertTrue(train.label(r) < 10);
                    }
                } catch (DataException e) {
                    refused++;
                }
            }
            Files.write(file, plain);
        }
        assertTrue(refused > 500, refused + " refused");
    }
}
