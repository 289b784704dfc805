package org.densenet4j.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

class SafetensorsTest {
    @TempDir private Path folder;

    @Test
    void whatIsWrittenIsRead() throws IOException {
        Path file = folder.resolve("a.safetensors");
        float[] values = {1, -2.5f, Float.MIN_VALUE, Float.NaN, 5, 6};
        new SafetensorsWriter()
                .metadata("who", "\"me\" \u00e4")
                .floats("x", List.of(2, 3), () -> values)
                .longs("n", List.of(), () -> new long[] {Long.MIN_VALUE})
                .floats("empty", List.of(0, 7), () -> new float[0])
                .write(file);
        try (Safetensors read = Safetensors.open(file)) {
            assertEquals(Map.of("who", "\"me\" \u00e4"), read.metadata());
            assertEquals(List.of("x", "n", "empty"), List.copyOf(read.names()));
            assertEquals(List.of(2L, 3L), read.tensor("x").shape());
            assertArrayEquals(values, read.tensor("x").toFloats());
            assertArrayEquals(new long[] {Long.MIN_VALUE}, read.tensor("n").toLongs());
            assertEquals(0, read.tensor("empty").count());
            assertThrows(IllegalArgumentException.class, () -> read.tensor("y"));
            assertThrows(IllegalArgumentException.class, () -> read.tensor("n").toFloats());
            read.close();
        }
        assertEquals(0, headerLength(file) % 8);
    }

