package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.util.Arrays;
import java.util.List;

class GlyphScenesTest {
    private static AnnotatedImage image(DetectionDataset data, int index) {
        return data.read(index, image -> image);
    }

    @Test
    void imagesDependOnSeedAndIndexAlone() {
        GlyphScenes all = GlyphScenes.of(0, 20, 64, 7);
        GlyphScenes later = GlyphScenes.of(12, 8, 64, 7);
        assertArrayEquals(image(all, 15).image().pixels(), image(later, 3).image().pixels());
        assertEquals(image(all, 15).objects(), image(later, 3).objects());
        byte[] other = image(GlyphScenes.of(0, 20, 64, 8), 15).image().pixels();
        assertFalse(Arrays.equals(image(all, 15).image().pixels(), other));
    }

    @Test
    void everyClassOccursInSeveralSizesAndNoTwoObjectsTouch() {
        GlyphScenes scenes = GlyphScenes.of(0, 200, 64, 1);
        int[] counts = new int[scenes.classNames().size()];
        double least = 64;
        double most = 0;
        for (int i = 0; i < scenes.size(); i++) {
            List<LabelledBox> objects = image(scenes, i).objects();
            assertTrue(!objects.isEmpty() && objects.size() <= 4, objects.size() + " objects");
            for (LabelledBox one : objects) {
                counts[one.label()]++;
                double longer = Math.max(one.box().width(), one.box().height());
                least = Math.min(least, longer);
                most = Math.max(most, longer);
                assertEquals(1, objects.stream().filter(o -> o.box().iou(one.box()) > 0).count());
            }
        }
        assertTrue(Arrays.stream(counts).min().getAsInt() > 20, Arrays.toString(counts));
        assertTrue(least < 12 && least > 9, "least " + least);
        assertTrue(most > 24 && most <= 25.7, "most " + most);
    }

    /** A ring's stroke runs along the inside of the left side of its box. */
    @Test
    void boxesEndWhereTheInkEnds() {
        GlyphScenes scenes = GlyphScenes.of(0, 60, 128, 3);
        int seen = 0;
        for (int i = 0; i < scenes.size(); i++) {
            AnnotatedImage scene = image(scenes, i);
            for (LabelledBox object : scene.objects()) {
                Glyph glyph = Glyph.values()[object.label()];
                if (glyph == Glyph.RING) {
                    seen++;
                    assertRingTouchesItsBox(scene.image(), object.box());
                }
            }
        }
        assertTrue(seen > 5, seen + " rings");
    }

    private static void assertRingTouchesItsBox(Image image, Box box) {
        int left = (int) box.left();
        if (left < 3) {
            return;
        }
        double difference = 0;
        for (int y = (int) box.top(); y < box.bottom(); y++) {
            double inside = grey(image, left + 2, y);
            difference = Math.max(difference, Math.abs(inside - grey(image, left - 3, y)));
        }
        assertTrue(difference > 40, box + ": " + difference);
    }

    private static double grey(Image image, int x, int y) {
        int at = 3 * (y * image.width() + x);
        double sum = 0;
        for (int c = 0; c < 3; c++) {
            sum += new double[] {0.299, 0.587, 0.114}[c] * (image.pixels()[at + c] & 0xFF);
        }
        return sum;
    }

    @Test
    void setsThatThereAreNotAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> GlyphScenes.of(-1, 1, 64, 1));
        assertThrows(IllegalArgumentException.class, () -> GlyphScenes.of(0, 0, 64, 1));
        assertThrows(IllegalArgumentException.class, () -> GlyphScenes.of(0, 1, 16, 1));
        assertThrows(
                IndexOutOfBoundsException.class,
                () -> GlyphScenes.of(0, 1, 64, 1).read(1, image -> image));
    }
}
