package org.densenet4j.fuzz;

import org.densenet4j.data.DecodeOptions;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageFile;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Damaged images of every format: an image or one line, in bounded memory. */
class ImageFuzzTest {
    private static final DecodeOptions OPTIONS =
            DecodeOptions.DEFAULT.withMostPixels(20_000).withExifOrientation(true);

    @TempDir private Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "orientation6.jpg",
                "cmyk.jpg",
                "orientation6.png",
                "palette.gif",
                "offset-transparent.gif",
                "animated.gif",
                "rgb.bmp",
                "runs.bmp",
                "palette.bmp",
                "os2.bmp",
                "rgb-lzw.tif",
                "rgb-deflate.tif",
                "rgb-packbits.tif",
                "jpeg.tif",
                "fax4.tif",
                "fax3.tif",
                "tiles.tif",
                "palette.tif",
                "planar.tif",
                "rgb16.tif",
                "orientation6.tif",
                "lossy0.webp",
                "lossy4.webp",
                "lossy-animated.webp",
                "partitions.webp",
                "simple-filter.webp",
                "lossless.webp",
                "lossless-palette.webp",
                "offset.webp",
                "orientation6.webp"
            })
    void damagedFilesAreImagesOrOneLine(String name) throws IOException {
        Path file = folder.resolve(name);
        Files.copy(Path.of("src/test/resources/images", name), file);
        Fuzzing.run(file, 150, name.hashCode() & 0xFFFF, () -> use(ImageFile.read(file, OPTIONS)));
    }

    /** Decoded to the last pixel. */
    private static void use(Image image) {
        if (image.pixels().length != image.height() * image.width() * 3) {
            throw new AssertionError(image.toString());
        }
    }
}
