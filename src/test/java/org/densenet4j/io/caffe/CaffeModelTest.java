package org.densenet4j.io.caffe;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import com.google.protobuf.UnknownFieldSet.Field;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** Caffe's files, written by Google's protobuf library in all ways that numbers may be stored. */
class CaffeModelTest {
    private static final float[] NUMBERS = {1, -2.5f, 0.125f, 7, 0, -0.75f};

    @TempDir private Path folder;

    private static Field text(String text) {
        return Field.newBuilder().addLengthDelimited(ByteString.copyFromUtf8(text)).build();
    }

    private static Field bytes(ByteBuffer bytes) {
        return Field.newBuilder().addLengthDelimited(ByteString.copyFrom(bytes.flip())).build();
    }

    private static Field message(UnknownFieldSet message) {
        return Field.newBuilder().addLengthDelimited(message.toByteString()).build();
    }

    private static Field varint(long value) {
        return Field.newBuilder().addVarint(value).build();
    }

    private static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static Field singles(float... values) {
        ByteBuffer packed = buffer(4 * values.length);
        packed.asFloatBuffer().put(values);
        return bytes(packed.position(packed.limit()));
    }

    /** 2x3, as a list that is packed. */
    private static Field shape() {
        ByteString packed = ByteString.copyFrom(new byte[] {2, 3});
        return message(
                UnknownFieldSet.newBuilder()
                        .addField(1, Field.newBuilder().addLengthDelimited(packed).build())
                        .build());
    }

    private static UnknownFieldSet.Builder blob() {
        return UnknownFieldSet.newBuilder().addField(7, shape());
    }

    private static UnknownFieldSet net(UnknownFieldSet blob) {
        UnknownFieldSet layer =
                UnknownFieldSet.newBuilder()
                        .addField(1, text("ip1"))
                        .addField(2, text("InnerProduct"))
                        .addField(3, text("data"))
                        .addField(4, text("ip1"))
                        .addField(7, message(blob))
                        .build();
        return UnknownFieldSet.newBuilder()
                .addField(1, text("a net"))
                .addField(3, text("data"))
                .addField(100, message(layer))
                .build();
    }

    private Path file(UnknownFieldSet net) throws IOException {
        return Files.write(folder.resolve("w.caffemodel"), net.toByteArray());
    }

    private void assertRead(String how, UnknownFieldSet.Builder blob, Long... shape)
            throws IOException {
        Path path = file(net(blob.build()));
        assertTrue(CaffeModel.recognises(Files.readAllBytes(path)), how);
        try (CaffeModel model = CaffeModel.open(path)) {
            CaffeLayer layer = model.layers().getFirst();
            assertEquals("a net", model.name());
            assertEquals(List.of("data"), model.inputs());
            assertEquals("ip1", layer.name());
            assertEquals("InnerProduct", layer.type());
            assertEquals(List.of("data"), layer.bottoms());
            assertEquals(List.of("ip1"), layer.tops());
            assertEquals(List.of(shape), layer.blobs().getFirst().shape(), how);
            assertArrayEquals(NUMBERS, layer.blobs().getFirst().toFloats(), how);
        }
    }

