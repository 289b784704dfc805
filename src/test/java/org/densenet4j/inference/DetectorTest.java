package org.densenet4j.inference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.AnnotatedImage;
import org.densenet4j.data.Box;
import org.densenet4j.data.DetectionBatch;
import org.densenet4j.data.DetectionDataset;
import org.densenet4j.data.DetectionLoader;
import org.densenet4j.data.GlyphScenes;
import org.densenet4j.data.Image;
import org.densenet4j.data.LabelledBox;
import org.densenet4j.data.Normalisation;
import org.densenet4j.detection.Detection;
import org.densenet4j.detection.DetectionOutput;
import org.densenet4j.detection.DetectionTally;
import org.densenet4j.detection.Priors;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Adam;
import org.densenet4j.train.TinyDetector;
import org.densenet4j.train.Trainer;
import org.densenet4j.weights.LoadOptions;
import org.densenet4j.weights.Model;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;

/** What a trained network finds in images of any size. */
class DetectorTest {
    private static final int SIDE = TinyDetector.SIDE;
    private static final int IMAGES = 12;
    private static final TinyDetector SPEC = TinyDetector.of(10);
    private static final GlyphScenes SCENES = GlyphScenes.of(0, IMAGES, SIDE, 3);
    private static final DetectionOutput ALL = DetectionOutput.PUBLISHED;

    @TempDir private static Path folder;

    private static Device device;
    private static Path file;
    private static Model model;

    /** What the trainer said of the images, and its loss. */
    private static List<List<Detection>> expected;

    private static double loss;

    @BeforeAll
    static void train() throws IOException {
        device = Device.open("cpu", new DeviceOptions(2, true, true));
        file = folder.resolve("tiny.safetensors");
        DetectionBatch batch;
        try (DetectionLoader.Epoch epoch =
                DetectionLoader.of(SCENES, SIDE, SIDE)
                        .batch(IMAGES)
                        .normalise(Normalisation.IMAGENET)
                        .epoch(0)) {
            batch = epoch.next();
        }
        int priors = SPEC.priors().size();
        float[] logits = new float[IMAGES * priors * 11];
        float[] offsets = new float[IMAGES * priors * Priors.OFFSETS];
        try (Trainer trainer =
                Trainer.of(SPEC, device).batch(IMAGES).optimizer(Adam.of(0.02)).open()) {
            for (int step = 0; step < 80; step++) {
                trainer.step(batch);
            }
            loss = trainer.evaluate(batch, logits, offsets).loss();
            trainer.save(file);
        }
        expected = ALL.of(SPEC.priors(), 10, logits, offsets);
        model = Model.open(file, SPEC, LoadOptions.strict());
    }

    @AfterAll
    static void close() {
        model.close();
        device.close();
    }

    private static Detector.Builder detector() {
        return Detector.of(model).device(device).output(ALL);
    }

    private static List<Image> images() {
        List<Image> images = new ArrayList<>();
        for (int i = 0; i < IMAGES; i++) {
            images.add(SCENES.read(i, AnnotatedImage::image));
        }
        return images;
    }

    private static void assertNear(List<Detection> wanted, List<Detection> found) {
        assertEquals(wanted.size(), found.size());
        for (int i = 0; i < found.size(); i++) {
            Detection w = wanted.get(i);
            Detection f = found.get(i);
            assertEquals(w.score(), f.score(), 1e-4);
            assertTrue(w.box().iou(f.box()) > 0.99, w + " and " + f);
        }
    }

    /** Those that are told alone: of hundreds of unlikely ones some are equally likely. */
    private static List<Detection> likely(List<Detection> all) {
        return all.stream().filter(one -> one.score() > 0.2).toList();
    }

