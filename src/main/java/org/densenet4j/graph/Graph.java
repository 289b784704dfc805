package org.densenet4j.graph;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A network: nodes in the order in which a forward pass runs them. Immutable.
 *
 * <pre>{@code
 * Graph.Builder graph = Graph.builder("mine", 32, 32, 3);
 * Features x = new Features("block1", 32, 32, 24 + 8 * 12);
 * graph.add(new ConvolutionLayer("stem", Read.raw(graph.input().all()), …, x.prefix(24)));
 * for (int c = 24; c < x.channels(); c += 12) {
 *     graph.add(new ConvolutionLayer(…, Read.normalisedRelu(norm, x.prefix(c)), …, x.columns(c, 12)));
 * }
 * }</pre>
 */
public final class Graph implements NetworkSpec {
    private final String name;
    private final Features input;
    private final List<Node> nodes;
    private final List<Features> features;
    private final boolean evaluatesWithBatchStatistics;
    private final Initialisation initialisation;
    private final List<LearnedGroups> learnedGroups;
    private final Map<Features, List<Node>> writers = new IdentityHashMap<>();
    private final Map<Features, Double> epsilons = new IdentityHashMap<>();
    private final Set<Features> activated = Collections.newSetFromMap(new IdentityHashMap<>());

    private Graph(Builder builder) {
        name = builder.name;
        input = builder.input;
        evaluatesWithBatchStatistics = builder.evaluatesWithBatchStatistics;
        initialisation = builder.initialisation;
        learnedGroups = List.copyOf(builder.learnedGroups.values());
        nodes = List.copyOf(builder.nodes);
        features = checkedFeatures();
        checkNames();
        checkPrefixes();
        checkColumns();
        checkOutputNorms();
        checkTensors();
        checkDraws();
        checkLearnedGroups();
        if (heads().isEmpty()) {
            throw new GraphException("the network '" + name + "' has no head to train by");
        }
    }

    /**
     * Starts a network for images of this size.
     *
     * @param name for messages and reports
     * @param height rows of pixels
     * @param width columns of pixels
     * @param channels values per pixel
     * @return a builder whose input is there
     */
    public static Builder builder(String name, int height, int width, int channels) {
        return new Builder(name, new Features("input", height, width, channels));
    }

    // ---------------------------------------------------------------- what is refused

    private List<Features> checkedFeatures() {
        Set<Features> found = Collections.newSetFromMap(new IdentityHashMap<>());
        List<Features> inOrder = new ArrayList<>();
        for (Node node : nodes) {
            node.writes()
                    .map(Columns::of)
                    .filter(found::add)
                    .ifPresent(
                            f -> {
                                if (f == input) {
                                    throw new GraphException(
                                            "the node '" + node.name() + "' writes to the input");
                                }
                                inOrder.add(f);
                            });
        }
        return List.copyOf(inOrder);
    }

    /** Buffers are named after nodes and matrices, so both share one set of names. */
    private void checkNames() {
        Set<String> names = new HashSet<>(Set.of(input.name()));
        for (Features f : features) {
            if (!names.add(f.name())) {
                throw new GraphException("two matrices have the name '" + f.name() + "'");
            }
        }
        for (Node node : nodes) {
            if (!names.add(node.name())) {
                throw new GraphException(
                        "two nodes, or a node and a matrix, have the name '" + node.name() + "'");
            }
        }
    }

    /** Buffers of a node are named NODE.x, and found by that. */
    private void checkPrefixes() {
        Set<String> names = nodes.stream().map(Node::name).collect(Collectors.toSet());
        for (Node node : nodes) {
            String name = node.name();
            for (int dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
                String start = name.substring(0, dot);
                if (names.contains(start)) {
                    throw new GraphException(
                            "the node '"
                                    + name
                                    + "' would be counted with the node '"
                                    + start
                                    + "': give it a name that does not start with that and a dot");
                }
            }
        }
    }

    /** Every column is written once, before it is read, and read at least once. */
    private void checkColumns() {
        Map<Features, boolean[]> written = new IdentityHashMap<>();
        Map<Features, boolean[]> read = new IdentityHashMap<>();
        boolean[] all = new boolean[input.channels()];
        Arrays.fill(all, true);
        written.put(input, all);
        read.put(input, all.clone());
        features.forEach(f -> written.put(f, new boolean[f.channels()]));
        features.forEach(f -> read.put(f, new boolean[f.channels()]));
        for (Node node : nodes) {
            for (Read r : node.reads()) {
                for (Columns c : r.ranges()) {
                    checkRead(node, r, c, written);
                    Arrays.fill(read.get(c.of()), c.from(), c.end(), true);
                }
            }
            node.writes().ifPresent(c -> checkWrite(node, c, written));
        }
        for (Node node : nodes) {
            node.writes()
                    .ifPresent(
                            c -> writers.computeIfAbsent(c.of(), _ -> new ArrayList<>()).add(node));
        }
        writers.values()
                .forEach(
                        w -> w.sort(Comparator.comparingInt(n -> n.writes().orElseThrow().from())));
        for (Features f : features) {
            for (int c = 0; c < f.channels(); c++) {
                if (!written.get(f)[c] || !read.get(f)[c]) {
                    throw new GraphException(
                            "column "
                                    + c
                                    + " of the features '"
                                    + f.name()
                                    + "' is never "
                                    + (written.get(f)[c] ? "read" : "written"));
                }
            }
        }
    }

