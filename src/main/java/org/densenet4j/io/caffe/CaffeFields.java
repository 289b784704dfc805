package org.densenet4j.io.caffe;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The settings of a layer: a small message, by the numbers that its fields have in Caffe's {@code
 * caffe.proto}. A field of another kind than asked for is one that is not known, as protobuf has
 * it; of several with one number that is not repeated, the last counts.
 */
public final class CaffeFields {
    /** Larger ones are no settings. */
    private static final int MOST_BYTES = 1 << 20;

    private record Field(int number, int type, long value, MemorySegment content) {}

    private final Path path;
    private final String layer;
    private final List<Field> fields;

    private CaffeFields(Path path, String layer, List<Field> fields) {
        this.path = path;
        this.layer = layer;
        this.fields = fields;
    }

    /** Settings of which none is told. */
    static CaffeFields none(Path path, String layer) {
        return new CaffeFields(path, layer, List.of());
    }

    /**
     * Settings.
     *
     * @param layer whose they are, for messages
     * @throws CaffeException when they are no message
     */
    static CaffeFields of(Path path, String layer, MemorySegment message) throws CaffeException {
        try {
            if (message.byteSize() > MOST_BYTES) {
                throw new WireException("has settings of " + message.byteSize() + " bytes");
            }
            List<Field> fields = new ArrayList<>();
            WireReader reader = new WireReader(message);
            while (reader.next()) {
                MemorySegment content =
                        reader.type() == WireReader.LENGTH ? reader.content() : MemorySegment.NULL;
                fields.add(new Field(reader.field(), reader.type(), reader.number(), content));
            }
            return new CaffeFields(path, layer, fields);
        } catch (WireException e) {
            throw broken(path, layer, e);
        }
    }

    private static CaffeException broken(Path path, String layer, WireException e) {
        return new CaffeException(
                path,
                "is damaged: the layer '"
                        + layer
                        + "' has settings of which one "
                        + e.getMessage());
    }

    /** {@return whether nothing is told} */
    public boolean isEmpty() {
        return fields.isEmpty();
    }

    private List<Field> all(int number, int type) {
        return fields.stream().filter(f -> f.number == number && f.type == type).toList();
    }

    /**
     * {@return an integer, or an enumeration}
     *
     * @param field its number
     * @param otherwise where it is not told
     */
    public long number(int field, long otherwise) {
        List<Field> all = all(field, WireReader.VARINT);
        return all.isEmpty() ? otherwise : all.getLast().value;
    }

    /**
     * {@return a truth value}
     *
     * @param field its number
     * @param otherwise where it is not told
     */
    public boolean flag(int field, boolean otherwise) {
        return number(field, otherwise ? 1 : 0) != 0;
    }

    /**
     * {@return all integers of a repeated field, packed or not}
     *
     * @param field its number
     * @throws CaffeException when one is cut off
     */
    public List<Long> numbers(int field) throws CaffeException {
        List<Long> values = new ArrayList<>();
        for (Field f : fields) {
            if (f.number == field && f.type == WireReader.VARINT) {
                values.add(f.value);
            } else if (f.number == field && f.type == WireReader.LENGTH) {
                WireReader packed = new WireReader(f.content);
                try {
                    while (packed.hasMore()) {
                        values.add(packed.varint());
                    }
                } catch (WireException e) {
                    throw broken(path, layer, e);
                }
            }
        }
        return values;
    }

    /**
     * {@return all numbers of a repeated field of single precision, packed or not}
     *
     * @param field its number
     */
    public List<Float> singles(int field) {
        List<Float> values = new ArrayList<>();
        for (Field f : fields) {
            if (f.number == field && f.type == WireReader.FIXED32) {
                values.add(Float.intBitsToFloat((int) f.value));
            } else if (f.number == field && f.type == WireReader.LENGTH) {
                for (long at = 0; at + Float.BYTES <= f.content.byteSize(); at += Float.BYTES) {
                    values.add(f.content.get(WireReader.FLOAT, at));
                }
            }
        }
        return values;
    }

    /**
     * {@return a number of single precision as the decimal number that was written for it, so that
     * 0.001 is not 0.0010000000474974513}
     *
     * @param field its number
     * @param otherwise where it is not told
     */
    public double decimal(int field, double otherwise) {
        List<Float> values = singles(field);
        return values.isEmpty() ? otherwise : decimal(values.getLast());
    }

    /**
     * {@return all of them}
     *
     * @param field their number
     */
    public List<Double> decimals(int field) {
        return singles(field).stream().map(CaffeFields::decimal).toList();
    }

    private static double decimal(float single) {
        return Double.parseDouble(Float.toString(single));
    }

    /**
     * {@return a text, where it is told}
     *
     * @param field its number
     * @throws CaffeException when it is longer than any name
     */
    public Optional<String> text(int field) throws CaffeException {
        List<Field> all = all(field, WireReader.LENGTH);
        try {
            return all.isEmpty()
                    ? Optional.empty()
                    : Optional.of(WireReader.text(all.getLast().content));
        } catch (WireException e) {
            throw broken(path, layer, e);
        }
    }

    /**
     * {@return the settings within these; none where there are none}
     *
     * @param field their number
     * @throws CaffeException when they are no message
     */
    public CaffeFields message(int field) throws CaffeException {
        List<Field> all = all(field, WireReader.LENGTH);
        return all.isEmpty() ? none(path, layer) : of(path, layer, all.getLast().content);
    }
}
