package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.densenet4j.testing.DrawnImages;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

class PixelStatisticsTest {
    @TempDir private Path folder;

    @BeforeEach
    void writeImages() throws IOException {
        DrawnImages.write(folder, 4, 0, 20);
    }

    private ImageFolder images() throws IOException {
        return ImageFolder.at(folder.resolve("train")).size(16).open();
    }

    @Test
    void theMeanAndDeviationAreThoseOfAllPixelsWhateverTheThreads() throws IOException {
        Normalisation plain = Normalisation.of(images());
        Normalisation one = PixelStatistics.of(images(), 1, null).normalisation();
        assertArrayEquals(plain.mean(), one.mean(), 1e-6f);
        assertArrayEquals(plain.deviation(), one.deviation(), 1e-6f);
        assertEquals(one, PixelStatistics.of(images(), 5, null).normalisation());
    }

    @Test
    void brokenImagesEndItOrAreLeftOutAndNamed() throws IOException {
        Normalisation whole = PixelStatistics.of(images(), 2, null).normalisation();
        Files.writeString(folder.resolve("train/disc/broken.png"), "no image");
        ImageFolder withBroken = images();
        assertThrows(UncheckedIOException.class, () -> PixelStatistics.of(withBroken, 2, null));
        List<String> named = Collections.synchronizedList(new ArrayList<>());
        assertEquals(whole, PixelStatistics.of(withBroken, 2, named::add).normalisation());
        assertEquals(1, named.size());
    }

    @Test
    void aSetWithoutImagesHasNoMean() {
        assertThrows(
                IllegalArgumentException.class,
                () -> PixelStatistics.of(LabelledPixels.counts(), 1, null));
    }
}
