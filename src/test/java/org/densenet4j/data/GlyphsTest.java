package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;

class GlyphsTest {
    @TempDir private Path folder;

    @Test
    void theCifarLoaderReadsWhatIsGenerated() throws IOException {
        Glyphs.generate(folder, 103, 20, 1);
        Cifar set = Cifar.cifar10(folder);
        assertEquals(103, set.train().size());
        assertEquals(20, set.test().size());
        assertEquals(Glyphs.classNames(), set.train().classNames());
        for (int i = 0; i < 103; i++) {
            assertEquals(i % 10, set.train().label(i));
        }
    }

    @Test
    void imagesDependOnSeedAndIndexAlone() throws IOException {
        Path more = folder.resolve("more");
        Path fewer = folder.resolve("fewer");
        Glyphs.generate(more, 60, 10, 9);
        Glyphs.generate(fewer, 40, 10, 9);
        byte[] a = new byte[3072];
        byte[] b = new byte[3072];
        Dataset large = Cifar.cifar10(more).train();
        Dataset small = Cifar.cifar10(fewer).train();
        for (int i = 0; i < 40; i++) {
            large.read(i, a);
            small.read(i, b);
            assertArrayEquals(a, b);
        }
        large.read(10, b);
        assertFalse(Arrays.equals(a, b));
    }

    @Test
    void aCompleteSetIsKeptAndABrokenOneMadeAgain() throws IOException {
        Glyphs.generate(folder, 50, 10, 1);
        Path file = folder.resolve("data_batch_1.bin");
        byte[] content = Files.readAllBytes(file);
        Files.setLastModifiedTime(file, FileTime.fromMillis(0));
        Glyphs.generate(folder, 50, 10, 1);
        assertEquals(0, Files.getLastModifiedTime(file).toMillis());
        Files.write(file, new byte[5]);
        Glyphs.generate(folder, 50, 10, 1);
        assertArrayEquals(content, Files.readAllBytes(file));
        Glyphs.generate(folder, 55, 10, 1);
        assertEquals(55, Cifar.cifar10(folder).train().size());
    }

    /** Colour and brightness alone must not tell the class: that is what the network is for. */
    @Test
    void aLinearClassifierDoesBadly() throws IOException {
        Glyphs.generate(folder, 2000, 500, 1);
        Cifar set = Cifar.cifar10(folder);
        Normalisation n = Normalisation.of(set.train());
        float[][] weights = new float[10][3073];
        for (int epoch = 0; epoch < 6; epoch++) {
            float rate = 2e-4f / (1 + epoch);
            BatchLoader loader = BatchLoader.of(set.train()).batch(1).shuffle(3).normalise(n);
            try (BatchLoader.Epoch images = loader.epoch(epoch)) {
                for (Batch image : images) {
                    double[] p = softmax(weights, image.images());
                    for (int k = 0; k < 10; k++) {
                        float d = (float) p[k] - (k == image.labels()[0] ? 1 : 0);
                        for (int j = 0; j < 3072; j++) {
                            weights[k][j] -= rate * d * image.images()[j];
                        }
                        weights[k][3072] -= rate * d;
                    }
                }
            }
        }
        double test = accuracy(weights, set.test(), n);
        double train = accuracy(weights, set.train(), n);
        assertTrue(train > 0.2, "it did learn something: " + train);
        assertTrue(test < 0.6, "linear accuracy " + test);
    }

    private static double accuracy(float[][] weights, Dataset data, Normalisation n) {
        int correct = 0;
        try (BatchLoader.Epoch images = BatchLoader.of(data).batch(1).normalise(n).epoch(0)) {
            for (Batch image : images) {
                double[] p = softmax(weights, image.images());
                int best = 0;
                for (int k = 1; k < 10; k++) {
                    best = p[k] > p[best] ? k : best;
                }
                correct += best == image.labels()[0] ? 1 : 0;
            }
        }
        return (double) correct / data.size();
    }

    private static double[] softmax(float[][] weights, float[] image) {
        double[] p = new double[10];
        double sum = 0;
        for (int k = 0; k < 10; k++) {
            double z = weights[k][3072];
            for (int j = 0; j < 3072; j++) {
                z += weights[k][j] * image[j];
            }
            p[k] = Math.exp(Math.clamp(z, -50, 50));
            sum += p[k];
        }
        for (int k = 0; k < 10; k++) {
            p[k] /= sum;
        }
        return p;
    }
}
