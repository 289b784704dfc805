package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;

import javax.imageio.ImageIO;

class CompressionLimitTest {
    /** The emptiest images that there are: one colour, so compressed as far as the format can. */
    @ParameterizedTest
    @CsvSource({
        "png, 12, 3000, 2000", // 1 bit
        "png, 10, 2000, 2000", // grey
        "png, 1, 1500, 1500", // RGB
        "jpg, 10, 2000, 2000",
        "jpg, 1, 2000, 2000"
    })
    void blankImagesAreStillRead(String format, int type, int width, int height)
            throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageIO.write(new BufferedImage(width, height, type), format, bytes);
        Image image = ImageFile.decode("blank", bytes.toByteArray());
        assertEquals(height, image.height());
    }

    @ParameterizedTest
    @CsvSource({"png, 16", "png, 20"})
    void aSmallFileThatClaimsToBeHugeIsRefusedInOneLine(String format, int at) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageIO.write(new BufferedImage(20, 20, BufferedImage.TYPE_INT_RGB), format, bytes);
        byte[] file = bytes.toByteArray();
        ByteBuffer.wrap(file).putInt(at, 1_000_000);
        String message =
                assertThrows(DataException.class, () -> ImageFile.decode("bomb", file))
                        .getMessage();
        assertTrue(message.contains("do not fit into"), message);
    }
}
