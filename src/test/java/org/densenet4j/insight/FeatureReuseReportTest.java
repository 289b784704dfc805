package org.densenet4j.insight;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.report.HtmlPage;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.NetworkShape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

import javax.imageio.ImageIO;

class FeatureReuseReportTest {
    @TempDir private Path folder;

    private static FeatureReuse reuse() {
        NetworkShape shape = NetworkShape.of(DenseNetSpec.bc(22, 12).classes(10).build());
        SplittableRandom random = new SplittableRandom(1);
        Map<String, float[]> weights = new HashMap<>();
        shape.parameters()
                .forEach(
                        p -> {
                            float[] values = new float[(int) p.count()];
                            for (int i = 0; i < values.length; i++) {
                                values[i] = (float) random.nextGaussian();
                            }
                            weights.put(p.name(), values);
                        });
        return FeatureReuse.of(shape.spec(), weights::get);
    }

    @Test
    void theFolderHasAMapOfEachBlockTheNumbersAndAPage() throws IOException {
        List<Path> files =
                new FeatureReuseReport(reuse(), Scale.BLOCK).write(folder.resolve("new/one"));
        assertEquals(5, files.size());
        for (Path png : files.subList(0, 3)) {
            BufferedImage image = ImageIO.read(png.toFile());
            assertTrue(image.getWidth() > 400 && image.getHeight() > 400);
        }
        List<String> csv = Files.readAllLines(files.get(3));
        assertEquals(1 + 30, csv.size());
        int columns = csv.getFirst().split(",", -1).length;
        assertTrue(csv.stream().allMatch(line -> line.split(",", -1).length == columns));
        assertTrue(csv.get(1).startsWith("1,0,1,input,layer 1,0,24,1152,"), csv.get(1));
        assertTrue(csv.getLast().startsWith("3,3,4,layer 3,classifier,"), csv.getLast());
        assertTrue(Files.readString(files.get(4)).contains("Dense block 3"));
    }

    @Test
    void cellsWithoutAConnectionStayWhite() throws IOException {
        Path png = new FeatureReuseReport(reuse(), Scale.TARGET).write(folder).getFirst();
        BufferedImage image = ImageIO.read(png.toFile());
        // The map is left of the colour bar: its lower left is the last source, the first target.
        int x = image.getWidth() / 5;
        int lower = image.getHeight() * 3 / 4;
        int upper = image.getHeight() / 5;
        assertEquals(0xFFFFFF, image.getRGB(x, lower) & 0xFFFFFF);
        assertTrue((image.getRGB(x, upper) & 0xFF) < 0xF0);
    }

    @Test
    void aSectionFitsIntoAnotherPage() {
        HtmlPage page = HtmlPage.titled("A run");
        new FeatureReuseReport(reuse(), Scale.BLOCK).addTo(page);
        String html = page.html();
        assertTrue(html.contains("layer 2 → transition1"));
        assertTrue(html.contains("% of the target's largest"));
    }

    @Test
    void theTableNamesTheStrongestConnection() {
        FeatureReuse reuse = reuse();
        Connection strongest = reuse.blocks().getFirst().connections().getFirst();
        for (Connection c : reuse.blocks().getFirst().connections()) {
            strongest = c.meanAbsolute() > strongest.meanAbsolute() ? c : strongest;
        }
        String line =
                new FeatureReuseReport(reuse, Scale.BLOCK)
                        .summary()
                        .text()
                        .lines()
                        .skip(1)
                        .findFirst()
                        .orElseThrow();
        BlockReuse block = reuse.blocks().getFirst();
        String expected =
                block.sourceName(strongest.source()) + " → " + block.targetName(strongest.target());
        assertTrue(line.contains(expected), line + " / " + expected);
    }

    @Test
    void aFolderThatCannotBeMadeIsOneLine() throws IOException {
        Path file = Files.createFile(folder.resolve("file"));
        IOException e =
                assertThrows(
                        IOException.class,
                        () ->
                                new FeatureReuseReport(reuse(), Scale.BLOCK)
                                        .write(file.resolve("below")));
        assertTrue(e.getMessage().startsWith("cannot make the folder"), e.getMessage());
    }
}
