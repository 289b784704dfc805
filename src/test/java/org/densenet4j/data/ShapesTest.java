package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.SegmentationFolder.Subset;
import org.densenet4j.testing.LinearPixelClassifier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

class ShapesTest {
    @TempDir private Path folder;

    private static LabelledImage image(SegmentationDataset data, int index) {
        return data.read(index, image -> image);
    }

    @Test
    void imagesDependOnSeedAndIndexAlone() {
        Shapes all = Shapes.of(0, 20, 32, 7);
        Shapes later = Shapes.of(12, 8, 32, 7);
        assertArrayEquals(image(all, 15).labels(), image(later, 3).labels());
        assertArrayEquals(image(all, 15).image().pixels(), image(later, 3).image().pixels());
        assertFalse(Arrays.equals(image(all, 15).labels(), image(all, 14).labels()));
        assertFalse(
                Arrays.equals(
                        image(all, 15).labels(), image(Shapes.of(0, 20, 32, 8), 15).labels()));
    }

    @Test
    void everyClassOccursAndAFewPercentOfThePixelsAreVoid() {
        Shapes shapes = Shapes.of(0, 60, 64, 1);
        long[] pixels = new long[256];
        for (int i = 0; i < shapes.size(); i++) {
            for (byte label : image(shapes, i).labels()) {
                pixels[label & 0xFF]++;
            }
        }
        double all = (double) Arrays.stream(pixels).sum();
        for (int c = 1; c < shapes.classes().count(); c++) {
            assertTrue(
                    pixels[c] / all > 0.01 && pixels[c] / all < 0.06, c + ": " + pixels[c] / all);
        }
        double share = pixels[LabelledImage.VOID] / all;
        assertTrue(share > 0.02 && share < 0.07, "void: " + share);
        assertEquals(all, Arrays.stream(pixels, 0, 7).sum() + share * all, 1e-6 * all);
    }

    /** Between the pixels of a shape and those of the background next to it. */
    @Test
    void edgesOfShapesAreVoid() {
        Shapes shapes = Shapes.of(0, 30, 48, 2);
        for (int i = 0; i < shapes.size(); i++) {
            byte[] labels = image(shapes, i).labels();
            int touching = 0;
            int edges = 0;
            for (int p = 0; p < labels.length - 1; p++) {
                if (p % 48 < 47) {
                    boolean either = labels[p] > 0 || labels[p + 1] > 0;
                    edges += labels[p] != labels[p + 1] ? 1 : 0;
                    boolean isVoid = labels[p] == -1 || labels[p + 1] == -1;
                    touching += either && !isVoid && labels[p] != labels[p + 1] ? 1 : 0;
                }
            }
            // An edge may run exactly between two pixels' samples.
            assertTrue(touching <= edges / 4, touching + " of " + edges);
        }
    }

    @Test
    void aFolderIsWhatTheSetDrawsAndThatIsKept() throws IOException {
        Shapes.generate(folder, new Shapes.Counts(6, 2, 3), 24, 5);
        SegmentationClasses classes = SegmentationClasses.read(folder.resolve("classes.csv"));
        assertEquals(Shapes.shapeClasses().names(), classes.names());
        int first = 0;
        for (Subset subset : Subset.values()) {
            SegmentationFolder read = SegmentationFolder.at(folder, classes).subset(subset).open();
            Shapes drawn = Shapes.of(first, read.size(), 24, 5);
            for (int i = 0; i < read.size(); i++) {
                assertArrayEquals(image(drawn, i).labels(), image(read, i).labels());
                assertArrayEquals(
                        image(drawn, i).image().pixels(), image(read, i).image().pixels());
            }
            first += read.size();
        }
        assertEquals(11, first);

        Path file = folder.resolve("train/000000.png");
        Files.setLastModifiedTime(file, FileTime.fromMillis(0));
        Shapes.generate(folder, new Shapes.Counts(6, 2, 3), 24, 5);
        assertEquals(0, Files.getLastModifiedTime(file).toMillis());
        Shapes.generate(folder, new Shapes.Counts(4, 2, 3), 24, 6);
        assertNotEquals(0, Files.getLastModifiedTime(file).toMillis());
        assertEquals(4, SegmentationFolder.at(folder, classes).open().size());
    }