    private void checkRead(Node node, Read read, Columns c, Map<Features, boolean[]> written) {
        boolean[] there = written.get(c.of());
        for (int i = c.from(); i < c.end(); i++) {
            if (there == null || !there[i]) {
                throw new GraphException(
                        "the node '" + node.name() + "' reads " + c + " before it is written");
            }
        }
        if (read.isNormalised() && c.of() == input) {
            throw new GraphException(
                    "the node '"
                            + node.name()
                            + "' normalises the input, of which no statistics are taken");
        }
        if (read instanceof Read.L2Normalised
                && !(node instanceof ConvolutionLayer && c.of() != input)) {
            throw new GraphException(
                    "the node '"
                            + node.name()
                            + "' reads "
                            + c
                            + " behind an L2 norm: only convolution layers read features so");
        }
        if (read instanceof Read.Normalised n) {
            Double before = epsilons.putIfAbsent(c.of(), n.norm().epsilon());
            if (before != null && before != n.norm().epsilon()) {
                throw new GraphException(
                        "the node '"
                                + node.name()
                                + "' reads '"
                                + c.of().name()
                                + "' with epsilon "
                                + n.norm().epsilon()
                                + ", another with "
                                + before
                                + ": readers of the same features share their deviations");
            }
        }
    }

    /** Whose batch normalisation stands before columns is the same for all that read them. */
    private void checkOutputNorms() {
        for (Node node : nodes) {
            for (Read read : node.reads()) {
                for (Columns c : read.ranges()) {
                    for (WrittenNorm part : norms(c)) {
                        checkOutputNorm(node, read, c, part);
                    }
                }
            }
        }
        if (evaluatesWithBatchStatistics && !activated.isEmpty()) {
            throw new GraphException(
                    "the network '"
                            + name
                            + "' evaluates with the batch's statistics: there the norms belong to"
                            + " those who read, not to those who write");
        }
    }

    private void checkOutputNorm(Node node, Read read, Columns c, WrittenNorm part) {
        if (read instanceof Read.Activated) {
            activated.add(c.of());
            if (part.norm().isEmpty() && !(part.writer() instanceof PooledConvolution)) {
                throw new GraphException(
                        "the node '"
                                + node.name()
                                + "' reads "
                                + c
                                + " activated, but '"
                                + part.writer().name()
                                + "' writes some of it without a norm of its own");
            }
            if (epsilons.containsKey(c.of())) {
                throw new GraphException(
                        "'"
                                + c.of().name()
                                + "' is read activated and behind norms of readers: use one of both");
            }
        } else if (part.norm().isPresent()) {
            throw new GraphException(
                    "the node '"
                            + node.name()
                            + "' reads "
                            + c
                            + ", which '"
                            + part.writer().name()
                            + "' normalises: read it activated");
        }
    }

    private static void checkWrite(Node node, Columns c, Map<Features, boolean[]> written) {
        boolean[] there = written.get(c.of());
        for (int i = c.from(); i < c.end(); i++) {
            if (there[i]) {
                throw new GraphException(
                        "the node '" + node.name() + "' writes " + c + ", which is written before");
            }
            there[i] = true;
        }
    }

    private void checkTensors() {
        Map<String, Node> owners = new HashMap<>();
        for (Node node : nodes) {
            for (ParameterSpec p : node.parameters()) {
                Node other = owners.putIfAbsent(p.name(), node);
                if (other != null) {
                    throw new GraphException(
                            "the tensor '"
                                    + p.name()
                                    + "' belongs to the nodes '"
                                    + other.name()
                                    + "' and '"
                                    + node.name()
                                    + "'");
                }
            }
        }
    }

    private void checkDraws() {
        Map<Integer, Node> draws = new HashMap<>();
        for (Node node : nodes) {
            if (node.drops().any()) {
                Node other = draws.putIfAbsent(node.drops().draw(), node);
                if (other != null) {
                    throw new GraphException(
                            "the nodes '"
                                    + other.name()
                                    + "' and '"
                                    + node.name()
                                    + "' would drop the same elements: give each a draw of its own");
                }
            }
        }
    }

