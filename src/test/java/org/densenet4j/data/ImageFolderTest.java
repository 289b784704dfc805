package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.testing.BlankPng;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.awt.image.WritableRaster;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;

import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;

class ImageFolderTest {
    @TempDir private Path folder;

    private static BufferedImage smooth(int width, int height, int type) {
        BufferedImage image = new BufferedImage(width, height, type);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                image.setRGB(x, y, 0xFF000000 | x * 200 / width << 16 | y * 200 / height << 8 | 90);
            }
        }
        return image;
    }

    private Path write(BufferedImage image, String format, String name) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        assertTrue(ImageIO.write(image, format, file.toFile()));
        return file;
    }

    private static int value(Image image, int y, int x, int c) {
        return image.pixels()[(y * image.width() + x) * 3 + c] & 0xFF;
    }

    private static String refusal(Path file) {
        DataException e = assertThrows(DataException.class, () -> ImageFile.read(file));
        assertTrue(e.getMessage().startsWith(file.toString()), e.getMessage());
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
        return e.getMessage();
    }

    @Test
    void rgbGreyAlphaPaletteAndSixteenBitImagesBecomeRgb() throws IOException {
        Image png = ImageFile.read(write(smooth(30, 20, BufferedImage.TYPE_INT_RGB), "png", "a"));
        assertEquals(20, png.height());
        assertEquals(100, value(png, 10, 15, 0));
        assertEquals(100, value(png, 10, 15, 1));
        assertEquals(90, value(png, 10, 15, 2));

        Image jpeg = ImageFile.read(write(smooth(30, 20, BufferedImage.TYPE_INT_RGB), "jpg", "b"));
        assertEquals(100, value(jpeg, 10, 15, 0), 6);
        assertEquals(90, value(jpeg, 10, 15, 2), 6);

        // The stored value itself, not lightened by a colour conversion.
        BufferedImage grey = new BufferedImage(3, 2, BufferedImage.TYPE_BYTE_GRAY);
        grey.getRaster().setSample(1, 1, 0, 77);
        Image greyPng = ImageFile.read(write(grey, "png", "c"));
        assertEquals(77, value(greyPng, 1, 1, 0));
        assertEquals(77, value(greyPng, 1, 1, 2));
        BufferedImage flat = new BufferedImage(8, 8, BufferedImage.TYPE_BYTE_GRAY);
        Arrays.fill(
                ((java.awt.image.DataBufferByte) flat.getRaster().getDataBuffer()).getData(),
                (byte) 77);
        assertEquals(77, value(ImageFile.read(write(flat, "jpg", "d")), 4, 4, 1), 2);

        BufferedImage deep = new BufferedImage(2, 2, BufferedImage.TYPE_USHORT_GRAY);
        deep.getRaster().setSample(0, 0, 0, 0xABCD);
        assertEquals(0xAB, value(ImageFile.read(write(deep, "png", "e")), 0, 0, 0));

        BufferedImage alpha = new BufferedImage(2, 2, BufferedImage.TYPE_INT_ARGB);
        alpha.setRGB(1, 0, 0x20C86432);
        Image noAlpha = ImageFile.read(write(alpha, "png", "f"));
        assertEquals(0xC8, value(noAlpha, 0, 1, 0));
        assertEquals(0x32, value(noAlpha, 0, 1, 2));

        byte[] reds = {0, (byte) 250};
        byte[] others = {9, 40};
        BufferedImage palette =
                new BufferedImage(
                        2,
                        1,
                        BufferedImage.TYPE_BYTE_BINARY,
                        new IndexColorModel(1, 2, reds, others, others));
        palette.getRaster().setSample(1, 0, 0, 1);
        Image fromPalette = ImageFile.read(write(palette, "png", "g"));
        assertEquals(250, value(fromPalette, 0, 1, 0));
        assertEquals(9, value(fromPalette, 0, 0, 1));
    }

    @Test
    void cmykJpegsAreRead() throws IOException {
        Path file = folder.resolve("cmyk.jpg");
        WritableRaster raster = Raster.createInterleavedRaster(0, 16, 16, 4, null);
        for (int i = 0; i < 256; i++) {
            raster.setPixel(i % 16, i / 16, new int[] {255, 0, 0, 0});
        }
        ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
        try (ImageOutputStream out = ImageIO.createImageOutputStream(file.toFile())) {
            writer.setOutput(out);
            writer.write(new IIOImage(raster, null, null));
        } finally {
            writer.dispose();
        }
        Image image = ImageFile.read(file);
        assertEquals(16, image.width());
        // Cyan, or red where the library takes the values as inverted: one channel differs.
        assertTrue(Math.abs(value(image, 8, 8, 0) - value(image, 8, 8, 1)) > 100);
    }

    @Test
    void theContentDecidesNotTheName() throws IOException {
        Image image =
                ImageFile.read(write(smooth(9, 9, BufferedImage.TYPE_INT_RGB), "png", "x.JPEG"));
        assertEquals(9, image.width());
        Path gif = write(smooth(9, 9, BufferedImage.TYPE_INT_RGB), "gif", "x.jpg");
        assertEquals(9, ImageFile.read(gif).width());
    }

    @Test
    void brokenFilesAreRefusedInOneLine() throws IOException {
        assertTrue(refusal(folder.resolve("none.png")).contains("no such file"));
        Path empty = Files.createFile(folder.resolve("empty.png"));
        assertTrue(refusal(empty).contains("empty"));
        assertTrue(
                refusal(Files.writeString(folder.resolve("text.jpg"), "not an image"))
                        .contains("broken image: it is a text file"));
        for (String format : List.of("png", "jpg", "gif", "bmp", "tiff")) {
            Path good = write(smooth(64, 64, BufferedImage.TYPE_INT_RGB), format, "good");
            byte[] bytes = Files.readAllBytes(good);
            Path cut = folder.resolve("cut." + format);
            for (int percent : new int[] {10, 50, 90}) {
                Files.write(cut, Arrays.copyOf(bytes, bytes.length * percent / 100));
                refusal(cut);
            }
        }
    }

    @Test
    void mutatedFilesGiveAnImageOrOneLine() throws IOException {
        SplittableRandom random = new SplittableRandom(1);
        for (String format : List.of("png", "jpg")) {
            byte[] good =
                    Files.readAllBytes(
                            write(smooth(24, 24, BufferedImage.TYPE_INT_RGB), format, "good"));
            Path file = folder.resolve("mutant." + format);
            for (int i = 0; i < 300; i++) {
                byte[] mutant = good.clone();
                for (int m = 0; m <= random.nextInt(4); m++) {
                    mutant[random.nextInt(mutant.length)] = (byte) random.nextInt();
                }
                Files.write(file, mutant);
                try {
                    ImageFile.read(file);
                } catch (DataException e) {
                    assertEquals(1, e.getMessage().lines().count());
                }
            }
        }
    }

    @Test
    void aDecompressionBombIsRefusedWithItsSizeBeforeItIsDecoded() throws IOException {
        Path bomb = folder.resolve("bomb.png");
        Files.write(bomb, BlankPng.of(60_000, 60_000, 100_000));
        assertTrue(Files.size(bomb) < 10_000);
        assertTrue(refusal(bomb).contains("60000x60000 = 3600000000 pixels, more than the limit"));
        DataException e =
                assertThrows(
                        DataException.class,
                        () ->
                                ImageFile.read(
                                        write(
                                                smooth(20, 20, BufferedImage.TYPE_INT_RGB),
                                                "png",
                                                "small"),
                                        399));
        assertTrue(e.getMessage().contains("20x20 = 400 pixels"), e.getMessage());
    }

    private void imagesOf(String split, String name, int count) throws IOException {
        for (int i = 0; i < count; i++) {
            write(
                    smooth(20 + 7 * i, 31 - i, BufferedImage.TYPE_INT_RGB),
                    i % 2 == 0 ? "png" : "jpg",
                    split + "/" + name + "/" + i + (i % 2 == 0 ? ".png" : ".JPG"));
        }
    }

    @Test
    void classesAreTheFoldersInOrderAndFilesAreInTheOrderOfTheirPaths() throws IOException {
        imagesOf("train", "dog", 3);
        imagesOf("train", "ant", 2);
        imagesOf("val", "dog", 1);
        Files.writeString(folder.resolve("train/ant/readme.txt"), "not an image");
        Files.writeString(folder.resolve("train/ant/._0.png"), "nor this");
        Files.createDirectories(folder.resolve("train/.hidden"));
        ImageFolder train = ImageFolder.at(folder.resolve("train")).size(16).open();
        assertEquals(List.of("ant", "dog"), train.classNames());
        assertEquals(5, train.size());
        assertEquals("1.JPG", train.file(1).getFileName().toString());
        assertEquals(1, train.label(2));
        ImageFolder val =
                ImageFolder.at(folder.resolve("val")).size(16).classes(train.classNames()).open();
        assertEquals(1, val.label(0));
        assertEquals(2, val.classes());
        byte[] pixels = new byte[16 * 16 * 3];
        train.read(4, pixels);
        assertTrue((pixels[0] & 0xFF) < (pixels[15 * 3] & 0xFF), "red grows from left to right");
        assertEquals(34, train.image(4).width());
    }

    @Test
    void foldersThatAreNoDataSetAreRefusedInOneLine() throws IOException {
        imagesOf("train", "dog", 1);
        imagesOf("val", "cat", 1);
        Files.createDirectories(folder.resolve("none"));
        Files.createDirectories(folder.resolve("empty/dog"));
        assertMessage("no such folder", ImageFolder.at(folder.resolve("nowhere")));
        assertMessage("has no folders", ImageFolder.at(folder.resolve("none")));
        assertMessage("has no images that are read", ImageFolder.at(folder.resolve("empty")));
        assertMessage(
                "no class of this name",
                ImageFolder.at(folder.resolve("val")).classes(List.of("dog")));
        assertThrows(IllegalArgumentException.class, () -> ImageFolder.at(folder).size(0));
        assertThrows(IllegalArgumentException.class, () -> ImageFolder.at(folder).cropShare(0));
        assertThrows(IllegalArgumentException.class, () -> ImageFolder.at(folder).mostPixels(0));
    }

    private static void assertMessage(String part, ImageFolder.Builder builder) {
        DataException e = assertThrows(DataException.class, builder::open);
        assertTrue(e.getMessage().contains(part), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
    }

    @Test
    void aBrokenFileAmongGoodOnesIsSkippedOrStops() throws IOException {
        imagesOf("train", "dog", 4);
        imagesOf("train", "ant", 4);
        Path broken = Files.writeString(folder.resolve("train/ant/broken.jpg"), "nonsense");
        ImageFolder train = ImageFolder.at(folder.resolve("train")).size(16).open();
        BatchLoader loader =
                BatchLoader.of(train).batch(4).augment(Augmentation.IMAGENET).threads(3);
        List<String> named = Collections.synchronizedList(new ArrayList<>());
        int images = 0;
        try (BatchLoader.Epoch batches = loader.skipBroken(named::add).epoch(0)) {
            while (batches.hasNext()) {
                images += batches.next().size();
            }
        }
        assertEquals(8, images);
        assertEquals(1, named.size());
        assertTrue(named.getFirst().startsWith(broken.toString()), named.getFirst());
        try (BatchLoader.Epoch batches = loader.epoch(0)) {
            UncheckedIOException e =
                    assertThrows(UncheckedIOException.class, () -> batches.forEach(b -> {}));
            assertTrue(e.getMessage().contains("broken.jpg"), e.getMessage());
        }
        assertFalse(named.isEmpty());
    }

    /** A share that is unmounted takes all images with it, and may leave its folder. */
    @Test
    void imagesWhoseFolderIsGoneAreNotSkippedAsBroken() throws IOException {
        imagesOf("train", "dog", 2);
        imagesOf("train", "ant", 2);
        Path root = folder.resolve("train");
        ImageFolder train = ImageFolder.at(root).size(16).open();
        List<String> named = Collections.synchronizedList(new ArrayList<>());
        BatchLoader loader = BatchLoader.of(train).batch(4).skipBroken(named::add);
        Path away = Files.createDirectory(folder.resolve("away"));
        Files.move(root.resolve("dog"), away.resolve("dog"));
        assertGone(loader, root.resolve("dog"));
        Files.createDirectory(root.resolve("dog"));
        assertGone(loader, root.resolve("dog"));
        Files.delete(root.resolve("dog"));
        Files.move(away.resolve("dog"), root.resolve("dog"));
        assertTrue(named.isEmpty(), named.toString());

        try (var files = Files.list(root.resolve("dog"))) {
            Files.delete(files.findFirst().orElseThrow()); // one alone is as good as broken
        }
        try (BatchLoader.Epoch batches = loader.epoch(0)) {
            assertEquals(3, batches.next().size());
        }
        assertEquals(1, named.size());
    }

    private static void assertGone(BatchLoader loader, Path classFolder) {
        try (BatchLoader.Epoch batches = loader.epoch(0)) {
            UncheckedIOException e =
                    assertThrows(UncheckedIOException.class, () -> batches.forEach(b -> {}));
            String words = classFolder + ": its images are gone since it was opened";
            assertTrue(e.getMessage().startsWith(words), e.getMessage());
        }
    }
}
