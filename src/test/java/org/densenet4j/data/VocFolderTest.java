package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import javax.imageio.ImageIO;

class VocFolderTest {
    private static final List<String> CLASSES = List.of("dog", "person");

    @TempDir private Path folder;

    @BeforeEach
    void folders() throws IOException {
        for (String name : List.of("ImageSets/Main", "Annotations", "JPEGImages")) {
            Files.createDirectories(folder.resolve(name));
        }
        image("000005.jpg", 60, 40);
        list("train", "000005\n");
        annotation("000005", objects(object("dog", 0, 1, 1, 20, 40)));
    }

    private void list(String set, String text) throws IOException {
        Files.writeString(folder.resolve("ImageSets/Main/" + set + ".txt"), text);
    }

    private Path annotation(String id, String xml) throws IOException {
        return Files.writeString(folder.resolve("Annotations/" + id + ".xml"), xml);
    }

    private void image(String name, int width, int height) throws IOException {
        BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        ImageIO.write(image, "jpg", folder.resolve("JPEGImages/" + name).toFile());
    }

    private static String object(
            String name, int difficult, double x1, double y1, double x2, double y2) {
        return "<object><name>%s</name><difficult>%d</difficult><part><name>head</name><bndbox>"
                        .formatted(name, difficult)
                + "<xmin>3</xmin></bndbox></part><bndbox><xmin>%s</xmin><ymin>%s</ymin>"
                        .formatted(x1, y1)
                + "<xmax>%s</xmax><ymax>%s</ymax></bndbox></object>".formatted(x2, y2);
    }

    private static String objects(String... objects) {
        return "<annotation><filename>000005.jpg</filename><size><width>60</width>"
                + "<height>40</height><depth>3</depth></size>"
                + String.join("", objects)
                + "</annotation>";
    }

    private VocFolder open() throws IOException {
        return VocFolder.open(folder, "train", CLASSES);
    }

    private String refusal(String xml) throws IOException {
        annotation("000005", xml);
        String message = assertThrows(DataException.class, this::open).getMessage();
        assertFalse(message.contains("\n"), message);
        assertTrue(message.contains("000005.xml"), message);
        return message;
    }

    /** VOC counts pixels from 1 and includes both ends. */
    @Test
    void objectsHaveBoxesLabelsAndDifficulty() throws IOException {
        annotation(
                "000005",
                objects(object("person", 1, 11, 6, 20, 10), object("dog", 0, 1, 1, 60, 40)));
        VocFolder data = open();
        assertEquals(1, data.size());
        assertEquals(CLASSES, data.classNames());
        AnnotatedImage image = data.read(0, one -> one);
        assertEquals(60, image.image().width());
        assertEquals(
                List.of(
                        new LabelledBox(new Box(10, 5, 20, 10), 1, true, false, 50),
                        new LabelledBox(new Box(0, 0, 60, 40), 0, false, false, 2400)),
                image.objects());
    }

    /** The lists of single classes have a second column. */
    @Test
    void aSetMayNameImagesInColumnsAndAnImageMayHaveNoObject() throws IOException {
        list("train", "000005  1\n\n000007 -1\n");
        image("000007.jpg", 60, 40);
        annotation("000007", objects());
        VocFolder data = open();
        assertEquals(2, data.size());
        assertEquals(List.of(), data.read(1, AnnotatedImage::objects));
    }

    @Test
    void theImageMayHaveTheNameThatItsAnnotationSays() throws IOException {
        image("photo.png", 60, 40);
        list("train", "a\n");
        annotation("a", objects().replace("000005.jpg", "photo.png"));
        VocFolder data = open();
        assertTrue(data.name(0).endsWith("photo.png"), data.name(0));
        assertEquals(60, data.read(0, one -> one).image().width());
    }

    @Test
    void boxesThatDoNotFitTheImageAreRefused() throws IOException {
        String wide = refusal(objects(object("dog", 0, 1, 1, 63, 40)));
        assertTrue(
                wide.endsWith(
                        ", dog: a box from (0, 0) to (63, 40) does not fit an image of 60x40"
                                + " pixels"),
                wide);
        assertTrue(refusal(objects(object("dog", 0, 30, 1, 20, 40))).contains("does not fit"));
        // rounding, and tools that count from 0
        annotation("000005", objects(object("dog", 0, 0, 0, 61, 40)));
        assertEquals(new Box(0, 0, 60, 40), open().read(0, one -> one.objects().getFirst().box()));
    }

    @Test
    void anImageOfAnotherSizeThanItsAnnotationIsRefused() throws IOException {
        image("000005.jpg", 40, 60);
        VocFolder data = open();
        String message =
                assertThrows(UncheckedIOException.class, () -> data.read(0, one -> one))
                        .getMessage();
        assertTrue(message.contains("000005.jpg is 40x60 pixels"), message);
        assertTrue(message.contains("000005.xml says 60x40"), message);
    }

    @Test
    void whatIsNoSuchXmlIsRefusedInOneLine() throws IOException {
        assertTrue(refusal("<annotation><size>").contains("line 1: is not XML"));
        assertTrue(refusal("").contains("is not XML"));
        assertTrue(refusal("<html></html>").contains("begins with <html>"));
        assertTrue(refusal("<annotation></annotation>").contains("has no <size>"));
        assertTrue(
                refusal(objects().replace("<width>60", "<width>0"))
                        .contains("the image's <width> is 0"));
        assertTrue(
                refusal(objects(object("dog", 0, 1, 1, 9, 9).replace("<xmax>9.0", "<xmax>nine")))
                        .contains("<xmax> is 'nine', not a number"));
        assertTrue(
                refusal(objects("<object><name>dog</name></object>"))
                        .contains("has no <bndbox> in <object>"));
        assertTrue(
                refusal(objects(object("cat", 0, 1, 1, 9, 9)))
                        .contains("the class 'cat' is not among dog, person"));
    }

    /** Neither a file of this machine nor a name that grows without end gets in. */
    @Test
    void documentTypesAreRefused() throws IOException {
        Path secret = Files.writeString(folder.resolve("secret"), "dog");
        String xml = objects(object("&x;", 0, 1, 1, 9, 9));
        String message =
                refusal("<!DOCTYPE a [<!ENTITY x SYSTEM \"" + secret.toUri() + "\">]>" + xml);
        assertTrue(message.contains("DOCTYPE"), message);
    }

    @Test
    void missingFilesAreNamed() throws IOException {
        String set =
                assertThrows(DataException.class, () -> VocFolder.open(folder, "val", CLASSES))
                        .getMessage();
        assertTrue(set.contains("val.txt: no such file"), set);
        list("train", "000006\n");
        String xml = assertThrows(DataException.class, this::open).getMessage();
        assertTrue(xml.endsWith("000006.xml: no such file or folder"), xml);
        annotation("000006", objects().replace("000005.jpg", "none.jpg"));
        VocFolder data = open();
        String image =
                assertThrows(UncheckedIOException.class, () -> data.read(0, one -> one))
                        .getMessage();
        assertTrue(image.contains("none.jpg"), image);
        list("train", "\n");
        assertTrue(
                assertThrows(DataException.class, this::open)
                        .getMessage()
                        .endsWith("names no image"));
    }
}
