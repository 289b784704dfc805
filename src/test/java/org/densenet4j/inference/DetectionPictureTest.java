package org.densenet4j.inference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.Box;
import org.densenet4j.data.Image;
import org.densenet4j.detection.Detection;
import org.junit.jupiter.api.Test;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

import javax.imageio.ImageIO;

/** Boxes on a copy of an image. */
class DetectionPictureTest {
    private static final List<String> NAMES = List.of("cat", "dog", "a name of some length");

    private static Image grey(int height, int width) {
        byte[] pixels = new byte[height * width * 3];
        Arrays.fill(pixels, (byte) 100);
        return new Image(height, width, 3, pixels);
    }

    @Test
    void aBoxHasTheColourOfItsClassAndTheRestOfTheImageIsAsItWas() {
        Image image = grey(500, 600);
        BufferedImage picture =
                DetectionPicture.draw(
                        image, List.of(new Detection(new Box(100, 200, 300, 400), 1, 0.9)), NAMES);
        assertEquals(600, picture.getWidth());
        assertEquals(500, picture.getHeight());
        for (int[] at : new int[][] {{100, 300}, {300, 300}, {250, 200}, {200, 400}}) {
            assertEquals(DetectionPicture.colour(1), picture.getRGB(at[0], at[1]) & 0xFFFFFF);
        }
        assertEquals(0x646464, picture.getRGB(200, 300) & 0xFFFFFF, "inside");
        assertEquals(0x646464, picture.getRGB(50, 50) & 0xFFFFFF, "outside");
        assertEquals(100, image.pixels()[0]);
    }

    @Test
    void smallImagesAreEnlargedByAWholeNumber() throws IOException {
        byte[] png =
                DetectionPicture.png(
                        grey(96, 64), List.of(new Detection(new Box(8, 8, 40, 40), 0, 1)), NAMES);
        BufferedImage picture = ImageIO.read(new ByteArrayInputStream(png));
        assertEquals(64 * 5, picture.getWidth());
        assertEquals(96 * 5, picture.getHeight());
        assertEquals(DetectionPicture.colour(0), picture.getRGB(40, 150) & 0xFFFFFF);
    }

    @Test
    void anyNumberOfBoxesAtAnyPlaceIsDrawn() {
        List<Detection> found = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            double at = i % 20;
            found.add(new Detection(new Box(at, at, at + 12, at + 0.5), i % 3, 1 - i / 301.0));
        }
        BufferedImage picture = DetectionPicture.draw(grey(32, 33), found, NAMES);
        assertEquals(33 * 15, picture.getWidth());
        BufferedImage none = DetectionPicture.draw(grey(32, 33), List.of(), NAMES);
        assertNotEquals(picture.getRGB(10, 10), none.getRGB(10, 10));
    }

    @Test
    void classesHaveColoursOfTheirOwn() {
        Set<Integer> colours = new HashSet<>();
        for (int label = 0; label < 90; label++) {
            colours.add(DetectionPicture.colour(label));
        }
        assertTrue(colours.size() > 85, colours.size() + " colours");
    }
}