    @Test
    void imagesOfTheNetworksSizeGiveWhatTheTrainerSays() throws IOException {
        try (Detector detector = detector().batch(5).open()) {
            List<List<Detection>> found = detector.detect(images());
            int all = 0;
            for (int i = 0; i < IMAGES; i++) {
                List<Detection> wanted = DetectionOutput.inPixels(expected.get(i), SIDE, SIDE);
                assertNear(likely(wanted), likely(found.get(i)));
                all += likely(wanted).size();
            }
            assertTrue(all > IMAGES, all + " found");
            assertEquals(SCENES.classNames(), detector.classNames());
            assertEquals(detector.plan().peakBytes(), detector.allocatedBytes());
            float[] prepared = new float[2 * SIDE * SIDE * 3];
            for (int i = 0; i < 2; i++) {
                Normalisation.IMAGENET.apply(images().get(i), prepared, i * SIDE * SIDE * 3);
            }
            assertNear(likely(expected.get(1)), likely(detector.detect(prepared, 2).get(1)));
        }
    }

    @Test
    void boxesAreInThePixelsOfTheImageWhateverItsSize() throws IOException {
        try (Detector detector = detector().open()) {
            Image image = images().getFirst().warped(70, 100);
            List<Detection> found = detector.detect(image);
            for (Detection one : found) {
                Box box = one.box();
                assertEquals(box, box.clipped(100, 70));
                assertTrue(box.area() > 0);
            }
            float[] prepared = new float[SIDE * SIDE * 3];
            Normalisation.IMAGENET.apply(image.warped(SIDE, SIDE), prepared, 0);
            List<Detection> shares = detector.detect(prepared, 1).getFirst();
            assertEquals(DetectionOutput.inPixels(shares, 70, 100), found);
            assertEquals(
                    100 * shares.getFirst().box().centreX(),
                    found.getFirst().box().centreX(),
                    10,
                    "but for its border");
        }
    }

    @Test
    void thresholdsDecideWhichBoxesAreTold() throws IOException {
        try (Detector all = detector().open();
                Detector few = detector().output(ALL.withLeastScore(0.5)).open();
                Detector usual = Detector.of(model).device(device).open();
                Detector apart = detector().output(ALL.withOverlap(0)).open()) {
            Image image = images().getFirst();
            List<Detection> found = all.detect(image);
            assertEquals(
                    found.stream().filter(one -> one.score() > 0.5).toList(), few.detect(image));
            assertEquals(
                    found.stream().filter(one -> one.score() > Detector.LEAST_SCORE).toList(),
                    usual.detect(image));
            List<Detection> without = apart.detect(image);
            assertTrue(without.size() < found.size());
        }
    }

