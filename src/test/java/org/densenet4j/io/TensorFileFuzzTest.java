package org.densenet4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;

import org.densenet4j.io.pth.PthWriter;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.weights.CaffeFile;
import org.densenet4j.weights.Model;
import org.densenet4j.weights.RandomModel;
import org.densenet4j.weights.WeightFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * Broken files of weights give errors: never another exception, a hang, or memory out of proportion
 * to the file. {@code -Ddensenet4j.fuzz=10000} makes that many of each kind.
 */
class TensorFileFuzzTest {
    private static final int MUTATIONS = Integer.getInteger("densenet4j.fuzz", 1_000);
    private static final Duration HANG = Duration.ofMinutes(1 + MUTATIONS / 1_000);
    private static final Path REAL = Path.of("src/test/resources/pth");
    private static final long MOST_ALLOCATED = 16L << 20;

    @TempDir private Path folder;

    @Test
    void safetensors() throws IOException {
        Path path = folder.resolve("seed.safetensors");
        new SafetensorsWriter()
                .metadata("format", "pt")
                .floats("features.conv0.weight", List.of(2, 3, 1, 1), () -> new float[6])
                .longs("features.norm0.num_batches_tracked", List.of(), () -> new long[1])
                .write(path);
        fuzz(Files.readAllBytes(path), 1);
    }

    @Test
    void zipCheckpoints() throws IOException {
        fuzz(Files.readAllBytes(seed().writeZip(folder.resolve("seed.pth"))), 2);
    }

    @Test
    void legacyCheckpoints() throws IOException {
        fuzz(Files.readAllBytes(seed().writeLegacy(folder.resolve("seed.pth"))), 3);
    }

    @Test
    void caffeModels() throws IOException {
        fuzz(Files.readAllBytes(CaffeFile.SMALL), 9, MUTATIONS / 4); // each makes a network
    }

    @Test
    void picklesInsideAZip() {
        fuzzPickle(seed().pickle(), 4);
    }

    /** With objects of all kinds, written by PyTorch. */
    @ParameterizedTest
    @ValueSource(strings = {"odd-protocol1", "odd-protocol2", "odd-protocol4"})
    void picklesWithPlaceholders(String name) throws IOException {
        try (ZipFile zip = new ZipFile(REAL.resolve(name + ".pth").toFile())) {
            fuzzPickle(zip.getInputStream(zip.getEntry(name + "/data.pkl")).readAllBytes(), 5);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "odd-protocol5.pth",
                "odd-legacy2.pth",
                "odd-legacy4.pth",
                "complex-legacy.pth",
                "kinds.pth",
                "whole-model-legacy.pth",
                "script.pt"
            })
    void filesThatPyTorchWrote(String name) throws IOException {
        fuzz(Files.readAllBytes(REAL.resolve(name)), 6);
    }

    @Test
    void indexesOfSeveralFiles() throws IOException {
        for (String part : List.of("a", "b")) {
            new SafetensorsWriter()
                    .floats("features." + part, List.of(2), () -> new float[2])
                    .write(folder.resolve("w-" + part + ".safetensors"));
        }
        fuzz(
                """
                {"metadata": {"total_size": 16}, "weight_map": {
                  "features.a": "w-a.safetensors",
                  "features.b": "w-b.safetensors"}}
                """
                        .getBytes(StandardCharsets.US_ASCII),
                7);
    }

    /** What is opened is matched, too: names and shapes are looked at for the network's. */
    @Test
    void networksOfForeignFiles() throws IOException {
        Path path = folder.resolve("network.safetensors");
        new RandomModel(DenseNetSpec.bc(10, 1).classes(2).build(), 1)
                .writeForeign(path, name -> "module." + name);
        byte[] seed = Files.readAllBytes(path);
        int header = 8 + ByteBuffer.wrap(seed).order(ByteOrder.LITTLE_ENDIAN).getInt();
        SplittableRandom random = new SplittableRandom(8);
        assertTimeoutPreemptively(
                HANG,
                () -> {
                    for (int i = 0; i < MUTATIONS; i++) {
                        byte[] bytes = seed.clone();
                        for (int c = random.nextInt(1, 4); c > 0; c--) {
                            // digits and letters for others: the header stays JSON
                            int at = random.nextInt(8, header);
                            if (Character.isLetterOrDigit(bytes[at])) {
                                bytes[at] = (byte) "0123456789abFnw".charAt(random.nextInt(15));
                            }
                        }
                        Path mutated = Files.write(folder.resolve("mutated"), bytes);
                        check(mutated, i, () -> Model.open(mutated).close());
                    }
                });
    }

