package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.Glyphs;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.train.Checkpoint;
import org.densenet4j.weights.Weights;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

import javax.imageio.ImageIO;

/** A class is its name, in every command that joins a network with images. */
class ClassIdentityTest {
    private static final List<String> CLASSES = List.of("red", "green", "blue");

    @TempDir private static Path folder;
    private static Path run;

    @BeforeAll
    static void trains() throws IOException {
        write("train", 12);
        write("val", 4);
        run = folder.resolve("run");
        Captured trained = train(folder.resolve("data"), "--epochs", "6", "--out", run.toString());
        assertEquals(0, trained.code(), trained.err());
        assertEquals(100, accuracy(folder.resolve("data")), trained.out());
    }

    /** Images of one colour each, red, green or blue, in shades. */
    private static void write(String part, int images) throws IOException {
        for (int c = 0; c < CLASSES.size(); c++) {
            Path to = folder.resolve("data").resolve(part).resolve(CLASSES.get(c));
            Files.createDirectories(to);
            for (int i = 0; i < images; i++) {
                BufferedImage image = new BufferedImage(16, 16, BufferedImage.TYPE_INT_RGB);
                Graphics2D g = image.createGraphics();
                int[] rgb = new int[3];
                rgb[c] = 255 - 4 * i;
                g.setColor(new Color(rgb[0], rgb[1], rgb[2]));
                g.fillRect(0, 0, 16, 16);
                g.dispose();
                ImageIO.write(image, "png", to.resolve(CLASSES.get(c) + i + ".png").toFile());
            }
        }
    }

