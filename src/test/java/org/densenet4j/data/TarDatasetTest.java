package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

class TarDatasetTest {
    private static final CentreCrop CROP = new CentreCrop(4, 5, 3, 1, true);

    @TempDir private Path folder;

    private static Path recorded(String format) throws URISyntaxException {
        return Path.of(TarDatasetTest.class.getResource("/tar/" + format + ".tar").toURI());
    }

    private static TarDataset open(Path... shards) throws IOException {
        return TarDataset.open(List.of(shards), CROP, DecodeOptions.DEFAULT, null);
    }

    /** By scripts/record_tars.py. */
    @ParameterizedTest
    @ValueSource(strings = {"ustar", "gnu", "pax"})
    void archivesOfEveryFormatAreRead(String format) throws IOException, URISyntaxException {
        TarDataset data = open(recorded(format));
        assertEquals(6, data.size());
        assertEquals(List.of("class 0", "class 1", "class 2"), data.classNames());
        byte[] pixels = new byte[60];
        for (int i = 0; i < 6; i++) {
            assertEquals(i % 3, data.label(i));
            data.read(i, pixels);
            assertEquals(i, pixels[0]);
            assertEquals(40, pixels[1]);
            assertEquals(250 - i, pixels[2] & 0xFF);
        }
        assertEquals("a/001", data.key(1));
        assertEquals("f".repeat(120) + "/003", data.key(3));
        assertEquals("grüße-привет", data.key(4));
        if (!format.equals("ustar")) {
            assertEquals("b/" + "n".repeat(140), data.key(2));
        }
    }

    @Test
    void severalArchivesAreOneSetWithTheNamesOfClassesBesideThem() throws Exception {
        Path one = Files.copy(recorded("gnu"), folder.resolve("0.tar"));
        Path other = Files.copy(recorded("pax"), folder.resolve("1.tar"));
        Files.writeString(folder.resolve("classes.txt"), "cat\ndog\nowl\n");
        TarDataset data = open(one, other);
        assertEquals(12, data.size());
        assertEquals(List.of(0, 6), data.shardStarts());
        assertEquals(List.of("cat", "dog", "owl"), data.classNames());
        byte[] pixels = new byte[60];
        data.read(6, pixels);
        assertEquals(0, pixels[0]);
        data.read(11, pixels);
        assertEquals(5, pixels[0]);
        Files.writeString(folder.resolve("classes.txt"), "cat\ndog\n");
        assertTrue(refusal(one).contains("classes.txt: names 2 classes"), refusal(one));
        Files.write(folder.resolve("classes.txt"), new byte[] {(byte) 0xE4, '\n'});
        assertTrue(refusal(one).contains("classes.txt"), refusal(one));
    }

    private static String refusal(Path... shards) {
        String message = assertThrows(IOException.class, () -> open(shards)).getMessage();
        assertEquals(1, message.lines().count(), message);
        assertTrue(message.startsWith(shards[0].getParent().toString()), message);
        return message;
    }

