package org.densenet4j.inference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.ClassMask;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.SegmentationClasses;
import org.densenet4j.data.SegmentationLoader;
import org.densenet4j.data.Shapes;
import org.densenet4j.engine.Mode;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;
import org.densenet4j.plan.PlanException;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.reference.ReferenceNetwork;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.train.Trainer;
import org.densenet4j.weights.Model;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/** Masks of images of any size against the logits of the double-precision reference. */
class SegmenterTest {
    private static final int SEED = 11;
    private static final Normalisation NORMALISATION =
            new Normalisation(new float[] {0.5f, 0.4f, 0.3f}, new float[] {0.2f, 0.3f, 0.25f});

    @TempDir private Path folder;
    private final Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(2));

    @AfterEach
    void closes() {
        device.close();
    }

    private static FcDenseNetSpec spec(boolean batchStatistics) {
        return FcDenseNetSpec.builder()
                .name("small-fc")
                .growthRate(3)
                .initialChannels(4)
                .downLayers(2, 2)
                .bottleneckLayers(1)
                .upLayers(2, 2)
                .inputSize(9, 14)
                .classes(4)
                .evaluatesWithBatchStatistics(batchStatistics)
                .build();
    }

    private static SegmentationClasses classes() throws IOException {
        return SegmentationClasses.parse("t", "a,1,2,3\nvoid,9,9,9\nb,4,5,6\nc,7,8,9\nd,9,0,1");
    }

    private Path save(FamilySpec spec, ImageMetadata images) throws IOException {
        Path file = folder.resolve("w.safetensors");
        try (Trainer trainer = Trainer.of(spec, device).batch(1).images(images).open()) {
            RandomCase.of(spec, 1, SEED).load(trainer.network());
            trainer.save(file);
        }
        return file;
    }

    private Path saved(boolean batchStatistics) throws IOException {
        ImageMetadata images = ImageMetadata.of(classes().names(), NORMALISATION);
        return save(spec(batchStatistics), images.withPalette(classes().palette()));
    }

    private static Image image(int height, int width, int channels, int seed) {
        byte[] pixels = new byte[height * width * channels];
        new SplittableRandom(seed).nextBytes(pixels);
        return new Image(height, width, channels, pixels);
    }

    /** Logits [images, H, W, classes] of the images as they are normalised by hand. */
    private static double[] expected(boolean batchStatistics, Image... images) {
        int height = images[0].height();
        int width = images[0].width();
        FamilySpec spec = spec(batchStatistics).toBuilder().inputSize(height, width).build();
        double[] pixels = new double[images.length * height * width * 3];
        for (int i = 0; i < pixels.length; i++) {
            Image image = images[i / (height * width * 3)];
            int pixel = i / 3 % (height * width);
            int channel = i % 3;
            int at = image.channels() == 1 ? pixel : 3 * pixel + channel;
            double value = (image.pixels()[at] & 0xFF) / 255.0;
            pixels[i] =
                    (value - NORMALISATION.mean()[channel]) / NORMALISATION.deviation()[channel];
        }
        return RandomCase.of(spec, images.length, SEED)
                .reference()
                .forward(pixels, Mode.EVALUATE, ReferenceNetwork.Dropout.NONE);
    }

    private static void assertLargest(double[] logits, int firstPixel, ClassMask mask) {
        int[] labels = mask.labels();
        for (int p = 0; p < labels.length; p++) {
            for (int c = 0; c < 4; c++) {
                int at = (firstPixel + p) * 4;
                double margin = logits[at + labels[p]] - logits[at + c];
                assertTrue(margin > -1e-3, "pixel " + p + ", class " + c + ": " + margin);
            }
        }
        assertTrue(Arrays.stream(labels).distinct().count() > 1, "all of one class");
    }

    @Test
    void everyImageHasAMaskOfItsOwnSizeOfTheLargestLogits() throws IOException {
        Path file = saved(true);
        int[][] sizes = {{9, 14}, {8, 21}, {4, 4}, {13, 5}, {13, 5}};
        try (Segmenter segmenter = Segmenter.open(file)) {
            for (int[] size : sizes) {
                Image image = image(size[0], size[1], 3, size[0]);
                ClassMask mask = segmenter.mask(image);
                assertEquals(size[0], mask.height());
                assertEquals(size[1], mask.width());
                assertLargest(expected(true, image), 0, mask);
            }
            Image grey = image(7, 6, 1, 3);
            assertLargest(expected(true, grey), 0, segmenter.mask(grey));
        }
    }

    @Test
    void imagesOfOnePassShareTheirStatistics() throws IOException {
        Image one = image(6, 7, 3, 1);
        Image other = image(6, 7, 3, 2);
        Image third = image(6, 7, 3, 5);
        try (Model model = Model.open(saved(true));
                Segmenter pairs = Segmenter.of(model).device(device).batch(2).open()) {
            List<ClassMask> masks = pairs.masks(List.of(one, other, third));
            double[] together = expected(true, one, other);
            assertLargest(together, 0, masks.get(0));
            assertLargest(together, 42, masks.get(1));
            assertLargest(expected(true, third), 0, masks.get(2));
            assertEquals(List.of(), pairs.masks(List.of()));
        }
    }

    @Test
    void coloursIndicesAndOrientationAreThoseThatTheWeightsRecord() throws IOException {
        Path file = saved(false);
        try (Segmenter segmenter = Segmenter.open(file)) {
            ClassMask mask = segmenter.mask(image(8, 8, 3, 4));
            ClassMask drawn = new ClassMask(8, 8, mask.labels(), classes());
            assertArrayEquals(drawn.indexPng(), mask.indexPng());
            assertArrayEquals(drawn.colouredPng(), mask.colouredPng());
            assertEquals(2, segmenter.classes().index(1), "void counts in the table");
            assertFalse(segmenter.decoding().exifOrientation());
        }
        ImageMetadata upright =
                ImageMetadata.of(List.of("w", "x", "y", "z"), NORMALISATION)
                        .withExifOrientation(true);
        try (Segmenter segmenter = Segmenter.open(save(spec(false), upright))) {
            assertTrue(segmenter.decoding().exifOrientation());
            assertEquals(SegmentationClasses.numbered(4).palette(), segmenter.classes().palette());
            assertEquals(List.of("w", "x", "y", "z"), segmenter.classes().names());
        }
    }

    @Test
    void anImageWithoutAPlanIsRefusedInOneLineAndTheNextIsNot() throws IOException {
        try (Model model = Model.open(saved(true));
                Segmenter segmenter =
                        Segmenter.of(model).device(device).memoryBudget(1 << 20).open()) {
            int[] before = segmenter.mask(image(9, 14, 3, 1)).labels();
            refuses(
                    PlanException.class,
                    "9x3 pixels: inputSize = 3x9 is too small: halved 2 times, rounding down, it"
                            + " has no pixels; use larger images or fewer levels",
                    () -> segmenter.mask(image(3, 9, 3, 1)));
            refuses(
                    PlanException.class,
                    "the budget is 1.0 MB; no batch fits; use smaller images",
                    () -> segmenter.mask(image(400, 500, 3, 1)));
            assertArrayEquals(before, segmenter.mask(image(9, 14, 3, 1)).labels());
            refuses(
                    IllegalArgumentException.class,
                    "images of 5x4 and of 4x5 pixels",
                    () -> segmenter.masks(List.of(image(4, 5, 3, 1), image(5, 4, 3, 1))));
            segmenter.close();
            refuses(
                    IllegalStateException.class,
                    "the segmenter is closed",
                    () -> segmenter.mask(image(9, 14, 3, 1)));
        }
    }

    @Test
    void whatCannotMakeMasksIsRefusedInOneLine() throws IOException {
        Path unknown = save(spec(true), ImageMetadata.NONE);
        refuses(IllegalStateException.class, "normalised", () -> Segmenter.open(unknown));
        Path classifier =
                save(
                        DenseNetSpec.bc(10, 4).inputSize(8).classes(2).build(),
                        ImageMetadata.of(List.of("a", "b"), NORMALISATION));
        refuses(
                IllegalArgumentException.class,
                "'bc-10-4' classifies images, not pixels",
                () -> Segmenter.open(classifier));
    }

    private static void refuses(Class<? extends Exception> type, String why, Executable call) {
        Exception refused = assertThrows(type, call);
        assertTrue(refused.getMessage().contains(why), refused.toString());
        assertEquals(1, refused.getMessage().lines().count(), refused.getMessage());
    }

    @Test
    void aTrainerRecordsTheColoursOfTheBatchesThatItWasTrainedOn() throws IOException {
        Shapes data = Shapes.of(0, 1, 16, 1);
        SegmentationLoader loader = SegmentationLoader.of(data);
        FamilySpec shapes = spec(true).toBuilder().inputSize(16).classes(7).build();
        Path file = folder.resolve("shapes.safetensors");
        try (Trainer trainer = Trainer.of(shapes, device).batch(1).open();
                SegmentationLoader.Epoch batches = loader.epoch(0)) {
            trainer.step(batches.next());
            trainer.save(file);
        }
        try (Segmenter segmenter = Segmenter.open(file)) {
            assertEquals(Optional.of(data.classes().palette()), segmenter.images().palette());
            assertEquals(data.classes().names(), segmenter.classes().names());
        }
    }

    @Test
    void aNetworkOfCoarserPixelsHasNoMasks() throws IOException {
        Path file = folder.resolve("coarse.safetensors");
        try (Trainer trainer = Trainer.of(coarse(), device).batch(1).open()) {
            trainer.save(file);
        }
        String why = "has 64 classes for the 256 pixels of an image";
        try (Model model = Model.open(file).withNormalisation(NORMALISATION)) {
            refuses(IllegalArgumentException.class, why, () -> Segmenter.of(model).open());
            SegmentationLoader images = SegmentationLoader.of(Shapes.of(0, 1, 16, 1));
            refuses(
                    IllegalArgumentException.class,
                    why,
                    () -> PixelEvaluation.of(model, device, images));
        }
    }

    /** One of 7 classes for each 2x2 pixels. */
    private static NetworkSpec coarse() {
        Graph.Builder graph = Graph.builder("coarse", 16, 16, 3);
        Features x = new Features("x", 8, 8, 4);
        graph.add(
                new ConvolutionLayer(
                        "one",
                        Read.raw(graph.input().all()),
                        new Window(3, 2, 1),
                        "one",
                        true,
                        Drops.NOTHING,
                        x.all()));
        graph.add(new PixelClassifier("head", Read.raw(x.all()), "head", 7));
        return graph.build();
    }

    @Test
    void aGraphOfOnesOwnHasOneSize() throws IOException {
        Path file = folder.resolve("own.safetensors");
        NetworkSpec own = ownGraph();
        ImageMetadata images = new ImageMetadata(Optional.empty(), Optional.of(NORMALISATION));
        try (Trainer trainer = Trainer.of(own, device).batch(1).images(images).open()) {
            trainer.save(file);
        }
        try (Segmenter segmenter = Segmenter.open(file)) {
            assertEquals(6, segmenter.mask(image(6, 5, 3, 1)).height());
            refuses(
                    PlanException.class,
                    "5x7 pixels: the network 'own' is a graph for images of 6x5",
                    () -> segmenter.mask(image(7, 5, 3, 1)));
        }
    }

    private static NetworkSpec ownGraph() {
        Graph.Builder graph = Graph.builder("own", 6, 5, 3);
        Features x = new Features("x", 6, 5, 4);
        graph.add(
                new ConvolutionLayer(
                        "one",
                        Read.raw(graph.input().all()),
                        Window.THREE,
                        "one",
                        true,
                        Drops.NOTHING,
                        x.all()));
        graph.add(new PixelClassifier("head", Read.raw(x.all()), "head", 3));
        return graph.build();
    }
}
