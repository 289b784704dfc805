package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.random.PhiloxRandom;
import org.junit.jupiter.api.Test;

import java.awt.Color;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

class DetectionAugmentationTest {
    private static final byte INK = (byte) 255;

    private static RandomGenerator random(int number) {
        return new PhiloxRandom(5, 0, 0, number);
    }

    /** White rectangles on black at whole pixels, which are the objects. */
    private static AnnotatedImage rectangles() {
        byte[] pixels = new byte[60 * 80 * 3];
        List<LabelledBox> objects = new ArrayList<>();
        int[][] places = {{10, 8, 30, 28}, {44, 30, 72, 52}};
        for (int[] p : places) {
            for (int y = p[1]; y < p[3]; y++) {
                for (int x = p[0]; x < p[2]; x++) {
                    for (int c = 0; c < 3; c++) {
                        pixels[(y * 80 + x) * 3 + c] = INK;
                    }
                }
            }
            objects.add(new LabelledBox(new Box(p[0], p[1], p[2], p[3]), objects.size()));
        }
        return new AnnotatedImage(new Image(60, 80, 3, pixels), objects);
    }

    private static final DetectionAugmentation GEOMETRY =
            DetectionAugmentation.SSD.withDistortion(PhotometricDistortion.NONE);

    /** White pixels are within boxes, and boxes are full of them, whatever was done. */
    @Test
    void boxesGoWithTheirPixels() {
        int objects = 0;
        for (int i = 0; i < 300; i++) {
            AnnotatedImage changed = GEOMETRY.apply(rectangles(), 64, 96, random(i));
            assertEquals(64, changed.image().height());
            assertEquals(96, changed.image().width());
            objects += changed.objects().size();
            for (LabelledBox object : changed.objects()) {
                assertWhite(changed.image(), object.box());
            }
            // What is white and in no box is the rest of an object whose centre was cut away.
            if (changed.objects().size() == 2) {
                assertTrue(white(changed) <= 1, i + ": white pixels out of boxes");
            }
        }
        assertTrue(objects > 250 && objects < 580, objects + " of 600 objects");
    }

    private static void assertWhite(Image image, Box box) {
        int x = (int) (box.left() + box.right()) / 2;
        int y = (int) (box.top() + box.bottom()) / 2;
        assertEquals(255, image.pixels()[3 * (y * image.width() + x)] & 0xFF, box.toString());
    }

    /** Pixels that are white and further out of every box than resizing reaches. */
    private static int white(AnnotatedImage of) {
        int found = 0;
        for (int y = 0; y < of.image().height(); y++) {
            for (int x = 0; x < of.image().width(); x++) {
                int value = of.image().pixels()[3 * (y * of.image().width() + x)] & 0xFF;
                Box pixel = new Box(x - 2, y - 2, x + 3, y + 3);
                boolean out = of.objects().stream().allMatch(o -> o.box().intersection(pixel) == 0);
                found += value > 200 && out ? 1 : 0;
            }
        }
        return found;
    }

    @Test
    void withoutChangesTheImageIsWarped() {
        AnnotatedImage warped = DetectionAugmentation.NONE.apply(rectangles(), 120, 40, random(0));
        assertEquals(new Box(5, 16, 15, 56), warped.objects().getFirst().box());
        assertEquals(400.0, warped.objects().getFirst().area());
        AnnotatedImage same = DetectionAugmentation.NONE.apply(rectangles(), 60, 80, random(0));
        assertArrayEquals(rectangles().image().pixels(), same.image().pixels());
    }

    @Test
    void halfOfTheImagesAreMirroredAndHalfAreOnACanvas() {
        DetectionAugmentation flip = DetectionAugmentation.NONE.withFlip(true);
        DetectionAugmentation expand = DetectionAugmentation.NONE.withExpansion(4);
        int mirrored = 0;
        int expanded = 0;
        double smallest = 1;
        for (int i = 0; i < 400; i++) {
            Box first = flip.apply(rectangles(), 60, 80, random(i)).objects().getFirst().box();
            mirrored += first.equals(new Box(50, 8, 70, 28)) ? 1 : 0;
            assertTrue(first.left() == 10 || first.left() == 50);
            double area = expand.apply(rectangles(), 60, 80, random(i)).objects().getFirst().area();
            expanded += area < 399 ? 1 : 0;
            smallest = Math.min(smallest, area / 400);
        }
        assertTrue(Math.abs(mirrored - 200) < 40, mirrored + " mirrored");
        assertTrue(Math.abs(expanded - 200) < 40, expanded + " expanded");
        assertTrue(smallest > 1 / 17.0 && smallest < 1 / 13.0, "smallest " + smallest);
    }