    @Test
    void numbersAreReadHoweverTheyAreStored() throws IOException {
        ByteBuffer doubles = buffer(8 * NUMBERS.length);
        ByteBuffer halves = buffer(2 * NUMBERS.length);
        Field.Builder alone = Field.newBuilder();
        Field.Builder doublesAlone = Field.newBuilder();
        for (float number : NUMBERS) {
            doubles.putDouble(number);
            halves.putShort(Float.floatToFloat16(number));
            alone.addFixed32(Float.floatToRawIntBits(number));
            doublesAlone.addFixed64(Double.doubleToRawLongBits(number));
        }
        assertRead("packed", blob().addField(5, singles(NUMBERS)), 2L, 3L);
        assertRead("one by one", blob().addField(5, alone.build()), 2L, 3L);
        assertRead("doubles", blob().addField(8, bytes(doubles.duplicate())), 2L, 3L);
        assertRead("doubles one by one", blob().addField(8, doublesAlone.build()), 2L, 3L);
        Field parts =
                Field.newBuilder()
                        .mergeFrom(singles(Arrays.copyOf(NUMBERS, 4)))
                        .mergeFrom(singles(Arrays.copyOfRange(NUMBERS, 4, 6)))
                        .build();
        assertRead("in two parts", blob().addField(5, parts), 2L, 3L);
        assertRead(
                "NVIDIA's halves",
                blob().addField(10, varint(2)).addField(12, bytes(halves)),
                2L,
                3L);
        assertRead(
                "NVIDIA's singles",
                blob().addField(10, varint(1)).addField(12, singles(NUMBERS)),
                2L,
                3L);
        assertRead("NVIDIA's doubles", blob().addField(12, bytes(doubles)), 2L, 3L);
        Field oneByOne = Field.newBuilder().addVarint(2).addVarint(3).build();
        assertRead(
                "a shape one by one",
                UnknownFieldSet.newBuilder()
                        .addField(
                                7,
                                message(UnknownFieldSet.newBuilder().addField(1, oneByOne).build()))
                        .addField(5, singles(NUMBERS)),
                2L,
                3L);
        assertRead(
                "four sides of before 2015",
                UnknownFieldSet.newBuilder()
                        .addField(1, varint(1))
                        .addField(2, varint(1))
                        .addField(3, varint(2))
                        .addField(4, varint(3))
                        .addField(5, singles(NUMBERS)),
                1L,
                1L,
                2L,
                3L);
    }

    private void assertRefused(byte[] content, String... words) throws IOException {
        Path path = Files.write(folder.resolve("broken.caffemodel"), content);
        IOException e = assertThrows(CaffeException.class, () -> CaffeModel.open(path).close());
        assertTrue(e.getMessage().startsWith(path + ": "), e.getMessage());
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
        for (String word : words) {
            assertTrue(e.getMessage().contains(word), e.getMessage());
        }
    }

    @Test
    void whatIsBrokenIsRefusedInOneLine() throws IOException {
        byte[] whole = net(blob().addField(5, singles(NUMBERS)).build()).toByteArray();
        byte[] cut = Arrays.copyOf(whole, whole.length - 9);
        assertTrue(CaffeModel.recognises(cut));
        assertRefused(cut, "cut off or damaged", "to its end?");
        assertRefused(
                net(blob().addField(5, singles(1, 2)).build()).toByteArray(),
                "'ip1' has 2 numbers for the shape [2, 3]");
        assertRefused(
                net(blob().addField(10, varint(3)).addField(12, singles(NUMBERS)).build())
                        .toByteArray(),
                "'ip1' has numbers of the unknown type 3");
        assertRefused(
                net(UnknownFieldSet.newBuilder()
                                .addField(1, varint(1L << 40))
                                .addField(2, varint(1L << 40))
                                .build())
                        .toByteArray(),
                "'ip1' has the shape");
        UnknownFieldSet old =
                UnknownFieldSet.newBuilder()
                        .addField(1, text("CaffeNet"))
                        .addField(
                                2,
                                message(
                                        UnknownFieldSet.newBuilder()
                                                .addField(2, text("data"))
                                                .addField(4, text("conv1"))
                                                .build()))
                        .build();
        assertTrue(CaffeModel.recognises(old.toByteArray()));
        assertRefused(old.toByteArray(), "before 2015", "upgrade_net_proto_binary");
    }

    @Test
    void otherMessagesAreNoModels() {
        UnknownFieldSet node =
                UnknownFieldSet.newBuilder()
                        .addField(1, text("input"))
                        .addField(2, text("Placeholder"))
                        .build();
        UnknownFieldSet tensorFlow =
                UnknownFieldSet.newBuilder()
                        .addField(1, message(node))
                        .addField(2, message(node))
                        .build();
        UnknownFieldSet onnx =
                UnknownFieldSet.newBuilder()
                        .addField(1, varint(8))
                        .addField(2, text("pytorch"))
                        .build();
        for (UnknownFieldSet other :
                List.of(tensorFlow, onnx, UnknownFieldSet.getDefaultInstance())) {
            assertFalse(CaffeModel.recognises(other.toByteArray()), other.toString());
        }
        for (String other : List.of("\n", "name: \"net\"", "\n\4nets", "PK\3\4", "\u0080\2")) {
            assertFalse(CaffeModel.recognises(other.getBytes(ISO_8859_1)));
        }
    }
}
