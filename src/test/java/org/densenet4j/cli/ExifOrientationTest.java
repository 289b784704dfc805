package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageFile;
import org.densenet4j.inference.Predictor;
import org.densenet4j.testing.DrawnImages;
import org.densenet4j.weights.Model;
import org.densenet4j.weights.Weights;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.CRC32;

import javax.imageio.ImageIO;

/** Images are turned upright wherever a network is used, if they were when it was trained. */
class ExifOrientationTest {
    @TempDir private static Path folder;
    private static Path best;

    /** The same images, one folder as they are, one stored upside down with a note that says so. */
    private static Path upright;

    private static Path turned;

    @BeforeAll
    static void trains() throws IOException {
        upright = folder.resolve("upright");
        turned = folder.resolve("turned");
        DrawnImages.write(upright, 4, 4, 16);
        try (Stream<Path> files = Files.walk(upright)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                BufferedImage image = ImageIO.read(file.toFile());
                Files.delete(file);
                Path png = file.resolveSibling(file.getFileName() + ".png");
                ImageIO.write(image, "png", png.toFile());
                Path to = turned.resolve(upright.relativize(png));
                Files.createDirectories(to.getParent());
                Files.write(to, upsideDown(image));
            }
        }
        Path run = folder.resolve("run");
        train(turned, run, "--exif-orientation").mustSucceed();
        best = run.resolve("best.safetensors");
    }

    /** A PNG file that is stored upside down and says so. */
    static byte[] upsideDown(BufferedImage image) throws IOException {
        int width = image.getWidth();
        int height = image.getHeight();
        BufferedImage turned = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                turned.setRGB(width - 1 - x, height - 1 - y, image.getRGB(x, y));
            }
        }
        ByteArrayOutputStream png = new ByteArrayOutputStream();
        ImageIO.write(turned, "png", png);
        byte[] bytes = png.toByteArray();
        int afterHeader = 8 + 25;
        byte[] exif = {
            'e', 'X', 'I', 'f', 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 3,
            0, 0, 0, 0, 0, 0
        };
        CRC32 crc = new CRC32();
        crc.update(exif);
        return ByteBuffer.allocate(bytes.length + exif.length + 8)
                .put(bytes, 0, afterHeader)
                .putInt(exif.length - 4)
                .put(exif)
                .putInt((int) crc.getValue())
                .put(bytes, afterHeader, bytes.length - afterHeader)
                .array();
    }

    private static Captured train(Path data, Path out, String... more) {
        List<String> arguments = new ArrayList<>(List.of("train", "--device=cpu", "--threads=1"));
        arguments.addAll(List.of("--data=folder:" + data, "--model=bc-10-4", "--batch=4"));
        arguments.addAll(List.of("--input-size=16", "--epochs=1", "--no-compare", "--out=" + out));
        arguments.addAll(List.of(more));
        return Captured.run(arguments);
    }

    private static String run(String command, Path weights, String... more) {
        List<String> arguments = new ArrayList<>(List.of(command));
        if (!command.equals("export")) {
            arguments.add("--device=cpu");
        }
        arguments.add("--weights=" + weights);
        arguments.addAll(List.of(more));
        return Captured.run(arguments).mustSucceed().out();
    }

    private static String predictions(Path weights, Path data, String... more) {
        List<String> arguments = new ArrayList<>(List.of(more));
        arguments.add("--json");
        arguments.add(data.resolve("val").toString());
        return run("predict", weights, arguments.toArray(String[]::new))
                .replace(data.toString(), "");
    }

    @Test
    void everyCommandThatUsesTheWeightsTurnsTheImagesToo() throws IOException {
        assertEquals(predictions(best, upright), predictions(best, turned));
        assertEquals(
                run("evaluate", best, "--data=folder:" + upright),
                run("evaluate", best, "--data=folder:" + turned));
        for (Path data : List.of(upright, turned)) {
            String name = data.getFileName().toString();
            run(
                    "embed",
                    best,
                    "--out=" + folder.resolve(name + ".npy"),
                    data.resolve("val").toString());
            run(
                    "heatmap",
                    best,
                    "--out=" + folder.resolve(name + "-maps"),
                    data.resolve("val/disc").toString());
        }
        assertArrayEquals(
                Files.readAllBytes(folder.resolve("upright.npy")),
                Files.readAllBytes(folder.resolve("turned.npy")));
        try (Stream<Path> maps = Files.list(folder.resolve("upright-maps"))) {
            for (Path map : maps.toList()) {
                assertArrayEquals(
                        Files.readAllBytes(map),
                        Files.readAllBytes(
                                folder.resolve("turned-maps").resolve(map.getFileName())));
            }
        }
    }

    @Test
    void anOptionThatIsGivenGoesBeforeWhatIsRecorded() {
        assertNotEquals(
                predictions(best, upright), predictions(best, turned, "--no-exif-orientation"));
        assertNotEquals(
                run("evaluate", best, "--data=folder:" + upright),
                run("evaluate", best, "--data=folder:" + turned, "--no-exif-orientation"));
    }

    @Test
    void weightsThatTrainingStartsFromDecideToo() throws IOException {
        Path next = folder.resolve("next");
        train(turned, next, "--weights=" + best).mustSucceed();
        assertTrue(config(next).contains("exif-orientation = true"), config(next).toString());
        assertTrue(records(next.resolve("best.safetensors")));

        Path without = folder.resolve("without");
        train(turned, without, "--weights=" + best, "--no-exif-orientation").mustSucceed();
        assertTrue(config(without).contains("exif-orientation = false"));
        assertFalse(records(without.resolve("best.safetensors")));
    }

    @Test
    void aRunThatGoesOnOtherwiseRecordsThat() throws IOException {
        Path run = folder.resolve("changed");
        train(turned, run, "--exif-orientation").mustSucceed();
        String out =
                Captured.run(
                                "train",
                                "--resume=" + run,
                                "--epochs=2",
                                "--no-exif-orientation",
                                "--no-compare")
                        .mustSucceed()
                        .out();
        assertTrue(out.contains("changed  exif-orientation: true -> false"), out);
        assertFalse(records(run.resolve("checkpoint.safetensors")));
    }

    private static List<String> config(Path run) throws IOException {
        return Files.readAllLines(run.resolve("config.properties"));
    }

    private static boolean records(Path weights) throws IOException {
        return Weights.images(weights).exifOrientation();
    }

    @Test
    void anExportRecordsItAndAnOnnxFileSaysIt() throws IOException {
        Path exported = folder.resolve("exported.safetensors");
        run("export", best, "--format=safetensors", "--out=" + exported);
        assertEquals(predictions(exported, upright), predictions(exported, turned));

        Path named = folder.resolve("normalised.safetensors");
        run(
                "export",
                exported,
                "--mean=0.5,0.5,0.5",
                "--std=0.2,0.2,0.2",
                "--format=safetensors",
                "--out=" + named);
        assertTrue(records(named));

        Path onnx = folder.resolve("exported.onnx");
        run("export", best, "--format=onnx", "--out=" + onnx);
        String words = "turned upright as their Exif orientation says";
        assertTrue(Files.readString(onnx, StandardCharsets.ISO_8859_1).contains(words));
        run(
                "export",
                best,
                "--format=onnx",
                "--no-exif-orientation",
                "--out=" + onnx,
                "--overwrite");
        assertFalse(Files.readString(onnx, StandardCharsets.ISO_8859_1).contains(words));
    }

    @Test
    void aPredictorTellsHowToDecode() throws IOException {
        String file = "val/disc/disc4.png.png";
        try (Model model = Model.open(best);
                Device device = Device.best();
                Predictor predictor = Predictor.of(model).device(device).open()) {
            Image image = ImageFile.read(turned.resolve(file), predictor.decoding());
            assertEquals(
                    predictor.classify(ImageFile.read(upright.resolve(file)), 3),
                    predictor.classify(image, 3));
        }
    }

    @Test
    void imagesThatWereLeftAsTheyAreRecordNothing() throws IOException {
        Path run = folder.resolve("as-stored");
        train(turned, run).mustSucceed();
        assertFalse(records(run.resolve("best.safetensors")));
        assertNotEquals(
                predictions(run.resolve("best.safetensors"), upright),
                predictions(run.resolve("best.safetensors"), turned));
        assertEquals(
                predictions(run.resolve("best.safetensors"), upright),
                predictions(run.resolve("best.safetensors"), turned, "--exif-orientation"));
    }
}
