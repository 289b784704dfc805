package org.densenet4j.io.pth;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.io.TensorFile;
import org.densenet4j.weights.WeightFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** Checkpoints hold more than tensors. The files were written by PyTorch, see make_odd.py. */
class OddObjectsTest {
    private static final Path FILES = Path.of("src/test/resources/pth");
    private static final String NORM = "features.denseblock1.denselayer1.norm1.weight";

    @TempDir private Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "odd-protocol1",
                "odd-protocol2",
                "odd-protocol3",
                "odd-protocol4",
                "odd-protocol5",
                "odd-legacy1",
                "odd-legacy2",
                "odd-legacy4"
            })
    void tensorsBesideObjectsOfAnyKindAreRead(String name) throws IOException {
        try (TensorFile file = WeightFile.open(FILES.resolve(name + ".pth"))) {
            assertEquals(Set.of(NORM, "classifier.bias"), file.names());
            assertArrayEquals(new float[] {1, 2, 3}, file.tensor(NORM).toFloats());
            assertArrayEquals(new float[] {-1}, file.tensor("classifier.bias").toFloats());
            assertEquals(Map.of(), file.unreadable());
        }
    }

    @Test
    void theOpcodesOfProtocolZeroAreRead() throws IOException {
        byte[] bytes = Files.readAllBytes(FILES.resolve("odd-protocol0.pkl"));
        Map<?, ?> odd = (Map<?, ?>) PickleReader.read(ByteBuffer.wrap(bytes), new HashMap<>());
        assertEquals("argparse.Namespace", ((Placeholder) odd.get("namespace")).what());
        assertEquals("int key", odd.get(1L));
        assertTrue(odd.get("numbers").toString().contains("70000, 1.0E-300, Infinity, NaN, true"));
    }

    @Test
    void kindsOfTensorsThatAreNotReadAreNamed() throws IOException {
        try (TensorFile file = WeightFile.open(FILES.resolve("kinds.pth"))) {
            assertEquals(Set.of("features.conv0.weight"), file.names());
            assertEquals("torch._utils._rebuild_qtensor", file.unreadable().get("a.quantised"));
            assertEquals("torch._utils._rebuild_sparse_tensor", file.unreadable().get("a.sparse"));
            assertEquals("numpy.ndarray", file.unreadable().get("a.array"));
            assertEquals("numpy.ndarray", file.unreadable().get(NORM));
            assertEquals(
                    "a tensor of torch.ComplexFloatStorage [1]",
                    file.unreadable().get("a.complex"));
        }
        try (TensorFile file = WeightFile.open(FILES.resolve("complex-legacy.pth"))) {
            assertArrayEquals(new float[] {1, 2}, file.tensor(NORM).toFloats());
            assertTrue(file.unreadable().get("a.complex").contains("Complex"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"whole-model.pth", "whole-model-legacy.pth"})
    void wholeModelsAreRefusedAsSuch(String name) {
        Path path = FILES.resolve(name);
        IOException e = assertThrows(IOException.class, () -> WeightFile.open(path).close());
        assertTrue(
                e.getMessage().contains("a whole model (torch.nn.modules.linear.Linear)"),
                e.getMessage());
        assertTrue(e.getMessage().contains("state_dict"), e.getMessage());
    }

    @Test
    void torchScriptIsNamedAlthoughItIsCompressed() {
        Path path = FILES.resolve("script.pt");
        IOException e = assertThrows(IOException.class, () -> WeightFile.open(path).close());
        assertTrue(e.getMessage().contains("is a TorchScript program"), e.getMessage());
    }

    // ---------------------------------------------------------------- hostile pickles

    private static Object read(byte[] pickle) throws PickleException {
        return PickleReader.read(ByteBuffer.wrap(pickle), new HashMap<>());
    }

    @Test
    void objectsOfAnyOpcodeAreInert() throws IOException {
        for (String call :
                new String[] {
                    "cos\nsystem\n(X\1\0\0\0xtR.", // REDUCE
                    "cos\nsystem\n(X\1\0\0\0xt\u0081.", // NEWOBJ
                    "cos\nsystem\n(X\1\0\0\0xt}\u0092.", // NEWOBJ_EX
                    "(X\1\0\0\0xios\nsystem\n.", // INST
                    "(cos\nsystem\nX\1\0\0\0xo.", // OBJ
                    "\u008c\2os\u008c\6system\u0093)R.", // STACK_GLOBAL
                    "cos\nsystem\n)R}X\1\0\0\0aK\1sb.", // BUILD
                    "cos\nsystem\n)RK\1aK\1K\2s(K\1K\2u(K\1e(K\1\u0090.", // items of all kinds
                    "cos\nsystem\n)R)R." // what a call gave is called
                }) {
            byte[] bytes = call.getBytes(StandardCharsets.ISO_8859_1);
            assertEquals("os.system", ((Placeholder) read(bytes)).what(), call);
        }
    }

    @Test
    void memoryAndDepthAreBounded() {
        byte[] dictionaries = new byte[40 << 20];
        Arrays.fill(dictionaries, (byte) '}');
        byte[] objects = new byte[40 << 20];
        byte[] begin = {'c', 'a', '\n', 'b', '\n', 'q', 0, '0'};
        System.arraycopy(begin, 0, objects, 0, begin.length);
        for (int i = begin.length; i + 4 <= objects.length; i += 4) {
            System.arraycopy(new byte[] {'h', 0, ')', 'R'}, 0, objects, i, 4);
        }
        for (byte[] pickle : new byte[][] {dictionaries, objects}) {
            IOException e = assertThrows(PickleException.class, () -> read(pickle));
            assertTrue(e.getMessage().contains("too many values"), e.getMessage());
        }
    }

    @Test
    void keysThatTakeForeverToCompareAreNotCompared() {
        // Tuples of the same tuple twice, 60 deep: 2^60 leaves.
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PthWriter.bytes(out, '}', ')');
        for (int i = 0; i < 60; i++) {
            PthWriter.bytes(out, '2', 0x86);
        }
        PthWriter.bytes(out, 'K', 1, 's', '.');
        assertDoesNotThrow(() -> read(out.toByteArray()));
        ByteArrayOutputStream deep = new ByteArrayOutputStream();
        PthWriter.bytes(deep, '}', ')');
        for (int i = 0; i < 1_000_000; i++) {
            deep.write(0x85);
        }
        PthWriter.bytes(deep, 'K', 1, 's', '.');
        assertDoesNotThrow(() -> read(deep.toByteArray()));
    }
}
