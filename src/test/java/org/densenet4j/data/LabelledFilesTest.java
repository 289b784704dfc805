package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

import javax.imageio.ImageIO;

/** Tables of labels and the images that they are of. */
class LabelledFilesTest {
    private static final CentreCrop CROP = new CentreCrop(8, 8, 3, 1, true);

    @TempDir private Path folder;

    @BeforeEach
    void images() throws IOException {
        for (int i = 0; i < 10; i++) {
            BufferedImage image = new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB);
            image.setRGB(0, 0, 0x010101 * (20 * i));
            ImageIO.write(image, "png", folder.resolve(i + ".png").toFile());
        }
    }

    private LabelTable table(String text) throws IOException {
        Path file = folder.resolve("labels.csv");
        Files.writeString(file, text);
        return LabelTable.read(file);
    }

    private LabelledFiles open(String text, Task task) throws IOException {
        return LabelledFiles.of(folder, table(text), task).crop(CROP).open();
    }

    @Test
    void labelsOfWhichSomeAreNotKnownReachTheBatch() throws IOException {
        LabelledFiles files =
                open("file,a,b\n3.png,1,\n\"5.png\", 0 ,-1\n0.png,nan,0.5\n", Task.MULTILABEL);
        assertEquals(List.of("a", "b"), files.classNames());
        assertEquals(folder.resolve("5.png"), files.file(1));
        assertEquals(
                List.of(new LabelledFiles.Counts("a", 1, 1), new LabelledFiles.Counts("b", 0, 1)),
                files.counts());
        try (BatchLoader.Epoch epoch = BatchLoader.of(files).batch(3).epoch(0)) {
            Batch batch = epoch.next();
            float none = Float.NaN;
            assertArrayEquals(new float[] {1, none, 0, none, none, 0.5f}, batch.targets());
            assertEquals(3, batch.size());
        }
        byte[] pixels = new byte[192];
        files.read(1, pixels);
        assertEquals(100, pixels[0]);
    }

    @Test
    void subsetsAndViewsKeepTheTargetsAndTheResizing() throws IOException {
        LabelledFiles files = open("file,a\n3.png,0.25\n5.png,0.75\n", Task.REGRESS);
        DatasetSubset second = DatasetSubset.of(files, 1);
        assertEquals(Task.REGRESS, second.task());
        assertArrayEquals(new float[] {0.75f}, second.targets(0));
        ViewedDataset views =
                ViewedDataset.of(files, CROP, List.of(ImageView.CENTRE, ImageView.CENTRE));
        assertEquals(Task.REGRESS, views.task());
        assertArrayEquals(new float[] {0.75f}, views.targets(3));
        assertEquals(Optional.of(new Resizing(Interpolation.BILINEAR, 1)), views.resizing());
    }

    @Test
    void vectorsHaveNoClassesToBalance() throws IOException {
        BatchLoader loader =
                BatchLoader.of(open("file,a\n3.png,1\n5.png,0\n", Task.MULTILABEL)).batch(2);
        assertThrows(IllegalArgumentException.class, () -> loader.balanced(true));
    }

    @Test
    void aColumnNamesTheClassOfEachImage() throws IOException {
        LabelledFiles files = open("file,kind\n0.png,dog\n1.png,cat\n2.png,dog\n", Task.CLASSIFY);
        assertEquals(List.of("cat", "dog"), files.classNames());
        assertEquals(1, files.label(0));
        assertEquals(0, files.targets(0).length);
    }

    @Test
    void labelsOfANetworkAreFoundByName() throws IOException {
        LabelledFiles files = open("file,a,b\n0.png,1,0\n", Task.MULTILABEL);
        Dataset matched = RelabelledDataset.of(files, List.of("b", "c", "a"));
        assertArrayEquals(new float[] {0, Float.NaN, 1}, matched.targets(0));
        String unknown =
                assertThrows(
                                IllegalArgumentException.class,
                                () -> RelabelledDataset.of(files, List.of("a", "c")))
                        .getMessage();
        assertTrue(unknown.contains("no output 'b'"), unknown);
    }

    @Test
    void imagesOfAGroupStayTogetherAndTheDrawIsRepeated() throws IOException {
        StringBuilder text = new StringBuilder("file,patient,a\n");
        for (int i = 0; i < 10; i++) {
            text.append(i + ".png,p" + i / 2 + ",1\n");
        }
        LabelTable table = table(text.toString());
        LabelTable.Parts parts = table.divide("patient", 0.3, 7);
        assertEquals(10, parts.training().size() + parts.heldOut().size());
        assertEquals(4, parts.heldOut().size(), "at least the share, in whole groups");
        Set<String> patients = new HashSet<>(parts.training().column("patient"));
        for (String held : parts.heldOut().column("patient")) {
            assertFalse(patients.contains(held), held);
        }
        assertEquals(
                parts.heldOut().column("file"),
                table.divide("patient", 0.3, 7).heldOut().column("file"));
        assertEquals(3, table.divide("", 0.3, 7).heldOut().size());
    }

    @Test
    void aCellMayListAllLabels() throws IOException {
        LabelTable table =
                table("file,found,age\n0.png,Mass|Effusion,3\n1.png,No Finding,4\n2.png,Mass,5\n")
                        .listed("found", "|", "No Finding");
        assertEquals(List.of("file", "age", "Effusion", "Mass"), table.columns());
        assertEquals(List.of("1", "0", "1"), table.column("Mass"));
    }

    @Test
    void whatIsWrongIsOneLineThatNamesIt() throws IOException {
        refused("labels.csv: begins with no headings", "");
        refused("labels.csv: has headings and no images", "file,a\n");
        refused("two columns are named 'a'", "file,a,a\n0.png,1,1\n");
        refused(
                "labels.csv, line 3: has 4 cells, there are 3 columns",
                "file,a,b\n0.png,1,1\n1.png,1,1,1\n");
        refused("line 2: 'yes' of 'a' is no number; use 0 to 1", "file,a\n0.png,yes\n");
        refused("line 2: '2' of 'a' is no label", "file,a\n0.png,2\n");
        refused("line 2: there is no file ", "file,a\nnone.png,1\n");
        refused("line 3: 0.png has two lines", "file,a\n0.png,1\n0.png,1\n");
        refused("no image has a value in a, b; there is nothing to learn", "file,a,b\n0.png,,\n");
        says(
                "has no column 'c'; it has file, a",
                () ->
                        LabelledFiles.of(folder, table("file,a\n0.png,1\n"), Task.MULTILABEL)
                                .labels(List.of("c"))
                                .open());
        says("one column names the class", () -> open("file,a,b\n0.png,1,1\n", Task.CLASSIFY));
        says("line 2: has no 'a'", () -> open("file,a\n0.png,\n", Task.CLASSIFY));
        says("'inf' of 'a' is no number", () -> open("file,a\n0.png,inf\n", Task.REGRESS));
        says(
                "has too few images to hold some out by 'p'",
                () -> table("file,p\n0.png,x\n1.png,x\n").divide("p", 0.5, 1));
        says(
                "has no images whose 'split' is test",
                () -> table("file,split\n0.png,train\n").where("split", List.of("test")));
    }

    private void refused(String reason, String text) {
        says(reason, () -> open(text, Task.MULTILABEL));
    }

    private interface Call {
        void run() throws IOException;
    }

    private static void says(String reason, Call call) {
        String message = assertThrows(DataException.class, call::run).getMessage();
        assertTrue(message.contains(reason), message);
        assertFalse(message.contains("\n"), message);
    }
}