    private void checkLearnedGroups() {
        Map<String, ParameterSpec> byName =
                parameters().stream().collect(Collectors.toMap(ParameterSpec::name, p -> p));
        for (LearnedGroups learned : learnedGroups) {
            ParameterSpec weights = byName.get(learned.weight());
            if (weights == null) {
                throw new GraphException(
                        "the network '"
                                + name
                                + "' has no weights '"
                                + learned.weight()
                                + "' to have learned groups");
            }
            learned.check(weights);
        }
    }

    // ---------------------------------------------------------------- what there is

    @Override
    public String name() {
        return name;
    }

    @Override
    public Graph graph() {
        return this;
    }

    /** {@return the images} */
    public Features input() {
        return input;
    }

    /** {@return the nodes in the order of the forward pass} */
    public List<Node> nodes() {
        return nodes;
    }

    /** {@return all matrices but the input, in the order in which they are first written} */
    public List<Features> features() {
        return features;
    }

    /** {@return the nodes that make logits} */
    public List<Node> heads() {
        return nodes.stream().filter(node -> node.writes().isEmpty()).toList();
    }

    /** Outputs of the head for each image, or for each of its pixels. */
    @Override
    public int classes() {
        return switch (heads().getLast()) {
            case Classifier head -> head.classes();
            case PixelHead head -> head.classes();
            case Node node -> throw new IllegalStateException("no head: " + node.name());
        };
    }

    /** {@return whether the head classifies the pixels of what it reads, and not the image} */
    public boolean classifiesPixels() {
        return heads().getLast() instanceof PixelHead;
    }

    /** {@return labels of an image: 1, or one for each of the pixels that are classified} */
    public int labelsPerImage() {
        Read read = heads().getLast().reads().getFirst();
        return classifiesPixels() ? Math.multiplyExact(read.height(), read.width()) : 1;
    }

    /**
     * {@return the epsilon of the normalisations that read these features; none where nothing does}
     *
     * @param of features of this graph
     */
    public OptionalDouble epsilon(Features of) {
        Double epsilon = epsilons.get(requireNonNull(of, "of"));
        return epsilon == null ? OptionalDouble.empty() : OptionalDouble.of(epsilon);
    }

    /**
     * {@return whether these features are read {@linkplain Read.Activated activated}: then the
     * batch normalisations of those who write them stand before all that read them}
     *
     * @param of features of this graph
     */
    public boolean isActivated(Features of) {
        return activated.contains(requireNonNull(of, "of"));
    }

    /**
     * Columns that one node writes, and what normalises them for all that read them.
     *
     * @param writer of the columns
     * @param norm its batch normalisation of what it writes, if it has one
     * @param first of the columns among all that the writer writes
     * @param columns some of those that it writes
     */
    public record WrittenNorm(Node writer, Optional<Norm> norm, int first, Columns columns) {}

    /**
     * {@return who wrote some columns, with which norms, in the order of the columns; nobody wrote
     * the input}
     *
     * @param columns of features of this graph
     */
    public List<WrittenNorm> norms(Columns columns) {
        requireNonNull(columns, "columns");
        List<WrittenNorm> parts = new ArrayList<>();
        for (Node writer : writers.getOrDefault(columns.of(), List.of())) {
            Columns written = writer.writes().orElseThrow();
            int from = Math.max(columns.from(), written.from());
            int end = Math.min(columns.end(), written.end());
            if (from < end) {
                parts.add(
                        new WrittenNorm(
                                writer,
                                writer.outputNorm(),
                                from - written.from(),
                                columns.of().columns(from, end - from)));
            }
        }
        return List.copyOf(parts);
    }

    /**
     * {@return whether batch normalisations use statistics of the batch in evaluation, too, as
     * FC-DenseNet's authors do; results then depend on which images are evaluated together}
     */
    public boolean evaluatesWithBatchStatistics() {
        return evaluatesWithBatchStatistics;
    }

    /**
     * From which distributions the trained tensors start.
     *
     * @return the rule that an {@code Initialiser} draws by
     */
    public Initialisation initialisation() {
        return initialisation;
    }

    /** {@return the 1x1 convolutions that become convolutions in groups while they are trained} */
    public List<LearnedGroups> learnedGroups() {
        return learnedGroups;
    }

    /** {@return whether training drops anything at random} */
    public boolean drops() {
        return nodes.stream().anyMatch(node -> node.drops().any());
    }

