package org.densenet4j.weights;

import org.densenet4j.io.caffe.CaffeException;
import org.densenet4j.io.caffe.CaffeLayer;
import org.densenet4j.io.caffe.CaffeModel;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The layers of a Caffe network by what they read. Layers write over each other (a ReLU in place
 * makes an array of the name that it reads), and what several read goes through a layer of copies,
 * which Caffe puts there and saves; here a layer reads of the last that wrote, and copies are not
 * seen. Layers are told by their place in the file; they read of those in front of them.
 */
final class CaffeNet {
    /** What the network is given, where no layer makes it. */
    private static final int GIVEN = -1;

    /** What they make in a test is what they read. */
    private static final Set<String> PASSING = Set.of("Split", "Dropout");

    private final Path path;
    private final List<CaffeLayer> layers;
    private final List<List<Integer>> sources = new ArrayList<>();

    /**
     * Finds the writer of everything that is read.
     *
     * @throws CaffeException when a layer reads what none in front of it makes
     */
    CaffeNet(Path path, CaffeModel model) throws CaffeException {
        this.path = path;
        this.layers = model.layers();
        Map<String, Integer> writers = new HashMap<>();
        model.inputs().forEach(input -> writers.put(input, GIVEN));
        for (int i = 0; i < layers.size(); i++) {
            CaffeLayer layer = layers.get(i);
            List<Integer> from = new ArrayList<>();
            for (String bottom : layer.bottoms()) {
                Integer writer = writers.get(bottom);
                if (writer == null) {
                    throw new CaffeException(
                            path,
                            "is a Caffe model whose layer '"
                                    + layer.name()
                                    + "' reads what no layer in front of it makes; was it cut?");
                }
                from.add(writer);
            }
            sources.add(from);
            int writer = PASSING.contains(layer.type()) && from.size() == 1 ? from.getFirst() : i;
            layer.tops().forEach(top -> writers.put(top, writer));
        }
    }

    int size() {
        return layers.size();
    }

    /** Whether it is the images: nothing is behind it. */
    boolean isInput(int layer) {
        return layer == GIVEN || sources.get(layer).isEmpty();
    }

    /** Whether a layer is of this type. */
    boolean is(int layer, String type) {
        return layer != GIVEN && layers.get(layer).type().equals(type);
    }

    /**
     * A layer.
     *
     * @throws CaffeException when it is none
     */
    CaffeLayer layer(int layer) throws CaffeException {
        if (layer == GIVEN) {
            throw misfit("the network's input is where a layer is wanted");
        }
        return layers.get(layer);
    }

    /**
     * A layer of this type.
     *
     * @throws CaffeException when it is of another
     */
    CaffeLayer layer(int layer, String type) throws CaffeException {
        if (!is(layer, type)) {
            throw misfit(named(layer) + " is where a " + type + " is wanted");
        }
        return layers.get(layer);
    }

    /**
     * What a layer of this type reads, of all that it reads.
     *
     * @throws CaffeException when it is of another type or reads another number of arrays
     */
    List<Integer> above(int layer, String type, int count) throws CaffeException {
        layer(layer, type);
        List<Integer> from = sources.get(layer);
        if (from.size() != count) {
            throw misfit(
                    named(layer)
                            + " reads "
                            + from.size()
                            + " arrays, and "
                            + count
                            + " are wanted");
        }
        return from;
    }

    /** The same of a layer that reads one. */
    int above(int layer, String type) throws CaffeException {
        return above(layer, type, 1).getFirst();
    }

    /** What a layer reads, of whatever type it is. */
    List<Integer> above(int layer) {
        return layer == GIVEN ? List.of() : sources.get(layer);
    }

    /** How messages call a layer. */
    String named(int layer) {
        return layer == GIVEN
                ? "the network's input"
                : "the layer '" + layers.get(layer).name() + "' (" + layers.get(layer).type() + ")";
    }

    /** What to say of a network that is another. */
    CaffeException misfit(String why) {
        return new CaffeException(
                path, "is a Caffe model, and not of a DSOD, of which alone they are read: " + why);
    }
}
