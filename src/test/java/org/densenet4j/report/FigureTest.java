package org.densenet4j.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.report.Figure.Box;
import org.densenet4j.report.Figure.Series;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Element;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;

class FigureTest {
    @TempDir private Path folder;

    private static Map<String, Figure> figures() {
        Map<String, double[]> parts = new LinkedHashMap<>();
        parts.put("features", new double[] {1, 2, 3, 2, 1});
        parts.put("gradients", new double[] {0, 0, 2, 3, 0});
        List<Series> lines =
                List.of(
                        new Series("NAIVE", new double[] {1, 2, 3, 4}, new double[] {1, 4, 9, 16}),
                        new Series("SHARED", new double[] {1, 2, 3, 4}, new double[] {1, 2, 3, 4}));
        Map<String, Figure> figures = new LinkedHashMap<>();
        figures.put("lines", Figure.lines("Memory", "layers", "MB", lines));
        figures.put(
                "roofline",
                Figure.logarithmicPoints("Roofline", "FLOP/byte", "GFLOP/s", lines, lines));
        figures.put(
                "areas",
                Figure.areas("Timeline", "operation", "MB", new double[] {0, 1, 2, 3, 4}, parts));
        figures.put(
                "bars", Figure.bars("Bars", "MB", List.of("a", "b", "c", "d", "e"), parts, true));
        figures.put(
                "boxes",
                Figure.boxes(
                        "Arena",
                        "operation",
                        "MB",
                        List.of("features", "scratch"),
                        List.of(new Box(0, 0, 10, 0, 5), new Box(1, 3, 6, 5, 9))));
        figures.put(
                "heat",
                Figure.heatMap(
                        "Confusion",
                        "predicted",
                        "true",
                        List.of("cat", "dog"),
                        List.of("cat", "dog"),
                        new double[][] {{9, 1}, {2, Double.NaN}}));
        return figures;
    }

    @Test
    void everyKindIsDrawnAsPngAtTwiceItsSize() throws Exception {
        for (Map.Entry<String, Figure> figure : figures().entrySet()) {
            Path file = folder.resolve(figure.getKey() + ".png");
            figure.getValue().write(file, 600, 400);
            BufferedImage image = ImageIO.read(file.toFile());
            assertEquals(1200, image.getWidth());
            assertEquals(800, image.getHeight());
            Set<Integer> colours = new HashSet<>();
            for (int x = 0; x < image.getWidth(); x += 3) {
                for (int y = 0; y < image.getHeight(); y += 3) {
                    colours.add(image.getRGB(x, y));
                }
            }
            assertTrue(colours.size() > 10, figure.getKey() + " is blank");
        }
    }

    @Test
    void everyKindIsDrawnAsWellFormedSvgWithItsTextAsText() throws Exception {
        for (Map.Entry<String, Figure> figure : figures().entrySet()) {
            Path file = folder.resolve(figure.getKey() + ".svg");
            figure.getValue().write(file, 600, 400);
            DocumentBuilderFactory offline = DocumentBuilderFactory.newDefaultInstance();
            offline.setFeature(
                    "http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
            Element root = offline.newDocumentBuilder().parse(file.toFile()).getDocumentElement();
            assertEquals("600", root.getAttribute("width"));
            assertTrue(root.getElementsByTagName("text").getLength() > 3, figure.getKey());
        }
    }

    /** One that the axis cuts in half begins with its full height. */
    @Test
    void aMarkAtZeroIsRoundOnBothSides() throws Exception {
        Path file = folder.resolve("zero.png");
        Series level = new Series("level", new double[] {0, 50}, new double[] {1, 1});
        Figure.lines("Zero", "x", "y", List.of(level)).write(file, 600, 400);
        BufferedImage image = ImageIO.read(file.toFile());
        int[] heights =
                IntStream.range(0, image.getWidth())
                        .map(x -> coloured(image, x))
                        .dropWhile(height -> height == 0)
                        .limit(15)
                        .toArray();
        int whole = Arrays.stream(heights).max().orElseThrow();
        assertTrue(whole > 8 && heights[0] <= whole / 2, Arrays.toString(heights));
    }

    /** Pixels of a series in a column of the upper half: the legend is below. */
    private static int coloured(BufferedImage image, int x) {
        int count = 0;
        for (int y = 0; y < image.getHeight() / 2; y++) {
            Color colour = new Color(image.getRGB(x, y));
            count += colour.getBlue() - colour.getRed() > 80 ? 1 : 0;
        }
        return count;
    }

    @Test
    void anotherKindOfFileIsRefusedWithoutWritingOne() {
        Figure figure = figures().get("lines");
        Path file = folder.resolve("figure.jpg");
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> figure.write(file, 600, 400));
        assertTrue(e.getMessage().contains(".png"));
        assertTrue(Files.notExists(file));
    }
}
