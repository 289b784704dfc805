package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDnn;

import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.jcudnn.JCudnn;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * A convolution by cuDNN, channels-last. Weights are packed from PyTorch's layout before a pass and
 * read by both the forward pass and the data gradient; the weight gradient is added up by cuDNN
 * itself over the chunks of a pass and unpacked once. Of images in bf16 cuDNN gives a chunk's
 * weight gradient in bf16, too, which a kernel then adds to the sum in float32.
 *
 * <p>What cuDNN offers and then does not run is given up for the next algorithm that it offers, and
 * what it has no algorithm for runs by a kernel of our own in the same layouts; the log says both.
 */
final class CudaConvolution implements Convolution, AutoCloseable {
    private static final Pointer ONE = Pointer.to(new float[] {1});
    private static final Pointer ZERO = Pointer.to(new float[] {0});

    /** A chunk's number of images decides on cuDNN's descriptors and algorithms. */
    private record Ready(
            ConvolutionDescriptors descriptors,
            Map<ConvolutionDirection, Deque<ConvolutionAlgorithms.Algorithm>> algorithms) {}

    /** A call of cuDNN. */
    @FunctionalInterface
    private interface Call {
        int with(ConvolutionDescriptors descriptors, int algorithm);
    }

    private final Cudnn cudnn;
    private final KernelConvolution own;
    private final CUdeviceptr base;
    private final Pointer workspace;
    private final long workspaceBytes;
    private final boolean deterministic;
    private final ConvolutionShape shape;
    private final Map<Integer, Ready> ready = new HashMap<>();

    /**
     * @param own what runs where cuDNN does not
     */
    CudaConvolution(
            Cudnn cudnn,
            KernelConvolution own,
            CUdeviceptr base,
            long workspaceOffset,
            long workspaceBytes,
            boolean deterministic) {
        this.cudnn = cudnn;
        this.own = own;
        this.base = base;
        this.workspace = base.withByteOffset(workspaceOffset);
        this.workspaceBytes = workspaceBytes;
        this.deterministic = deterministic;
        this.shape = own.shape();
    }

    /**
     * Memory beside the operands, by cuDNN's heuristics; nothing is allocated.
     *
     * @param own what our own kernel needs
     * @param limit most bytes of cuDNN's workspace
     */
    static ConvolutionMemory memory(
            Cudnn cudnn,
            ConvolutionShape shape,
            ConvolutionMemory own,
            long limit,
            boolean deterministic) {
        long workspace = own.scratch();
        try (ConvolutionDescriptors d = new ConvolutionDescriptors(shape, cudnn.tensorFloat32())) {
            for (ConvolutionDirection direction : ConvolutionDirection.values()) {
                var algorithms =
                        ConvolutionAlgorithms.of(cudnn, d, direction, limit, deterministic);
                if (!algorithms.isEmpty()) {
                    workspace = Math.max(workspace, algorithms.getFirst().workspaceBytes());
                }
            }
        }
        return new ConvolutionMemory(own.packedWeights(), own.packedGradient(), workspace);
    }

    private Ready ready(int images) {
        Ready known = ready.get(images);
        if (known != null) {
            return known;
        }
        ConvolutionDescriptors d =
                new ConvolutionDescriptors(shape.withImages(images), cudnn.tensorFloat32());
        try {
            Map<ConvolutionDirection, Deque<ConvolutionAlgorithms.Algorithm>> algorithms =
                    new EnumMap<>(ConvolutionDirection.class);
            for (ConvolutionDirection direction : ConvolutionDirection.values()) {
                algorithms.put(
                        direction,
                        new ArrayDeque<>(
                                ConvolutionAlgorithms.of(
                                        cudnn, d, direction, workspaceBytes, deterministic)));
                select(d, direction, algorithms.get(direction));
            }
            Ready made = new Ready(d, algorithms);
            ready.put(images, made);
            return made;
        } catch (RuntimeException e) {
            d.close();
            throw e;
        }
    }

    /** The descriptor of a direction always has the math type of the algorithm that is next. */
    private static void select(
            ConvolutionDescriptors d,
            ConvolutionDirection direction,
            Deque<ConvolutionAlgorithms.Algorithm> algorithms) {
        if (!algorithms.isEmpty()) {
            d.mathType(direction, algorithms.getFirst().mathType());
        }
    }

