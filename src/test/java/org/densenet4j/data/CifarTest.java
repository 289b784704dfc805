package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;

class CifarTest {
    private static final int RECORD = 3073;
    @TempDir private Path folder;

    private void writeCifar10(Path to, int records) throws IOException {
        Files.createDirectories(to);
        SplittableRandom random = new SplittableRandom(5);
        for (String name : CifarFormat.CIFAR10.trainFiles()) {
            write(to.resolve(name), records, random);
        }
        write(to.resolve("test_batch.bin"), records, random);
    }

    private static void write(Path file, int records, SplittableRandom random) throws IOException {
        byte[] bytes = new byte[records * RECORD];
        random.nextBytes(bytes);
        for (int r = 0; r < records; r++) {
            bytes[r * RECORD] = (byte) random.nextInt(10);
        }
        Files.write(file, bytes);
    }

    @Test
    void recordsAreReadAsChannelsLast() throws IOException {
        writeCifar10(folder, 3);
        Cifar cifar = Cifar.cifar10(folder);
        assertEquals(15, cifar.train().size());
        assertEquals(3, cifar.test().size());
        assertEquals("class 3", cifar.train().classNames().get(3));
        byte[] file = Files.readAllBytes(folder.resolve("data_batch_2.bin"));
        byte[] pixels = new byte[3072];
        cifar.train().read(4, pixels); // the second record of the second file
        assertEquals(file[RECORD], cifar.train().label(4));
        assertEquals(file[RECORD + 1 + 2 * 1024 + 33], pixels[33 * 3 + 2]);
        assertEquals(file[RECORD + 1 + 7], pixels[7 * 3]);
    }

    @Test
    void theOriginalFolderNameMayBeLeftOut() throws IOException {
        writeCifar10(folder.resolve("cifar-10-batches-bin"), 1);
        assertEquals(5, Cifar.cifar10(folder).train().size());
    }

    @Test
    void cifar100HasTwoLabelsAndTheFineOneCounts() throws IOException {
        byte[] bytes = new byte[2 * 3074];
        bytes[1] = 99;
        bytes[3074] = 19;
        bytes[3075] = 7;
        Files.write(folder.resolve("train.bin"), bytes);
        Files.write(folder.resolve("test.bin"), bytes);
        Dataset train = Cifar.cifar100(folder).train();
        assertEquals(99, train.label(0));
        assertEquals(7, train.label(1));
        assertEquals(100, train.classes());
    }

    @Test
    void everyFaultIsOneLineThatNamesTheFile() throws IOException {
        assertFault("no such file", folder);
        assertFault("no such folder", folder.resolve("none"));
        writeCifar10(folder, 2);
        Path third = folder.resolve("data_batch_3.bin");
        byte[] good = Files.readAllBytes(third);
        Files.write(third, Arrays.copyOf(good, good.length - 1));
        assertFault("data_batch_3.bin: has 6145 bytes, not a whole number", folder);
        Files.write(third, Arrays.copyOf(good, good.length + 1));
        assertFault("not a whole number", folder);
        Files.write(third, new byte[0]);
        assertFault("has 0 bytes", folder);
        good[RECORD] = 10;
        Files.write(third, good);
        assertFault("record 1 has label 10", folder);
        Files.delete(third);
        assertFault("data_batch_3.bin: no such file", folder);
    }

    private static void assertFault(String part, Path folder) {
        IOException e = assertThrows(IOException.class, () -> Cifar.cifar10(folder));
        assertTrue(e.getMessage().contains(part), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
    }

    @Test
    void mutatedFilesAreReadOrRefusedAndNothingElse() throws IOException {
        writeCifar10(folder, 1);
        Path file = folder.resolve("data_batch_1.bin");
        byte[] good = Files.readAllBytes(file);
        SplittableRandom random = new SplittableRandom(2);
        int refused = 0;
        for (int i = 0; i < 2_000; i++) {
            byte[] mutant = good.clone();
            mutant[random.nextInt(4) == 0 ? 0 : random.nextInt(mutant.length)] =
                    (byte) random.nextInt();
            if (random.nextInt(3) == 0) {
                mutant = Arrays.copyOf(mutant, random.nextInt(2 * mutant.length));
            }
            Files.write(file, mutant);
            try {
                Dataset train = Cifar.cifar10(folder).train();
                for (int r = 0; r < train.size(); r++) {
                    assertTrue(train.label(r) < 10);
                }
            } catch (DataException e) {
                refused++;
            }
        }
        assertTrue(refused > 500, "refused " + refused);
    }

    @Test
    void augmentationCropsWithZeroPaddingAndMirrors() {
        byte[] pixels = new byte[5 * 4 * 2];
        new SplittableRandom(3).nextBytes(pixels);
        Normalisation n = new Normalisation(new float[] {0.5f, 0.25f}, new float[] {0.5f, 2f});
        for (long seed = 0; seed < 50; seed++) {
            float[] out = new float[pixels.length + 3];
            new Augmentation(2, true)
                    .apply(
                            new Image(5, 4, 2, pixels),
                            5,
                            4,
                            n,
                            new SplittableRandom(seed),
                            new SplittableRandom(seed),
                            out,
                            3);
            SplittableRandom random = new SplittableRandom(seed);
            int dy = random.nextInt(-2, 3);
            int dx = random.nextInt(-2, 3);
            boolean mirror = random.nextBoolean();
            float[][][] padded = new float[9][8][2];
            for (int y = 0; y < 5; y++) {
                for (int x = 0; x < 4; x++) {
                    for (int c = 0; c < 2; c++) {
                        padded[y + 2][x + 2][c] =
                                n.apply((pixels[(y * 4 + x) * 2 + c] & 0xFF) / 255f, c);
                    }
                }
            }
            for (int y = 0; y < 5; y++) {
                for (int x = 0; x < 4; x++) {
                    float[] source = padded[y + 2 + dy][(mirror ? 3 - x : x) + 2 + dx];
                    float[] got = Arrays.copyOfRange(out, 3 + (y * 4 + x) * 2, 5 + (y * 4 + x) * 2);
                    assertArrayEquals(source, got);
                }
            }
        }
    }
}
