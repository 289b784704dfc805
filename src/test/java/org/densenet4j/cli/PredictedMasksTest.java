package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.data.ClassMask;
import org.densenet4j.data.ClassPalette;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageFile;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.SegmentationClasses;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.inference.Segmenter;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.train.Checkpoint;
import org.densenet4j.train.Trainer;
import org.densenet4j.weights.Model;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

import javax.imageio.ImageIO;

/** {@code predict} with a network that classifies pixels: files, what is printed, refusals. */
class PredictedMasksTest {
    @TempDir private static Path weightsFolder;
    private static Path weights;
    private static Path classifier;
    private static Segmenter segmenter;

    @TempDir private Path folder;

    @BeforeAll
    static void saves() throws IOException {
        SegmentationClasses classes =
                SegmentationClasses.parse("t", "void,9,9,9\nsky,1,2,3\nroad,4,5,6\ncar,250,8,7");
        weights = weightsFolder.resolve("fc.safetensors");
        NetworkSpec spec =
                FcDenseNetSpec.builder()
                        .name("small-fc")
                        .growthRate(3)
                        .initialChannels(4)
                        .downLayers(2, 2)
                        .bottleneckLayers(1)
                        .upLayers(2, 2)
                        .inputSize(16)
                        .classes(3)
                        .build();
        save(
                weights,
                spec,
                ImageMetadata.of(classes.names(), Normalisation.IMAGENET)
                        .withPalette(classes.palette())
                        .withExifOrientation(true));
        segmenter = Segmenter.open(weights);
        classifier = weightsFolder.resolve("c.safetensors");
        save(
                classifier,
                DenseNetSpec.bc(10, 4).inputSize(8).classes(2).build(),
                ImageMetadata.of(List.of("a", "b"), Normalisation.CIFAR10));
    }

    @AfterAll
    static void closes() {
        segmenter.close();
    }

    private static void save(Path file, NetworkSpec spec, ImageMetadata images) throws IOException {
        try (Device device = Device.cpu();
                Trainer trainer = Trainer.of(spec, device).batch(1).images(images).open()) {
            RandomCase.of(spec, 1, 5).load(trainer.network());
            trainer.save(file);
        }
    }