    /**
     * Runs one direction by the first algorithm that cuDNN runs. An algorithm that fails is given
     * up as long as the device still works; not while a step is recorded, which would then differ
     * from the one before it.
     *
     * @return whether there was one; else our own kernel has to run it
     */
    private boolean run(ConvolutionDirection direction, int images, Traffic traffic, Call call) {
        Ready r = ready(images);
        Deque<ConvolutionAlgorithms.Algorithm> algorithms = r.algorithms.get(direction);
        while (!algorithms.isEmpty()) {
            int algorithm = algorithms.getFirst().number();
            int status =
                    cudnn.context()
                            .call(
                                    "cuDNN " + direction.title(),
                                    traffic.computing(shape.flops(images)),
                                    () -> call.with(r.descriptors, algorithm));
            if (status == 0) {
                if (cudnn.context().isSynchronous()) {
                    cudnn.context().queued(direction.of(r.descriptors.shape()));
                }
                return true;
            }
            if (cudnn.context().isLost() || cudnn.context().isCapturing()) {
                checkDnn(status, direction.of(r.descriptors.shape()));
            }
            log(
                    String.format(
                            Locale.ROOT,
                            "cuDNN's algorithm %d refuses %s (%s); the next one is taken",
                            algorithm,
                            direction.of(r.descriptors.shape()),
                            JCudnn.cudnnGetErrorString(status)));
            algorithms.removeFirst();
            select(r.descriptors, direction, algorithms);
        }
        if (cudnn.fallsBack(direction)) {
            log(
                    "cuDNN has no algorithm for "
                            + direction.of(r.descriptors.shape())
                            + "; our own kernel runs it");
        }
        return false;
    }

    private static void log(String message) {
        System.getLogger("org.densenet4j").log(System.Logger.Level.WARNING, message);
    }

    private Pointer at(Matrix matrix) {
        return base.withByteOffset(matrix.offset());
    }

    @Override
    public ConvolutionShape shape() {
        return shape;
    }

    @Override
    public void packForward(int lane, int part, Matrix weights, Matrix packed) {
        own.packForward(lane, part, weights, packed);
    }

    /** The same layout serves both directions. */
    @Override
    public void packBackward(int lane, int part, Matrix weights, Matrix packed) {
        own.packForward(lane, part, weights, packed);
    }

    @Override
    public void forward(int lane, int images, Matrix source, Matrix packed, Matrix output) {
        boolean ran =
                run(
                        ConvolutionDirection.FORWARD,
                        images,
                        Traffic.reading(source, own.filters(packed)).writing(output),
                        (d, algorithm) ->
                                JCudnn.cudnnConvolutionForward(
                                        cudnn.handle(),
                                        ONE,
                                        d.source(),
                                        at(source),
                                        d.weights(),
                                        at(packed),
                                        d.convolution(ConvolutionDirection.FORWARD),
                                        algorithm,
                                        workspace,
                                        workspaceBytes,
                                        ZERO,
                                        d.output(),
                                        at(output)));
        if (!ran) {
            own.forward(lane, images, source, packed, output);
        }
    }

    @Override
    public void backwardData(
            int lane, int images, Matrix outputGradient, Matrix packed, Matrix sourceGradient) {
        boolean ran =
                run(
                        ConvolutionDirection.DATA_GRADIENT,
                        images,
                        Traffic.reading(outputGradient, own.filters(packed))
                                .writing(sourceGradient),
                        (d, algorithm) ->
                                JCudnn.cudnnConvolutionBackwardData(
                                        cudnn.handle(),
                                        ONE,
                                        d.weights(),
                                        at(packed),
                                        d.output(),
                                        at(outputGradient),
                                        d.convolution(ConvolutionDirection.DATA_GRADIENT),
                                        algorithm,
                                        workspace,
                                        workspaceBytes,
                                        ZERO,
                                        d.source(),
                                        at(sourceGradient)));
        if (!ran) {
            own.backwardData(lane, images, outputGradient, packed, sourceGradient);
        }
    }

    /** {@code ofChunk} is only needed in bf16: cuDNN adds to a sum in float32 itself. */
    @Override
    public void backwardWeights(
            int lane,
            int images,
            Matrix source,
            Matrix outputGradient,
            Matrix ofChunk,
            Matrix sum) {
        boolean direct = shape.type() == DataType.FLOAT32;
        Matrix gradient = own.filters((direct ? sum : ofChunk).offset(), shape.type());
        boolean ran =
                run(
                        ConvolutionDirection.WEIGHT_GRADIENT,
                        images,
                        Traffic.reading(source, outputGradient).storing(gradient, direct),
                        (d, algorithm) ->
                                JCudnn.cudnnConvolutionBackwardFilter(
                                        cudnn.handle(),
                                        ONE,
                                        d.source(),
                                        at(source),
                                        d.output(),
                                        at(outputGradient),
                                        d.convolution(ConvolutionDirection.WEIGHT_GRADIENT),
                                        algorithm,
                                        workspace,
                                        workspaceBytes,
                                        direct ? ONE : ZERO,
                                        d.weights(),
                                        at(gradient)));
        if (!ran) {
            own.backwardWeights(lane, images, source, outputGradient, ofChunk, sum);
        } else if (!direct) {
            own.kernels().add(gradient, own.filters(sum.offset(), DataType.FLOAT32));
        }
    }

    @Override
    public void reduceWeightGradient(int lane, int part, Matrix sums, Matrix gradient) {
        own.reduceWeightGradient(lane, part, sums, gradient);
    }

    @Override
    public void close() {
        ready.values().forEach(r -> r.descriptors.close());
        ready.clear();
    }
}
