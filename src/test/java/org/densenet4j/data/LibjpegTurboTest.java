package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.SplittableRandom;

import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;

/** libjpeg-turbo gives the pixels of Image I/O, or leaves the file to it. */
class LibjpegTurboTest {
    private static final Path FILES = Path.of("src/test/resources/images");

    private static byte[] jpeg(int rows, int columns, boolean colour, float quality, boolean steps)
            throws IOException {
        int type = colour ? BufferedImage.TYPE_INT_RGB : BufferedImage.TYPE_BYTE_GRAY;
        BufferedImage image = new BufferedImage(columns, rows, type);
        SplittableRandom random = new SplittableRandom(rows * 31L + columns);
        for (int y = 0; y < rows; y++) {
            for (int x = 0; x < columns; x++) {
                int smooth = 40 * (x / 5 + y / 3 & 3);
                image.setRGB(x, y, random.nextInt(0x40) * 0x30201 + smooth * 0x10101);
            }
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
        ImageWriteParam settings = writer.getDefaultWriteParam();
        settings.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
        settings.setCompressionQuality(quality);
        settings.setProgressiveMode(
                steps ? ImageWriteParam.MODE_DEFAULT : ImageWriteParam.MODE_DISABLED);
        try (ImageOutputStream out = ImageIO.createImageOutputStream(bytes)) {
            writer.setOutput(out);
            writer.write(null, new IIOImage(image, null, null), settings);
        }
        writer.dispose();
        return bytes.toByteArray();
    }

    private static Image byImageIo(byte[] file) throws IOException {
        try (DecodedFile decoded = new DecodedFile("x", file, DecodeOptions.DEFAULT)) {
            return RgbPixels.of(decoded.stored());
        }
    }

    private static void assertSamePixels(byte[] file) throws IOException {
        Image expected = byImageIo(file);
        Image found = LibjpegTurbo.decode(file, expected.height(), expected.width()).orElseThrow();
        assertEquals(expected.height(), found.height());
        assertEquals(expected.width(), found.width());
        assertArrayEquals(expected.pixels(), found.pixels());
    }

    @Test
    void isThereOnThePlatformsThatItIsMadeFor() {
        assertTrue(LibjpegTurbo.isPresent());
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, true, 0.9, false",
        "7, 9, true, 0.5, false",
        "64, 48, true, 0.95, true",
        "33, 130, true, 1, false",
        "17, 5, false, 0.8, false",
        "40, 41, false, 0.8, true"
    })
    void pixelsAreThoseOfImageIo(
            int rows, int columns, boolean colour, float quality, boolean progressive)
            throws IOException {
        assertSamePixels(jpeg(rows, columns, colour, quality, progressive));
    }

    @ParameterizedTest
    @ValueSource(strings = {"grey.jpg", "orientation1.jpg", "orientation6.jpg"})
    void pixelsOfPillowsFilesAreThoseOfImageIo(String name) throws IOException {
        assertSamePixels(Files.readAllBytes(FILES.resolve(name)));
    }

    @Test
    void filesThatItHasAComplaintAboutAreLeftToTheOther() throws IOException {
        byte[] whole = jpeg(64, 64, true, 0.9f, false);
        assertEquals(Optional.empty(), LibjpegTurbo.decode(whole, 64, 63));
        assertEquals(Optional.empty(), LibjpegTurbo.decode(whole, 63, 64));
        byte[] truncated = Arrays.copyOf(whole, whole.length / 2);
        assertEquals(Optional.empty(), LibjpegTurbo.decode(truncated, 64, 64));
        byte[] closed = truncated.clone();
        closed[closed.length - 2] = (byte) 0xFF;
        closed[closed.length - 1] = (byte) 0xD9;
        assertEquals(Optional.empty(), LibjpegTurbo.decode(closed, 64, 64));
        assertEquals(Optional.empty(), LibjpegTurbo.decode(new byte[] {1, 2, -1, -39}, 1, 1));
    }
}