    @Test
    void cropsAreTheWholeImageOrWithinTheRangesOfThePaper() {
        int whole = 0;
        List<LabelledBox> objects = rectangles().objects();
        for (int i = 0; i < 500; i++) {
            CropSampler.Window window = CropSampler.draw(80, 60, objects, random(i));
            Box box = window.box();
            assertEquals(box, box.clipped(80, 60));
            if (box.area() == 80 * 60) {
                whole++;
                continue;
            }
            double aspect = (window.width() / 80.0) / (window.height() / 60.0);
            assertTrue(aspect > 0.45 && aspect < 2.2, "aspect " + aspect);
            double scale = Math.sqrt(box.area() / (80 * 60));
            assertTrue(scale > 0.28 && scale <= 1, "scale " + scale);
        }
        // One of up to seven, of which those of the highest overlaps are seldom found.
        assertTrue(whole > 70 && whole < 200, whole + " of 500");
    }

    /** Against the JDK's own HSB: hue turned, saturation times a factor, brightness as it was. */
    @Test
    void saturationAndHueAreThoseOfHsv() {
        RandomGenerator random = random(1);
        for (int i = 0; i < 500; i++) {
            int[] rgb = {random.nextInt(256), random.nextInt(256), random.nextInt(256)};
            float[] before = Color.RGBtoHSB(rgb[0], rgb[1], rgb[2], null);
            double degrees = 72 * random.nextDouble() - 36;
            float factor = (float) (0.5 + random.nextDouble());
            float[] changed = {rgb[0], rgb[1], rgb[2]};
            PhotometricDistortion.saturate(changed, factor);
            PhotometricDistortion.turn(changed, degrees);
            float hue = before[0] + (float) (degrees / 360);
            int wanted = Color.HSBtoRGB(hue, Math.min(1, before[1] * factor), before[2]);
            for (int c = 0; c < 3; c++) {
                assertEquals(wanted >> (16 - 8 * c) & 0xFF, changed[c], 1.01, "channel " + c);
            }
        }
    }

    @Test
    void distortionChangesColoursOfMostImagesAndNoBoxes() {
        DetectionAugmentation colours =
                DetectionAugmentation.NONE.withDistortion(PhotometricDistortion.SSD);
        byte[] grey = new byte[8 * 8 * 3];
        for (int i = 0; i < grey.length; i++) {
            grey[i] = (byte) (100 + i % 3 * 20);
        }
        AnnotatedImage image =
                new AnnotatedImage(
                        new Image(8, 8, 3, grey), List.of(new LabelledBox(new Box(1, 1, 5, 5), 0)));
        int changed = 0;
        for (int i = 0; i < 200; i++) {
            AnnotatedImage other = colours.apply(image, 8, 8, random(i));
            assertEquals(image.objects(), other.objects());
            changed += other.image().pixels()[0] == grey[0] ? 0 : 1;
        }
        // One of sixteen has none of the four changes.
        assertTrue(changed > 150 && changed < 200, changed + " changed");
    }

    @Test
    void aLargeImageIsMadeSmallBeforeItIsPutOnACanvas() {
        Image large = new Image(1500, 2000, 3, new byte[1500 * 2000 * 3]);
        AnnotatedImage image =
                new AnnotatedImage(large, List.of(new LabelledBox(new Box(0, 0, 2000, 1500), 0)));
        DetectionAugmentation expand = DetectionAugmentation.NONE.withExpansion(4);
        for (int i = 0; i < 8; i++) {
            Box box = expand.apply(image, 30, 40, random(i)).objects().getFirst().box();
            assertEquals(4.0 / 3, box.width() / box.height(), 0.02);
        }
    }

    @Test
    void wrongNumbersAreRefused() {
        assertThrows(
                IllegalArgumentException.class,
                () -> DetectionAugmentation.NONE.withExpansion(0.5));
        assertThrows(IllegalArgumentException.class, () -> new PhotometricDistortion(-1, 0, 0, 0));
        AnnotatedImage grey = new AnnotatedImage(new Image(4, 4, 1, new byte[16]), List.of());
        String message =
                assertThrows(
                                IllegalArgumentException.class,
                                () -> DetectionAugmentation.SSD.apply(grey, 4, 4, random(0)))
                        .getMessage();
        assertTrue(message.contains("RGB"), message);
    }
}
