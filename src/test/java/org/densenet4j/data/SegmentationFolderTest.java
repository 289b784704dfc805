package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.SegmentationFolder.Subset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

class SegmentationFolderTest {
    private static final SegmentationClasses THREE = SegmentationClasses.numbered(3);

    @TempDir private Path root;

    private void image(String path, int height, int width) throws IOException {
        int seed = path.hashCode();
        LabelImages.rgb(
                root.resolve(path), height, width, i -> new SplittableRandom(seed + i).nextInt());
    }

    private void pair(String image, String label) throws IOException {
        image(image, 2, 3);
        LabelImages.grey(root.resolve(label), 2, 3, i -> i % 3);
    }

    private static byte[] labels(SegmentationDataset data, int index) {
        return data.read(index, labelled -> labelled.labels().clone());
    }

    private static String failure(SegmentationDataset data) {
        String line = assertThrows(UncheckedIOException.class, () -> labels(data, 0)).getMessage();
        assertFalse(line.contains("\n"), line);
        return line;
    }

    private String openFailure(Subset subset) {
        String line =
                assertThrows(
                                IOException.class,
                                () -> SegmentationFolder.at(root, THREE).subset(subset).open())
                        .getMessage();
        assertFalse(line.contains("\n"), line);
        return line.replace(root.toString(), "R");
    }

    @ParameterizedTest
    @CsvSource({
        "train/, trainannot/, val/, valannot/, test/, testannot/",
        "train/, train_labels/, valid/, valid_labels/, test/, test_labels/",
        "images/train/, labels/train/, images/val/, labels/val/, images/test/, labels/test/",
        "images/train/, masks/train/, images/validation/, masks/validation/, images/test/,"
                + " masks/test/"
    })
    void everyLayoutHasItsSubsets(
            String train,
            String trainLabels,
            String val,
            String valLabels,
            String test,
            String testLabels)
            throws IOException {
        pair(train + "b.png", trainLabels + "b.png");
        pair(train + "city/a.jpg", trainLabels + "city/a.png");
        pair(val + "c.bmp", valLabels + "c_L.png");
        pair(test + "d.png", testLabels + "d.png");
        assertEquals(Set.of(Subset.values()), SegmentationFolder.subsets(root));
        SegmentationFolder data = SegmentationFolder.at(root, THREE).open();
        assertEquals(2, data.size());
        assertEquals("b", data.name(0));
        assertEquals("city/a", data.name(1));
        assertEquals(root.resolve(trainLabels + "city/a.png"), data.labelFile(1));
        assertArrayEquals(new byte[] {0, 1, 2, 0, 1, 2}, labels(data, 1));
        SegmentationFolder held = SegmentationFolder.at(root, THREE).subset(Subset.VAL).open();
        assertEquals("c", held.name(0));
        assertArrayEquals(new byte[] {0, 1, 2, 0, 1, 2}, labels(held, 0));
        assertEquals("d", SegmentationFolder.at(root, THREE).subset(Subset.TEST).open().name(0));
    }

    @Test
    void aSetWithoutSubsetsIsSplitByNameTheSameWayEveryTime() throws IOException {
        for (int i = 0; i < 20; i++) {
            pair("images/" + i + ".png", "masks/" + i + ".png");
        }
        assertEquals(Set.of(Subset.TRAIN, Subset.VAL), SegmentationFolder.subsets(root));
        List<String> train = names(Subset.TRAIN);
        List<String> val = names(Subset.VAL);
        assertEquals(4, val.size());
        assertEquals(val, names(Subset.VAL));
        List<String> all = new ArrayList<>(train);
        all.addAll(val);
        assertEquals(20, all.stream().distinct().count());
        assertFalse(
                IntStream.range(0, 4).allMatch(i -> val.get(i).equals("" + i)),
                "not the first: " + val);
        assertTrue(openFailure(Subset.TEST).contains("it needs the folders test and testannot"));
    }

    private List<String> names(Subset subset) throws IOException {
        SegmentationFolder data = SegmentationFolder.at(root, THREE).subset(subset).open();
        return IntStream.range(0, data.size()).mapToObj(data::name).toList();
    }

