package org.densenet4j.plan;

import static java.util.stream.Collectors.toSet;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceMemoryException;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.jspecify.annotations.Nullable;

import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * The memory of a training step, known before anything is allocated.
 *
 * <pre>{@code
 * MemoryPlan plan = MemoryPlan.of(spec).strategy(SHARED).batch(64).on(device);
 * plan.peakBytes();                       // the size of the arena that a trainer will allocate
 * MemoryPlan.of(spec).largestBatch(device, 2L << 30);
 * }</pre>
 *
 * Immutable and thread-safe.
 */
public final class MemoryPlan {
    private static final int LARGEST_BATCH = 65_536;

    private final Schedule schedule;
    private final List<Buffer> buffers;
    private final long peakBytes;
    private final boolean tight;
    private final NetworkMemory memory;
    private final Builder request;

    /** [operation][category] */
    private final long[][] live;

    private MemoryPlan(
            Schedule schedule, ArenaLayout layout, NetworkMemory memory, Builder request) {
        this.schedule = schedule;
        this.buffers = List.copyOf(layout.buffers());
        this.peakBytes = layout.bytes();
        this.tight = layout.isTight();
        this.memory = memory;
        this.request = request;
        this.live = live(buffers, schedule.operations().size());
    }

    /** Each buffer is counted in where it is born and out behind its last use. */
    private static long[][] live(List<Buffer> buffers, int operations) {
        int categories = Category.values().length;
        long[][] live = new long[operations + 1][categories];
        for (Buffer b : buffers) {
            live[b.first()][b.category().ordinal()] += b.bytes();
            live[b.last() + 1][b.category().ordinal()] -= b.bytes();
        }
        for (int operation = 1; operation <= operations; operation++) {
            for (int c = 0; c < categories; c++) {
                live[operation][c] += live[operation - 1][c];
            }
        }
        return Arrays.copyOf(live, operations);
    }

    /**
     * Starts a plan for this network: SHARED, batch 64.
     *
     * @param spec the network
     * @return a builder
     */
    public static Builder of(NetworkSpec spec) {
        Objects.requireNonNull(spec, "spec");
        return new Builder(spec, spec.graph());
    }

    /** {@return the network that this is a plan of} */
    public NetworkSpec spec() {
        return memory.spec();
    }

    /** {@return bytes of the arena: what a trainer with this plan allocates, to the byte} */
    public long peakBytes() {
        return peakBytes;
    }

    /** {@return whether the arena is no larger than the most bytes in use at one time} */
    public boolean isTight() {
        return tight;
    }

    /** {@return the sequence of operations that lifetimes refer to} */
    public List<Operation> operations() {
        return schedule.operations();
    }

    /** {@return which operation is a node's, and which the loss} */
    public Schedule schedule() {
        return schedule;
    }

    /** {@return all buffers with their places, lowest offset first} */
    public List<Buffer> buffers() {
        return buffers;
    }

    /**
     * {@return bytes in use during an operation}
     *
     * @param operation its index in {@link #operations}
     */
    public long liveBytes(int operation) {
        return Arrays.stream(live[checked(operation)]).sum();
    }

    /**
     * {@return bytes in use during an operation, by category}
     *
     * @param operation its index in {@link #operations}
     */
    public Map<Category, Long> bytesAt(int operation) {
        checked(operation);
        Map<Category, Long> bytes = new EnumMap<>(Category.class);
        for (Category category : Category.values()) {
            bytes.put(category, live[operation][category.ordinal()]);
        }
        return bytes;
    }

    private int checked(int operation) {
        if (operation < 0 || operation >= live.length) {
            throw new IndexOutOfBoundsException(
                    "operation = " + operation + ": use 0 to " + (live.length - 1));
        }
        return operation;
    }

    /** {@return the operation during which the most bytes are in use} */
    public Operation peakOperation() {
        return operations().stream()
                .max(Comparator.comparingLong(o -> liveBytes(o.index())))
                .orElseThrow();
    }

