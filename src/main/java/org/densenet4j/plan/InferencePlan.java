package org.densenet4j.plan;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceMemoryException;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.jspecify.annotations.Nullable;

import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * The memory of a forward pass without training, known before anything is allocated.
 *
 * <pre>{@code
 * InferencePlan plan = InferencePlan.of(spec).batch(32).on(device);
 * plan.peakBytes();                       // the size of the arena that a predictor will allocate
 * }</pre>
 *
 * Immutable and thread-safe.
 */
public final class InferencePlan {
    private static final int LARGEST_BATCH = 4096;

    private final Schedule schedule;
    private final List<Buffer> buffers;
    private final long peakBytes;
    private final InferenceMemory memory;
    private final Builder request;

    private InferencePlan(
            Schedule schedule, ArenaLayout layout, InferenceMemory memory, Builder request) {
        this.schedule = schedule;
        this.buffers = List.copyOf(layout.buffers());
        this.peakBytes = layout.bytes();
        this.memory = memory;
        this.request = request;
    }

    /**
     * Starts a plan for this network: batch 32.
     *
     * @param spec the network
     * @return a builder
     */
    public static Builder of(NetworkSpec spec) {
        Objects.requireNonNull(spec, "spec");
        return new Builder(spec.graph());
    }

    /** {@return bytes of the arena: what a predictor with this plan allocates, to the byte} */
    public long peakBytes() {
        return peakBytes;
    }

    /** {@return bytes beside the weights: features, temporaries, the library's scratch} */
    public long activationBytes() {
        return peakBytes
                - buffers.stream()
                        .filter(b -> b.category() == Category.WEIGHTS)
                        .mapToLong(Buffer::bytes)
                        .sum();
    }

    /** {@return the sequence of operations that lifetimes refer to} */
    public List<Operation> operations() {
        return schedule.operations();
    }

    /** {@return all buffers with their places, lowest offset first} */
    public List<Buffer> buffers() {
        return buffers;
    }

    /** {@return bytes in use at the peak, by category} */
    public Map<Category, Long> bytesAtPeak() {
        return operations().stream()
                .map(operation -> bytesAt(operation.index()))
                .max(
                        Comparator.comparingLong(
                                bytes -> bytes.values().stream().mapToLong(Long::longValue).sum()))
                .orElseThrow();
    }

    private Map<Category, Long> bytesAt(int operation) {
        Map<Category, Long> bytes = new EnumMap<>(Category.class);
        for (Buffer b : buffers) {
            if (b.liveAt(operation)) {
                bytes.merge(b.category(), b.bytes(), Long::sum);
            }
        }
        return bytes;
    }

    /** {@return where everything is: what inference runs on} */
    public InferenceMemory memory() {
        return memory;
    }

    /** {@return most images of one pass} */
    public int batch() {
        return memory.batch();
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
     * @return an exception with the numbers and a batch that fits
     */
    public PlanException refused(Device device, DeviceMemoryException e) {
        Objects.requireNonNull(device, "device");
        Objects.requireNonNull(e, "e");
        return request.tooLarge(this, device, MemoryLimit.of(device, peakBytes, e), e);
    }

    /** Says what is to be planned; nothing is allocated by any of its methods. */
    public static final class Builder {
        private final Graph graph;
        private int batch = 32;
        private boolean condensed;
        private @Nullable DataType precision;

        private Builder(Graph graph) {
            this.graph = graph;
        }

        /**
         * Most images of one pass.
         *
         * @param images 1 to 4096
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
         * Plans for weights that have been condensed: of the 1x1 convolutions with learned groups
         * only what training has left is multiplied (Huang et al. 2018, arXiv 1711.09224, section
         * 3.2). A network that is opened with other weights is refused.
         *
         * @param value false unless told
         * @return this
         * @throws IllegalArgumentException when the network has no learned groups
         */
        public Builder condensed(boolean value) {
            if (value && graph.learnedGroups().isEmpty()) {
                throw new IllegalArgumentException(
                        "the network '" + graph.name() + "' has no learned groups to be condensed");
            }
            condensed = value;
            return this;
        }

        /**
         * Storage of activations and of the weights they are multiplied by. Null, the default, is
         * the device's own choice.
         *
         * @param type null for the device's own choice
         * @return this
         */
        public Builder precision(@Nullable DataType type) {
            precision = type;
            return this;
        }

        /**
         * Plans for a device.
         *
         * @param device whose lanes and libraries decide what is needed
         * @return the plan, which is for this device only
         * @throws PlanException when a matrix would have more than 2^31 rows, or the device cannot
         *     compute with this precision
         */
        public InferencePlan on(Device device) {
            Objects.requireNonNull(device, "device");
            Schedule schedule = Schedule.inference(graph);
            Placement<InferenceMemory> placement =
                    Placement.of(
                            device,
                            precision,
                            schedule,
                            batch,
                            allocator ->
                                    new InferenceMemory(
                                            new InferencePlanner(
                                                    graph, condensed, schedule, batch, device,
                                                    allocator)));
            return new InferencePlan(schedule, placement.layout(), placement.memory(), copy(batch));
        }

        /**
         * {@return the largest batch, halving from the wanted one, whose plan fits; empty when
         * none}
         *
         * @param device whose lanes and libraries decide what is needed
         * @param budget bytes
         */
        public Optional<Integer> fittingBatch(Device device, long budget) {
            Objects.requireNonNull(device, "device");
            for (int images = batch; images > 0; images /= 2) {
                if (copy(images).on(device).peakBytes() <= budget) {
                    return Optional.of(images);
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
         * @throws PlanException with the numbers and a batch that fits
         */
        public InferencePlan within(Device device, long budget) {
            Objects.requireNonNull(device, "device");
            Bytes.requireBudget(budget);
            InferencePlan plan = on(device);
            MemoryLimit limit = MemoryLimit.of(device, budget);
            if (plan.peakBytes() > limit.bytes()) {
                throw tooLarge(plan, device, limit, null);
            }
            return plan;
        }

        private Builder copy(int images) {
            return new Builder(graph).batch(images).condensed(condensed).precision(precision);
        }

        private PlanException tooLarge(
                InferencePlan plan, Device device, MemoryLimit limit, @Nullable Throwable cause) {
            return new PlanException(
                    "inference with batch "
                            + batch
                            + " needs "
                            + Bytes.format(plan.peakBytes())
                            + ", "
                            + limit.reason()
                            + "; "
                            + fittingBatch(device, limit.bytes())
                                    .map(images -> "batch " + images + " fits")
                                    .orElse("no batch fits"),
                    cause);
        }
    }
}
