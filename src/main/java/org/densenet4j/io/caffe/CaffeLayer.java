package org.densenet4j.io.caffe;

import org.densenet4j.io.OneLine;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A layer of a network ({@code LayerParameter}). */
public final class CaffeLayer {
    private static final int NAME = 1;
    private static final int TYPE = 2;
    private static final int BOTTOM = 3;
    private static final int TOP = 4;
    private static final int BLOBS = 7;

    /** From here on there are the settings of layers. */
    private static final int SETTINGS = 100;

    /** No layer of any network has as many of anything. */
    private static final int MOST = 1 << 12;

    private final Path path;
    private String name = "";
    private String type = "";
    private final List<String> bottoms = new ArrayList<>();
    private final List<String> tops = new ArrayList<>();
    private final List<CaffeBlob> blobs = new ArrayList<>();
    private final Map<Integer, MemorySegment> settings = new HashMap<>();

    private CaffeLayer(Path path) {
        this.path = path;
    }

    static CaffeLayer of(Path path, MemorySegment message) throws CaffeException {
        CaffeLayer layer = new CaffeLayer(path);
        try {
            layer.read(new WireReader(message));
        } catch (WireException e) {
            throw new CaffeException(
                    path, "is damaged: the layer '" + layer.name() + "' " + e.getMessage());
        }
        return layer;
    }

    private void read(WireReader reader) throws WireException {
        while (reader.next()) {
            if (reader.type() != WireReader.LENGTH) {
                continue;
            }
            switch (reader.field()) {
                case NAME -> name = reader.text();
                case TYPE -> type = reader.text();
                case BOTTOM -> add(bottoms, reader.text());
                case TOP -> add(tops, reader.text());
                case BLOBS -> add(blobs, CaffeBlob.of(reader.content()));
                default -> {
                    if (reader.field() >= SETTINGS && settings.size() < MOST) {
                        settings.put(reader.field(), reader.content());
                    }
                }
            }
        }
    }

    private static <T> void add(List<T> list, T element) throws WireException {
        if (list.size() == MOST) {
            throw new WireException("reads, makes or has more than " + MOST + " arrays");
        }
        list.add(element);
    }

    /** {@return its name, fit for a line} */
    public String name() {
        return OneLine.shortened(name);
    }

    /** {@return what it is, such as {@code Convolution}, fit for a line} */
    public String type() {
        return OneLine.shortened(type);
    }

    /** {@return names of what it reads} */
    public List<String> bottoms() {
        return List.copyOf(bottoms);
    }

    /** {@return names of what it makes: one of the bottoms where it works in place} */
    public List<String> tops() {
        return List.copyOf(tops);
    }

    /** {@return its weights} */
    public List<CaffeBlob> blobs() {
        return List.copyOf(blobs);
    }

    /**
     * {@return its settings of a kind; none where it has none of them}
     *
     * @param field their number in {@code LayerParameter}
     * @throws CaffeException when they are broken
     */
    public CaffeFields settings(int field) throws CaffeException {
        MemorySegment message = settings.get(field);
        return message == null
                ? CaffeFields.none(path, name())
                : CaffeFields.of(path, name(), message);
    }
}
