package org.densenet4j.weights;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import com.google.protobuf.UnknownFieldSet.Field;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import java.util.zip.GZIPInputStream;

/** A recorded Caffe model that is changed in places and written again by Google's library. */
public final class CaffeFile {
    public static final Path FOLDER = Path.of("src/test/resources/golden/caffe");
    public static final Path SMALL = FOLDER.resolve("dsod-small.caffemodel");

    private static final int NAME = 1;
    private static final int TYPE = 2;
    private static final int BLOBS = 7;
    private static final int LAYER = 100;

    private final UnknownFieldSet.Builder net;
    private final List<UnknownFieldSet> layers = new ArrayList<>();

    private CaffeFile(UnknownFieldSet net) throws IOException {
        for (ByteString layer : net.getField(LAYER).getLengthDelimitedList()) {
            layers.add(UnknownFieldSet.parseFrom(layer));
        }
        this.net = net.toBuilder().clearField(LAYER);
    }

    static CaffeFile small() throws IOException {
        return new CaffeFile(UnknownFieldSet.parseFrom(Files.readAllBytes(SMALL)));
    }

    /** DSOD300 for PASCAL VOC: blob i of all is filled with i/1024. */
    static CaffeFile dsod300() throws IOException {
        int[] blobs = {0};
        return filled("dsod300", (inputs, values) -> Arrays.fill(values, ++blobs[0] / 1024f));
    }

    /** The small network for generated scenes: convolutions as they start, other numbers near 1. */
    public static CaffeFile dsodGlyphs() throws IOException {
        SplittableRandom random = new SplittableRandom(1);
        return filled(
                "dsod-glyphs",
                (inputs, values) -> {
                    double reach = Math.sqrt(3.0 / inputs);
                    for (int i = 0; i < values.length; i++) {
                        values[i] =
                                (float)
                                        (inputs == 1
                                                ? random.nextDouble(0.8, 1.2)
                                                : random.nextDouble(-reach, reach));
                    }
                });
    }

    /** A network of the authors with ones, in half precision as NVIDIA's Caffe saves it. */
    static CaffeFile ofHalves(String network) throws IOException {
        CaffeFile file = filled(network, (inputs, values) -> Arrays.fill(values, 1));
        file.layers.replaceAll(
                layer -> {
                    Field.Builder blobs = Field.newBuilder();
                    for (ByteString blob : layer.getField(BLOBS).getLengthDelimitedList()) {
                        blobs.addLengthDelimited(halves(parsed(blob)).toByteString());
                    }
                    return with(layer, BLOBS, blobs.build());
                });
        return file;
    }

    private static UnknownFieldSet halves(UnknownFieldSet blob) {
        ByteBuffer singles =
                blob.getField(5)
                        .getLengthDelimitedList()
                        .getFirst()
                        .asReadOnlyByteBuffer()
                        .order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer halves =
                ByteBuffer.allocate(singles.remaining() / 2).order(ByteOrder.LITTLE_ENDIAN);
        while (singles.hasRemaining()) {
            halves.putShort(Float.floatToFloat16(singles.getFloat()));
        }
        return UnknownFieldSet.newBuilder()
                .addField(7, blob.getField(7))
                .addField(10, number(2))
                .addField(
                        12,
                        Field.newBuilder()
                                .addLengthDelimited(ByteString.copyFrom(halves.flip()))
                                .build())
                .build();
    }

    /** Gives a blob numbers. */
    private interface Filling {
        /**
         * @param inputs that an output of a convolution reads; 1 of vectors
         */
        void fill(int inputs, float[] values);
    }

    private static CaffeFile filled(String network, Filling filling) throws IOException {
        Path path = FOLDER.resolve(network + ".caffemodel.gz");
        try (InputStream in = new GZIPInputStream(Files.newInputStream(path))) {
            CaffeFile file = new CaffeFile(UnknownFieldSet.parseFrom(in.readAllBytes()));
            file.layers.replaceAll(
                    layer ->
                            layer.hasField(BLOBS)
                                    ? with(layer, BLOBS, blobs(layer, filling))
                                    : layer);
            return file;
        }
    }

    private static Field blobs(UnknownFieldSet layer, Filling filling) {
        Field.Builder blobs = Field.newBuilder();
        for (ByteString blob : layer.getField(BLOBS).getLengthDelimitedList()) {
            UnknownFieldSet shape =
                    parsed(parsed(blob).getField(7).getLengthDelimitedList().getFirst());
            ByteBuffer sides =
                    shape.getField(1).getLengthDelimitedList().getFirst().asReadOnlyByteBuffer();
            int outputs = varint(sides);
            int inputs = 1;
            while (sides.hasRemaining()) {
                inputs *= varint(sides);
            }
            float[] values = new float[outputs * inputs];
            filling.fill(inputs, values);
            blobs.addLengthDelimited(with(parsed(blob), 5, packed(values)).toByteString());
        }
        return blobs.build();
    }

