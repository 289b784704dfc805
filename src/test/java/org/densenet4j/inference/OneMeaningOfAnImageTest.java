package org.densenet4j.inference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageFile;
import org.densenet4j.data.ImageFolder;
import org.densenet4j.data.Normalisation;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;
import org.densenet4j.weights.Model;
import org.densenet4j.weights.RandomModel;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;

import javax.imageio.ImageIO;

/** The same file is the same pixels to training's test pass, evaluation and prediction. */
class OneMeaningOfAnImageTest {
    /** Exact, near, odd, long, one pixel, large. */
    private static final int[][] SIZES = {
        {32, 32}, {28, 28}, {33, 32}, {32, 33}, {31, 45}, {300, 1}, {1, 300}, {1, 1}, {63, 257},
        {100, 80}, {36, 36}, {37, 37}
    };

    @TempDir private Path folder;

    private void writeImages() throws IOException {
        SplittableRandom random = new SplittableRandom(5);
        Path classFolder = Files.createDirectories(folder.resolve("images/a"));
        for (int i = 0; i < SIZES.length; i++) {
            int height = SIZES[i][0];
            int width = SIZES[i][1];
            BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
            for (int y = 0; y < height; y++) {
                for (int x = 0; x < width; x++) {
                    image.setRGB(x, y, random.nextInt(1 << 24));
                }
            }
            Path file = classFolder.resolve("%02d.%s".formatted(i, i % 3 == 2 ? "bmp" : "png"));
            assertTrue(ImageIO.write(image, i % 3 == 2 ? "bmp" : "png", file.toFile()));
        }
    }

    private static DenseNetSpec spec(Stem stem, int channels) {
        return DenseNetSpec.builder()
                .name("tiny")
                .growthRate(4)
                .layersPerBlock(1, 1)
                .initialChannels(4)
                .bottleneckWidth(1)
                .compression(0.5)
                .stem(stem)
                .classes(3)
                .inputSize(32)
                .inputChannels(channels)
                .build();
    }

    private static Normalisation normalisation(int channels) {
        return channels == 3
                ? Normalisation.IMAGENET
                : new Normalisation(new float[] {0.13f}, new float[] {0.31f});
    }

    @ParameterizedTest
    @CsvSource({"SMALL, 3", "SMALL, 1", "IMAGENET, 3", "IMAGENET, 1"})
    void aFileIsTheSamePixelsOnEveryWay(Stem stem, int channels) throws IOException {
        writeImages();
        DenseNetSpec spec = spec(stem, channels);
        Normalisation normalisation = normalisation(channels);
        ImagePreparation preparation = ImagePreparation.of(spec, normalisation);
        ImageFolder data =
                ImageFolder.at(folder.resolve("images")).crop(ImagePreparation.crop(spec)).open();
        assertEquals(channels, data.channels());
        // What training's test pass and evaluation see.
        float[] loaded;
        try (BatchLoader.Epoch batches =
                BatchLoader.of(data).batch(64).normalise(normalisation).threads(2).epoch(0)) {
            Batch batch = batches.next();
            loaded = batch.images();
        }
        float[] prepared = new float[SIZES.length * preparation.length()];
        Path weights = new RandomModel(spec, 3).write(folder.resolve("tiny.safetensors"));
        try (Device device = Device.cpu();
                Model model = Model.open(weights).withNormalisation(normalisation);
                Predictor predictor = Predictor.of(model).device(device).open()) {
            for (int i = 0; i < SIZES.length; i++) {
                Image image = ImageFile.read(data.file(i));
                preparation.prepare(image, prepared, i * preparation.length());
                assertArrayEquals(
                        predictor.preparation().prepare(image), preparation.prepare(image));
            }
            assertArrayEquals(prepared, loaded);
            // What a predictor makes of a file itself.
            for (int i = 0; i < SIZES.length; i++) {
                Prediction best = predictor.classify(ImageFile.read(data.file(i)), 1).getFirst();
                float[] one =
                        java.util.Arrays.copyOfRange(
                                loaded, i * preparation.length(), (i + 1) * preparation.length());
                assertEquals(predictor.classify(one, 1, 1).getFirst().getFirst(), best);
            }
        }
    }
}
