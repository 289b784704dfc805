package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;

class SegmentationClassesTest {
    private static final int VOID = LabelledImage.VOID;

    @Test
    void camvidHasElevenClassesVoidAtElevenAndAllThirtyTwoColours() {
        SegmentationClasses camvid = SegmentationClasses.camvid();
        assertEquals(
                List.of(
                        "sky",
                        "building",
                        "column_pole",
                        "road",
                        "sidewalk",
                        "tree",
                        "sign",
                        "fence",
                        "car",
                        "pedestrian",
                        "bicyclist"),
                camvid.names());
        assertEquals(11, camvid.voidLabel());
        assertEquals(0x000000, camvid.voidColour());
        assertEquals(0x804080, camvid.colour(3));
        assertEquals(8, camvid.tableLabel(0x4080C0), "SUVPickupTruck is a car");
        assertEquals(VOID, camvid.labelOfColour(0x123456), "a colour of none of the 32");
        long colours =
                IntStream.range(0, 1 << 24)
                        .filter(rgb -> camvid.tableLabel(rgb) != SegmentationClasses.UNKNOWN)
                        .count();
        assertEquals(32, colours);
    }

    /** What the lines of a table may look like: all the same table. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "name,r,g,b\nsky,128,128,128\nVoid,0,0,0\ntraffic sign,192,128,128\n",
                "sky, 128, 128,128\r\n\r\n# all others\r\nvoid,0,0,0\r\ntraffic sign,192,128,128",
                "128 128 128\tsky\n0 0 0\t\tVoid\n192 128 128 traffic sign",
                "sky 128 128 128 # blue\nvoid 0 0 0\ntraffic sign 192 128 128",
                "\"sky\",128,128,128\nvoid,0,0,0\n\"traffic sign\",192,128,128",
                "{\"sky\": [128, 128, 128], \"void\": [0, 0, 0], \"traffic sign\": [192, 128, 128]}"
            })
    void tablesAreReadInTheFormsThatTheyHave(String text) throws IOException {
        SegmentationClasses classes = SegmentationClasses.parse("t", text);
        assertEquals(List.of("sky", "traffic sign"), classes.names());
        assertEquals(0xC08080, classes.colour(1));
        assertEquals(1, classes.labelOfColour(0xC08080));
        assertEquals(VOID, classes.labelOfColour(0x000000));
        assertEquals(VOID, classes.labelOfColour(0x010203));
        assertEquals(1, classes.voidLabel(), "indices count the names of the table");
        assertEquals(1, classes.labelOfIndex(2));
        assertEquals(2, classes.index(1));
        assertEquals(SegmentationClasses.UNKNOWN, classes.labelOfIndex(3));
        assertEquals(SegmentationClasses.UNKNOWN, classes.labelOfIndex(255));
        SegmentationClasses again = SegmentationClasses.parse("t", classes.csv());
        assertEquals(classes.names(), again.names());
        assertEquals(classes.colour(1), again.colour(1));
        assertEquals(2, again.voidLabel(), "void comes last");
    }

    @Test
    void withoutVoidInTheTableOtherColoursAreUnknownAndIndex255IsVoid() throws IOException {
        SegmentationClasses classes = SegmentationClasses.parse("t", "a,1,2,3\nb,4,5,6\na,7,8,9");
        assertEquals(List.of("a", "b"), classes.names());
        assertEquals(0, classes.labelOfColour(0x070809));
        assertEquals(0x010203, classes.colour(0), "drawn in the first colour");
        assertEquals(SegmentationClasses.UNKNOWN, classes.labelOfColour(0));
        assertEquals(VOID, classes.labelOfIndex(255));
        assertEquals(SegmentationClasses.UNKNOWN, classes.labelOfIndex(2));
    }

    @Test
    void theVoidLabelMayBeAnyIndexAlsoThatOfAClass() {
        SegmentationClasses classes = SegmentationClasses.numbered(3).withVoidLabel(0);
        assertEquals(VOID, classes.labelOfIndex(0));
        assertEquals(2, classes.labelOfIndex(2));
        assertEquals(SegmentationClasses.UNKNOWN, classes.labelOfIndex(255));
        assertEquals(0, classes.voidLabel());
        assertThrows(IllegalArgumentException.class, () -> classes.withVoidLabel(256));
        assertEquals(10, SegmentationClasses.camvid().withVoidLabel(255).labelOfIndex(10));
    }

    @Test
    void aBackgroundIsBlackAsInPascalVoc() {
        SegmentationClasses classes =
                SegmentationClasses.of(List.of("background", "aeroplane", "bicycle"));
        assertEquals(0, classes.colour(0));
        assertEquals(0x800000, classes.colour(1));
        assertEquals(0x008000, classes.colour(2));
        assertEquals(0xE0E0C0, classes.voidColour());
        assertEquals(255, classes.voidLabel());
    }

    @Test
    void classesWithoutATableHaveColoursOfTheirOwn() {
        SegmentationClasses classes = SegmentationClasses.numbered(255);
        assertFalse(classes.hasTable());
        assertEquals(0x800000, classes.colour(0));
        assertEquals(0x008000, classes.colour(1));
        assertEquals(0xC00080, classes.colour(12), "13, a horse, is (192, 0, 128) in PASCAL VOC");
        assertEquals(0xE0E0C0, classes.colour(254));
        assertEquals(
                255,
                IntStream.range(0, 255)
                        .map(classes::colour)
                        .filter(c -> c != 0)
                        .distinct()
                        .count());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "a,1,2,3;b,4,5|t, line 2: 'b,4,5' is not name,r,g,b",
                "a,1,2,3;b,4,5,256|t, line 2: 'b': colours are from 0 to 255",
                "a,1,2,3;b,4,5,-1|t, line 2: 'b': colours are from 0 to 255",
                "a,1,2,3;b,4,5,99999999999|t, line 2: 'b': colours are from 0 to 255",
                "a,1,2,3;,4,5,6|t, line 2: the class has no name",
                "a,1,2,3;b,1,2,3|t: 'a' and 'b' have the same colour (1, 2, 3)",
                "a,1,2,3;void,4,5,6|t: 1 classes: use 2 to 255",
                "a,1,2,3;name,r,g,b|t, line 2: 'name,r,g,b' is not name,r,g,b",
                "{\"a\": [1, 2]}|t: is not a JSON table of colours",
                "{\"a\": [1, 2, 3], \"b\": [4, 5, 6]|t: is not a JSON table of colours",
                "{\"a\": 7}|t: is not a JSON table of colours",
                "[1]|t: is not a JSON table of colours",
            })
    void brokenTablesAreRefusedInOneLine(String text, String message) {
        IOException e =
                assertThrows(
                        IOException.class,
                        () -> SegmentationClasses.parse("t", text.replace(';', '\n')));
        assertTrue(e.getMessage().startsWith(message), e.getMessage());
        assertFalse(e.getMessage().contains("\n"), e.getMessage());
    }

    @Test
    void tooManyClassesAndTwoOfOneNameAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> SegmentationClasses.numbered(256));
        assertThrows(IllegalArgumentException.class, () -> SegmentationClasses.numbered(1));
        assertThrows(
                IllegalArgumentException.class,
                () -> SegmentationClasses.of(Collections.nCopies(2, "a")));
        StringBuilder table = new StringBuilder();
        IntStream.range(0, 256).forEach(i -> table.append("c" + i + ",0,0," + i + "\n"));
        assertThrows(IOException.class, () -> SegmentationClasses.parse("t", table.toString()));
    }
}
