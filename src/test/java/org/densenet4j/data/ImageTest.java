package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.random.PhiloxRandom;
import org.junit.jupiter.api.Test;

import java.util.Arrays;
import java.util.SplittableRandom;

class ImageTest {
    private static Image noise(int height, int width, int channels, long seed) {
        byte[] pixels = new byte[height * width * channels];
        new SplittableRandom(seed).nextBytes(pixels);
        return new Image(height, width, channels, pixels);
    }

    @Test
    void resizingToTheSameSizeChangesNothing() {
        Image image = noise(13, 7, 3, 1);
        assertArrayEquals(
                image.pixels(),
                new Resampler(image, 0, 0, 13, 7, Interpolation.BILINEAR).to(13, 7).pixels());
        Image box = new Resampler(image, 2, 1, 5, 4, Interpolation.BILINEAR).to(5, 4);
        for (int y = 0; y < 5; y++) {
            for (int i = 0; i < 12; i++) {
                assertEquals(image.pixels()[((y + 2) * 7 + 1) * 3 + i], box.pixels()[y * 12 + i]);
            }
        }
    }

    @Test
    void halvingWeighsFourPixelsLikePillow() {
        // The triangle of twice the width has weights 1/8, 3/8, 3/8, 1/8; cut off at the border.
        int[] row = {10, 200, 30, 90, 250, 0, 77, 130};
        byte[] pixels = new byte[8];
        for (int i = 0; i < 8; i++) {
            pixels[i] = (byte) row[i];
        }
        byte[] half =
                new Resampler(new Image(1, 8, 1, pixels), 0, 0, 1, 8, Interpolation.BILINEAR)
                        .to(1, 4)
                        .pixels();
        assertEquals(Math.round((3 * 10 + 3 * 200 + 30) / 7.0), half[0] & 0xFF);
        assertEquals(Math.round((200 + 3 * 30 + 3 * 90 + 250) / 8.0), half[1] & 0xFF);
        assertEquals(Math.round((90 + 3 * 250 + 3 * 0 + 77) / 8.0), half[2] & 0xFF);
        assertEquals(Math.round((0 + 3 * 77 + 3 * 130) / 7.0), half[3] & 0xFF);
    }

    @Test
    void constantImagesStayConstantWhateverTheSizes() {
        SplittableRandom random = new SplittableRandom(3);
        for (int i = 0; i < 200; i++) {
            byte[] pixels = new byte[(1 + random.nextInt(40)) * (1 + random.nextInt(40)) * 3];
            byte value = (byte) random.nextInt();
            Arrays.fill(pixels, value);
            int pixelCount = pixels.length / 3;
            int height = pixelCount;
            for (int d = 1; d * d <= pixelCount; d++) {
                height = pixelCount % d == 0 ? d : height;
            }
            Image image = new Image(height, pixelCount / height, 3, pixels);
            Image out =
                    new Resampler(
                                    image,
                                    0,
                                    0,
                                    image.height(),
                                    image.width(),
                                    Interpolation.BILINEAR)
                            .to(1 + random.nextInt(30), 1 + random.nextInt(30));
            for (byte b : out.pixels()) {
                assertEquals(value, b);
            }
            Image cropped = image.resizedAndCropped(9, 9, 0.875);
            assertEquals(value, cropped.pixels()[40]);
        }
    }

    @Test
    void theCentreCropIsTorchvisions() {
        // 100x150, resized to 8x12 (shorter side 8), cropped to 7x7 at (round(0.5), round(2.5)) =
        // (0, 2): half to even.
        Image image = noise(100, 150, 1, 5);
        Image resized = new Resampler(image, 0, 0, 100, 150, Interpolation.BILINEAR).to(8, 12);
        Image crop = image.resizedAndCropped(7, 7, 0.875);
        for (int y = 0; y < 7; y++) {
            for (int x = 0; x < 7; x++) {
                assertEquals(resized.pixels()[y * 12 + x + 2], crop.pixels()[y * 7 + x]);
            }
        }
    }

