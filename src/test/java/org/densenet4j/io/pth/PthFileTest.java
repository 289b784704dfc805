package org.densenet4j.io.pth;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.io.ElementType;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.io.Tensor;
import org.densenet4j.io.TensorFile;
import org.densenet4j.weights.WeightFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.zip.ZipEntry;

class PthFileTest {
    @TempDir private Path folder;

    private static PthWriter twoTensors(PthWriter writer) {
        return writer.floats("features.a.weight", List.of(2, 3), new float[] {1, 2, 3, 4, 5, 6})
                .floats("classifier.bias", List.of(2), new float[] {-1, 0.5f});
    }

    private void checkTwoTensors(Path path) throws IOException {
        try (TensorFile file = WeightFile.open(path)) {
            assertEquals(
                    List.of("features.a.weight", "classifier.bias"), List.copyOf(file.names()));
            Tensor weight = file.tensor("features.a.weight");
            assertEquals(List.of(2L, 3L), weight.shape());
            assertEquals(ElementType.F32, weight.type());
            assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6}, weight.toFloats());
            assertArrayEquals(new float[] {-1, 0.5f}, file.tensor("classifier.bias").toFloats());
        }
    }

    @Test
    void nothingIsReadOnceTheFileIsClosed() throws IOException {
        PthWriter legacy = twoTensors(new PthWriter(List.of(), true));
        for (Path path :
                List.of(
                        twoTensors(new PthWriter()).writeZip(folder.resolve("a.pth")),
                        legacy.writeLegacy(folder.resolve("b.pth")))) {
            TensorFile file = WeightFile.open(path);
            file.close();
            file.close();
            IllegalStateException e =
                    assertThrows(IllegalStateException.class, () -> file.tensor("classifier.bias"));
            assertEquals(path + " is closed", e.getMessage());
        }
    }

    @Test
    void readsAZipWhateverItsNameIs() throws IOException {
        checkTwoTensors(twoTensors(new PthWriter()).writeZip(folder.resolve("a.bin")));
    }

    @Test
    void readsTheFormatOfTorchvisionsFirstWeights() throws IOException {
        checkTwoTensors(
                twoTensors(new PthWriter(List.of(), true)).writeLegacy(folder.resolve("a.pth")));
    }

    @Test
    void findsANestedStateDict() throws IOException {
        for (List<String> nesting :
                List.of(List.of("state_dict"), List.of("model"), List.of("model", "state_dict"))) {
            checkTwoTensors(
                    twoTensors(new PthWriter(nesting, false)).writeZip(folder.resolve("n.pth")));
        }
    }

    @Test
    void threadsThatReadAtTheSameTimeGetTheTensorsThatTheyAskFor() throws Exception {
        PthWriter writer = new PthWriter();
        for (int i = 0; i < 8; i++) {
            writer.floats("a.t" + i, List.of(i + 1), filled(i + 1, i));
        }
        for (Path path :
                List.of(
                        writer.writeZip(folder.resolve("t.pth")),
                        writer.writeLegacy(folder.resolve("t.pt")))) {
            try (TensorFile file = WeightFile.open(path);
                    ExecutorService threads = Executors.newFixedThreadPool(4)) {
                Callable<Integer> reader =
                        () -> {
                            for (int i = 0; i < 2000; i++) {
                                int t = (i * 5) % 8;
                                assertArrayEquals(
                                        filled(t + 1, t), file.tensor("a.t" + t).toFloats());
                            }
                            return 0;
                        };
                for (Future<Integer> done :
                        threads.invokeAll(List.of(reader, reader, reader, reader))) {
                    done.get();
                }
            }
        }
    }

    private static float[] filled(int count, float value) {
        float[] values = new float[count];
        Arrays.fill(values, value);
        return values;
    }

    @Test
    void honoursStridesAndOffsetsOfSharedStorage() throws IOException {
        ByteBuffer data = ByteBuffer.allocate(4 * 24).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 24; i++) {
            data.putFloat(i);
        }
        PthWriter writer = new PthWriter();
        writer.view(
                "m.transposed",
                new PthWriter.View(
                        "0", ElementType.F32, data.array(), 2, new int[] {3, 4}, new int[] {1, 3}));
        writer.view(
                "m.slice",
                new PthWriter.View(
                        "0", ElementType.F32, data.array(), 20, new int[] {4}, new int[] {1}));
        try (TensorFile file = WeightFile.open(writer.writeZip(folder.resolve("s.pth")))) {
            assertArrayEquals(
                    new float[] {2, 5, 8, 11, 3, 6, 9, 12, 4, 7, 10, 13},
                    file.tensor("m.transposed").toFloats());
            assertArrayEquals(new float[] {20, 21, 22, 23}, file.tensor("m.slice").toFloats());
        }
    }

    @Test
    void viewsThatRepeatElementsAreRead() throws IOException {
        ByteBuffer data = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN);
        data.putFloat(1).putFloat(2).putFloat(3);
        PthWriter writer = new PthWriter();
        int[][][] views = {{{4}, {0}}, {{2, 2}, {1, 1}}, {{2, 3}, {0, 1}}};
        float[][] expected = {{1, 1, 1, 1}, {1, 2, 2, 3}, {1, 2, 3, 1, 2, 3}};
        for (int i = 0; i < views.length; i++) {
            writer.view(
                    "a.v" + i,
                    new PthWriter.View(
                            "0", ElementType.F32, data.array(), 0, views[i][0], views[i][1]));
        }
        try (TensorFile file = WeightFile.open(writer.writeZip(folder.resolve("r.pth")))) {
            for (int i = 0; i < views.length; i++) {
                assertArrayEquals(expected[i], file.tensor("a.v" + i).toFloats());
            }
        }
    }

    /** A float tensor that was made of a buffer of bytes: its storage counts whole elements. */
    @Test
    void bytesBehindTheLastElementOfAStorageAreNoError() throws IOException {
        byte[] bytes = {0, 0, (byte) 0x80, 0x3f, 7, 7, 7};
        PthWriter writer = new PthWriter();
        writer.view(
                "a.b",
                new PthWriter.View("0", ElementType.F32, bytes, 0, new int[] {1}, new int[] {1}));
        try (TensorFile file = WeightFile.open(writer.writeZip(folder.resolve("b.pth")))) {
            assertArrayEquals(new float[] {1}, file.tensor("a.b").toFloats());
        }
    }

    /** Such as torch.imag(z.conj()) since PyTorch 2: the sign is in the pickle alone. */
    @Test
    void theSignThatIsNotInTheStorageIsHeeded() throws IOException {
        ByteBuffer floats = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
        floats.putFloat(9).putFloat(1).putFloat(8).putFloat(-2);
        ByteBuffer doubles = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
        doubles.putDouble(3).putDouble(-0.5);
        byte[] halves = {0, 0x3c, 0, (byte) 0xc0};
        PthWriter writer = new PthWriter();
        PthWriter.View every = view("f", ElementType.F32, floats.array(), 1, 2);
        writer.view("a.stored", every).view("a.negative", every.with("neg"));
        writer.view("a.double", view("d", ElementType.F64, doubles.array(), 0, 1).with("neg"));
        writer.view("a.half", view("h", ElementType.F16, halves, 0, 1).with("neg"));
        for (Path path :
                List.of(
                        writer.writeZip(folder.resolve("n.pth")),
                        writer.writeLegacy(folder.resolve("n.pt")))) {
            try (TensorFile file = WeightFile.open(path)) {
                assertArrayEquals(new float[] {1, -2}, file.tensor("a.stored").toFloats());
                assertArrayEquals(new float[] {-1, 2}, file.tensor("a.negative").toFloats());
                assertArrayEquals(new double[] {-3, 0.5}, file.tensor("a.double").toDoubles());
                assertArrayEquals(new float[] {-1, 2}, file.tensor("a.half").toFloats());
            }
        }
    }

    @Test
    void otherConversionsThatAreLeftToTheReaderAreNotForgotten() throws IOException {
        PthWriter writer = twoTensors(new PthWriter());
        writer.view("a.conjugate", view("c", ElementType.F32, new byte[8], 0, 1).with("conj"));
        writer.view("a.integer", view("i", ElementType.I64, new byte[16], 0, 1).with("neg"));
        try (TensorFile file = WeightFile.open(writer.writeZip(folder.resolve("c.pth")))) {
            assertEquals(Set.of("a.conjugate", "a.integer"), file.unreadable().keySet());
        }
    }

    /** Two elements. */
    private static PthWriter.View view(
            String storage, ElementType type, byte[] data, int offset, int stride) {
        return new PthWriter.View(storage, type, data, offset, new int[] {2}, new int[] {stride});
    }

    @Test
    void readsAllElementTypesInUse() throws IOException {
        PthWriter writer = new PthWriter();
        Map<ElementType, byte[]> ones =
                Map.of(
                        ElementType.F16, new byte[] {0, 0x3c},
                        ElementType.BF16, new byte[] {(byte) 0x80, 0x3f},
                        ElementType.F64, new byte[] {0, 0, 0, 0, 0, 0, (byte) 0xf0, 0x3f},
                        ElementType.I64, new byte[] {1, 0, 0, 0, 0, 0, 0, 0});
        ones.forEach(
                (type, bytes) ->
                        writer.view(
                                "t." + type,
                                new PthWriter.View(
                                        type.name(), type, bytes, 0, new int[0], new int[0])));
        try (TensorFile file = WeightFile.open(writer.writeZip(folder.resolve("t.pth")))) {
            for (ElementType type : ones.keySet()) {
                Tensor tensor = file.tensor("t." + type);
                assertEquals(List.of(), tensor.shape());
                if (type == ElementType.I64) {
                    assertArrayEquals(new long[] {1}, tensor.toLongs());
                } else {
                    assertArrayEquals(new float[] {1}, tensor.toFloats());
                }
            }
        }
    }

    @Test
    void readsTheOpcodesOfProtocolFour() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PthWriter.bytes(out, 0x80, 4, 0x95, 0, 0, 0, 0, 0, 0, 0, 0, 0x8c, 11);
        out.writeBytes("collections".getBytes(StandardCharsets.US_ASCII));
        PthWriter.bytes(out, 0x94, 0x8c, 11);
        out.writeBytes("OrderedDict".getBytes(StandardCharsets.US_ASCII));
        PthWriter.bytes(out, 0x94, 0x93, 0x94, ')', 'R', 0x94, 0x8c, 1, 'k', 'h', 0, 's', '.');
        assertEquals(
                Map.of("k", "collections"),
                PickleReader.read(ByteBuffer.wrap(out.toByteArray()), new HashMap<>()));
    }

    // ---------------------------------------------------------------- what is refused

    private Path zipOf(byte[] pickle) throws IOException {
        return PthWriter.zip(
                folder.resolve("x.pth"), Map.of("x/data.pkl", pickle), ZipEntry.STORED);
    }

    private static void assertRefused(Path path, String... parts) {
        IOException e = assertThrows(IOException.class, () -> WeightFile.open(path).close());
        assertTrue(e.getMessage().startsWith(path.toString()), e.getMessage());
        assertFalse(e.getMessage().contains("\n"), e.getMessage());
        for (String part : parts) {
            assertTrue(e.getMessage().contains(part), e.getMessage());
        }
    }

    @Test
    void namesWhatItWouldHaveToCallAndCallsNothing() throws IOException {
        for (String[] global :
                List.of(
                        new String[] {"os", "system"},
                        new String[] {"builtins", "eval"},
                        new String[] {"torchvision.models.densenet", "DenseNet"},
                        new String[] {"torch", "load"})) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            PthWriter.bytes(out, 0x80, 2);
            PthWriter.global(out, global[0], global[1]);
            PthWriter.bytes(out, '(');
            PthWriter.unicode(out, "echo");
            PthWriter.bytes(out, 't', 'R', '.');
            assertRefused(
                    zipOf(out.toByteArray()),
                    global[0] + "." + global[1],
                    "only Python",
                    "state_dict");
        }
    }

    @Test
    void refusesWhatIsNotInTheFile() throws IOException {
        byte[] protocol = {(byte) 0x80, 2};
        for (Map.Entry<String, byte[]> pickle :
                Map.of(
                                "extension registry", new byte[] {(byte) 0x82, 1, '.'},
                                "protocol 0", new byte[] {'P', '0', '\n', '.'},
                                "out-of-band", new byte[] {(byte) 0x97, '.'},
                                "0xff", new byte[] {(byte) 0xff})
                        .entrySet()) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            out.writeBytes(protocol);
            out.writeBytes(pickle.getValue());
            assertRefused(zipOf(out.toByteArray()), pickle.getKey());
        }
    }

    @Test
    void tensorsThatLeaveTheirStorageOrRepeatItWithoutLimitAreNotRead() throws IOException {
        int[][][] views = {
            {{3}, {3}, {1}},
            {{0}, {5}, {1}},
            {{0}, {2, 3}, {3, 1}},
            {{4}, {3}, {0}},
            {{0}, {1 << 30}, {0}},
            {{0}, {(16 << 20) + 1}, {0}},
            {{0}, {1 << 20, 1 << 20, 1 << 20, 1 << 20}, {0, 0, 0, 0}}
        };
        for (int[][] v : views) {
            PthWriter writer = twoTensors(new PthWriter());
            writer.view(
                    "a.b",
                    new PthWriter.View("v", ElementType.F32, new byte[16], v[0][0], v[1], v[2]));
            try (TensorFile file = WeightFile.open(writer.writeZip(folder.resolve("v.pth")))) {
                assertEquals(2, file.names().size());
                assertTrue(file.unreadable().get("a.b").contains("shape"));
                assertThrows(IOException.class, () -> file.tensor("a.b"));
            }
        }
    }

    @Test
    void refusesCompressedRecords() throws IOException {
        byte[] zeros = new byte[1 << 20];
        Path bomb =
                PthWriter.zip(
                        folder.resolve("bomb.pth"),
                        Map.of("x/data.pkl", new PthWriter().pickle(), "x/data/0", zeros),
                        ZipEntry.DEFLATED);
        assertRefused(bomb, "compressed");
    }

    @Test
    void namesDamagedDataWhenItIsRead() throws IOException {
        Path path = twoTensors(new PthWriter()).writeZip(folder.resolve("d.pth"));
        byte[] bytes = Files.readAllBytes(path);
        ByteBuffer three = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(3);
        int at = indexOf(bytes, three.array());
        bytes[at + 3] ^= 1;
        Files.write(path, bytes);
        try (TensorFile file = WeightFile.open(path)) {
            IOException e = assertThrows(IOException.class, () -> file.tensor("features.a.weight"));
            assertTrue(e.getMessage().contains("damaged"), e.getMessage());
        }
    }

    private static int indexOf(byte[] bytes, byte[] part) {
        for (int i = 0; i + part.length <= bytes.length; i++) {
            if (ByteBuffer.wrap(bytes, i, part.length).equals(ByteBuffer.wrap(part))) {
                return i;
            }
        }
        throw new AssertionError();
    }

    @Test
    void namesFilesThatAreSomethingElse() throws IOException {
        assertRefused(folder, "folder");
        assertRefused(folder.resolve("none.pth"), "no such file");
        assertRefused(
                PthWriter.zip(folder.resolve("z.pth"), Map.of("a.txt", new byte[3]), 0),
                "not a PyTorch checkpoint");
        assertRefused(zipOf(new byte[] {(byte) 0x80, 2, ']', '.'}), "state_dict");
        assertRefused(zipOf(new byte[] {(byte) 0x80, 2, '}', '.'}), "no state dict");
        Path truncated = twoTensors(new PthWriter()).writeZip(folder.resolve("t.pth"));
        byte[] bytes = Files.readAllBytes(truncated);
        Files.write(truncated, Arrays.copyOf(bytes, bytes.length / 2));
        assertRefused(truncated, "truncated");
    }

    @Test
    void opensSafetensorsByContent() throws IOException {
        Path path = folder.resolve("weights.pth");
        new SafetensorsWriter().floats("a", List.of(1), () -> new float[] {7}).write(path);
        try (TensorFile file = WeightFile.open(path)) {
            assertTrue(file instanceof Safetensors);
            assertArrayEquals(new float[] {7}, file.tensor("a").toFloats());
        }
    }

    @Test
    void closesTwice() throws IOException {
        for (Path path :
                List.of(
                        twoTensors(new PthWriter()).writeZip(folder.resolve("c.pth")),
                        twoTensors(new PthWriter()).writeLegacy(folder.resolve("l.pth")))) {
            TensorFile file = WeightFile.open(path);
            file.close();
            file.close();
        }
    }
}
