package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import javax.imageio.ImageIO;

class CocoFileTest {
    private static final String IMAGE =
            "{'id': 9, 'file_name': 'a.png', 'width': 60, 'height': 40, 'license': 3}";
    private static final String CATEGORIES =
            "[{'id': 18, 'name': 'dog', 'supercategory': 'animal'}, {'id': 3, 'name': 'car'}]";

    @TempDir private Path folder;

    private static String annotation(int image, int category, String box, String more) {
        return "{'id': 77, 'image_id': "
                + image
                + ", 'category_id': "
                + category
                + ", 'bbox': "
                + box
                + ", 'segmentation': [[1, 2, 3.5], {'size': [1, 2]}]"
                + more
                + "}";
    }

    /** Annotations come before what they refer to. */
    private static String json(String annotations) {
        return "{'info': {'year': 2017, 'list': [1]}, 'annotations': ["
                + annotations
                + "], 'images': ["
                + IMAGE
                + "], 'categories': "
                + CATEGORIES
                + "}";
    }

    private CocoFile open(String json) throws IOException {
        Path file = Files.writeString(folder.resolve("boxes.json"), json.replace('\'', '"'));
        return CocoFile.open(file, folder);
    }

    private String refusal(String json) {
        String message = assertThrows(DataException.class, () -> open(json)).getMessage();
        assertFalse(message.contains("\n"), message);
        assertTrue(message.contains("boxes.json"), message);
        return message.substring(message.indexOf("boxes.json"));
    }

    @Test
    void objectsHaveBoxesLabelsAreasAndCrowds() throws IOException {
        CocoFile data =
                open(
                        json(
                                annotation(9, 18, "[10, 5.5, 20, 30]", ", 'area': 412.5")
                                        + ","
                                        + annotation(9, 3, "[0, 0, 60, 40]", ", 'iscrowd': 1")
                                        + ","
                                        + annotation(9, 3, "[5, 5, 0, 4]", "")));
        assertEquals(List.of("car", "dog"), data.classNames());
        assertEquals(3, data.categoryId(0));
        assertEquals(18, data.categoryId(1));
        assertEquals(9, data.imageId(0));
        ImageIO.write(
                new BufferedImage(60, 40, BufferedImage.TYPE_INT_RGB),
                "png",
                folder.resolve("a.png").toFile());
        assertEquals(
                List.of(
                        new LabelledBox(new Box(10, 5.5, 30, 35.5), 1, false, false, 412.5),
                        new LabelledBox(new Box(0, 0, 60, 40), 0, false, true, 2400)),
                data.read(0, AnnotatedImage::objects));
    }

    @Test
    void imagesWithoutObjectsAreThere() throws IOException {
        CocoFile data = open(json(""));
        assertEquals(1, data.size());
        assertTrue(data.name(0).endsWith("a.png"), data.name(0));
    }

    @Test
    void whatDoesNotFitIsRefusedInOneLine() {
        assertEquals(
                "boxes.json: annotation 77 is of image 8, which is not among the images",
                refusal(json(annotation(8, 18, "[1, 1, 2, 2]", ""))));
        assertEquals(
                "boxes.json: annotation 77 is of category 4, which is not among the categories",
                refusal(json(annotation(9, 4, "[1, 1, 2, 2]", ""))));
        assertEquals(
                "boxes.json: annotation 77: a box from (50, 1) to (70, 3) does not fit an image of"
                        + " 60x40 pixels",
                refusal(json(annotation(9, 18, "[50, 1, 20, 2]", ""))));
        assertEquals(
                "boxes.json: annotation 77: its box is -2.0 wide and 2.0 high",
                refusal(json(annotation(9, 18, "[5, 1, -2, 2]", ""))));
        assertEquals(
                "boxes.json: annotations[0] has no 'bbox' of four numbers: left, top, width,"
                        + " height",
                refusal(json(annotation(9, 18, "[5, 1, 2]", ""))));
        assertEquals(
                "boxes.json: annotations[0] has no 'bbox' of four numbers: left, top, width,"
                        + " height",
                refusal(json(annotation(9, 18, "[5, 1, 2, '2']", ""))));
        assertEquals(
                "boxes.json: annotations[1] is not an object",
                refusal(json(annotation(9, 18, "[1, 1, 2, 2]", "") + ", 3")));
    }

    @Test
    void tablesThatAreMissingOrTwiceAreRefused() {
        assertEquals("boxes.json: has no images", refusal("{}"));
        assertEquals("boxes.json: has no categories", refusal("{'images': [" + IMAGE + "]}"));
        assertEquals(
                "boxes.json: the image 9 is there twice",
                refusal(json("").replace("[" + IMAGE, "[" + IMAGE + "," + IMAGE)));
        assertEquals(
                "boxes.json: the category 3 is there twice",
                refusal(json("").replace("'id': 18", "'id': 3")));
        assertEquals(
                "boxes.json: images[0] has no text 'file_name'",
                refusal(json("").replace("file_name", "name")));
        assertEquals(
                "boxes.json: images[0]: its width is 0 pixels",
                refusal(json("").replace("'width': 60", "'width': 0")));
        assertEquals("boxes.json: 'images' is not a list", refusal("{'images': 3}"));
    }

    @Test
    void whatIsNoJsonIsRefusedInOneLine() {
        assertTrue(refusal("[]").startsWith("boxes.json: is not a JSON object"));
        assertTrue(refusal("{'images': [").contains("line 1: is not JSON"));
        assertTrue(refusal(json("") + "{}").contains("goes on behind"));
        String missing =
                assertThrows(
                                DataException.class,
                                () -> CocoFile.open(folder.resolve("none.json"), folder))
                        .getMessage();
        assertTrue(missing.endsWith("none.json: no such file or folder"), missing);
    }
}