    /** {@return bytes in use at the peak, by category} */
    public Map<Category, Long> bytesAtPeak() {
        return bytesAt(peakOperation().index());
    }

    /**
     * {@return bytes beside parameters, their gradients and velocities: what frameworks call
     * activation memory, gradients of activations and temporaries included}
     */
    public long activationBytes() {
        return peakBytes - modelBytes();
    }

    /** {@return bytes of parameters, running statistics, gradients of parameters and velocities} */
    public long modelBytes() {
        return buffers.stream()
                .filter(b -> isModelState(b.category()))
                .mapToLong(Buffer::bytes)
                .sum();
    }

    private static boolean isModelState(Category category) {
        return category == Category.WEIGHTS
                || category == Category.OPTIMISER
                || category == Category.PARAMETER_GRADIENTS;
    }

    /** {@return where everything is: what the engine runs on} */
    public NetworkMemory memory() {
        return memory;
    }

    /** {@return what is kept between the passes} */
    public MemoryStrategy strategy() {
        return memory.strategy();
    }

    /** {@return most images of one step} */
    public int batch() {
        return memory.batch();
    }

    /** {@return storage of activations and their gradients} */
    public DataType precision() {
        return memory.precision();
    }

    /** {@return names of the parameters that the plan was made with as frozen} */
    public Set<String> frozen() {
        return request.frozen;
    }

    /**
     * Checks that a device is the one that this was planned for: lanes, libraries and the layouts
     * of packed weights are those of a device, and on another one the memory would be too small or
     * mean something else.
     *
     * @param device that the plan is to run on
     * @throws IllegalArgumentException when it is another
     */
    public void requireDevice(Device device) {
        if (memory.device() != Objects.requireNonNull(device, "device")) {
            throw new IllegalArgumentException(
                    "the plan was made for another device ("
                            + memory.device().name()
                            + "); plan on the device that it is opened on");
        }
    }

    /**
     * What to say where a device refused the arena of this plan.
     *
     * @param device that refused it
     * @param e what the device said
     * @return an exception with the numbers and the alternatives
     */
    public PlanException refused(Device device, DeviceMemoryException e) {
        Objects.requireNonNull(device, "device");
        Objects.requireNonNull(e, "e");
        return request.tooLarge(this, device, MemoryLimit.of(device, peakBytes, e), e);
    }

    /** Says what is to be planned; nothing is allocated by any of its methods. */
    public static final class Builder {
        private final NetworkSpec spec;
        private final Graph graph;
        private MemoryStrategy strategy = MemoryStrategy.SHARED;
        private int batch = 64;
        private boolean inputGradient;
        private TargetKind targets = TargetKind.CLASS;
        private OptimiserState optimiserState = OptimiserState.VELOCITY;
        private Set<String> frozen = Set.of();
        private @Nullable DataType precision;

        private Builder(NetworkSpec spec, Graph graph) {
            this.spec = spec;
            this.graph = graph;
        }

        /**
         * What to keep between the passes.
         *
         * @param value {@code SHARED} unless told
         * @return this
         */
        public Builder strategy(MemoryStrategy value) {
            Objects.requireNonNull(value, "strategy");

            strategy = value;
            return this;
        }

        /**
         * Images of one step.
         *
         * @param images 1 to 65536
         * @return this
         */
        public Builder batch(int images) {
            if (images < 1 || images > LARGEST_BATCH) {
                throw new IllegalArgumentException(
                        "batch = " + images + ": use 1 to " + LARGEST_BATCH);
            }
            batch = images;
            return this;
        }

        /**
         * Also keep the gradient of the images (saliency, adversarial examples).
         *
         * @param on off unless told
         * @return this
         */
        public Builder inputGradient(boolean on) {
            inputGradient = on;
            return this;
        }

