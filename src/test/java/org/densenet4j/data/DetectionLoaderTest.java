package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

class DetectionLoaderTest {
    private static final GlyphScenes SCENES = GlyphScenes.of(0, 10, 64, 3);

    private static List<DetectionBatch> batches(DetectionLoader loader, int epoch) {
        List<DetectionBatch> all = new ArrayList<>();
        try (DetectionLoader.Epoch batches = loader.epoch(epoch)) {
            batches.forEach(all::add);
        }
        return all;
    }

    @Test
    void imagesAreWarpedAndBoxesAreSharesOfTheirSides() {
        DetectionLoader loader = DetectionLoader.of(SCENES, 32, 96).batch(4);
        List<DetectionBatch> all = batches(loader, 0);
        assertEquals(List.of(4, 4, 2), all.stream().map(DetectionBatch::size).toList());
        List<LabelledBox> wanted = SCENES.read(5, AnnotatedImage::objects);
        List<LabelledBox> got = all.get(1).objects().get(1);
        assertEquals(wanted.size(), got.size());
        for (int i = 0; i < wanted.size(); i++) {
            assertEquals(wanted.get(i).label(), got.get(i).label());
            assertEquals(wanted.get(i).box().left() / 64, got.get(i).box().left(), 1e-12);
            assertEquals(wanted.get(i).box().bottom() / 64, got.get(i).box().bottom(), 1e-12);
        }
        assertEquals(4 * 32 * 96 * 3, all.getFirst().images().length);
        assertEquals(SCENES.classNames(), all.getFirst().metadata().classNames().orElseThrow());
    }

    @Test
    void whatIsDrawnDependsOnSeedEpochAndIndexAlone() {
        DetectionLoader loader =
                DetectionLoader.of(SCENES, 48, 48)
                        .batch(5)
                        .shuffle(9)
                        .augment(DetectionAugmentation.SSD)
                        .normalise(Normalisation.IMAGENET);
        List<DetectionBatch> one = batches(loader, 1);
        List<DetectionBatch> threads = batches(loader.threads(3), 1);
        List<DetectionBatch> later = batches(loader, 2);
        for (int b = 0; b < 2; b++) {
            assertArrayEquals(one.get(b).images(), threads.get(b).images());
            assertEquals(one.get(b).objects(), threads.get(b).objects());
        }
        assertNotEquals(one.getFirst().objects(), later.getFirst().objects());
        try (DetectionLoader.Epoch second = loader.epoch(1, 1)) {
            assertEquals(one.get(1).objects(), second.next().objects());
        }
    }

    @Test
    void brokenImagesAreLeftOutWhereThatIsWanted() {
        DetectionDataset broken =
                new DetectionDataset() {
                    @Override
                    public int size() {
                        return 4;
                    }

                    @Override
                    public int channels() {
                        return 3;
                    }

                    @Override
                    public List<String> classNames() {
                        return SCENES.classNames();
                    }

                    @Override
                    public String name(int index) {
                        return "image " + index;
                    }

                    @Override
                    public <T> T read(int index, Function<AnnotatedImage, T> use) {
                        if (index == 1) {
                            IOException e = new IOException("image 1 is broken");
                            throw new UncheckedIOException(e.getMessage(), e);
                        }
                        return SCENES.read(index, use);
                    }
                };
        List<String> skipped = new ArrayList<>();
        DetectionLoader loader =
                DetectionLoader.of(broken, 64, 64).batch(4).skipBroken(skipped::add);
        DetectionBatch batch = batches(loader, 0).getFirst();
        assertArrayEquals(new int[] {0, 2, 3}, batch.indices());
        assertEquals(List.of("image 1 is broken"), skipped);
        DetectionBatch whole = batches(DetectionLoader.of(SCENES, 64, 64).batch(4), 0).getFirst();
        assertEquals(whole.objects().get(3), batch.objects().get(2));
        assertEquals(whole.images()[3 * 64 * 64 * 3 + 77], batch.images()[2 * 64 * 64 * 3 + 77]);
    }

    @Test
    void whatDoesNotFitIsRefused() {
        String message =
                assertThrows(
                                IllegalArgumentException.class,
                                () ->
                                        DetectionLoader.of(SCENES, 8, 8)
                                                .normalise(Normalisation.none(1)))
                        .getMessage();
        assertTrue(message.contains("1 channels, the images have 3"), message);
        assertThrows(IllegalArgumentException.class, () -> DetectionLoader.of(SCENES, 0, 8));
        assertThrows(
                IllegalArgumentException.class,
                () ->
                        new DetectionBatch(
                                new float[12], List.of(), new int[1], 2, 2, 3, ImageMetadata.NONE));
    }
}
