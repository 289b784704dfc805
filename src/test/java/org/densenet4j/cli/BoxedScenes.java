package org.densenet4j.cli;

import org.densenet4j.data.AnnotatedImage;
import org.densenet4j.data.Box;
import org.densenet4j.data.GlyphScenes;
import org.densenet4j.data.Image;
import org.densenet4j.data.LabelledBox;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

import javax.imageio.ImageIO;

/** Generated scenes as files: as PASCAL VOC has them, or as COCO. */
final class BoxedScenes {
    private static final int SIDE = 48;
    static final List<String> NAMES = GlyphScenes.of(0, 1, SIDE, 1).classNames();

    private BoxedScenes() {}

    /** Writes a list, annotations and images, numbered from 1. */
    static void voc(Path folder, String set, int first, int count) throws IOException {
        Path lists = Files.createDirectories(folder.resolve("ImageSets/Main"));
        Path annotations = Files.createDirectories(folder.resolve("Annotations"));
        Path images = Files.createDirectories(folder.resolve("JPEGImages"));
        List<String> ids = new ArrayList<>();
        for (int i = first; i < first + count; i++) {
            String id = String.format(Locale.ROOT, "%06d", i);
            ids.add(id);
            AnnotatedImage scene = scene(i);
            write(scene.image(), images.resolve(id + ".jpg"), "jpg");
            StringBuilder xml =
                    new StringBuilder("<annotation><filename>" + id + ".jpg</filename>");
            xml.append("<size><width>" + SIDE + "</width><height>" + SIDE + "</height></size>");
            for (LabelledBox object : scene.objects()) {
                Box box = object.box();
                xml.append("<object><name>" + NAMES.get(object.label()) + "</name><bndbox>")
                        .append("<xmin>" + (box.left() + 1) + "</xmin>")
                        .append("<ymin>" + (box.top() + 1) + "</ymin>")
                        .append("<xmax>" + box.right() + "</xmax>")
                        .append("<ymax>" + box.bottom() + "</ymax></bndbox></object>");
            }
            Files.writeString(annotations.resolve(id + ".xml"), xml + "</annotation>");
        }
        Files.write(lists.resolve(set + ".txt"), ids);
    }

    /** Writes annotations and images; categories are numbered backwards, with gaps. */
    static void coco(Path folder, String set, int first, int count) throws IOException {
        Path images = Files.createDirectories(folder.resolve("images").resolve(set));
        List<String> rows = new ArrayList<>();
        List<String> boxes = new ArrayList<>();
        for (int i = first; i < first + count; i++) {
            AnnotatedImage scene = scene(i);
            write(scene.image(), images.resolve(i + ".png"), "png");
            rows.add(
                    "{\"id\":"
                            + (100 + i)
                            + ",\"file_name\":\""
                            + i
                            + ".png\",\"width\":48,\"height\":48}");
            for (LabelledBox object : scene.objects()) {
                Box b = object.box();
                boxes.add(
                        "{\"id\":"
                                + (boxes.size() + 1)
                                + ",\"image_id\":"
                                + (100 + i)
                                + ",\"category_id\":"
                                + number(object.label())
                                + ",\"iscrowd\":0,\"area\":"
                                + b.area()
                                + ",\"bbox\":["
                                + b.left()
                                + ","
                                + b.top()
                                + ","
                                + b.width()
                                + ","
                                + b.height()
                                + "]}");
            }
        }
        List<String> categories = new ArrayList<>();
        for (int c = 0; c < NAMES.size(); c++) {
            categories.add("{\"id\":" + number(c) + ",\"name\":\"" + NAMES.get(c) + "\"}");
        }
        Path annotations = Files.createDirectories(folder.resolve("annotations"));
        Files.writeString(
                annotations.resolve("instances_" + set + ".json"),
                "{\"images\":["
                        + String.join(",", rows)
                        + "],\"annotations\":["
                        + String.join(",", boxes)
                        + "],\"categories\":["
                        + String.join(",", categories)
                        + "]}");
    }

    static int number(int label) {
        return 100 - 7 * label;
    }

    private static AnnotatedImage scene(int number) {
        return GlyphScenes.of(number, 1, SIDE, 5).read(0, scene -> scene);
    }

    private static void write(Image image, Path file, String format) throws IOException {
        BufferedImage out = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
        byte[] p = image.pixels();
        for (int i = 0; i < SIDE * SIDE; i++) {
            int rgb = (p[3 * i] & 0xFF) << 16 | (p[3 * i + 1] & 0xFF) << 8 | p[3 * i + 2] & 0xFF;
            out.setRGB(i % SIDE, i / SIDE, rgb);
        }
        ImageIO.write(out, format, file.toFile());
    }
}
