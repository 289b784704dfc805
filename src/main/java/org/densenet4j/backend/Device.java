package org.densenet4j.backend;

import org.densenet4j.distributed.Communicator;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.concurrent.locks.Lock;

/**
 * A processor that trains networks: memory, chunked execution and the operations of a step.
 *
 * <p>Trainers and predictors of several threads may share a device: it runs one operation at a
 * time, and they take turns ({@link DeviceUse}). Two devices in one process are independent. The
 * methods below are for those who hold the {@link #turn}.
 */
public interface Device extends AutoCloseable {

    /**
     * {@return the fastest device of this machine that works: a GPU, or, with one line of notice in
     * the log that says why, the CPU}
     *
     * @throws DeviceException when no backend is usable
     */
    static Device best() {
        return open("best", DeviceOptions.defaults());
    }

    /** {@return the CPU with one lane per processor} */
    static Device cpu() {
        return open("cpu", DeviceOptions.defaults());
    }

    /**
     * {@return an NVIDIA GPU}
     *
     * @param index as in {@code CUDA_VISIBLE_DEVICES}, from 0
     * @throws DeviceException when it cannot be used, with the reason and the fix
     */
    static Device cuda(int index) {
        return open("cuda", DeviceOptions.defaults().withIndex(index));
    }

    /**
     * {@return every backend of this build, usable here or not, the fastest first} One whose
     * libraries are missing or do not fit tells so as its {@linkplain DeviceProvider#problem
     * problem}.
     */
    static List<DeviceProvider> providers() {
        return ServiceLoader.load(DeviceProvider.class).stream()
                .<DeviceProvider>map(found -> new GuardedProvider(found.get()))
                .sorted(Comparator.comparingInt(DeviceProvider::preference).reversed())
                .toList();
    }

    /**
     * Opens the device of a backend by name. {@code "best"} goes on to the next backend where one
     * has a problem or its device does not open; any other name fails with the reason.
     *
     * @param name {@code "cpu"}, {@code "cuda"}, {@code "cuda:1"} or {@code "best"}
     * @param options threads, precision and whatever else the backend looks at
     * @return the device, which the caller closes
     * @throws DeviceException when there is no such backend or it does not work here
     */
    static Device open(String name, DeviceOptions options) {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(options, "options");

        List<DeviceProvider> providers = providers();
        boolean best = name.equals("best");
        String backend = DeviceName.backend(name);
        DeviceOptions indexed = DeviceName.index(name).map(options::withIndex).orElse(options);
        List<String> problems = new ArrayList<>();
        for (DeviceProvider provider : providers) {
            if (best || provider.name().equals(backend)) {
                Optional<String> problem = provider.problem();
                if (problem.isEmpty()) {
                    try {
                        Device device = provider.open(indexed);
                        DeviceName.noticeFallback(provider, problems);
                        return device;
                    } catch (DeviceException e) {
                        if (!best) {
                            throw e;
                        }
                        problem = Optional.of(e.getMessage());
                    }
                }
                problems.add(provider.name() + ": " + problem.get());
            }
        }
        if (problems.isEmpty()) {
            List<String> names = providers.stream().map(DeviceProvider::name).toList();
            throw new DeviceException(
                    "no device named '"
                            + name
                            + "'; this build has best, "
                            + String.join(", ", names));
        }
        throw new DeviceException("no usable device; " + String.join("; ", problems));
    }

    /** {@return short name, as accepted by {@link #open}} */
    String name();

    /** {@return one line for a person: processor, lanes, instruction set, library versions} */
    String description();

    /**
     * {@return how this device computes, for people and logs: such as {@code products} by which
     * library and {@code math} in which precision} Values have no blanks. Empty where there is
     * nothing to choose.
     */
    default Map<String, String> facts() {
        return Map.of();
    }

    /** {@return how many chunks are worked on at once; each lane has scratch memory of its own} */
    int lanes();

    /**
     * {@return bytes of scratch that stay in the cache closest to one lane; chunks are sized by it}
     */
    long cacheBytes();

    /**
     * {@return bytes of scratch that one chunk may take}
     *
     * @param keptBytes what the plan keeps of activations: where a device gains by chunks beyond
     *     its cache, they stay small beside that
     */
    default long chunkBytes(long keptBytes) {
        return cacheBytes();
    }

    /**
     * {@return chunks that a pass should have at least, where the batch has as many images: enough
     * work for the lanes of any machine on a CPU, one where a single chunk fills the device}
     */
    int leastChunks();

    /**
     * {@return whether {@link DeviceArena#stage} copies while other work runs, and needs memory for
     * it}
     */
    boolean stagesInput();

    /** {@return storage of activations that plans choose when they are not told another} */
    DataType precision();

    /**
     * {@return whether activations can be stored in this type, at a useful speed}
     *
     * @param precision the type
     */
    boolean supports(DataType precision);

    /** {@return bytes that an arena can have at present without driving others out of memory} */
    long availableBytes();

    /** {@return bytes of scratch that {@link Kernels} need in each lane} */
    long kernelScratchBytes();

    /**
     * {@return bytes of scratch that a matrix product of this shape needs in each lane}
     *
     * @param shape sizes, strides and types of the three matrices
     */
    long scratchBytes(GemmShape shape);