    private void fuzzPickle(byte[] pickle, long randomSeed) {
        SplittableRandom random = new SplittableRandom(randomSeed);
        assertTimeoutPreemptively(
                HANG,
                () -> {
                    for (int i = 0; i < MUTATIONS; i++) {
                        Path path = folder.resolve("mutated.pth");
                        writeZip(path, mutate(pickle, random));
                        open(path, i);
                    }
                });
    }

    private static PthWriter seed() {
        return new PthWriter(List.of("state_dict"), false)
                .floats("features.conv0.weight", List.of(2, 3, 1, 1), new float[6])
                .floats("classifier.bias", List.of(2), new float[2]);
    }

    private void fuzz(byte[] seed, long randomSeed) {
        fuzz(seed, randomSeed, MUTATIONS);
    }

    private void fuzz(byte[] seed, long randomSeed, int mutations) {
        SplittableRandom random = new SplittableRandom(randomSeed);
        assertTimeoutPreemptively(
                HANG,
                () -> {
                    for (int i = 0; i < mutations; i++) {
                        Path path = folder.resolve("mutated");
                        Files.write(path, mutate(seed, random));
                        open(path, i);
                    }
                });
    }

    /** Reads a file that may be damaged. */
    private interface Reading {
        void read() throws IOException;
    }

    private static void open(Path path, int mutation) {
        check(
                path,
                mutation,
                () -> {
                    try (TensorFile file = WeightFile.open(path)) {
                        for (String name : file.names()) {
                            Tensor tensor = file.tensor(name);
                            if (tensor.type().isFloat()) {
                                tensor.toFloats();
                            } else {
                                tensor.toLongs();
                            }
                        }
                    }
                });
    }

    private static void check(Path path, int mutation, Reading reading) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        try {
            reading.read();
        } catch (IOException e) {
            String message = String.valueOf(e.getMessage());
            assertTrue(message.contains(path.getParent().toString()), e.toString());
            assertEquals(1, message.lines().count(), message);
        } catch (RuntimeException | Error e) {
            throw new AssertionError("mutation " + mutation, e);
        }
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;
        assertTrue(allocated < MOST_ALLOCATED, mutation + " allocated " + allocated);
    }

    /** Flips, overwrites, inserts, removes, copies and truncates. */
    private static byte[] mutate(byte[] seed, SplittableRandom random) {
        byte[] bytes = seed.clone();
        int changes = random.nextInt(1, 5);
        for (int c = 0; c < changes && bytes.length > 0; c++) {
            int at = random.nextInt(bytes.length);
            switch (random.nextInt(7)) {
                case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
                case 1 -> bytes[at] = (byte) random.nextInt(256);
                case 2 -> bytes[at] = new byte[] {0, -1, 127, -128}[random.nextInt(4)];
                case 3 -> bytes = Arrays.copyOf(bytes, at);
                case 4 -> {
                    byte[] longer = Arrays.copyOf(bytes, bytes.length + 1);
                    System.arraycopy(bytes, at, longer, at + 1, bytes.length - at);
                    bytes = longer;
                }
                case 5 -> {
                    byte[] shorter = Arrays.copyOf(bytes, bytes.length - 1);
                    System.arraycopy(bytes, at + 1, shorter, at, bytes.length - at - 1);
                    bytes = shorter;
                }
                default -> {
                    int from = random.nextInt(bytes.length);
                    int count = Math.min(random.nextInt(1, 32), bytes.length - Math.max(at, from));
                    System.arraycopy(bytes, from, bytes, at, count);
                }
            }
        }
        return bytes;
    }

    private static void writeZip(Path path, byte[] pickle) throws IOException {
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(path))) {
            for (byte[][] record :
                    new byte[][][] {
                        {"a/data.pkl".getBytes(StandardCharsets.US_ASCII), pickle},
                        {"a/data/0".getBytes(StandardCharsets.US_ASCII), new byte[24]},
                        {"a/data/1".getBytes(StandardCharsets.US_ASCII), new byte[8]}
                    }) {
                ZipEntry entry = new ZipEntry(new String(record[0], StandardCharsets.US_ASCII));
                CRC32 crc = new CRC32();
                crc.update(record[1]);
                entry.setMethod(ZipEntry.STORED);
                entry.setSize(record[1].length);
                entry.setCrc(crc.getValue());
                zip.putNextEntry(entry);
                zip.write(record[1]);
            }
        }
    }
}
