package org.densenet4j.backend;

import java.util.Objects;
import java.util.function.Consumer;

/**
 * How a device is opened. Each backend looks at what concerns it.
 *
 * @param threads worker threads of a CPU device; 0 takes one per processor
 * @param deterministic results are bit-identical from run to run: on a CPU chunks are dealt to
 *     lanes in a fixed way instead of first come, first served; on a GPU only deterministic
 *     algorithms run
 * @param vectorApi use {@code jdk.incubator.vector} where the JVM was started with it
 * @param index which of several GPUs, from 0
 * @param tensorFloat32 let a GPU round the operands of products and convolutions to TF32 (10 bits
 *     of mantissa), which is several times faster
 * @param graphs record steps as CUDA graphs and replay them
 * @param winograd let 3x3 convolutions on a CPU run by Winograd's minimal filtering, a quarter of
 *     the arithmetic of a direct convolution
 * @param isa the most that a CPU's fused kernels, which this engine compiles itself, may use; with
 *     {@link CpuIsa#NONE} the same work runs as separate passes and products
 * @param precision storage of activations that plans choose when they are not told another
 * @param chunkFactor how much larger a device's chunks are than it would choose; infinity takes the
 *     whole batch at once
 * @param ownConvolutions let a GPU run convolutions by the engine's own kernel instead of cuDNN,
 *     for comparison
 * @param fusedLayers let a GPU run dense layers by the engine's fused kernels where it has them for
 *     their shape, instead of by cuBLAS and cuDNN
 * @param measuredLayers let a GPU time halves of dense layers by fused kernels and by libraries
 *     when a plan is made, and run each by what is faster; without, and on a {@code deterministic}
 *     device, fused kernels run wherever there are some
 * @param synchronous let a GPU finish each operation before the next is queued, so that the one
 *     that fails is named; slow
 * @param trace let a GPU count and time every launch and library call; slow
 */