    private static long headerLength(Path file) throws IOException {
        return ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    @Test
    void halfPrecisionIsRead() throws IOException {
        byte[] data = {0, 0x3C, (byte) 0x80, 0x3F}; // 1 as F16, 1 as BF16
        Path file =
                raw(
                        "{\"h\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]},"
                                + "\"b\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[2,4]}}",
                        data);
        try (Safetensors read = Safetensors.open(file)) {
            assertEquals(1f, read.tensor("h").toFloats()[0]);
            assertEquals(1.0, read.tensor("b").toDoubles()[0]);
        }
    }

    private Path raw(String header, byte[] data) throws IOException {
        byte[] text = header.getBytes(StandardCharsets.UTF_8);
        ByteBuffer buffer =
                ByteBuffer.allocate(8 + text.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
        buffer.putLong(text.length).put(text).put(data);
        return Files.write(folder.resolve("raw.safetensors"), buffer.array());
    }

    @Test
    void aTensorOfAnUnknownTypeIsNoErrorUntilItIsWanted() throws IOException {
        Path file =
                raw(
                        "{\"x\":{\"dtype\":\"F8_E8M0\",\"shape\":[4],\"data_offsets\":[0,4]},"
                                + "\"y\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
                        new byte[8]);
        try (Safetensors read = Safetensors.open(file)) {
            assertEquals(Set.of("y"), read.names());
            assertFalse(read.contains("x"));
            assertEquals(Map.of("x", "F8_E8M0 [4]"), read.unreadable());
            Exception e = assertThrows(IllegalArgumentException.class, () -> read.tensor("x"));
            assertTrue(e.getMessage().contains("'x' is F8_E8M0"), e.getMessage());
            assertArrayEquals(new float[1], read.tensor("y").toFloats());
        }
    }

    /** Header and what the one-line message says about it; the data is 8 zero bytes. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'x':{'dtype':'F32','shape':[2],'data_offsets':[0,7]}} | its offsets are",
                "{'x':{'dtype':'F32','shape':[3],'data_offsets':[0,12]}} | truncated",
                "{'x':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}} | behind the last tensor",
                "{'x':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}} | behind a gap",
                "{'x':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},'y':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}} | overlaps",
                "{'x':{'dtype':'F32','shape':[-2],'data_offsets':[0,8]}} | out of range",
                "{'x':{'dtype':'F32','shape':[4611686018427387904,4],'data_offsets':[0,8]}} | impossible shape",
                "{'x':{'dtype':'F32','shape':[99999999999999999999],'data_offsets':[0,8]}} | out of range",
                "{'x':{'dtype':'F32','shape':[2.0],'data_offsets':[0,8]}} | not as the format",
                "{'x':{'dtype':'Q8','shape':[2],'data_offsets':[8,0]}} | ends before",
                "{'x':{'dtype':'F32','shape':[2]}} | lacks",
                "{'x':{'dtype':'F32','shape':[2],'data_offsets':[0,8],'z':1}} | unknown field",
                "{'x':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},'x':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}} | Duplicate",
                "{'__metadata__':{'a':1},'x':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}} | metadata",
                "{'x':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}} {} | more than one value",
                "[] | not as the format",
                "{'x' | not valid JSON",
            })
    void aWrongHeaderIsRefusedInOneLine(String header, String part) throws IOException {
        Path file = raw(header.replace('\'', '"'), new byte[8]);
        SafetensorsException e =
                assertThrows(SafetensorsException.class, () -> Safetensors.open(file).close());
        assertTrue(e.getMessage().contains(part), e.getMessage());
        assertTrue(e.getMessage().startsWith(file.toString()));
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
    }

    @Test
    void missingEmptyAndTruncatedFilesAreRefusedInOneLine() throws IOException {
        Path whole = Path.of("src/test/resources/golden/bc-k12-3x3x3.safetensors");
        byte[] bytes = Files.readAllBytes(whole);
        for (int length : new int[] {0, 7, 8, 100, bytes.length / 2, bytes.length - 1}) {
            Path file = Files.write(folder.resolve("cut"), Arrays.copyOf(bytes, length));
            assertThrows(SafetensorsException.class, () -> Safetensors.open(file).close());
        }
        Path longer = Files.write(folder.resolve("long"), Arrays.copyOf(bytes, bytes.length + 1));
        assertThrows(SafetensorsException.class, () -> Safetensors.open(longer).close());
        Path missing = folder.resolve("none");
        assertThrows(SafetensorsException.class, () -> Safetensors.open(missing).close());
        assertThrows(SafetensorsException.class, () -> Safetensors.open(folder).close());
    }

    @Test
    void tenThousandMutationsGiveAnErrorOrAValidFileAndNothingElse() throws IOException {
        Path file = folder.resolve("seed.safetensors");
        new SafetensorsWriter()
                .metadata("a", "b")
                .floats("x", List.of(2, 3), () -> new float[6])
                .floats("y", List.of(4), () -> new float[4])
                .longs("z", List.of(1), () -> new long[1])
                .write(file);
        byte[] seed = Files.readAllBytes(file);
        SplittableRandom random = new SplittableRandom(1);
        int refused = 0;
        for (int i = 0; i < 10_000; i++) {
            byte[] mutant = seed.clone();
            int edits = random.nextInt(1, 4);
            for (int e = 0; e < edits; e++) {
                int at = random.nextInt(random.nextBoolean() ? mutant.length : 8);
                mutant[at] = (byte) random.nextInt();
            }
            if (random.nextInt(4) == 0) {
                mutant = Arrays.copyOf(mutant, random.nextInt(mutant.length + 20));
            }
            Files.write(file, mutant);
            try (Safetensors read = Safetensors.open(file)) {
                for (String name : read.names()) {
                    Tensor tensor = read.tensor(name);
                    if (tensor.type().isFloat()) {
                        tensor.toFloats();
                    } else {
                        tensor.toLongs();
                    }
                }
            } catch (SafetensorsException e) {
                refused++;
            }
        }
        assertTrue(refused > 5_000, "refused " + refused);
    }

    @Test
    void aFailedWriteLeavesTheOldFileAndNoRest() throws IOException {
        Path file = folder.resolve("a.safetensors");
        SafetensorsWriter good =
                new SafetensorsWriter().floats("x", List.of(1), () -> new float[1]);
        good.write(file);
        byte[] before = Files.readAllBytes(file);
        IOException e =
                assertThrows(
                        IOException.class,
                        () ->
                                AtomicFile.write(
                                        file,
                                        channel -> {
                                            channel.write(ByteBuffer.allocate(100));
                                            throw new IOException("No space left on device");
                                        }));
        assertTrue(e.getMessage().contains("No space left on device"), e.getMessage());
        assertTrue(e.getMessage().contains(file.toString()), e.getMessage());
        assertArrayEquals(before, Files.readAllBytes(file));
        SafetensorsWriter wrong =
                new SafetensorsWriter().floats("x", List.of(2), () -> new float[1]);
        assertThrows(IllegalArgumentException.class, () -> wrong.write(file));
        assertArrayEquals(before, Files.readAllBytes(file));
        try (var files = Files.list(folder)) {
            assertEquals(List.of(file), files.toList());
        }
        Path nowhere = folder.resolve("no/such/folder/a.safetensors");
        assertThrows(IOException.class, () -> good.write(nowhere));
        assertFalse(Files.exists(nowhere));
    }

    @Test
    void aFullDeviceIsReported() throws IOException {
        Path full = Path.of("/dev/full");
        assumeTrue(Files.exists(full), "needs /dev/full");
        // Through a link, as a device has no folder to make a temporary file in.
        Path file = folder.resolve("a.safetensors");
        Files.createSymbolicLink(file, full);
        try {
            SafetensorsWriter writer =
                    new SafetensorsWriter().floats("x", List.of(9), () -> new float[9]);
            IOException e = assertThrows(IOException.class, () -> writer.write(file));
            assertTrue(e.getMessage().contains("No space left"), e.getMessage());
        } finally {
            Files.delete(file);
        }
    }

    @Test
    void theGoldenCaseIsWholeAndWrongOnesAreNamed() throws IOException {
        try (ParityCase parity =
                ParityCase.open(Path.of("src/test/resources/golden/bc-k12-3x3x3.safetensors"))) {
            assertEquals(List.of(3, 3, 3), parity.blockConfig());
            assertEquals(12, parity.growthRate());
            assertEquals(4, parity.labels().length);
            assertFalse(parity.group("train.grad.").isEmpty());
        }
        Path other = folder.resolve("other.safetensors");
        new SafetensorsWriter().floats("x", List.of(1), () -> new float[1]).write(other);
        IOException e = assertThrows(IOException.class, () -> ParityCase.open(other).close());
        assertTrue(e.getMessage().contains("is not a parity case"), e.getMessage());
        new SafetensorsWriter()
                .metadata("format", "densenet-parity-1")
                .floats("x", List.of(1), () -> new float[1])
                .write(other);
        e = assertThrows(IOException.class, () -> ParityCase.open(other).close());
        assertTrue(e.getMessage().contains("block_config"), e.getMessage());
    }
}
