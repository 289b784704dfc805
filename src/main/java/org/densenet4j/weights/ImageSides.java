package org.densenet4j.weights;

import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.TransitionUp;
import org.densenet4j.graph.Window;

import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The sizes of a network's features for images of another size than it was declared for: the same
 * windows, and transitions up that are cropped to the features that are read beside them. Height
 * and width follow the same rule, so one side tells of both.
 */
final class ImageSides {
    private final Graph graph;
    private final Map<Node, Features> crops = new IdentityHashMap<>();

    /** Why images of a size do not fit. */
    static final class MisfitException extends Exception {
        private static final long serialVersionUID = 1;

        MisfitException(String message) {
            super(message);
        }
    }

    ImageSides(Graph graph) {
        this.graph = graph;
        Set<Features> written = Collections.newSetFromMap(new IdentityHashMap<>());
        for (Node node : graph.nodes()) {
            if (node instanceof TransitionUp up) {
                beside(up.target().of(), written).ifPresent(f -> crops.put(up, f));
            }
            node.writes().map(Columns::of).ifPresent(written::add);
        }
    }

    /** Features that are there already and whose size these have: themselves, or read with them. */
    private Optional<Features> beside(Features target, Set<Features> written) {
        if (written.contains(target)) {
            return Optional.of(target);
        }
        for (Node node : graph.nodes()) {
            List<Features> read =
                    node.reads().stream()
                            .flatMap(r -> r.ranges().stream())
                            .map(Columns::of)
                            .toList();
            if (read.contains(target)) {
                Optional<Features> other = read.stream().filter(written::contains).findFirst();
                if (other.isPresent()) {
                    return other;
                }
            }
        }
        return Optional.empty();
    }

    /** The features to whose size a transition up is cropped; none where no rule says it. */
    Optional<Features> crop(TransitionUp up) {
        return Optional.ofNullable(crops.get(up));
    }

    /** The smallest side of images that leaves pixels everywhere. */
    int least() {
        int side = 1;
        while (side < Math.min(graph.inputHeight(), graph.inputWidth()) && !fits(side)) {
            side++;
        }
        return side;
    }

    private boolean fits(int side) {
        try {
            of(side);
            return true;
        } catch (MisfitException e) {
            return false;
        }
    }

    /**
     * What the network has to say against images of other sizes than its own: nothing for all
     * networks with a name, something for one whose ways meet at one size only.
     */
    Optional<String> misfit() {
        for (Node node : graph.nodes()) {
            if (node instanceof TransitionUp && !crops.containsKey(node)) {
                return Optional.of(
                        "'" + node.name() + "' is cropped to a size that nothing before it has");
            }
        }
        try {
            for (int side = least(); side <= most(); side++) {
                of(side);
            }
            return Optional.empty();
        } catch (MisfitException e) {
            return Optional.of(e.getMessage());
        }
    }

    /** Whether what is read has as many pixels as the images have, whatever their size. */
    boolean keepsSize(Read read) {
        try {
            for (int side = least(); side <= most(); side++) {
                if (of(side).get(read.ranges().getFirst().of()) != side) {
                    return false;
                }
            }
            return true;
        } catch (MisfitException e) {
            return false;
        }
    }

    /** Twice the network's own size: more than windows need to repeat. */
    private int most() {
        return 2 * Math.max(graph.inputHeight(), graph.inputWidth());
    }

    /** The side of all features for images of one. */
    private Map<Features, Integer> of(int images) throws MisfitException {
        Map<Features, Integer> sides = new IdentityHashMap<>();
        sides.put(graph.input(), images);
        for (Node node : graph.nodes()) {
            Set<Integer> read = new HashSet<>();
            node.reads().forEach(r -> r.ranges().forEach(c -> read.add(sides.get(c.of()))));
            if (read.size() > 1) {
                throw new MisfitException(
                        "'"
                                + node.name()
                                + "' would read features of "
                                + read.stream().sorted().toList()
                                + " pixels a side from images of "
                                + images);
            }
            if (node.writes().isEmpty()) {
                continue;
            }
            int side = output(node, read.iterator().next(), sides, images);
            Integer before = sides.putIfAbsent(node.writes().get().of(), side);
            if (before != null && before != side) {
                throw new MisfitException(
                        "'"
                                + node.name()
                                + "' would make "
                                + side
                                + " pixels a side beside "
                                + before
                                + " from images of "
                                + images);
            }
        }
        return sides;
    }

    private int output(Node node, int read, Map<Features, Integer> sides, int images)
            throws MisfitException {
        if (node instanceof TransitionUp up) {
            int made = 2 * read + 1;
            int wanted = crops.containsKey(up) ? sides.get(crops.get(up)) : made;
            if (wanted > made) {
                throw new MisfitException(
                        "'"
                                + node.name()
                                + "' would make "
                                + made
                                + " pixels a side of "
                                + wanted
                                + " from images of "
                                + images);
            }
            return wanted;
        }
        boolean blurs = node instanceof Pooling p && p.kind() == Pooling.Kind.MAX_THEN_BLUR;
        int side = read;
        for (Window window : node.windows()) {
            int made = node instanceof Pooling p && !blurs ? p.output(side) : window.output(side);
            if (made < 1 || blurs && side < 2) {
                throw new MisfitException(
                        "'" + node.name() + "' would have too few pixels from images of " + images);
            }
            side = made;
        }
        return side;
    }
}