    /** Pairs of names and contents. */
    private Path tar(String name, String... files) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int i = 0; i < files.length; i += 2) {
            byte[] content = files[i + 1].getBytes(UTF_8);
            byte[] header = new byte[512];
            put(header, 0, files[i]);
            put(header, 124, String.format(Locale.ROOT, "%011o", content.length));
            header[156] = '0';
            put(header, 148, "        ");
            int sum = IntStream.range(0, 512).map(k -> header[k] & 0xFF).sum();
            put(header, 148, String.format(Locale.ROOT, "%06o", sum) + "\0 ");
            out.write(header);
            out.write(Arrays.copyOf(content, (content.length + 511) / 512 * 512));
        }
        out.write(new byte[1024]);
        return Files.write(folder.resolve(name), out.toByteArray());
    }

    private static void put(byte[] header, int at, String text) {
        byte[] bytes = text.getBytes(UTF_8);
        System.arraycopy(bytes, 0, header, at, bytes.length);
    }

    @Test
    void samplesThatLackSomethingAreNamed() throws IOException {
        Path without = tar("a.tar", "s1.png", "x", "s1.cls", "0", "s2.cls", "1");
        assertTrue(refusal(without).contains("a.tar: the sample 's2' has no image"));
        assertTrue(refusal(tar("b.tar", "s1.png", "x")).contains("'s1' has no label"));
        Path json = tar("c.tar", "s1.png", "x", "s1.json", "{\"label\": ");
        assertTrue(refusal(json).contains("s1.json: is broken JSON"), refusal(json));
        Path list = tar("d.tar", "s1.png", "x", "s1.json", "[1]");
        assertTrue(refusal(list).contains("is no JSON object"), refusal(list));
        assertTrue(refusal(tar("e.tar")).contains("no images"));
        assertTrue(refusal(folder.resolve("none.tar")).contains("no such file"));
    }

    @Test
    void labelsMayBeNamesAndMustBeKnown() throws IOException {
        Path names = tar("n.tar", "a.png", "x", "a.cls", "owl", "b.png", "x", "b.cls", "cat");
        assertEquals(List.of("cat", "owl"), open(names).classNames());
        assertEquals(1, open(names).label(0));
        String unknown =
                assertThrows(
                                IOException.class,
                                () ->
                                        TarDataset.open(
                                                List.of(names),
                                                CROP,
                                                DecodeOptions.DEFAULT,
                                                List.of("cat", "dog")))
                        .getMessage();
        assertTrue(unknown.contains("n.tar: the sample 'a' has the label owl"), unknown);
    }

    @Test
    void brokenArchivesAreRefusedInOneLine() throws IOException, URISyntaxException {
        byte[] good = Files.readAllBytes(recorded("gnu"));
        Path file = folder.resolve("x.tar");
        for (int length : new int[] {1, 511, 600, 1024 + 1, 2048 + 100}) {
            Files.write(file, Arrays.copyOf(good, length));
            assertTrue(refusal(file).contains("x.tar: truncated"), refusal(file));
        }
        byte[] changed = good.clone();
        changed[512 + 3] ^= 1; // in a name
        Files.write(file, changed);
        assertTrue(refusal(file).contains("wrong sum"), refusal(file));
        Files.write(file, new byte[] {0x1f, (byte) 0x8b});
        assertTrue(refusal(file).contains("truncated"), refusal(file));
        byte[] gzip = Arrays.copyOf(new byte[] {0x1f, (byte) 0x8b, 8, 0}, 2048);
        Files.write(file, gzip);
        assertTrue(refusal(file).contains("is compressed"), refusal(file));
        Files.writeString(file, "no archive, but text. ".repeat(100));
        assertTrue(refusal(file).contains("is no tar archive"), refusal(file));
    }

    @Test
    void imagesThatAreBrokenAreNamedWhenTheyAreRead() throws IOException {
        TarDataset data = open(tar("a.tar", "s1.png", "no image", "s1.cls", "0"));
        String message =
                assertThrows(java.io.UncheckedIOException.class, () -> data.read(0, new byte[60]))
                        .getMessage();
        assertTrue(message.contains("a.tar: s1: "), message);
    }

    private static List<Integer> order(List<Integer> starts, int images, long seed, int epoch) {
        return Arrays.stream(ShardedOrder.of(images, starts, seed, 1, epoch)).boxed().toList();
    }

    @Test
    void everyImageComesOnceAndArchivesOneAfterTheOther() {
        List<Integer> starts = new ArrayList<>();
        for (int s = 0; s < 40; s++) {
            starts.add(s * 1000);
        }
        List<Integer> order = order(starts, 40_000, 7, 3);
        assertEquals(40_000, new HashSet<>(order).size());
        // Of the first tenth no more archives can be there than fill the buffer and that tenth.
        long archives = order.subList(0, 4000).stream().map(i -> i / 1000).distinct().count();
        assertTrue(archives <= 14 && archives > 4, archives + "");
        assertEquals(order, order(starts, 40_000, 7, 3));
        assertNotEquals(order, order(starts, 40_000, 7, 4));
        assertNotEquals(order, order(starts, 40_000, 8, 3));
        assertEquals(5, new HashSet<>(order(List.of(0, 0, 2), 5, 1, 0)).size());
    }
}