    private static Captured train(Path data, String... more) {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "train",
                                "--data",
                                "folder:" + data,
                                "--device",
                                "cpu",
                                "--threads",
                                "2",
                                "--no-compare"));
        List<String> given = List.of(more);
        if (!given.contains("--resume")) {
            arguments.addAll(List.of("--model", "bc-10-8", "--batch", "4", "--input-size", "16"));
            arguments.addAll(List.of("--augment", "none"));
        }
        arguments.addAll(given);
        return Captured.run(arguments);
    }

    private static Path best() {
        return run.resolve("best.safetensors");
    }

    private static Captured evaluate(Path data, String... more) {
        return evaluateWeights(best(), data, more);
    }

    private static Captured evaluateWeights(Path weights, Path data, String... more) {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "evaluate",
                                "--weights",
                                weights.toString(),
                                "--data",
                                "folder:" + data,
                                "--device",
                                "cpu"));
        arguments.addAll(List.of(more));
        return Captured.run(arguments);
    }

    private static double accuracy(Path data) {
        Captured result = evaluate(data);
        assertEquals(0, result.code(), result.err());
        String line =
                result.out().lines().filter(l -> l.startsWith("accuracy")).findFirst().orElse("");
        return Double.parseDouble(line.replaceAll("[^0-9.]", ""));
    }

    /**
     * A copy of the images in which classes have other names; those without a name are left out.
     */
    private static Path copy(String name, String red, String green, String blue)
            throws IOException {
        Path copy = folder.resolve(name);
        List<String> names = new ArrayList<>();
        names.add(red);
        names.add(green);
        names.add(blue);
        for (String part : List.of("train", "val")) {
            for (int c = 0; c < CLASSES.size(); c++) {
                if (names.get(c).isEmpty()) {
                    continue;
                }
                Path to = copy.resolve(part).resolve(names.get(c));
                Files.createDirectories(to);
                Path from = folder.resolve("data").resolve(part).resolve(CLASSES.get(c));
                try (Stream<Path> files = Files.list(from)) {
                    for (Path file : files.toList()) {
                        Files.copy(file, to.resolve(file.getFileName()));
                    }
                }
            }
        }
        return copy;
    }

    /** The run as it was trained, for a test of its own. */
    private static Path runCopy(String name) throws IOException {
        Path copy = folder.resolve(name);
        Files.createDirectories(copy);
        try (Stream<Path> files = Files.list(run)) {
            for (Path file : files.toList()) {
                Files.copy(file, copy.resolve(file.getFileName()));
            }
        }
        return copy;
    }

    @Test
    void imagesOfSomeClassesAreEvaluatedAsThoseClasses() throws IOException {
        Path data = copy("two", "", "green", "blue");
        assertTrue(accuracy(data) > 85);
        Captured result = evaluate(data);
        assertTrue(result.err().contains("2 of the 3 classes; none of red"), result.err());
    }

    @Test
    void evaluationRefusesClassesThatTheNetworkDoesNotKnow() throws IOException {
        evaluate(copy("unknown", "red", "grün", "blue"))
                .mustRefuse("does not know grün", "it knows blue, green, red");
    }

    @Test
    void namesGivenByTheUserAreMatchedToo() throws IOException {
        Path names = Files.writeString(folder.resolve("names.txt"), "lines\nangular\nround\n");
        Path data = copy("renamed", "round", "angular", "lines"); // in another order by name
        Path unnamed = UnnamedWeights.copy(best(), folder.resolve("unnamed.safetensors"));
        Captured result = evaluateWeights(unnamed, data, "--classes-file", names.toString());
        assertEquals(0, result.code(), result.err());
        assertFalse(result.out().contains("accuracy        0"), result.out());
        assertTrue(
                result.out().lines().anyMatch(l -> l.matches("lines +4 +(100|75)\\.00 %.*")),
                result.out());
    }

    @Test
    void aRunIsNotContinuedWithOtherClasses() throws IOException {
        for (List<String> names :
                List.of(
                        List.of("red", "grün", "blue"),
                        List.of("red", "", "blue"),
                        List.of("blue", "red", "extra"))) {
            String name = "other" + String.join("-", names);
            Path data = copy(name, names.get(0), names.get(1), names.get(2));
            Path copy = runCopy("run-" + name);
            byte[] before = Files.readAllBytes(copy.resolve("checkpoint.safetensors"));
            String[] resume = {"--resume", copy.toString(), "--epochs", "7"};
            Captured refused = train(data, resume);
            assertEquals(2, refused.code(), refused.out());
            assertTrue(refused.err().contains("a run continues with the classes"), refused.err());
            assertArrayEquals(before, Files.readAllBytes(copy.resolve("checkpoint.safetensors")));
        }
    }

    @Test
    void whatChangesInTheDataOfAContinuedRunIsTold() throws IOException {
        Path data = copy("moved", "red", "green", "blue");
        Files.delete(data.resolve("train/red/red0.png"));
        Captured result = train(data, "--resume", runCopy("run-moved").toString(), "--epochs", "7");
        assertEquals(0, result.code(), result.err());
        assertTrue(result.out().contains("changed  data: folder:"), result.out());
        assertTrue(result.out().contains("changed  training images: 36 -> 35"), result.out());
    }

    @Test
    void weightsOfOtherClassesNeedANewClassifier() throws IOException {
        Path data = copy("fine-tuned", "red", "grün", "blue");
        String out = folder.resolve("fine-tuned-run").toString();
        train(data, "--weights", best().toString(), "--epochs", "1", "--out", out)
                .mustRefuse("does not know grün", "--reset-head");
        Captured reset =
                train(
                        data,
                        "--weights",
                        best().toString(),
                        "--reset-head",
                        "--epochs",
                        "1",
                        "--out",
                        out);
        assertEquals(0, reset.code(), reset.err());
        assertEquals(
                List.of("blue", "grün", "red"),
                Weights.images(Path.of(out, "best.safetensors")).classNames().orElseThrow());
    }

    @Test
    void aRunKeepsTheOrderOfTheClassesThatItsWeightsHave() throws IOException {
        Path weights = folder.resolve("turned.safetensors");
        Path names = Files.writeString(folder.resolve("turned.txt"), "lines\nangular\nround\n");
        Captured export =
                Captured.run(
                        "export",
                        "--weights",
                        UnnamedWeights.copy(best(), folder.resolve("bare.safetensors")).toString(),
                        "--classes-file",
                        names.toString(),
                        "--format",
                        "safetensors",
                        "--out",
                        weights.toString());
        assertEquals(0, export.code(), export.err());
        // Discs are "lines" to these weights: folders in another order, labels by name all the
        // same.
        Path data = copy("turned", "round", "angular", "lines");
        Path out = folder.resolve("turned-run");
        Captured trained =
                train(
                        data,
                        "--weights",
                        weights.toString(),
                        "--lr",
                        "0.00001",
                        "--epochs",
                        "1",
                        "--out",
                        out.toString());
        assertEquals(0, trained.code(), trained.err());
        assertTrue(trained.out().matches("(?s).*test accuracy +(9|100).*"), trained.out());
        Path checkpoint = out.resolve("checkpoint.safetensors");
        assertEquals(
                List.of("lines", "angular", "round"),
                ImageMetadata.read(checkpoint, Checkpoint.metadata(checkpoint))
                        .classNames()
                        .orElseThrow());
        Captured resumed = train(data, "--resume", out.toString(), "--epochs", "2");
        assertEquals(0, resumed.code(), resumed.err());
        assertTrue(resumed.out().matches("(?s).*test accuracy +(9|100).*"), resumed.out());
    }

    @Test
    void anotherNormalisationOfAContinuedRunIsTold() throws IOException {
        Path glyphs = folder.resolve("glyphs");
        Glyphs.generate(glyphs, 40, 10, 1);
        Path run = folder.resolve("glyph-run");
        List<String> first =
                List.of("train", "--data=cifar10:" + glyphs, "--model=bc-10-4", "--batch=20");
        List<String> common = List.of("--device=cpu", "--no-compare", "--out=" + run);
        List<String> begin = new ArrayList<>(first);
        begin.addAll(common);
        begin.add("--epochs=1");
        Captured begun = Captured.run(begin);
        assertEquals(0, begun.code(), begun.err());
        Path checkpoint = run.resolve("checkpoint.safetensors");
        // The same images and classes, from a folder, are normalised by ImageNet's constants.
        ImageMetadata saved = ImageMetadata.read(checkpoint, Checkpoint.metadata(checkpoint));
        Path images = folder.resolve("glyph-images");
        for (String part : List.of("train", "val")) {
            for (String name : saved.classNames().orElseThrow()) {
                Path to = Files.createDirectories(images.resolve(part).resolve(name));
                ImageIO.write(
                        new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB),
                        "png",
                        to.resolve("a.png").toFile());
            }
        }
        Captured continued =
                Captured.run(
                        "train",
                        "--resume=" + run,
                        "--epochs=2",
                        "--data=folder:" + images,
                        "--device=cpu",
                        "--no-compare");
        assertEquals(0, continued.code(), continued.err());
        assertTrue(continued.out().contains("changed  normalisation: [0.4914, "), continued.out());
    }
}
