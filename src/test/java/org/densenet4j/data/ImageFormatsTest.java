package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * Files that Pillow wrote or read, whose pixels are recorded beside them: {@code make_images.py}.
 */
class ImageFormatsTest {
    private static final Path FILES = Path.of("src/test/resources/images");

    private static List<Path> files() throws IOException {
        try (Stream<Path> all = Files.list(FILES)) {
            return all.filter(file -> Files.exists(expected(file))).sorted().toList();
        }
    }

    private static List<Path> stored() throws IOException {
        return files().stream().filter(f -> !f.toString().contains("orientation")).toList();
    }

    private static List<Path> oriented() throws IOException {
        return files().stream().filter(f -> f.toString().contains("orientation")).toList();
    }

    private static Path expected(Path file) {
        return file.resolveSibling(file.getFileName() + ".png");
    }

    @ParameterizedTest
    @MethodSource("stored")
    void pixelsAreThoseOfPillow(Path file) throws IOException {
        assertSame(expected(file), ImageFile.read(file));
    }

    @ParameterizedTest
    @MethodSource("oriented")
    void imagesAreTurnedUprightWhenAskedForAndAreAsStoredOtherwise(Path file) throws IOException {
        DecodeOptions upright = DecodeOptions.DEFAULT.withExifOrientation(true);
        assertSame(expected(file), ImageFile.read(file, upright));
        Path one = FILES.resolve(file.getFileName().toString().replaceFirst("\\d", "1"));
        assertSame(expected(one), ImageFile.read(file));
    }

    private static void assertSame(Path expected, Image actual) throws IOException {
        Image pillow = ImageFile.read(expected);
        assertEquals(pillow.width(), actual.width());
        assertEquals(pillow.height(), actual.height());
        assertArrayEquals(pillow.pixels(), actual.pixels());
    }