        /**
         * What images are labelled with.
         *
         * @param kind {@code CLASS} unless told; losses of vectors need {@code VECTOR}
         * @return this
         * @throws IllegalArgumentException when the network classifies pixels, each of which has
         *     one class
         */
        public Builder targets(TargetKind kind) {
            Objects.requireNonNull(kind, "kind");
            if (kind == TargetKind.VECTOR && graph.classifiesPixels()) {
                throw new IllegalArgumentException(
                        "the network '"
                                + spec.name()
                                + "' classifies pixels, each of which has one class; vectors of"
                                + " targets are for networks that look at whole images");
            }
            targets = kind;
            return this;
        }

        /**
         * What an optimiser remembers of each parameter; SGD's velocity unless told.
         *
         * @param value such as {@code Optimiser.state()} of an optimiser
         * @return this
         */
        public Builder optimiserState(OptimiserState value) {
            optimiserState = Objects.requireNonNull(value, "optimiserState");
            return this;
        }

        /**
         * Parameters that will not be trained. Nodes at the start of the network that have no
         * others get no memory for a backward pass: what they make is kept for the forward pass
         * alone, and their gradients have no place. With {@link #inputGradient} they need one all
         * the same.
         *
         * @param parameters their names; none unless told
         * @return this
         * @throws IllegalArgumentException when a name is not a parameter's, or nothing would be
         *     trained
         */
        public Builder frozen(Collection<String> parameters) {
            Set<String> names = Set.copyOf(Objects.requireNonNull(parameters, "parameters"));
            Set<String> all = graph.parameters().stream().map(ParameterSpec::name).collect(toSet());
            for (String name : names) {
                if (!all.contains(name)) {
                    throw new IllegalArgumentException(
                            "frozen: the network '" + spec.name() + "' has no parameter " + name);
                }
            }
            if (names.size() == all.size()) {
                throw new IllegalArgumentException(
                        "all parameters are frozen, so that nothing would be trained; freeze"
                                + " fewer");
            }
            frozen = names;
            return this;
        }

        private int frozenNodes() {
            return inputGradient ? 0 : Schedule.frozenNodes(graph, p -> frozen.contains(p.name()));
        }

        /**
         * Storage of activations and their gradients; parameters, statistics and sums are always
         * float32. Null, the default, is the device's own choice.
         *
         * @param type null for the device's own choice
         * @return this
         */
        public Builder precision(@Nullable DataType type) {
            precision = type;
            return this;
        }

        /**
         * Plans for a device. A GPU may take a second or two to measure by what the network's
         * layers run faster, on memory that it frees again, the first time that it sees them.
         *
         * @param device whose lanes and libraries decide what is needed
         * @return the plan, which is for this device only
         * @throws PlanException when a matrix would have more than 2^31 rows, or the device cannot
         *     compute with this precision
         */
        public MemoryPlan on(Device device) {
            Objects.requireNonNull(device, "device");
            return plan(device, true);
        }

        private MemoryPlan plan(Device device, boolean mayMeasure) {
            Schedule schedule = Schedule.training(graph, frozenNodes());
            Placement<NetworkMemory> placement =
                    Placement.of(
                            device,
                            precision,
                            schedule,
                            batch,
                            allocator ->
                                    new NetworkMemory(
                                            spec,
                                            new Planner(
                                                    graph,
                                                    schedule,
                                                    strategy,
                                                    targets,
                                                    batch,
                                                    device,
                                                    mayMeasure,
                                                    allocator),
                                            optimiserState,
                                            inputGradient));
            return new MemoryPlan(schedule, placement.layout(), placement.memory(), copy());
        }