    private static int varint(ByteBuffer bytes) {
        int value = 0;
        for (int shift = 0; ; shift += 7) {
            byte next = bytes.get();
            value |= (next & 0x7F) << shift;
            if (next >= 0) {
                return value;
            }
        }
    }

    // ---------------------------------------------------------------- fields

    static UnknownFieldSet parsed(ByteString bytes) {
        try {
            return UnknownFieldSet.parseFrom(bytes);
        } catch (IOException e) {
            throw new IllegalArgumentException(e);
        }
    }

    static UnknownFieldSet with(UnknownFieldSet message, int field, Field value) {
        return message.toBuilder().clearField(field).addField(field, value).build();
    }

    static Field text(String... texts) {
        Field.Builder field = Field.newBuilder();
        for (String text : texts) {
            field.addLengthDelimited(ByteString.copyFromUtf8(text));
        }
        return field.build();
    }

    static Field number(long value) {
        return Field.newBuilder().addVarint(value).build();
    }

    static Field single(float... values) {
        Field.Builder field = Field.newBuilder();
        for (float value : values) {
            field.addFixed32(Float.floatToRawIntBits(value));
        }
        return field.build();
    }

    static Field message(UnknownFieldSet message) {
        return Field.newBuilder().addLengthDelimited(message.toByteString()).build();
    }

    static UnknownFieldSet of(int field, Field value) {
        return UnknownFieldSet.newBuilder().addField(field, value).build();
    }

    /** A field of a message that lies in a field. */
    static UnaryOperator<UnknownFieldSet> setting(int outer, int inner, Field value) {
        return layer -> {
            ByteString found = ByteString.EMPTY;
            if (layer.hasField(outer)) {
                found = layer.getField(outer).getLengthDelimitedList().getFirst();
            }
            return with(layer, outer, message(with(parsed(found), inner, value)));
        };
    }

    private static Field filled(int count, float value) {
        float[] values = new float[count];
        Arrays.fill(values, value);
        return packed(values);
    }

    private static Field packed(float[] values) {
        ByteBuffer bytes =
                ByteBuffer.allocate(Float.BYTES * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return Field.newBuilder().addLengthDelimited(ByteString.copyFrom(bytes)).build();
    }

    /** One blob of a layer filled with a number. */
    static UnaryOperator<UnknownFieldSet> blob(int index, int count, float value) {
        return layer -> {
            List<ByteString> blobs =
                    new ArrayList<>(layer.getField(BLOBS).getLengthDelimitedList());
            blobs.set(
                    index, with(parsed(blobs.get(index)), 5, filled(count, value)).toByteString());
            Field.Builder field = Field.newBuilder();
            blobs.forEach(field::addLengthDelimited);
            return with(layer, BLOBS, field.build());
        };
    }

    /** One blob of this shape alone. */
    static UnaryOperator<UnknownFieldSet> weights(int... sides) {
        Field.Builder shape = Field.newBuilder();
        int count = 1;
        for (int side : sides) {
            shape.addVarint(side);
            count *= side;
        }
        UnknownFieldSet blob = of(7, message(of(1, shape.build())));
        UnknownFieldSet filled = with(blob, 5, filled(count, 0.5f));
        return layer -> with(layer, BLOBS, message(filled));
    }

    static UnaryOperator<UnknownFieldSet> without(int field) {
        return layer -> layer.toBuilder().clearField(field).build();
    }

    private static String text(UnknownFieldSet layer, int field) {
        return layer.getField(field).getLengthDelimitedList().getFirst().toStringUtf8();
    }

    // ---------------------------------------------------------------- changes

    /** Changes the layer of a name. */
    CaffeFile change(String name, UnaryOperator<UnknownFieldSet> how) {
        layers.replaceAll(layer -> text(layer, NAME).equals(name) ? how.apply(layer) : layer);
        return this;
    }

    CaffeFile changeAll(UnaryOperator<UnknownFieldSet> how) {
        layers.replaceAll(how);
        return this;
    }

    CaffeFile remove(String name) {
        layers.removeIf(layer -> text(layer, NAME).equals(name));
        return this;
    }

    /** Adds a layer behind all others. */
    CaffeFile add(String type, String name, String[] reads, UnaryOperator<UnknownFieldSet> how) {
        UnknownFieldSet layer =
                UnknownFieldSet.newBuilder()
                        .addField(NAME, text(name))
                        .addField(TYPE, text(type))
                        .addField(3, text(reads))
                        .addField(4, text(name))
                        .build();
        layers.add(how.apply(layer));
        return this;
    }

    CaffeFile network(int field, Field value) {
        net.clearField(field).addField(field, value);
        return this;
    }

    int layers() {
        return layers.size();
    }

    public Path write(Path path) throws IOException {
        Field.Builder all = Field.newBuilder();
        layers.forEach(layer -> all.addLengthDelimited(layer.toByteString()));
        try (OutputStream out = Files.newOutputStream(path)) {
            net.build().writeTo(out);
            of(LAYER, all.build()).writeTo(out);
        }
        return path;
    }
}