    @Test
    void indicesAreReadFromGreyAndFromPalettesOfAnyDepth() throws IOException {
        image("train/a.png", 3, 5);
        image("train/b.png", 3, 5);
        image("train/c.png", 3, 5);
        LabelImages.grey(root.resolve("trainannot/a.png"), 3, 5, i -> i == 7 ? 255 : i % 3);
        LabelImages.palette(
                root.resolve("trainannot/b.png"), 3, 5, new int[] {0x99, 7, 0xFFFFFF}, i -> i % 3);
        LabelImages.palette(
                root.resolve("trainannot/c.png"), 3, 5, new int[] {0, 0xFFFFFF}, i -> i % 2);
        SegmentationFolder data = SegmentationFolder.at(root, THREE).open();
        byte[] grey = labels(data, 0);
        byte[] palette = labels(data, 1);
        byte[] bits = labels(data, 2);
        for (int i = 0; i < 15; i++) {
            assertEquals(i == 7 ? LabelledImage.VOID : i % 3, grey[i] & 0xFF);
            assertEquals(i % 3, palette[i]);
            assertEquals(i % 2, bits[i]);
        }
        data.read(
                0,
                labelled -> {
                    assertEquals(5, labelled.image().width());
                    assertEquals(
                            new SplittableRandom("train/a.png".hashCode()).nextInt() & 0xFF,
                            labelled.image().pixels()[2] & 0xFF);
                    return labelled.image();
                });
        assertEquals(
                1,
                (int)
                        SegmentationFolder.at(root, THREE)
                                .channels(1)
                                .open()
                                .read(0, l -> l.image().channels()));
    }

    @Test
    void coloursAreReadByTheTable() throws IOException {
        image("train/a.png", 2, 2);
        int[] colours = {0x808080, 0x4080C0, 0x000000, 0x111111};
        LabelImages.rgb(root.resolve("trainannot/a.png"), 2, 2, i -> colours[i]);
        assertArrayEquals(
                new byte[] {0, 8, (byte) 255, (byte) 255},
                labels(SegmentationFolder.at(root, SegmentationClasses.camvid()).open(), 0));
        SegmentationClasses strict =
                SegmentationClasses.parse("t", "a,128,128,128\nb,64,128,192\nc,0,0,0");
        assertTrue(
                failure(SegmentationFolder.at(root, strict).open())
                        .endsWith(
                                "colour (17, 17, 17) at column 1, row 1 is not in the table; add"
                                        + " it, or a row void,r,g,b that stands for all others"));
        assertTrue(
                failure(SegmentationFolder.at(root, THREE).open())
                        .contains("is an RGB image; give the table of its colours"));
    }

    @Test
    void anIndexThatIsNoClassIsNamedWithItsPixel() throws IOException {
        image("train/a.png", 2, 3);
        LabelImages.grey(root.resolve("trainannot/a.png"), 2, 3, i -> i == 4 ? 3 : 0);
        assertTrue(
                failure(SegmentationFolder.at(root, THREE).open())
                        .endsWith(
                                "a.png: class index 3 at column 1, row 1 is out of range: there are"
                                        + " 3 classes and the void label is 255"));
    }

    /** A mask of 0 and 255, where 255 would be void by its index and a class by its colour. */
    @Test
    void whatIsOneClassAsAnIndexAndAnotherAsAColourIsRefused() throws IOException {
        image("train/a.png", 2, 3);
        LabelImages.grey(root.resolve("trainannot/a.png"), 2, 3, i -> i == 4 ? 255 : 0);
        SegmentationClasses table =
                SegmentationClasses.parse("t", "back,0,0,0\nthing,255,255,255\nother,1,2,3");
        String line = failure(SegmentationFolder.at(root, table).open());
        assertTrue(
                line.contains(
                        "index 255 at column 1, row 1 is void but has the colour of class 1"
                                + " 'thing' in the table; convert to RGB"),
                line);
        LabelImages.palette(
                root.resolve("trainannot/a.png"),
                2,
                3,
                new int[] {0x010203, 0, 0xFFFFFF},
                i -> i % 3);
        line = failure(SegmentationFolder.at(root, table).open());
        assertTrue(line.contains("index 0 at column 0, row 0 is class 0 'back' but has"), line);
        LabelImages.palette(
                root.resolve("trainannot/a.png"),
                2,
                3,
                new int[] {0, 0xFFFFFF, 0x010203},
                i -> i % 3);
        assertArrayEquals(
                new byte[] {0, 1, 2, 0, 1, 2},
                labels(SegmentationFolder.at(root, table).open(), 0),
                "colours that agree with the indices");
    }

    /** SegNet's files: grey values 0 to 11, of which 0, as a colour, would be void. */
    @Test
    void camvidIsReadByIndexToo() throws IOException {
        image("train/a.png", 3, 4);
        Path label = root.resolve("trainannot/a.png");
        LabelImages.grey(label, 3, 4, i -> i);
        SegmentationFolder data = SegmentationFolder.at(root, SegmentationClasses.camvid()).open();
        byte[] labels = labels(data, 0);
        for (int i = 0; i < 11; i++) {
            assertEquals(i, labels[i]);
        }
        assertEquals(LabelledImage.VOID, labels[11] & 0xFF);
        LabelImages.grey(label, 3, 4, i -> 128);
        assertTrue(
                failure(data)
                        .endsWith(
                                "class index 128 at column 0, row 0 is out of range: there are 11"
                                        + " classes and the void label is 11; its colour is that of"
                                        + " class 0 'sky': convert to RGB to go by colours"));
    }