    @Test
    void foldersOfOthersAreLeftAlone() throws IOException {
        Path mine = folder.resolve("train/000001.png");
        Files.createDirectories(mine.getParent());
        Files.writeString(mine, "mine");
        IOException e =
                assertThrows(
                        IOException.class,
                        () -> Shapes.generate(folder, new Shapes.Counts(1, 1, 1), 16, 1));
        assertTrue(e.getMessage().contains("000001.png: is no generated image"), e.getMessage());
        assertEquals("mine", Files.readString(mine));
        Path other = folder.resolve("other");
        Shapes.generate(other, new Shapes.Counts(1, 1, 1), 16, 1);
        Files.writeString(other.resolve("valannot/notes.txt"), "mine");
        assertThrows(
                IOException.class, () -> Shapes.generate(other, new Shapes.Counts(2, 1, 1), 16, 1));
        assertEquals("mine", Files.readString(other.resolve("valannot/notes.txt")));
        assertTrue(Files.exists(other.resolve("train/000000.png")), "nothing was removed");
        assertThrows(IllegalArgumentException.class, () -> Shapes.of(0, 1, 15, 1));
        assertThrows(IllegalArgumentException.class, () -> new Shapes.Counts(1, 0, 1));
    }

    /**
     * Colour and place alone must not tell the class: that is what the network is for. Background
     * everywhere comes to 1/7 of the background's share.
     */
    @Test
    void aLinearClassifierOfPixelsDoesBadly() {
        Shapes train = Shapes.of(0, 50, 40, 3);
        Shapes test = Shapes.of(50, 25, 40, 3);
        for (boolean balanced : new boolean[] {false, true}) {
            double iou = LinearPixelClassifier.trained(train, 2, balanced).scores(test).meanIou();
            assertTrue(iou < 0.16, balanced + ": " + iou);
        }
        assertTrue(
                LinearPixelClassifier.trained(train, 2, false).scores(test).meanIou() > 0.11,
                "as good as background everywhere");
    }

    /**
     * The same classifier where colour does tell the class, so that its failure means something.
     */
    @Test
    void aLinearClassifierOfPixelsLearnsWhatColoursTell() {
        SegmentationDataset coloured = new Coloured(Shapes.of(0, 40, 32, 4));
        assertTrue(
                LinearPixelClassifier.trained(coloured, 3, true).scores(coloured).meanIou() > 0.9);
    }

    /** Images where each class has a colour. */
    private record Coloured(Shapes shapes) implements SegmentationDataset {
        private static final List<Integer> COLOURS =
                List.of(0x000000, 0xFF0000, 0x00FF00, 0x0000FF, 0xFFFF00, 0xFF00FF, 0x00FFFF);

        @Override
        public int size() {
            return shapes.size();
        }

        @Override
        public int channels() {
            return 3;
        }

        @Override
        public SegmentationClasses classes() {
            return shapes.classes();
        }

        @Override
        public String name(int index) {
            return shapes.name(index);
        }

        @Override
        public <T> T read(int index, Function<LabelledImage, T> use) {
            LabelledImage drawn = image(shapes, index);
            byte[] pixels = drawn.image().pixels();
            for (int p = 0; p < drawn.labels().length; p++) {
                int label = drawn.labels()[p] & 0xFF;
                int rgb = label == LabelledImage.VOID ? 0x888888 : COLOURS.get(label);
                for (int c = 0; c < 3; c++) {
                    pixels[3 * p + c] = (byte) (rgb >> (16 - 8 * c));
                }
            }
            return use.apply(drawn);
        }
    }
}
