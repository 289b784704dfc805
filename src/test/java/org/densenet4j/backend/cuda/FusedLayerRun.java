package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import org.densenet4j.backend.AppendedGradient;
import org.densenet4j.backend.BFloat16;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseGradient;
import org.densenet4j.backend.PointwiseShape;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/** Both halves of a dense layer, forward and backward, by emulated kernels on random operands. */
final class FusedLayerRun implements AutoCloseable {
    private static final int IMAGES = 2;
    private static final int HEIGHT = 16;
    private static final int WIDTH = 17;
    private static final int ROWS = IMAGES * HEIGHT * WIDTH;
    private static final int INPUTS = 54;
    private static final long BYTES = 16 << 20;
    private static final long SCRATCH = 64 << 20;

    private final SplittableRandom random = new SplittableRandom(5);
    private final Arena lifetime = Arena.ofConfined();
    private final MemorySegment memory = lifetime.allocate(BYTES + SCRATCH, 256);
    private final Emulation emulation;
    private final LayerProgram program;
    private final FusedPointwise pointwise;
    private final Optional<FusedAppendedConvolution> appended;
    private final int k;
    private final List<Matrix> rows = new ArrayList<>();
    private final List<Matrix> sums = new ArrayList<>();
    private long next;

    /**
     * What a layer leaves.
     *
     * @param memory everything but scratch
     * @param rows Z, dT, the block and its gradient: what does not depend on how rows are shared
     * @param sums statistics, and gradients of weights
     * @param conflicts turns lost to bank conflicts
     */
    record Result(byte[] memory, byte[] rows, float[] sums, long conflicts) {}

    private FusedLayerRun(Emulation emulation, LayerProgram program, int multiprocessors) {
        this.emulation = emulation;
        this.program = program;
        this.k = program.newChannels() - 4;
        SmallOperations small = new SmallOperations(emulation, new GatheredLaunch(), false);
        CudaKernels kernels = new CudaKernels(emulation, small, memory.address(), BYTES, 4);
        ProductKernels products =
                new ProductKernels(
                        emulation, memory.address(), BYTES, SCRATCH, multiprocessors, true);
        FusedLayers fused = PlannedH100.fusedLayers(true, multiprocessors);
        PointwiseShape shape =
                new PointwiseShape(ROWS, INPUTS, program.width(), program.type(), true);
        pointwise =
                new FusedPointwise(
                        emulation,
                        small,
                        kernels,
                        products,
                        fused,
                        fused.pointwise(shape).orElseThrow(),
                        shape);
        ConvolutionShape convolution =
                new ConvolutionShape(
                        IMAGES, HEIGHT, WIDTH, program.width(), k, 3, 1, 1, program.type());
        appended =
                fused.appended(convolution)
                        .map(
                                parts ->
                                        new FusedAppendedConvolution(
                                                emulation,
                                                small,
                                                kernels,
                                                products,
                                                fused,
                                                parts,
                                                convolution));
    }

    /**
     * Runs a layer as wide as a program allows.
     *
     * @param multiprocessors among which rows are shared: with one, blocks have several tiles
     */
    static Result of(Emulation emulation, LayerProgram program, int multiprocessors) {
        try (FusedLayerRun run = new FusedLayerRun(emulation, program, multiprocessors)) {
            return run.result();
        }
    }

    private Matrix floats(int rows, int columns) {
        Matrix m = Matrix.dense(next, rows, columns);
        next = (next + m.bytes() + 255) & -256;
        assertTrue(next <= BYTES, "the case is too large");
        for (int i = 0; i < rows * columns; i++) {
            memory.set(JAVA_FLOAT, m.offset() + 4L * i, (float) random.nextGaussian());
        }
        return m;
    }

    private Matrix sum(int rows, int columns) {
        Matrix m = floats(rows, columns);
        sums.add(m);
        return m;
    }

    private Matrix activations(int columns) {
        Matrix m = activations(ROWS, columns);
        rows.add(m);
        return m;
    }

    private Matrix activations(int count, int columns) {
        Matrix m = Matrix.aligned(next, count, columns, program.type());
        next = (next + m.storedBytes() + 255) & -256;
        assertTrue(next <= BYTES, "the case is too large");
        for (int r = 0; r < count; r++) {
            for (int c = 0; c < columns; c++) {
                float value = (float) random.nextGaussian();
                if (program.type() == DataType.BFLOAT16) {
                    memory.set(JAVA_SHORT, m.at(r, c), BFloat16.of(value));
                } else {
                    memory.set(JAVA_FLOAT, m.at(r, c), value);
                }
            }
        }
        return m;
    }

    private Result result() {
        memory.fill((byte) -1);
        int n = program.width();
        Matrix block = activations(INPUTS + k);
        Matrix gradient = activations(INPUTS + k);
        Matrix z = activations(n);
        Matrix dT = activations(n);
        Matrix affine1 = floats(2, INPUTS);
        Matrix affine2 = floats(2, n);
        Matrix statistics2 = floats(3, n);
        emulation.takeCounts();
        Matrix x = block.prefix(INPUTS);
        Matrix w1 = pointwise.packForward(0, activations(n, INPUTS), floats(1, n * 128));
        pointwise.forward(null, 0, x, affine1, w1, x, z, sum(2, n));
        appended.ifPresent(
                convolution -> {
                    Matrix weights = floats(k, n * 9);
                    Matrix columns = block.columns(INPUTS, k);
                    Matrix packed = floats(1, 9 * 48 * 192);
                    convolution.packForward(0, weights, packed);
                    convolution.forward(
                            IMAGES, z, affine2, packed, Dropout.NONE, columns, sum(2, k));
                    convolution.backward(
                            IMAGES,
                            new AppendedGradient(
                                    gradient.columns(INPUTS, k),
                                    columns,
                                    floats(3, k),
                                    floats(3, k),
                                    Dropout.NONE,
                                    z,
                                    affine2,
                                    statistics2,
                                    packed,
                                    dT,
                                    sum(k, n * 9),
                                    sum(2, n)));
                });
        pointwise.backward(
                0,
                new PointwiseGradient(
                        dT,
                        z,
                        floats(3, n),
                        statistics2,
                        x,
                        affine1,
                        floats(3, INPUTS),
                        floats(1, INPUTS),
                        w1,
                        sum(n, INPUTS),
                        gradient.prefix(INPUTS),
                        sum(2, INPUTS)),
                x);
        return new Result(
                memory.asSlice(0, BYTES).toArray(JAVA_BYTE),
                bytes(),
                values(),
                emulation.takeCounts().conflicts());
    }

    private byte[] bytes() {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (Matrix m : rows) {
            all.writeBytes(memory.asSlice(m.offset(), m.storedBytes()).toArray(JAVA_BYTE));
        }
        return all.toByteArray();
    }

    private float[] values() {
        float[] all = new float[sums.stream().mapToInt(m -> m.rows() * m.columns()).sum()];
        int at = 0;
        for (Matrix m : sums) {
            for (int i = 0; i < m.rows() * m.columns(); i++) {
                all[at++] = memory.get(JAVA_FLOAT, m.offset() + 4L * i);
            }
        }
        return all;
    }

    @Override
    public void close() {
        lifetime.close();
    }
}