    @Test
    void labelImagesOfOtherKindsAreRefused() throws IOException {
        image("train/a.png", 2, 3);
        Path label = root.resolve("trainannot/a.png");
        LabelImages.grey16(label, 2, 3, i -> 1);
        SegmentationFolder data = SegmentationFolder.at(root, THREE).open();
        assertTrue(failure(data).contains("a.png: has 16 bits a sample"));
        LabelImages.grey(label.resolveSibling("b.jpg"), 2, 3, i -> 1);
        Files.move(label.resolveSibling("b.jpg"), label, StandardCopyOption.REPLACE_EXISTING);
        assertTrue(failure(data).contains("a.png: is a JPEG, whose loss changes classes"));
        Files.writeString(label, "no image");
        assertTrue(failure(data).contains("a.png: "));
        LabelImages.write(
                label.resolveSibling("b.bmp"), new BufferedImage(3, 2, BufferedImage.TYPE_INT_RGB));
        Files.move(label.resolveSibling("b.bmp"), label, StandardCopyOption.REPLACE_EXISTING);
        assertTrue(failure(data).contains("a.png: is a BMP image; convert label images to PNG"));
        LabelImages.grey(label, 2, 3, i -> 1);
        byte[] whole = Files.readAllBytes(label);
        Files.write(label, Arrays.copyOf(whole, whole.length - 30));
        assertTrue(failure(data).contains("a.png: broken image"));
        Files.delete(label);
        LabelImages.grey(label.resolveSibling("other.png"), 2, 3, i -> 1);
        assertTrue(failure(data).contains("a.png: no such file"));
    }

    @Test
    void aLabelImageOfAnotherSizeIsNamedWithBothSizes() throws IOException {
        image("train/a.png", 4, 6);
        LabelImages.grey(root.resolve("trainannot/a.png"), 4, 5, i -> 1);
        SegmentationFolder data = SegmentationFolder.at(root, THREE).open();
        String line = failure(data);
        assertTrue(line.contains("trainannot/a.png: is 5x4 pixels, its image "), line);
        assertTrue(line.contains("train/a.png 6x4; resize the label image"), line);
        LabelImages.grey(root.resolve("trainannot/a.png"), 6, 4, i -> 1);
        assertTrue(failure(data).contains("turn one of them (the Exif orientation"));
    }

    @Test
    void imagesAndLabelImagesWithoutEachOtherAreNamed() throws IOException {
        pair("train/a.png", "trainannot/a.png");
        image("train/b.png", 2, 3);
        assertEquals(
                "R/train/b.png: has no label image R/trainannot/b.png; add it, or remove the image",
                openFailure(Subset.TRAIN));
        image("train/c.png", 2, 3);
        assertTrue(openFailure(Subset.TRAIN).contains("(2 of 3 images have none)"));
        Files.delete(root.resolve("train/b.png"));
        Files.delete(root.resolve("train/c.png"));
        LabelImages.grey(root.resolve("trainannot/d.png"), 2, 3, i -> 0);
        assertEquals(
                "R/trainannot/d.png: has no image of its name in R/train; add it, or remove the"
                        + " label image",
                openFailure(Subset.TRAIN));
        image("train/d.png", 2, 3);
        image("train/d.jpg", 2, 3);
        assertTrue(openFailure(Subset.TRAIN).contains("has the same base name as d."));
    }

    @Test
    void missingAndAmbiguousFoldersAreExplained() throws IOException {
        assertTrue(
                openFailure(Subset.VAL)
                        .contains("it needs the folders val (or valid, validation)"));
        Files.createDirectories(root.resolve("train"));
        Files.createDirectories(root.resolve("trainannot"));
        assertTrue(openFailure(Subset.TRAIN).startsWith("R/train: has no images that are read"));
        pair("images/train/a.png", "labels/train/a.png");
        assertEquals(
                "R: which images are for train is not clear; there are train with trainannot,"
                        + " images/train with labels/train: remove or rename all but one",
                openFailure(Subset.TRAIN));
        assertEquals(
                root.resolve("none") + ": no such folder",
                assertThrows(
                                IOException.class,
                                () -> SegmentationFolder.at(root.resolve("none"), THREE).open())
                        .getMessage());
    }
}