        /**
         * {@return the largest batch whose plan fits into {@code budget} bytes; empty when not even
         * one} Where a GPU measures for its plans, the search goes by what it knows already, and by
         * its rule; the plan of the batch that is found fits, and one of a slightly larger batch
         * may fit, too.
         *
         * @param device whose lanes and libraries decide what is needed
         * @param budget bytes
         */
        public Optional<Integer> largestBatch(Device device, long budget) {
            Objects.requireNonNull(device, "device");
            long limit = budget;
            while (true) {
                Optional<Integer> found = searchedBatch(device, limit);
                if (found.isEmpty()) {
                    return found;
                }
                Builder request = copy().batch(found.get());
                long expected = request.plan(device, false).peakBytes();
                long peak = request.on(device).peakBytes();
                if (peak <= budget) {
                    return found;
                }
                limit -= peak - expected; // the other plans' may be as wrong
            }
        }

        private Optional<Integer> searchedBatch(Device device, long budget) {
            int fits = 0;
            int tooLarge = LARGEST_BATCH + 1;
            while (tooLarge - fits > 1) {
                // Doubling first: plans of absurd batches are never made.
                int middle =
                        tooLarge > LARGEST_BATCH ? Math.max(1, 2 * fits) : (fits + tooLarge) / 2;
                if (middle <= LARGEST_BATCH && fits(device, middle, budget)) {
                    fits = middle;
                } else {
                    tooLarge = Math.min(middle, LARGEST_BATCH + 1);
                }
            }
            return fits == 0 ? Optional.empty() : Optional.of(fits);
        }

        private boolean fits(Device device, int images, long budget) {
            try {
                return copy().batch(images).plan(device, false).peakBytes() <= budget;
            } catch (PlanException e) {
                return false;
            }
        }

        /**
         * {@return the fastest strategy whose plan fits into {@code budget} bytes: SHARED, else
         * RECOMPUTE; empty when neither does}
         *
         * @param device whose lanes and libraries decide what is needed
         * @param budget bytes
         */
        public Optional<MemoryStrategy> cheapestStrategy(Device device, long budget) {
            Objects.requireNonNull(device, "device");
            for (MemoryStrategy s : List.of(MemoryStrategy.SHARED, MemoryStrategy.RECOMPUTE)) {
                if (copy().strategy(s).on(device).peakBytes() <= budget) {
                    return Optional.of(s);
                }
            }
            return Optional.empty();
        }

        /**
         * Plans for a device and refuses what does not fit.
         *
         * @param device whose free memory is the limit, too
         * @param budget bytes; the plan may not need more, nor more than the device has free
         * @return the plan
         * @throws PlanException with the numbers and the alternatives
         */
        public MemoryPlan within(Device device, long budget) {
            Objects.requireNonNull(device, "device");
            Bytes.requireBudget(budget);
            MemoryPlan plan = on(device);
            MemoryLimit limit = MemoryLimit.of(device, budget);
            if (plan.peakBytes() > limit.bytes()) {
                throw tooLarge(plan, device, limit, null);
            }
            return plan;
        }

        private PlanException tooLarge(
                MemoryPlan plan, Device device, MemoryLimit limit, @Nullable Throwable cause) {
            String alternatives =
                    cheapestStrategy(device, limit.bytes())
                            .filter(s -> s != strategy)
                            .map(s -> "strategy " + s + " fits; ")
                            .orElse("");
            String largest =
                    largestBatch(device, limit.bytes())
                            .map(b -> "the largest batch that fits with " + strategy + " is " + b)
                            .orElse("no batch fits with " + strategy);
            return new PlanException(
                    "batch "
                            + batch
                            + " with "
                            + strategy
                            + " needs "
                            + Bytes.format(plan.peakBytes())
                            + ", "
                            + limit.reason()
                            + "; "
                            + alternatives
                            + largest,
                    cause);
        }

        private Builder copy() {
            return new Builder(spec, graph)
                    .strategy(strategy)
                    .batch(batch)
                    .inputGradient(inputGradient)
                    .targets(targets)
                    .optimiserState(optimiserState)
                    .frozen(frozen)
                    .precision(precision);
        }
    }
}