    /**
     * {@return what products with a packed second operand need; empty where this device reads it as
     * it lies, with {@link #scratchBytes} of scratch}
     *
     * @param shape with the most rows of one call, A not transposed
     */
    default Optional<PackedOperandMemory> packedMemory(GemmShape shape) {
        return Optional.empty();
    }

    /**
     * {@return bytes of memory that a convolution needs; see {@link ConvolutionMemory}}
     *
     * @param shape with the most images of one call
     */
    ConvolutionMemory memory(ConvolutionShape shape);

    /**
     * {@return bytes of memory that a pointwise convolution needs; see {@link PointwiseMemory}}
     *
     * @param shape with the most rows of one call
     */
    default PointwiseMemory memory(PointwiseShape shape) {
        return ComposedPointwise.memory(this, shape);
    }

    /**
     * {@return whether a 1x1 convolution takes any number of rows in one pass, without scratch that
     * grows with them: then chunks of a batch gain nothing}
     *
     * @param shape with any number of rows
     */
    default boolean takesWholeBatch(PointwiseShape shape) {
        Objects.requireNonNull(shape, "shape");
        return false;
    }

    /**
     * {@return bytes that a 3x3 convolution needs which appends to a block, or empty where this
     * device has none for the shape, see {@link DeviceArena#appended}}
     *
     * @param shape with the most images of one call
     */
    default Optional<ConvolutionMemory> appendedMemory(ConvolutionShape shape) {
        Objects.requireNonNull(shape, "shape");
        return Optional.empty();
    }

    /**
     * {@return why this device has no kernel that takes the whole batch of a 1x1 convolution, as a
     * word for people; empty where it has one, or has none for any shape}
     *
     * @param shape that {@link #takesWholeBatch} is asked about
     */
    default Optional<String> hindrance(PointwiseShape shape) {
        Objects.requireNonNull(shape, "shape");
        return Optional.empty();
    }

    /**
     * {@return why this device has no kernel that appends a 3x3 convolution to a block, as a word
     * for people; empty where it has one, or has none for any shape}
     *
     * @param shape that {@link #appendedMemory} is asked about
     */
    default Optional<String> hindrance(ConvolutionShape shape) {
        Objects.requireNonNull(shape, "shape");
        return Optional.empty();
    }

    /**
     * {@return whether a half of a dense layer runs by this device's fused kernels rather than by
     * products, convolutions and passes} False where there are no such kernels for its shape, see
     * {@link #takesWholeBatch} and {@link #appendedMemory}. A device may time both ways, on memory
     * that it frees again. What it answered once for a plan it answers until it {@linkplain #join
     * joins} other ranks, and those that have joined answer alike.
     *
     * @param half and how it would run otherwise
     * @param mayMeasure true for a plan that will run; false for a search through many plans, in
     *     which the device goes by what it knows, and for which it may have another answer later
     */
    default boolean fuses(LayerHalf half, boolean mayMeasure) {
        Objects.requireNonNull(half, "half");
        return half.isFusedOn(this);
    }

    /**
     * Allocates the one arena of a plan, zeroed.
     *
     * @param bytes size of the arena
     * @param scratchOffset where the backend's own scratch starts inside the arena
     * @param scratchBytesPerLane size of that scratch for each lane, at least {@link
     *     #kernelScratchBytes}
     * @return the arena, which the caller closes
     * @throws DeviceException when the memory is not there, with the number of bytes
     */
    DeviceArena allocate(long bytes, long scratchOffset, long scratchBytesPerLane);

    /**
     * Makes ready for {@link DeviceArena#allReduce} over a job's ranks, each of which calls this
     * before it plans the memory that it will use. What rank 0's device has chosen until then, see
     * {@link #fuses}, the others' choose, too; from then on none measures. Called again with the
     * same communicator it does nothing. A device whose memory the host can read has nothing to do.
     *
     * @param communicator of more than one rank
     * @throws DeviceException when this device cannot take part, with the reason and the fix
     */
    default void join(Communicator communicator) {
        Objects.requireNonNull(communicator, "communicator");
    }

    /**
     * Runs {@code task} for every chunk and returns when all are done. Chunks run in any order, at
     * most one at a time in each lane.
     *
     * @param chunks how many, from 0
     * @param task is called with the lane and the number of the chunk
     */
    void forEachChunk(int chunks, ChunkTask task);

    /**
     * {@return a clock for this device's work}
     *
     * @param marks points that can be marked at the same time
     */
    DeviceTimer timer(int marks);

    /**
     * {@return what this device did since it was asked last: launches, library calls and copies by
     * name, in the order of their first calls} Waits for all of them. Empty where the device was
     * not opened {@linkplain DeviceOptions#trace to be traced}, and on devices that have no trace.
     */
    default List<TracedCall> takeTrace() {
        return List.of();
    }

    /**
     * Held by the thread whose operation runs on this device; fair. Networks take it by {@link
     * DeviceUse}, for operations on it and on their arenas.
     *
     * @return the lock, which is fair
     */
    Lock turn();

    /** {@return whether {@link #close} was called} */
    boolean isClosed();

    /** Waits for the operation that runs, and frees everything. May be called twice. */
    @Override
    void close();
}