    @Test
    void veryLongImagesAreCroppedWithoutMakingThemHuge() {
        Image line = noise(1, 1_000_000, 3, 7);
        assertEquals(224 * 224 * 3, line.resizedAndCropped(224, 224, 0.875).pixels().length);
        Image column = noise(1_000_000, 1, 3, 7);
        assertEquals(224 * 224 * 3, column.resizedAndCropped(224, 224, 0.875).pixels().length);
        for (Image image : new Image[] {line, column}) {
            Image out =
                    RandomResizedCrop.IMAGENET.apply(
                            image, 32, 32, Interpolation.BILINEAR, new PhiloxRandom(1, 2, 3, 4));
            assertEquals(32 * 32 * 3, out.pixels().length);
        }
    }

    @Test
    void randomCropsStayInsideAndVaryInAreaAndPlace() {
        // A ramp in x and y: the mean of a crop tells its centre.
        byte[] pixels = new byte[100 * 120 * 3];
        for (int y = 0; y < 100; y++) {
            for (int x = 0; x < 120; x++) {
                pixels[(y * 120 + x) * 3] = (byte) (2 * x);
                pixels[(y * 120 + x) * 3 + 1] = (byte) (2 * y);
            }
        }
        Image image = new Image(100, 120, 3, pixels);
        double least = 1e9;
        double most = 0;
        double meanX = 0;
        int count = 500;
        for (int i = 0; i < count; i++) {
            Image crop =
                    RandomResizedCrop.IMAGENET.apply(
                            image, 16, 16, Interpolation.BILINEAR, new PhiloxRandom(9, 2, 0, i));
            int last = (15 * 16 + 15) * 3;
            double w = ((crop.pixels()[last] & 0xFF) - (crop.pixels()[0] & 0xFF)) / 2.0;
            double h = ((crop.pixels()[last + 1] & 0xFF) - (crop.pixels()[1] & 0xFF)) / 2.0;
            // The centres of the outer pixels are 15/16 of the box apart.
            double area = w * h * 16 * 16 / 15 / 15 / 12_000;
            least = Math.min(least, area);
            most = Math.max(most, area);
            meanX += (crop.pixels()[(8 * 16 + 8) * 3] & 0xFF) / 2.0 / count;
        }
        assertTrue(least < 0.12 && least > 0.05, "smallest " + least);
        assertTrue(most > 0.85 && most < 1.1, "largest " + most);
        assertEquals(60, meanX, 3);
    }

    @Test
    void jitterOfGreyStaysGreyAndKeepsTheRange() {
        float[] rgb = new float[300];
        SplittableRandom random = new SplittableRandom(1);
        for (int p = 0; p < 300; p += 3) {
            Arrays.fill(rgb, p, p + 3, (float) random.nextDouble());
        }
        float[] original = rgb.clone();
        new ColourJitter(0.4, 0.4, 0.4, 0).apply(rgb, new PhiloxRandom(1, 2, 3, 4));
        boolean changed = false;
        for (int i = 0; i < 300; i++) {
            assertTrue(rgb[i] >= 0 && rgb[i] <= 1);
            assertEquals(rgb[i - i % 3], rgb[i], 1e-6);
            changed |= rgb[i] != original[i];
        }
        assertTrue(changed);
        new ColourJitter(0, 0, 0, 0.1).apply(rgb, new PhiloxRandom(1, 2, 3, 4));
        float difference = rgb[0] - rgb[1];
        assertTrue(Math.abs(difference) > 1e-6, "lighting changes the hue");
        assertEquals(difference, rgb[297] - rgb[298], 1e-6, "the same everywhere");
    }

    @Test
    void wrongSettingsAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> new ColourJitter(2, 0, 0, 0));
        assertThrows(IllegalArgumentException.class, () -> new RandomResizedCrop(0, 1, 2));
        assertThrows(IllegalArgumentException.class, () -> new RandomResizedCrop(0.5, 0.4, 2));
        assertThrows(IllegalArgumentException.class, () -> new RandomResizedCrop(0.1, 1, 0.5));
        assertThrows(IllegalArgumentException.class, () -> new Image(2, 2, 3, new byte[3]));
        Image image = noise(4, 4, 3, 1);
        assertThrows(IllegalArgumentException.class, () -> image.resizedAndCropped(2, 2, 1.5));
    }
}
