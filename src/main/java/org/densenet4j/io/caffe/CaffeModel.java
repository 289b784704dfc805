package org.densenet4j.io.caffe;

import org.densenet4j.io.OneLine;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * An open file of Caffe's weights ({@code .caffemodel}): a message {@code NetParameter} of {@code
 * caffe.proto} (github.com/BVLC/caffe; layers of detectors are those of the branch {@code ssd} of
 * github.com/weiliu89/caffe), with all layers of the network in the order in which they run, and
 * with the settings that it was trained with.
 *
 * <p>The file is mapped: opening looks at every layer's fields, and numbers are copied when they
 * are asked for. Close it to unmap; closing twice is allowed. Threads may read at the same time.
 */
public final class CaffeModel implements AutoCloseable {
    private static final int NAME = 1;
    private static final int OLD_LAYERS = 2;
    private static final int INPUT = 3;
    private static final int INPUT_DIM = 4;
    private static final int INPUT_SHAPE = 8;
    private static final int LAYER = 100;

    /** Sides of a batch of images. */
    private static final int IMAGES = 4;

    /** How a layer may start: with its name, or its type. */
    private static final Set<Integer> LAYER_STARTS = Set.of(0x0a, 0x12);

    /** One of before: with an even older one, with what it reads or makes, or its name. */
    private static final Set<Integer> OLD_LAYER_STARTS = Set.of(0x0a, 0x12, 0x1a, 0x22);

    /** The largest networks have some thousand. */
    private static final int MOST_LAYERS = 1 << 16;

    private final Arena arena;
    private final Path path;
    private String name = "";
    private final List<String> inputs = new ArrayList<>();
    private final List<CaffeLayer> layers = new ArrayList<>();
    private final List<Long> inputSides = new ArrayList<>();
    private boolean closed;

    private CaffeModel(Path path, Arena arena) {
        this.path = path;
        this.arena = arena;
    }

    /**
     * {@return whether a file that starts like this is one} Its first fields are those that a
     * network has in front of its layers, and the first layer begins among them.
     *
     * @param head the first bytes of the file
     */
    public static boolean recognises(byte[] head) {
        WireReader reader = new WireReader(MemorySegment.ofArray(head));
        boolean named = false;
        while (true) {
            boolean whole = isWhole(reader);
            if (reader.is(LAYER, WireReader.LENGTH)) {
                return LAYER_STARTS.contains(reader.start());
            }
            if (reader.is(OLD_LAYERS, WireReader.LENGTH)) {
                return OLD_LAYER_STARTS.contains(reader.start());
            }
            if (!whole || reader.field() > INPUT_SHAPE) {
                return false;
            }
            if (reader.field() == NAME) {
                if (named || reader.type() != WireReader.LENGTH || !isName(reader)) {
                    return false; // other formats have messages there, and several
                }
                named = true;
            }
        }
    }

    /** Whether the next field is there to its end. */
    private static boolean isWhole(WireReader reader) {
        try {
            return reader.next();
        } catch (WireException e) {
            return false;
        }
    }

    private static boolean isName(WireReader reader) {
        try {
            String name = reader.text();
            return name.chars().noneMatch(c -> Character.isISOControl(c) || c == '\ufffd');
        } catch (WireException e) {
            return false;
        }
    }

    /**
     * Opens a file and looks at all layers.
     *
     * @param path of the file
     * @return the model, which the caller closes
     * @throws CaffeException when it is cut off, damaged or of Caffe's old format, in one line
     * @throws IOException when reading fails
     */
    @SuppressWarnings("MustBeClosedChecker") // the arena passes to the returned object
    public static CaffeModel open(Path path) throws IOException {
        Objects.requireNonNull(path, "path");
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            CaffeModel model = new CaffeModel(path, arena);
            model.read(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena));
            arena = null;
            return model;
        } finally {
            if (arena != null) {
                arena.close();
            }
        }
    }

    private void read(MemorySegment all) throws CaffeException {
        WireReader reader = new WireReader(all);
        try {
            while (reader.next()) {
                boolean length = reader.type() == WireReader.LENGTH;
                switch (reader.field()) {
                    case NAME -> name = length ? reader.text() : name;
                    case OLD_LAYERS ->
                            throw new CaffeException(
                                    path,
                                    "is a Caffe model of the format of before 2015, which is not"
                                            + " read; Caffe brings it to today's:"
                                            + " upgrade_net_proto_binary OLD.caffemodel"
                                            + " NEW.caffemodel");
                    case INPUT -> {
                        if (length && inputs.size() < MOST_LAYERS) {
                            inputs.add(reader.text());
                        }
                    }
                    case INPUT_DIM, INPUT_SHAPE -> readSides(reader);
                    case LAYER -> {
                        if (length) {
                            addLayer(reader.content());
                        }
                    }
                    default -> {} // of no use here
                }
            }
        } catch (WireException e) {
            String last =
                    layers.isEmpty() ? "" : " behind the layer '" + layers.getLast().name() + "'";
            throw new CaffeException(
                    path,
                    "is a Caffe model that is cut off or damaged: it "
                            + e.getMessage()
                            + last
                            + "; was it copied or downloaded to its end?");
        }
    }

    private void addLayer(MemorySegment message) throws CaffeException {
        if (layers.size() == MOST_LAYERS) {
            throw new CaffeException(
                    path, "is damaged: it has more than " + MOST_LAYERS + " layers");
        }
        layers.add(CaffeLayer.of(path, message));
    }

    /** Of all inputs one after the other, of which the first is the images. */
    private void readSides(WireReader reader) throws WireException {
        if (inputSides.size() >= IMAGES) {
            return;
        }
        if (reader.type() == WireReader.VARINT) {
            inputSides.add(reader.number());
        } else if (reader.is(INPUT_SHAPE, WireReader.LENGTH)) {
            inputSides.addAll(CaffeBlob.shape(reader.content()));
        }
    }

    /** {@return the network's name, fit for a line} */
    public String name() {
        return OneLine.shortened(name);
    }

    /** {@return names of what the network is given, where no layer makes it} */
    public List<String> inputs() {
        return List.copyOf(inputs);
    }

    /** {@return the sides of the first of {@link #inputs}; empty where they are not told} */
    public List<Long> inputSides() {
        return List.copyOf(inputSides);
    }

    /** {@return the layers in the order in which they run} */
    public List<CaffeLayer> layers() {
        return List.copyOf(layers);
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            arena.close();
        }
    }
}