    private Path picture(String name, int height, int width, int type, int seed)
            throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        ImageIO.write(drawn(height, width, type, seed), "png", file.toFile());
        return file;
    }

    private static BufferedImage drawn(int height, int width, int type, int seed) {
        BufferedImage image = new BufferedImage(width, height, type);
        SplittableRandom random = new SplittableRandom(seed);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                image.setRGB(x, y, random.nextInt());
            }
        }
        return image;
    }

    private Path photo(String name, int height, int width, int seed) throws IOException {
        return picture(name, height, width, BufferedImage.TYPE_INT_RGB, seed);
    }

    private Captured predict(Path of, Object... more) {
        List<String> all =
                new ArrayList<>(
                        List.of("predict", "--device=cpu", "--threads=2", "--weights=" + of));
        for (Object argument : more) {
            all.add(argument.toString());
        }
        return Captured.run(all);
    }

    private static Captured run(String command, Object... more) {
        List<String> all = new ArrayList<>(List.of(command, "--weights=" + weights));
        for (Object argument : more) {
            all.add(argument.toString());
        }
        return Captured.run(all);
    }

    private Captured masks(Object... more) {
        return predict(weights, more);
    }

    private String out() {
        return "--out=" + folder.resolve("masks");
    }

    private static Image image(Path file) throws IOException {
        return ImageFile.read(file);
    }

    private static ClassMask expected(Path file) throws IOException {
        return segmenter.mask(ImageFile.read(file, segmenter.decoding()));
    }

    private byte[] written(String name) throws IOException {
        return Files.readAllBytes(folder.resolve("masks").resolve(name));
    }

    @Test
    void everyImageHasThreeMasksOfItsSize() throws IOException {
        Path wide = photo("wide.png", 10, 31, 1);
        Path grey = picture("grey.png", 21, 9, BufferedImage.TYPE_BYTE_GRAY, 2);
        Path clear = picture("clear.png", 10, 31, BufferedImage.TYPE_INT_ARGB, 3);
        Captured done = masks(out(), wide, grey, clear);
        assertEquals(0, done.code(), done.err());
        assertEquals("", done.err());
        for (Path file : List.of(wide, grey, clear)) {
            String name = file.getFileName().toString().replace(".png", "");
            ClassMask mask = expected(file);
            assertArrayEquals(mask.indexPng(), written(name + ".index.png"));
            assertArrayEquals(mask.colouredPng(), written(name + ".colours.png"));
            assertArrayEquals(
                    mask.overlayPng(image(file), ClassMask.OPACITY),
                    written(name + ".overlay.png"));
            BufferedImage index =
                    ImageIO.read(folder.resolve("masks/" + name + ".index.png").toFile());
            assertEquals(image(file).width(), index.getWidth());
            assertEquals(image(file).height(), index.getHeight());
            // Void is the first of the table, so that the first class has the index 1.
            assertEquals(mask.labels()[0] + 1, index.getRaster().getSample(0, 0, 0));
        }
    }

    @Test
    void sharesAndPathsArePrinted() throws IOException {
        Path file = photo("one.png", 8, 12, 4);
        ClassMask mask = expected(file);
        double[] shares = mask.shares();
        int most = 0;
        for (int c = 1; c < 3; c++) {
            most = shares[c] > shares[most] ? c : most;
        }
        String name = mask.classes().names().get(most);
        String share = String.format("%6.2f %%  %s", 100 * shares[most], name);
        List<String> lines = masks(out(), "--top=1", file).out().lines().toList();
        assertEquals(
                List.of(
                        file.toString(),
                        "  " + share,
                        "  " + folder.resolve("masks/one.index.png"),
                        "  " + folder.resolve("masks/one.colours.png"),
                        "  " + folder.resolve("masks/one.overlay.png")),
                lines);
        String json = masks(out(), "--top=1", "--json", file).out();
        for (String part :
                List.of(
                        "\"file\" : \"" + file + "\"",
                        "\"width\" : 12",
                        "\"height\" : 8",
                        "\"index\" : " + (most + 1),
                        "\"class\" : \"" + name + "\"",
                        "\"share\" : " + shares[most],
                        "\"overlay\" : \"" + folder.resolve("masks/one.overlay.png") + "\"")) {
            assertTrue(json.contains(part), part + " in " + json);
        }
        assertEquals(1, json.split("\"share\"", -1).length - 1, json);
    }

    @Test
    void theOverlayHasTheOpacityThatIsAskedFor() throws IOException {
        Path file = photo("one.png", 8, 12, 4);
        assertEquals(0, masks(out(), "--opacity=0.25", file).code());
        assertArrayEquals(expected(file).overlayPng(image(file), 0.25), written("one.overlay.png"));
        masks(out(), "--opacity=1.5", file).mustRefuse("--opacity 1.5: use 0 to 1");
        masks(out(), "--opacity=NaN", file).mustRefuse("--opacity NaN: use 0 to 1");
    }

    @Test
    void imagesOfOneNameGetMasksOfTheirOwn() throws IOException {
        Path first = photo("x/a.png", 8, 8, 1);
        Path second = photo("y/a.png", 8, 9, 2);
        Path third = photo("z/A.png", 8, 9, 3);
        assertEquals(0, masks(out(), first, second, third).code());
        assertArrayEquals(expected(first).indexPng(), written("a.index.png"));
        assertArrayEquals(expected(second).indexPng(), written("a-2.index.png"));
        assertArrayEquals(expected(third).indexPng(), written("A-3.index.png"));
    }

    @Test
    void imagesThatCannotBeLookedAtAreNamedAndTheOthersDone() throws IOException {
        Path good = photo("good.png", 9, 9, 1);
        Path small = photo("small.png", 3, 20, 2);
        Path broken = Files.writeString(folder.resolve("broken.png"), "none");
        Path huge = photo("huge.png", 50, 50, 2);
        Path last = photo("last.png", 9, 9, 3);
        Captured done = masks(out(), "--max-pixels=2000", good, small, broken, huge, last);
        assertEquals(1, done.code(), done.err());
        List<String> errors = done.err().lines().toList();
        assertEquals(3, errors.size(), done.err());
        assertTrue(errors.get(0).startsWith("error: " + small + ": 20x3 pixels: "), done.err());
        assertTrue(errors.get(0).endsWith("; use larger images or fewer levels"), done.err());
        assertTrue(errors.get(1).startsWith("error: " + broken), done.err());
        assertTrue(errors.get(2).startsWith("error: " + huge), done.err());
        assertArrayEquals(expected(good).indexPng(), written("good.index.png"));
        assertArrayEquals(expected(last).indexPng(), written("last.index.png"));
        assertFalse(Files.exists(folder.resolve("masks/small.index.png")));
    }

    @Test
    void imagesOfOneSizeMayShareAPass() throws IOException {
        List<Path> files =
                List.of(
                        photo("a.png", 8, 9, 1),
                        photo("b.png", 8, 9, 2),
                        photo("c.png", 9, 8, 3),
                        photo("d.png", 8, 9, 4));
        assertEquals(
                0,
                masks(out(), "--batch=2", files.get(0), files.get(1), files.get(2), files.get(3))
                        .code());
        try (Model model = Model.open(weights);
                Device device = Device.cpu();
                Segmenter pairs = Segmenter.of(model).device(device).batch(2).open()) {
            List<ClassMask> both = pairs.masks(List.of(image(files.get(0)), image(files.get(1))));
            assertArrayEquals(both.get(0).indexPng(), written("a.index.png"));
            assertArrayEquals(both.get(1).indexPng(), written("b.index.png"));
        }
        assertArrayEquals(expected(files.get(2)).indexPng(), written("c.index.png"));
        assertArrayEquals(expected(files.get(3)).indexPng(), written("d.index.png"));
        masks(out(), "--batch=0", files.get(0)).mustRefuse("batch = 0");
    }

    @Test
    void imagesAreTurnedUprightAsTheWeightsRecord() throws IOException {
        Path upright = photo("upright.png", 10, 14, 6);
        Path turned = folder.resolve("turned.png");
        Files.write(turned, ExifOrientationTest.upsideDown(ImageIO.read(upright.toFile())));
        assertEquals(0, masks(out(), upright, turned).code());
        assertArrayEquals(written("upright.overlay.png"), written("turned.overlay.png"));
        assertEquals(0, masks(out(), "--no-exif-orientation", turned).code());
        assertArrayEquals(
                expected(upright).overlayPng(image(upright), ClassMask.OPACITY),
                written("upright.overlay.png"));
        assertFalse(Arrays.equals(written("upright.overlay.png"), written("turned.overlay.png")));
    }

    @Test
    void filesOfOthersAreNotReplaced() throws IOException {
        Path file = photo("a.png", 8, 8, 1);
        assertEquals(0, masks(out(), file).code());
        assertEquals(0, masks(out(), file).code(), "its own files need no permission");
        Files.writeString(folder.resolve("masks/a.colours.png"), "painted over");
        masks(out(), file).mustRefuse("a.colours.png exists", "--overwrite");
        assertEquals(0, masks(out(), "--overwrite", file).code());
        assertArrayEquals(expected(file).colouredPng(), written("a.colours.png"));
        Path label = photo("in/b.index.png", 8, 8, 2);
        Path image = photo("in/b.png", 8, 8, 3);
        masks("--out=" + folder.resolve("in"), "--overwrite", image, label)
                .mustRefuse("b.index.png is one of the files that are read");
    }

    @Test
    void optionsOfTheOtherKindAreRefused() throws IOException {
        Path file = photo("a.png", 8, 8, 1);
        masks(out(), "--input-size=32", file)
                .mustRefuse("--input-size is for networks that classify images", "'small-fc'");
        masks(out(), "--sigmoid", file)
                .mustRefuse("--sigmoid is for networks that classify images", "'small-fc'");
        for (String option : List.of(out(), "--opacity=0.5", "--overwrite")) {
            predict(classifier, option, file)
                    .mustRefuse(
                            option.replaceFirst("=.*", "")
                                    + " is for the masks of networks that classify pixels",
                            "'bc-10-4' classifies images");
        }
        assertEquals(0, predict(classifier, file).code());
        assertFalse(Files.exists(folder.resolve("masks")));
    }

    @Test
    void commandsForClassifiersOfImagesSayWhatTheyAreFor() throws IOException {
        Path file = photo("a.png", 8, 8, 1);
        Path made = folder.resolve("made");
        run("heatmap", "--device=cpu", "--out=" + made, file)
                .mustRefuse("'small-fc' classifies pixels", "no class activation maps", "predict");
        run("embed", "--device=cpu", "--out=" + folder.resolve("e.npy"), file)
                .mustRefuse("'small-fc' classifies pixels", "no embeddings", "predict");
        run("prune-report", "--data=glyphs", "--device=cpu", "--out=" + made)
                .mustRefuse("'small-fc' is no DenseNet");
        assertFalse(Files.exists(made));
        assertEquals(0, run("feature-reuse", "--out=" + made).code());
    }

    @Test
    void anExportMakesTheSameMasks() throws IOException {
        Path file = photo("a.png", 13, 8, 1);
        Path exported = folder.resolve("e.safetensors");
        assertEquals(0, run("export", "--format=safetensors", "--out=" + exported).code());
        assertEquals(0, predict(exported, out(), file).code());
        assertArrayEquals(expected(file).indexPng(), written("a.index.png"));
        assertArrayEquals(expected(file).colouredPng(), written("a.colours.png"));
        Path onnx = folder.resolve("e.onnx");
        assertEquals(0, run("export", "--format=onnx", "--out=" + onnx).code());
        String text = Files.readString(onnx, StandardCharsets.ISO_8859_1);
        assertTrue(text.contains("masks.colours") && text.contains("#fa0807"), "no colours");
    }

    @Test
    void coloursOfAnotherNumberOfClassesAreABrokenFile() throws IOException {
        Path other = folder.resolve("two.safetensors");
        ClassPalette two = SegmentationClasses.numbered(2).palette();
        try (Model model = Model.open(weights)) {
            SafetensorsWriter writer = new SafetensorsWriter();
            Checkpoint.specMetadata(model.spec()).forEach(writer::metadata);
            ImageMetadata.NONE.withPalette(two).entries().forEach(writer::metadata);
            List<ParameterSpec> tensors = new ArrayList<>(model.spec().graph().parameters());
            tensors.addAll(model.spec().graph().runningStatistics());
            for (ParameterSpec p : tensors) {
                float[] values = model.values(p.name());
                writer.floats(p.name(), p.shape(), () -> values);
            }
            writer.sealed().write(other);
        }
        predict(other, out(), photo("a.png", 8, 8, 1))
                .mustRefuse(
                        "two.safetensors: the metadata has colours of 2 classes, the network has 3");
    }
}