    @Test
    void threadsTakeTurns() throws Exception {
        try (Detector detector = detector().batch(3).open();
                ExecutorService threads = Executors.newFixedThreadPool(4)) {
            List<List<Detection>> alone = detector.detect(images());
            List<Future<List<List<Detection>>>> results = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                results.add(threads.submit(() -> detector.detect(images())));
            }
            for (Future<List<List<Detection>>> result : results) {
                assertEquals(alone, result.get());
            }
        }
    }

    @Test
    void anEvaluationScoresWhatIsFoundInTheImages() throws IOException {
        DetectionTally tally = new DetectionTally(10);
        for (int i = 0; i < IMAGES; i++) {
            tally.add(
                    SCENES.read(i, AnnotatedImage::objects),
                    DetectionOutput.inPixels(expected.get(i), SIDE, SIDE));
        }
        List<Integer> told = new ArrayList<>();
        try (Detector detector = detector().batch(5).open()) {
            DetectionEvaluation found =
                    DetectionEvaluation.of(
                            detector, SCENES, null, (index, detections) -> told.add(index));
            assertEquals(tally.scores().coco(), found.scores().coco(), 0.01);
            assertEquals(tally.scores().voc2007(), found.scores().voc2007(), 0.01);
            assertEquals(loss, found.loss(), 1e-3 * loss);
            assertTrue(found.scores().voc() > 0.3, "it was trained on these");
            DetectionEvaluation other =
                    DetectionEvaluation.of(detector, new Other(false), null, (_, _) -> {});
            assertEquals(found, other, "classes in another order");
        }
        assertEquals(List.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), told);
    }

    /** The scenes with their classes in another order, of which one may be broken. */
    private record Other(boolean broken) implements DetectionDataset {
        @Override
        public int size() {
            return IMAGES;
        }

        @Override
        public int channels() {
            return 3;
        }

        @Override
        public List<String> classNames() {
            return SCENES.classNames().reversed();
        }

        @Override
        public String name(int index) {
            return SCENES.name(index);
        }

        @Override
        public <T> T read(int index, Function<AnnotatedImage, T> use) {
            if (broken && index == 4) {
                throw new UncheckedIOException(new IOException("x.jpg: broken image"));
            }
            return SCENES.read(
                    index,
                    scene ->
                            use.apply(
                                    new AnnotatedImage(
                                            scene.image(),
                                            scene.objects().stream()
                                                    .map(
                                                            o ->
                                                                    new LabelledBox(
                                                                            o.box(), 9 - o.label()))
                                                    .toList())));
        }
    }

    @Test
    void aBrokenImageEndsAnEvaluationOrIsLeftOut() throws IOException {
        try (Detector detector = detector().open()) {
            IOException e =
                    assertThrows(
                            IOException.class,
                            () ->
                                    DetectionEvaluation.of(
                                            detector, new Other(true), null, (_, _) -> {}));
            assertEquals("x.jpg: broken image", e.getMessage());
            List<String> lines = new ArrayList<>();
            assertEquals(
                    IMAGES - 1,
                    DetectionEvaluation.of(detector, new Other(true), lines::add, (_, _) -> {})
                            .scores()
                            .images());
            assertEquals(List.of("x.jpg: broken image"), lines);
        }
    }

    @Test
    void whatIsNoDetectorIsRefusedInOneLine() throws IOException {
        Path images = folder.resolve("images.safetensors");
        try (Trainer trainer =
                Trainer.of(DenseNetSpec.bc(10, 4).classes(3).inputSize(8, 8).build(), device)
                        .batch(2)
                        .open()) {
            trainer.save(images);
        }
        assertMessage(
                "does not find objects, it classifies images; Predictor does that",
                assertThrows(IllegalArgumentException.class, () -> Detector.open(images)));
        Detector detector = detector().open();
        float[] prepared = new float[SIDE * SIDE * 3];
        assertMessage(
                "the array has 3072",
                assertThrows(IllegalArgumentException.class, () -> detector.detect(prepared, 2)));
        prepared[0] = Float.NaN;
        assertMessage(
                "are its pixels normalised?",
                assertThrows(IllegalArgumentException.class, () -> detector.detect(prepared, 1)));
        detector.close();
        detector.close();
        assertMessage(
                "closed",
                assertThrows(
                        IllegalStateException.class, () -> detector.detect(images().getFirst())));
        DetectionDataset unknown =
                new DetectionDataset() {
                    @Override
                    public int size() {
                        return 1;
                    }

                    @Override
                    public int channels() {
                        return 3;
                    }

                    @Override
                    public List<String> classNames() {
                        return List.of("cat");
                    }

                    @Override
                    public String name(int index) {
                        return "cat";
                    }

                    @Override
                    public <T> T read(int index, Function<AnnotatedImage, T> use) {
                        return SCENES.read(index, use);
                    }
                };
        try (Detector open = detector().open()) {
            assertMessage(
                    "does not know cat",
                    assertThrows(
                            IllegalArgumentException.class,
                            () -> DetectionEvaluation.of(open, unknown, null, (_, _) -> {})));
        }
    }

    private static void assertMessage(String part, Exception e) {
        assertTrue(e.getMessage().contains(part), e.getMessage());
        assertFalse(e.getMessage().contains("\n"));
    }
}
