package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What files of weights record of the colours and indices that masks show classes by. */
class ClassPaletteTest {
    private static final Path FILE = Path.of("w.safetensors");

    private static ImageMetadata metadata(SegmentationClasses classes) {
        return ImageMetadata.of(classes.names(), Normalisation.none(3))
                .withPalette(classes.palette());
    }

    @Test
    void masksOfClassesThatAFileRecordsAreThoseOfTheClassesItself() throws IOException {
        List<SegmentationClasses> sets =
                List.of(
                        SegmentationClasses.camvid(),
                        SegmentationClasses.numbered(255),
                        SegmentationClasses.numbered(4).withVoidLabel(0),
                        SegmentationClasses.numbered(20).withVoidLabel(77),
                        SegmentationClasses.parse("t", "a,1,2,3\nvoid,9,9,9\nb,4,5,6"),
                        SegmentationClasses.parse(
                                "t", "{\"road #2\": [1, 2, 3], \"b\": [0, 0, 9]}"));
        for (SegmentationClasses classes : sets) {
            ImageMetadata read = ImageMetadata.read(FILE, metadata(classes).entries());
            assertEquals(metadata(classes), read);
            SegmentationClasses again =
                    SegmentationClasses.of(
                            read.classNames().orElseThrow(), read.palette().orElseThrow());
            assertEquals(classes.names(), again.names());
            int[] labels = new int[classes.count() + 1];
            for (int p = 0; p < labels.length; p++) {
                labels[p] = p - 1; // void first
            }
            ClassMask before = new ClassMask(1, labels.length, labels, classes);
            ClassMask after = new ClassMask(1, labels.length, labels, again);
            assertArrayEquals(before.indexPng(), after.indexPng());
            assertArrayEquals(before.colouredPng(), after.colouredPng());
        }
    }

    @Test
    void filesOfClassifiersOfImagesHaveNoSuchEntries() throws IOException {
        Map<String, String> entries =
                ImageMetadata.of(List.of("a", "b"), Normalisation.CIFAR10).entries();
        assertTrue(entries.keySet().stream().noneMatch(key -> key.startsWith("masks.")));
        assertEquals(Optional.empty(), ImageMetadata.read(FILE, entries).palette());
    }

    @Test
    void whatIsKnownFirstStaysAndClassesAreCounted() throws IOException {
        ImageMetadata two = metadata(SegmentationClasses.parse("t", "a,1,2,3\nb,4,5,6"));
        ImageMetadata others = metadata(SegmentationClasses.parse("t", "a,7,7,7\nb,8,8,8"));
        assertEquals(two.palette(), two.or(others).palette());
        assertEquals(two.palette(), ImageMetadata.NONE.or(two).palette());
        assertTrue(!two.contradicts(others), "colours are not what a class is");
        assertEquals(
                Optional.of("colours of 2 classes are given, the network has 3"),
                new ImageMetadata(Optional.empty(), Optional.empty(), false, two.palette())
                        .misfit(3, 3));
        ImageMetadata changed =
                two.withClassNames(List.of("x", "y"))
                        .withNormalisation(Normalisation.IMAGENET)
                        .withExifOrientation(true);
        assertEquals(two.palette(), changed.palette());
        assertThrows(
                IllegalArgumentException.class,
                () -> SegmentationClasses.of(List.of("a", "b", "c"), two.palette().orElseThrow()));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "masks.colours     | [\"#000000\"]         | 1 colours and 2 indices",
                "masks.colours     | {}                    | 'masks.colours' is not a list",
                "masks.colours     | [\"#00\",\"#000000\"] | '#00' is no colour such as #808080",
                "masks.indices     | [0,0]                 | two classes have one index",
                "masks.indices     | [0,256]               | use 0 to 255",
                "masks.indices     | [0,0.5]               | use 0 to 255",
                "masks.indices     | [-1,0]                | use 0 to 255",
                "masks.indices     | none                  | 'masks.indices' is not a list",
                "masks.indices     |                       | but no 'masks.indices'",
                "masks.void-colour | red                   | 'red' is no colour",
                "masks.void-index  | 300                   | use 0 to 255",
                "masks.void-index  | x                     | index 'x': use 0 to 255",
                "masks.void-index  |                       | but no 'masks.void-index'",
            })
    void brokenEntriesAreOneLine(String key, String value, String why) {
        Map<String, String> entries =
                new HashMap<>(metadata(SegmentationClasses.numbered(2)).entries());
        if (value == null) {
            entries.remove(key);
        } else {
            entries.put(key, value);
        }
        IOException refused =
                assertThrows(IOException.class, () -> ImageMetadata.read(FILE, entries));
        assertTrue(refused.getMessage().contains(why), refused.getMessage());
        assertTrue(refused.getMessage().startsWith("w.safetensors: "), refused.getMessage());
        assertEquals(1, refused.getMessage().lines().count());
    }
}
