package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.densenet4j.io.OutputFolder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;

import javax.imageio.ImageIO;

class ClassMaskTest {
    private static final int VOID = SegmentationBatch.VOID;

    @TempDir private Path root;

    private static ClassMask random(SegmentationClasses classes, int height, int width, int seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int[] labels = random.ints((long) height * width, VOID, classes.count()).toArray();
        return new ClassMask(height, width, labels, classes);
    }

    /** Reads a file as a label image of a data set. */
    private int[] asLabels(byte[] png, SegmentationClasses classes) throws IOException {
        Files.write(root.resolve("mask.png"), png);
        byte[] read =
                LabelFile.read(root.resolve("mask.png"), classes, ImageFile.MOST_PIXELS).labels();
        int[] labels = new int[read.length];
        for (int p = 0; p < labels.length; p++) {
            labels[p] = (read[p] & 0xFF) == LabelledImage.VOID ? VOID : read[p] & 0xFF;
        }
        return labels;
    }

    private static int[] rgb(byte[] png) throws IOException {
        BufferedImage image = ImageIO.read(new ByteArrayInputStream(png));
        int[] rgb =
                image.getRGB(0, 0, image.getWidth(), image.getHeight(), null, 0, image.getWidth());
        for (int p = 0; p < rgb.length; p++) {
            rgb[p] &= 0xFFFFFF;
        }
        return rgb;
    }

    @Test
    void theIndexMaskIsALabelImageThatLooksRight() throws IOException {
        List<SegmentationClasses> sets =
                List.of(
                        SegmentationClasses.camvid(),
                        SegmentationClasses.numbered(2),
                        SegmentationClasses.numbered(20).withVoidLabel(77),
                        SegmentationClasses.numbered(255),
                        SegmentationClasses.parse("t", "void,9,9,9\na,1,2,3\nb,4,5,6"));
        for (SegmentationClasses classes : sets) {
            ClassMask mask = random(classes, 13, 7, classes.count());
            byte[] png = mask.indexPng();
            assertArrayEquals(mask.labels(), asLabels(png, classes));
            assertArrayEquals(rgb(mask.colouredPng()), rgb(png));
            assertEquals(8, png[24], "bits");
            assertEquals(3, png[25], "palette");
        }
    }

    @Test
    void theColouredMaskIsALabelImageOfTheTable() throws IOException {
        SegmentationClasses camvid = SegmentationClasses.camvid();
        ClassMask mask = random(camvid, 9, 11, 1);
        assertArrayEquals(mask.labels(), asLabels(mask.colouredPng(), camvid));
        SegmentationClasses numbered = SegmentationClasses.numbered(7);
        ClassMask other = random(numbered, 9, 11, 1);
        int[] colours = rgb(other.colouredPng());
        for (int p = 0; p < colours.length; p++) {
            int label = other.labels()[p];
            assertEquals(label == VOID ? 0 : numbered.colour(label), colours[p]);
        }
    }

    @Test
    void theOverlayMixesImageAndColours() throws IOException {
        SegmentationClasses classes = SegmentationClasses.parse("t", "a,100,0,255\nb,4,5,6");
        ClassMask mask = new ClassMask(1, 2, new int[] {0, VOID}, classes);
        Image image = new Image(1, 2, 3, new byte[] {0, 100, (byte) 255, 1, 2, 3});
        assertArrayEquals(
                new int[] {25 << 16 | 75 << 8 | 255, 0x010203}, rgb(mask.overlayPng(image, 0.25)));
        Image grey = new Image(1, 2, 1, new byte[] {50, 60});
        assertArrayEquals(
                new int[] {75 << 16 | 25 << 8 | 153, 0x3C3C3C}, rgb(mask.overlayPng(grey, 0.5)));
        assertThrows(IllegalArgumentException.class, () -> mask.overlayPng(image, 1.5));
        assertThrows(
                IllegalArgumentException.class,
                () -> mask.overlayPng(new Image(2, 1, 1, new byte[2]), 0.5));
    }

    @Test
    void allThreeAreWrittenUnderTheirNames() throws IOException {
        ClassMask mask = random(SegmentationClasses.numbered(3), 2, 3, 4);
        List<Path> files =
                mask.write(OutputFolder.make(root), "a", new Image(2, 3, 1, new byte[6]));
        assertEquals(
                ClassMask.fileNames("a"),
                files.stream().map(f -> f.getFileName().toString()).toList());
        assertArrayEquals(mask.indexPng(), Files.readAllBytes(root.resolve("a.index.png")));
        assertArrayEquals(mask.colouredPng(), Files.readAllBytes(root.resolve("a.colours.png")));
    }

    @Test
    void theClassOfAPixelIsItsFirstLargestLogit() {
        SegmentationClasses classes = SegmentationClasses.numbered(3);
        float[] logits = {9, 9, 0, 1, 0, -1, -1, -2, -3, 5, 7, 7};
        ClassMask mask = ClassMask.of(1, 3, logits, 3, classes);
        assertArrayEquals(new int[] {0, 0, 1}, mask.labels());
        assertThrows(IllegalArgumentException.class, () -> ClassMask.of(1, 4, logits, 3, classes));
        assertThrows(
                IllegalArgumentException.class, () -> new ClassMask(1, 1, new int[] {3}, classes));
        assertThrows(
                IllegalArgumentException.class, () -> new ClassMask(1, 2, new int[1], classes));
    }
}