    /** {@return trained tensors in the order of the nodes} */
    public List<ParameterSpec> parameters() {
        return nodes.stream().flatMap(node -> node.parameters().stream()).toList();
    }

    /**
     * {@return a trained tensor}
     *
     * @param tensor its name
     * @throws IllegalArgumentException when there is none of this name
     */
    public ParameterSpec parameter(String tensor) {
        requireNonNull(tensor, "tensor");
        return parameters().stream()
                .filter(p -> p.name().equals(tensor))
                .findFirst()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "the network '" + name + "' has no parameter " + tensor));
    }

    /** {@return running statistics in the order of the nodes} */
    public List<ParameterSpec> runningStatistics() {
        return nodes.stream().flatMap(node -> node.runningStatistics().stream()).toList();
    }

    /** {@return number of trained values} */
    public long parameterCount() {
        return parameters().stream().mapToLong(ParameterSpec::count).reduce(0, Math::addExact);
    }

    /**
     * {@return multiply-adds of one image's forward pass: convolutions and linear layers, no
     * biases}
     */
    public long multiplyAdds() {
        return nodes.stream().mapToLong(Node::multiplyAdds).reduce(0, Math::addExact);
    }

    /**
     * {@return {@link #parameterCount} when condensation is over: of weights with learned groups,
     * those that are left}
     */
    public long condensedParameterCount() {
        long taken = 0;
        for (LearnedGroups learned : learnedGroups) {
            taken += taken(learned);
        }
        return parameterCount() - taken;
    }

    /** {@return {@link #multiplyAdds} when condensation is over} */
    public long condensedMultiplyAdds() {
        long taken = 0;
        for (LearnedGroups learned : learnedGroups) {
            ParameterSpec weights = parameter(learned.weight());
            for (Node node : nodes) {
                if (node.parameters().contains(weights)) {
                    taken += timesPerWeight(node) * taken(learned);
                }
            }
        }
        return multiplyAdds() - taken;
    }

    /** How often a 1x1 convolution's weight is multiplied in an image. */
    private static long timesPerWeight(Node node) {
        if (node instanceof BottleneckLayer layer) {
            return layer.innerPixels();
        }
        long weights =
                node.parameters().stream()
                        .filter(p -> p.role() == ParameterSpec.Role.CONV_WEIGHT)
                        .mapToLong(ParameterSpec::count)
                        .sum();
        return node.multiplyAdds() / weights; // all have one convolution
    }

    private long taken(LearnedGroups learned) {
        ParameterSpec weights = parameter(learned.weight());
        int inputs = weights.shape().get(1);
        return weights.count() / inputs * (inputs - learned.left(inputs));
    }

    @Override
    public String toString() {
        return name + " (" + nodes.size() + " nodes, input " + input + ")";
    }

    /** Collects nodes; {@link #build} checks them. */
    public static final class Builder {
        private final String name;
        private final Features input;
        private final Set<Node> nodes = new LinkedHashSet<>();
        private boolean evaluatesWithBatchStatistics;
        private Initialisation initialisation = Initialisation.DENSENET;
        private final Map<String, LearnedGroups> learnedGroups = new LinkedHashMap<>();

        private Builder(String name, Features input) {
            this.name = requireNonNull(name, "name");
            this.input = input;
        }

        /** {@return the images} */
        public Features input() {
            return input;
        }

        /**
         * Whether evaluation uses statistics of the batch instead of running ones.
         *
         * @param on off unless told
         * @return this
         */
        public Builder evaluatesWithBatchStatistics(boolean on) {
            evaluatesWithBatchStatistics = on;
            return this;
        }

        /**
         * From which distributions the trained tensors start (default: as DenseNets do).
         *
         * @param value which distributions trained tensors start from
         * @return this
         */
        public Builder initialisation(Initialisation value) {
            initialisation = requireNonNull(value, "initialisation");
            return this;
        }

        /**
         * Lets a 1x1 convolution become one in groups while it is trained.
         *
         * @param value which, and how many groups
         * @return this
         */
        public Builder learnedGroups(LearnedGroups value) {
            if (learnedGroups.put(requireNonNull(value, "value").weight(), value) != null) {
                throw new GraphException(
                        "the weights '" + value.weight() + "' have learned groups already");
            }
            return this;
        }

        /**
         * Adds a node behind those that are there.
         *
         * @param node reads what nodes before it have written
         * @return this
         */
        public Builder add(Node node) {
            if (!nodes.add(requireNonNull(node, "node"))) {
                throw new GraphException("the node '" + node.name() + "' is there already");
            }
            return this;
        }

        /**
         * {@return the network}
         *
         * @throws GraphException naming the node or features, and what is wrong with them
         */
        public Graph build() {
            return new Graph(this);
        }
    }
}
