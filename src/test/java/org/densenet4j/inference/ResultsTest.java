package org.densenet4j.inference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.Image;
import org.densenet4j.data.Normalisation;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

class ResultsTest {
    private static final Normalisation PLAIN =
            new Normalisation(new float[3], new float[] {1, 1, 1});

    @TempDir private Path folder;

    @Test
    void anNpyFileHasAnAlignedHeaderAndTheRows() throws IOException {
        Path path = folder.resolve("e.npy");
        EmbeddingsWriter.NPY.write(
                path, List.of("a.png", "b.png"), List.of(new float[] {1, 2, 3}, new float[3]), 3);
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals((byte) 0x93, bytes.get());
        byte[] word = new byte[5];
        bytes.get(word);
        assertEquals("NUMPY", new String(word, StandardCharsets.US_ASCII));
        assertEquals(1, bytes.get());
        assertEquals(0, bytes.get());
        byte[] header = new byte[bytes.getShort()];
        bytes.get(header);
        assertEquals(0, bytes.position() % 64);
        String text = new String(header, StandardCharsets.US_ASCII);
        assertEquals("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", text.strip());
        assertTrue(text.endsWith("\n"));
        assertEquals(4 * 6, bytes.remaining());
        assertEquals(2f, bytes.getFloat(bytes.position() + 4));
        assertEquals("a.png\nb.png\n", Files.readString(folder.resolve("e.npy.txt")));
    }

    @Test
    void csvAndJsonQuoteNames() throws IOException {
        List<String> names = List.of("a,\"b\".png");
        List<float[]> rows = List.of(new float[] {1, -0.5f});
        EmbeddingsWriter.CSV.write(folder.resolve("e.csv"), names, rows, 2);
        assertEquals(
                "file,e0,e1\n\"a,\"\"b\"\".png\",1.0,-0.5\n",
                Files.readString(folder.resolve("e.csv")));
        EmbeddingsWriter.JSON.write(folder.resolve("e.json"), names, rows, 2);
        assertEquals(
                "[{\"file\":\"a,\\\"b\\\".png\",\"embedding\":[1.0,-0.5]}]",
                Files.readString(folder.resolve("e.json")).replaceAll("\\s", ""));
    }

    @Test
    void whatIsNotFiniteIsNoNumberInAnyFile() throws IOException {
        List<float[]> rows = List.of(new float[] {Float.NaN, 1, Float.POSITIVE_INFINITY});
        EmbeddingsWriter.CSV.write(folder.resolve("e.csv"), List.of("a.png"), rows, 3);
        assertEquals("file,e0,e1,e2\na.png,,1.0,\n", Files.readString(folder.resolve("e.csv")));
        EmbeddingsWriter.JSON.write(folder.resolve("e.json"), List.of("a.png"), rows, 3);
        assertEquals(
                "[{\"file\":\"a.png\",\"embedding\":[null,1.0,null]}]",
                Files.readString(folder.resolve("e.json")).replaceAll("\\s", ""));
    }

    @Test
    void namesOfNpyRowsStayOneALine() throws IOException {
        List<float[]> rows = List.of(new float[] {1}, new float[] {2});
        EmbeddingsWriter.NPY.write(folder.resolve("n.npy"), List.of("two\nlines", "b"), rows, 1);
        assertEquals("two\\nlines\nb\n", Files.readString(folder.resolve("n.npy.txt")));
    }

    @Test
    void aHeatMapIsInterpolatedBetweenPixelCentres() {
        HeatMap map = new HeatMap(0, 2, 2, new float[] {0, 4, 8, 12});
        assertEquals(6, map.at(0.5, 0.5), 1e-9);
        assertEquals(0, map.at(0, 0), 1e-9);
        assertEquals(12, map.at(1, 1), 1e-9);
        assertEquals(2, map.at(0.25, 0.5), 1e-9);
        assertEquals(7, new HeatMap(0, 1, 1, new float[] {7}).at(0.3, 0.9), 1e-9);
    }

    @Test
    void anOverlayColoursEvidenceOnly() {
        byte[] grey = new byte[3 * 32 * 32];
        Arrays.fill(grey, (byte) 100);
        Image image = new Image(32, 32, 3, grey);
        ImagePreparation preparation = ImagePreparation.of(DenseNetSpec.bc(10, 4).build(), PLAIN);
        BufferedImage out =
                HeatMapOverlay.draw(
                        image, preparation, new HeatMap(0, 2, 2, new float[] {-1, -1, -1, 5}));
        assertEquals(224, out.getWidth());
        assertEquals(0x646464, out.getRGB(5, 5) & 0xFFFFFF);
        int hot = out.getRGB(220, 220);
        assertTrue((hot >> 16 & 0xFF) > 150 && (hot & 0xFF) < 80, Integer.toHexString(hot));
        BufferedImage nothing =
                HeatMapOverlay.draw(image, preparation, new HeatMap(0, 1, 1, new float[] {-3}));
        assertEquals(0x646464, nothing.getRGB(100, 100) & 0xFFFFFF);
    }

    @Test
    void aSmallNetworkTakesImagesOfItsSizeAsTheyAre() {
        DenseNetSpec spec = DenseNetSpec.builder().layersPerBlock(1).inputSize(3, 2).build();
        byte[] pixels = new byte[18];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (byte) (14 * i);
        }
        ImagePreparation preparation =
                ImagePreparation.of(
                        spec,
                        new Normalisation(new float[] {0, 0.5f, 1}, new float[] {1, 0.5f, 0.25f}));
        float[] out = new float[20];
        preparation.prepare(new Image(3, 2, 3, pixels), out, 1);
        float[] expected = new float[20];
        for (int p = 0; p < 6; p++) {
            expected[1 + 3 * p] = 14 * (3 * p) / 255f;
            expected[2 + 3 * p] = (14 * (3 * p + 1) / 255f - 0.5f) / 0.5f;
            expected[3 + 3 * p] = (14 * (3 * p + 2) / 255f - 1) / 0.25f;
        }
        assertArrayEquals(expected, out, 1e-6f);
    }

    @Test
    void imagesOfAnySizeAreBroughtToTheInput() {
        for (int[] size : new int[][] {{1, 1}, {500, 3}, {7, 300}, {32, 33}}) {
            byte[] pixels = new byte[3 * size[0] * size[1]];
            Arrays.fill(pixels, (byte) 51);
            Image image = new Image(size[0], size[1], 3, pixels);
            for (int channels : new int[] {1, 3}) {
                DenseNetSpec spec =
                        DenseNetSpec.bc(10, 4).inputSize(16, 12).inputChannels(channels).build();
                Normalisation none =
                        channels == 3 ? PLAIN : new Normalisation(new float[1], new float[] {1});
                ImagePreparation preparation = ImagePreparation.of(spec, none);
                float[] out = new float[preparation.length()];
                preparation.prepare(image, out, 0);
                float[] expected = new float[out.length];
                Arrays.fill(expected, 0.2f);
                assertArrayEquals(expected, out, 0.005f);
            }
        }
    }
}