public record DeviceOptions(
        int threads,
        boolean deterministic,
        boolean vectorApi,
        int index,
        boolean tensorFloat32,
        boolean graphs,
        DataType precision,
        boolean winograd,
        CpuIsa isa,
        double chunkFactor,
        boolean ownConvolutions,
        boolean fusedLayers,
        boolean measuredLayers,
        boolean synchronous,
        boolean trace) {

    /** Rejects a negative thread count or index, and a chunk factor that is not positive. */
    public DeviceOptions {
        Objects.requireNonNull(precision, "precision");
        Objects.requireNonNull(isa, "isa");
        if (threads < 0 || threads > 1024) {
            throw new IllegalArgumentException(
                    "threads = " + threads + ": use 1 to 1024, or 0 for one per processor");
        }
        if (index < 0) {
            throw new IllegalArgumentException("device index = " + index + ": use 0 or more");
        }
        if (!(chunkFactor > 0)) {
            throw new IllegalArgumentException(
                    "chunk factor = " + chunkFactor + ": use a number above 0, or Infinity");
        }
    }

    /**
     * The options of a CPU device; the others as in {@link #defaults}.
     *
     * @param threads worker threads; 0 takes one per processor
     * @param deterministic whether results are bit-identical from run to run
     * @param vectorApi whether {@code jdk.incubator.vector} is used where the JVM was started with
     *     it
     */
    public DeviceOptions(int threads, boolean deterministic, boolean vectorApi) {
        this(
                threads,
                deterministic,
                vectorApi,
                0,
                false,
                true,
                DataType.FLOAT32,
                true,
                CpuIsa.BEST,
                1,
                false,
                true,
                true,
                false,
                false);
    }

    /**
     * {@return one thread per processor, chunks dealt dynamically, Vector API where present; the
     * first GPU, full single precision, recorded steps}
     */
    public static DeviceOptions defaults() {
        return new DeviceOptions(0, false, true);
    }

    /**
     * {@return the same with another number of threads}
     *
     * @param count 1 to 1024, or 0 for one per processor
     */
    public DeviceOptions withThreads(int count) {
        return with(draft -> draft.threads = count);
    }

    /**
     * {@return the same with bit-identical runs on or off}
     *
     * @param on off unless told
     */
    public DeviceOptions withDeterministic(boolean on) {
        return with(draft -> draft.deterministic = on);
    }

    /**
     * {@return the same with the Vector API allowed or not}
     *
     * @param on on unless told; without effect where the JVM was started without it
     */
    public DeviceOptions withVectorApi(boolean on) {
        return with(draft -> draft.vectorApi = on);
    }

    /**
     * {@return the same on another GPU}
     *
     * @param number from 0, as in {@code CUDA_VISIBLE_DEVICES}
     */
    public DeviceOptions withIndex(int number) {
        return with(draft -> draft.index = number);
    }

    /**
     * {@return the same with TF32 allowed or not}
     *
     * @param on off unless told
     */
    public DeviceOptions withTensorFloat32(boolean on) {
        return with(draft -> draft.tensorFloat32 = on);
    }

    /**
     * {@return the same with steps recorded or launched operation by operation}
     *
     * @param on on unless told
     */
    public DeviceOptions withGraphs(boolean on) {
        return with(draft -> draft.graphs = on);
    }

    /**
     * {@return the same with activations stored in another type}
     *
     * @param type for plans that are not told another
     */
    public DeviceOptions withPrecision(DataType type) {
        Objects.requireNonNull(type, "precision");
        return with(draft -> draft.precision = type);
    }

    /**
     * {@return the same with Winograd's convolutions allowed or not}
     *
     * @param on on unless told
     */
    public DeviceOptions withWinograd(boolean on) {
        return with(draft -> draft.winograd = on);
    }

    /**
     * {@return the same with machine code for a CPU limited to an instruction set}
     *
     * @param most the highest instruction set to use
     */
    public DeviceOptions withIsa(CpuIsa most) {
        Objects.requireNonNull(most, "isa");
        return with(draft -> draft.isa = most);
    }

    /**
     * {@return the same with chunks so many times as large; infinity takes the whole batch}
     *
     * @param factor above 0; 1 unless told
     */
    public DeviceOptions withChunkFactor(double factor) {
        return with(draft -> draft.chunkFactor = factor);
    }

    /**
     * {@return the same with a GPU's convolutions by the engine's own kernel or by cuDNN}
     *
     * @param on off unless told
     */
    public DeviceOptions withOwnConvolutions(boolean on) {
        return with(draft -> draft.ownConvolutions = on);
    }

    /**
     * {@return the same with a GPU's dense layers by fused kernels, where there are some for their
     * shape, or by libraries}
     *
     * @param on on unless told
     */
    public DeviceOptions withFusedLayers(boolean on) {
        return with(draft -> draft.fusedLayers = on);
    }

    /**
     * {@return the same with a GPU's choice between fused kernels and libraries by measurement, or
     * by rule}
     *
     * @param on on unless told
     */
    public DeviceOptions withMeasuredLayers(boolean on) {
        return with(draft -> draft.measuredLayers = on);
    }

    /**
     * {@return the same with each operation of a GPU waited for or not}
     *
     * @param on off unless told
     */
    public DeviceOptions withSynchronous(boolean on) {
        return with(draft -> draft.synchronous = on);
    }

    /**
     * {@return the same with a GPU's launches and library calls counted and timed or not}
     *
     * @param on off unless told
     */
    public DeviceOptions withTrace(boolean on) {
        return with(draft -> draft.trace = on);
    }

    private DeviceOptions with(Consumer<Draft> change) {
        Draft draft = new Draft(this);
        change.accept(draft);
        return draft.finish();
    }

    /** Options while one of them changes. */
    private static final class Draft {
        private int threads;
        private boolean deterministic;
        private boolean vectorApi;
        private int index;
        private boolean tensorFloat32;
        private boolean graphs;
        private DataType precision;
        private boolean winograd;
        private CpuIsa isa;
        private double chunkFactor;
        private boolean ownConvolutions;
        private boolean fusedLayers;
        private boolean measuredLayers;
        private boolean synchronous;
        private boolean trace;

        Draft(DeviceOptions from) {
            threads = from.threads;
            deterministic = from.deterministic;
            vectorApi = from.vectorApi;
            index = from.index;
            tensorFloat32 = from.tensorFloat32;
            graphs = from.graphs;
            precision = from.precision;
            winograd = from.winograd;
            isa = from.isa;
            chunkFactor = from.chunkFactor;
            ownConvolutions = from.ownConvolutions;
            fusedLayers = from.fusedLayers;
            measuredLayers = from.measuredLayers;
            synchronous = from.synchronous;
            trace = from.trace;
        }

        DeviceOptions finish() {
            return new DeviceOptions(
                    threads,
                    deterministic,
                    vectorApi,
                    index,
                    tensorFloat32,
                    graphs,
                    precision,
                    winograd,
                    isa,
                    chunkFactor,
                    ownConvolutions,
                    fusedLayers,
                    measuredLayers,
                    synchronous,
                    trace);
        }
    }
}
