package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.Shapes;
import org.densenet4j.io.Csv;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

import javax.imageio.ImageIO;

/** {@code evaluate} with a network that classifies pixels. */
class SegmentationEvaluateCommandTest {
    @TempDir private static Path root;
    private static Path data;
    private static Path best;

    /** Images of 16x16, but for one that is validated on and two that are tested on. */
    @BeforeAll
    static void aRunOfOneEpoch() throws IOException {
        data = root.resolve("data");
        Shapes.generate(data, new Shapes.Counts(6, 3, 3), 16, 1);
        for (String name : List.of("val/000001.png", "test/000000.png", "test/000001.png")) {
            cut(data.resolve(name));
            cut(data.resolve(name.replace("/", "annot/")));
        }
        Path run = root.resolve("run");
        String table = data.resolve("classes.csv").toString();
        Captured.run(TinyRun.segment(data, run, "--class-colours", table)).mustSucceed();
        best = run.resolve("best.safetensors");
    }

    private static void cut(Path file) throws IOException {
        BufferedImage image = ImageIO.read(file.toFile());
        ImageIO.write(image.getSubimage(0, 1, 16, 13), "png", file.toFile());
    }

    private static Captured evaluate(String... more) {
        List<String> arguments = new ArrayList<>(List.of("evaluate", "--weights", best.toString()));
        arguments.addAll(List.of("--device", "cpu"));
        if (!List.of(more).contains("--data")) {
            arguments.addAll(List.of("--data", "folder:" + data));
        }
        arguments.addAll(List.of(more));
        return Captured.run(arguments);
    }

    /** Training tests by the trainer's own evaluation, of each image by a network of its size. */
    @Test
    void theImagesOfValidationHaveTheScoresOfTheRun() throws IOException {
        String out = evaluate("--subset", "val").mustSucceed().out();
        assertTrue(out.startsWith("3 images of val, "), out);
        List<List<String>> scores = Csv.parse(Files.readString(best.resolveSibling("iou.csv")));
        for (List<String> row : scores.subList(1, scores.size())) {
            String iou = IouFile.percent(row);
            String pixels = String.format(Locale.ROOT, "%,d", Long.parseLong(row.get(3)));
            String line = row.getFirst() + " +" + iou + " .* " + pixels;
            assertTrue(out.lines().anyMatch(l -> l.matches(line)), line + " in " + out);
        }
        assertTrue(out.contains("mean IoU        " + IouFile.mean(scores)), out);
        List<List<String>> metrics =
                Csv.parse(Files.readString(best.resolveSibling("metrics.csv")));
        double loss = Double.parseDouble(metrics.get(1).get(5));
        String printed = out.lines().filter(l -> l.startsWith("loss ")).findFirst().orElseThrow();
        assertEquals(loss, Double.parseDouble(printed.substring(4)), 1e-4);
    }

    @Test
    void testImagesAreTheDefaultAndJsonHasTheSameNumbers() {
        String out = evaluate().mustSucceed().out();
        assertTrue(out.startsWith("3 images of test, "), out);
        String json = evaluate("--json").mustSucceed().out();
        for (String part : List.of("\"subset\" : \"test\"", "\"void_pixels\"", "\"mean_iou\"")) {
            assertTrue(json.contains(part), json);
        }
        assertEquals(7, json.split("\"class\" : ", -1).length - 1, json);
        assertFalse(json.contains("NaN"), json);
    }

    @Test
    void withoutTestImagesThoseOfValidationAreUsed() throws IOException {
        Path other = root.resolve("other");
        for (String name : List.of("val", "valannot")) {
            Path from = data.resolve(name);
            Path to = Files.createDirectories(other.resolve(name));
            try (var files = Files.list(from)) {
                for (Path file : files.toList()) {
                    Files.copy(file, to.resolve(file.getFileName()));
                }
            }
        }
        String out = evaluate("--data", "folder:" + other).mustSucceed().out();
        assertTrue(out.startsWith("3 images of val, "), out);
        assertEquals(evaluate("--subset", "val").mustSucceed().out(), out);
        Files.writeString(other.resolve("val/000001.png"), "no image");
        Captured stopped = evaluate("--data", "folder:" + other);
        stopped.mustRefuse("000001.png: broken image");
        Captured skipped = evaluate("--data", "folder:" + other, "--on-broken", "skip");
        assertTrue(skipped.mustSucceed().out().startsWith("2 images of val, "), skipped.out());
        assertTrue(skipped.err().contains("000001.png"), skipped.err());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--input-size 32 | --input-size is for networks that classify images",
                "--data cifar10:x | has one label for each image, and fc-densenet-1-1-2 classifies",
                "--data camvid:nowhere | nowhere: no such folder",
                "--data idx:x | use shapes, camvid:DIR or folder:DIR",
                "--subset all | --subset",
                "--model bc-10-4 | they are those of FC-DenseNet",
            })
    void whatDoesNotFitIsRefusedInOneLine(String row) {
        List<String> parts = List.of(row.split(" \\| ", -1));
        evaluate(parts.getFirst().split(" ", -1)).mustRefuse(parts.get(1));
    }

    @Test
    void otherClassesAreRefused() throws IOException {
        Path table = root.resolve("table.csv");
        Files.writeString(table, "a,0,0,0\nb,1,1,1\nc,2,2,2\nd,3,3,3\ne,4,4,4\nf,5,5,5\ng,6,6,6\n");
        evaluate("--class-colours", table.toString())
                .mustRefuse("the network's classes are [background, disc", "the data has [a, b");
    }
}
