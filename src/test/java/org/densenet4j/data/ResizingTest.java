package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** How images become a network's input, as files record it. */
class ResizingTest {
    private static final Path FILE = Path.of("some.safetensors");

    private static Optional<Resizing> read(Map<String, String> entries) throws IOException {
        return ImageMetadata.read(FILE, entries).resizing();
    }

    @Test
    void whatIsRecordedIsReadAndTheUsualWayIsNotRecorded() throws IOException {
        Resizing bicubic = new Resizing(Interpolation.BICUBIC, 0.95);
        assertEquals(
                Optional.of(bicubic), read(ImageMetadata.NONE.withResizing(bicubic).entries()));
        assertEquals(Map.of(), ImageMetadata.NONE.withResizing(Resizing.DEFAULT).entries());
    }

    @Test
    void aShareAloneIsOfBilinearResizing() throws IOException {
        assertEquals(Optional.of(ChestXRays.RESIZING), read(Map.of("images.crop-share", "1.0")));
        assertThrows(IOException.class, () -> read(Map.of("images.crop-share", "all")));
    }
}