    @ParameterizedTest
    @MethodSource("files")
    void aFileThatIsCutIsRefusedInOneLine(Path file) throws IOException {
        byte[] whole = Files.readAllBytes(file);
        for (int percent : new int[] {1, 20, 50, 80}) {
            byte[] cut = Arrays.copyOf(whole, whole.length * percent / 100);
            DataException e =
                    assertThrows(
                            DataException.class,
                            () -> {
                                Image image = ImageFile.decode("cut", cut);
                                // Nothing of the last frames of an animation is needed.
                                Image good = ImageFile.read(file);
                                if (Arrays.equals(good.pixels(), image.pixels())) {
                                    throw new DataException("has what is read");
                                }
                            });
            assertEquals(1, e.getMessage().lines().count());
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "0000001866747970686569630000000068656963 | is a HEIC image, which is not read",
                "000000206674797061766966000000006d696631 | is an AVIF image, which is not read",
                "000000206674797061766973000000006d696631 | is an AVIF image, which is not read",
                "000000206674797069736f6d0000000069736f6d | is a video, which is not read",
                "0000000c6a5020200d0a870a00000014667479 | is a JPEG 2000 image",
                "ff4fff510000 | is a JPEG 2000 image",
                "0000000c4a584c200d0a870a | is a JPEG XL image",
                "ff0a0000 | is a JPEG XL image",
                "4949bc01080000 | is a JPEG XR image",
                "49492b00080000 | is a BigTIFF image",
                "38425053000100 | is a Photoshop image",
                "255044462d312e34 | is a PDF document",
                "00000100010010100000010018006803000016000000 | is an ICO icon",
                "2800000008000000080000000100180000000000 | is a bitmap without a file header",
                "000002000000000000000000080008001820 | is a TGA image",
                "50360a32203220323535 | is a PNM image",
                "504b030414000000 | is a zip file, not an image",
                "1f8b0800000000 | is a gzip file, not an image"
            })
    void whatIsNotReadIsNamed(String hex, String words) {
        byte[] start = java.util.HexFormat.of().parseHex(hex);
        assertRefused(words, Arrays.copyOf(start, 200));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "<!DOCTYPE html><html> | is an HTML page, not an image",
                "version https://git-lfs.github.com/spec/v1 | is a Git LFS pointer",
                "<?xml version='1.0'?><svg xmlns= | is an SVG drawing, which is not read",
                "404: Not Found | broken image: it is a text file"
            })
    void textIsNamed(String text, String words) {
        assertRefused(words, text.getBytes(StandardCharsets.UTF_8));
    }

    private static void assertRefused(String words, byte[] file) {
        DataException e =
                assertThrows(DataException.class, () -> ImageFile.decode("photo.jpg", file));
        assertTrue(e.getMessage().startsWith("photo.jpg: " + words), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
        assertEquals(words.startsWith("broken"), e.getMessage().contains("broken"));
    }

    /** C0 is the marker of a baseline frame. */
    @ParameterizedTest
    @CsvSource({
        "C9, 8, arithmetic coding",
        "CA, 8, arithmetic coding",
        "C3, 8, lossless JPEG",
        "C5, 8, hierarchical JPEG",
        "F7, 8, JPEG-LS",
        "C1, 12, 12 bits a sample"
    })
    void kindsOfJpegThatAreNotReadAreNamed(String marker, int bits, String words)
            throws IOException {
        byte[] jpeg = Files.readAllBytes(FILES.resolve("grey.jpg"));
        int at = indexOf(jpeg, (byte) 0xFF, (byte) 0xC0);
        jpeg[at + 1] = (byte) Integer.parseInt(marker, 16);
        jpeg[at + 4] = (byte) bits;
        DataException e = assertThrows(DataException.class, () -> ImageFile.decode("x", jpeg));
        assertTrue(e.getMessage().contains(words), e.getMessage());
        assertTrue(e.getMessage().contains("convert it"), e.getMessage());
        assertFalse(e.getMessage().contains("broken"), e.getMessage());
    }

    private static int indexOf(byte[] bytes, byte first, byte second) {
        for (int i = 0; i + 1 < bytes.length; i++) {
            if (bytes[i] == first && bytes[i + 1] == second) {
                return i;
            }
        }
        throw new AssertionError("not there");
    }

    /** Also with words in it that truncated files are reported with. */
    @ParameterizedTest
    @ValueSource(strings = {"short", "eof", "Premature EOF", "truncated"})
    void aProfileOrCommentThatIsNonsenseDoesNotMakeAnImageBroken(String text) throws IOException {
        byte[] jpeg = Files.readAllBytes(FILES.resolve("orientation1.jpg"));
        Image image = ImageFile.decode("good", jpeg);
        byte[] profile = ("ICC_PROFILE\0\1\1" + text).getBytes(StandardCharsets.ISO_8859_1);
        for (int marker : new int[] {0xE2, 0xFE, 0xE1}) {
            Image same = ImageFile.decode("odd", withSegment(jpeg, marker, profile));
            assertArrayEquals(image.pixels(), same.pixels());
        }
    }

    private static byte[] withSegment(byte[] jpeg, int marker, byte[] content) {
        ByteBuffer b = ByteBuffer.allocate(jpeg.length + content.length + 4);
        b.put(jpeg, 0, 2).put((byte) 0xFF).put((byte) marker);
        b.putShort((short) (content.length + 2)).put(content);
        return b.put(jpeg, 2, jpeg.length - 2).array();
    }

    @Test
    void aJpegWithoutItsEndIsTruncated() throws IOException {
        byte[] jpeg = Files.readAllBytes(FILES.resolve("grey.jpg"));
        DataException e =
                assertThrows(
                        DataException.class,
                        () -> ImageFile.decode("x", Arrays.copyOf(jpeg, jpeg.length - 2)));
        assertTrue(e.getMessage().contains("truncated"), e.getMessage());
    }

    /** Positions of width and height; 4 bytes each, or 2 where the format has no more. */
    @ParameterizedTest
    @CsvSource({
        "rgb.bmp, 18, 4, LITTLE",
        "runs.bmp, 18, 4, LITTLE",
        "palette.gif, 6, 2, LITTLE",
        "orientation1.png, 16, 4, BIG"
    })
    void claimsOfHugeSizesAreRefusedBeforeAnythingIsAllocated(
            String name, int at, int bytes, String order) throws IOException {
        byte[] file = Files.readAllBytes(FILES.resolve(name));
        ByteBuffer b =
                ByteBuffer.wrap(file)
                        .order(
                                order.equals("BIG")
                                        ? ByteOrder.BIG_ENDIAN
                                        : ByteOrder.LITTLE_ENDIAN);
        for (int side : new int[] {60_000, 6_000}) {
            if (bytes == 4) {
                b.putInt(at, side).putInt(at + 4, side);
            } else {
                b.putShort(at, (short) side).putShort(at + 2, (short) side);
            }
            // The screen of a GIF may be larger than what is on it, within the limit.
            boolean blank = name.endsWith(".gif") && side == 6_000;
            if (!blank) {
                assertAllocatesLittle(file);
            }
        }
    }

    @Test
    void anAlphaChannelInJpegCompressedTiffIsRefusedNotReadInOtherColours() throws IOException {
        assertRefused(
                "is a TIFF image of 4 samples with JPEG compression, which is not read",
                Files.readAllBytes(FILES.resolve("rgba-jpeg.tif")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"rgb-plain.tif", "rgb-lzw.tif", "tiles.tif", "jpeg.tif", "fax4.tif"})
    void aTiffFileThatClaimsToBeHugeIsRefused(String name) throws IOException {
        byte[] file = Files.readAllBytes(FILES.resolve(name));
        ByteBuffer b = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int entries = b.getInt(4) + 2;
        for (int tag : new int[] {256, 257}) {
            for (int at = entries; ; at += 12) {
                if (Short.toUnsignedInt(b.getShort(at)) == tag) {
                    b.putShort(at + 2, (short) 4).putInt(at + 8, 60_000);
                    break;
                }
            }
        }
        assertAllocatesLittle(file);
    }

    private static void assertAllocatesLittle(byte[] file) {
        var threads =
                (com.sun.management.ThreadMXBean)
                        java.lang.management.ManagementFactory.getThreadMXBean();
        assertThrows(DataException.class, () -> ImageFile.decode("warm", file));
        long before = threads.getCurrentThreadAllocatedBytes();
        assertThrows(DataException.class, () -> ImageFile.decode("huge", file));
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;
        assertTrue(allocated < 4 << 20, allocated + " bytes");
    }

    @Test
    void aWebpThatClaimsMoreThanTheLimitIsRefused() throws IOException {
        byte[] webp = Files.readAllBytes(FILES.resolve("lossless.webp"));
        int bits = 21; // behind "RIFF....WEBPVP8L...." and the signature: 14 bits of width less 1
        webp[bits] = (byte) 0xFF;
        webp[bits + 1] = (byte) 0xFF;
        webp[bits + 2] = (byte) 0xFF;
        webp[bits + 3] |= 0x0F;
        DataException e = assertThrows(DataException.class, () -> ImageFile.decode("x", webp));
        assertTrue(e.getMessage().contains("more than the limit of 50000000"), e.getMessage());
    }

    @Test
    void sixteenBitsAreReadAsTheirUpperEight() throws IOException {
        java.awt.image.BufferedImage dark =
                new java.awt.image.BufferedImage(
                        2, 1, java.awt.image.BufferedImage.TYPE_USHORT_GRAY);
        dark.getRaster().setSample(0, 0, 0, 4095); // the brightest value of a 12-bit sensor
        dark.getRaster().setSample(1, 0, 0, 65535);
        for (String format : List.of("png", "tiff")) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            assertTrue(javax.imageio.ImageIO.write(dark, format, bytes));
            Image image = ImageFile.decode("x-ray", bytes.toByteArray());
            assertEquals(15, image.pixels()[0]);
            assertEquals(255, image.pixels()[3] & 0xFF);
        }
    }
}
