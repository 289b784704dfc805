package org.densenet4j.backend.cuda;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import org.densenet4j.backend.BFloat16;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseShape;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * The forward pass of a dense layer by emulated kernels on random operands, as training and as
 * inference asks for it.
 */
final class InferenceLayerRun implements AutoCloseable {
    static final int IMAGES = 3;
    private static final int HEIGHT = 9;
    private static final int WIDTH = 13;
    private static final int PIXELS = HEIGHT * WIDTH;
    private static final int INPUTS = 86;
    private static final long BYTES = 4 << 20;
    private static final long SCRATCH = 4 << 20;
    private static final byte UNTOUCHED = 0x55;

    private final SplittableRandom random = new SplittableRandom(7);
    private final Arena lifetime = Arena.ofConfined();
    private final MemorySegment memory = lifetime.allocate(BYTES + SCRATCH, 256);
    private final LayerProgram program;
    private final CudaKernels kernels;
    private final FusedPointwise pointwise;
    private final Optional<FusedAppendedConvolution> appended;
    private final int k;
    private final Matrix block;
    private final Matrix z;
    private final Matrix affine1;
    private final Matrix affine2;
    private final Matrix weights1;
    private final Matrix weights2;
    private final Matrix statistics;
    private long next;

    InferenceLayerRun(LayerProgram program, int multiprocessors) {
        this.program = program;
        this.k = program.newChannels() == 0 ? 16 : program.newChannels() - 4;
        Emulation emulation = Emulation.open();
        SmallOperations small = new SmallOperations(emulation, new GatheredLaunch(), false);
        kernels = new CudaKernels(emulation, small, memory.address(), BYTES, 4);
        ProductKernels products =
                new ProductKernels(
                        emulation, memory.address(), BYTES, SCRATCH, multiprocessors, true);
        FusedLayers fused = PlannedH100.fusedLayers(true, multiprocessors);
        int n = program.width();
        PointwiseShape shape = new PointwiseShape(IMAGES * PIXELS, INPUTS, n, program.type(), true);
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
                new ConvolutionShape(IMAGES, HEIGHT, WIDTH, n, k, 3, 1, 1, program.type());
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
        block = activations(IMAGES * PIXELS, INPUTS + k);
        z = activations(IMAGES * PIXELS, n);
        affine1 = floats(2, INPUTS);
        affine2 = floats(2, n);
        weights1 =
                pointwise.packForward(
                        0,
                        activations(n, INPUTS),
                        floats(1, n * PointwiseKernels.packedStride(program, INPUTS)));
        weights2 = floats(1, 9 * 32 * 2 * 64);
        Matrix plain = floats(k, 9 * n);
        appended.ifPresent(c -> c.packForward(0, plain, weights2));
        statistics = floats(2, Math.max(n, k));
        memory.asSlice(BYTES, SCRATCH).fill(UNTOUCHED);
    }

    private Matrix floats(int rows, int columns) {
        Matrix m = Matrix.dense(next, rows, columns);
        next = (next + m.bytes() + 255) & -256;
        for (int i = 0; i < rows * columns; i++) {
            memory.set(JAVA_FLOAT, m.offset() + 4L * i, (float) random.nextGaussian());
        }
        return m;
    }

    private Matrix activations(int rows, int columns) {
        Matrix m = Matrix.aligned(next, rows, columns, program.type());
        next = (next + m.storedBytes() + 255) & -256;
        for (int r = 0; r < rows; r++) {
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

    /** Z and the new columns of the first images, by inference. */
    byte[] inferred(int images) {
        Matrix rows = block.rows(0, images * PIXELS);
        Matrix someZ = z.rows(0, images * PIXELS);
        pointwise.forward(0, rows.prefix(INPUTS), affine1, weights1, rows, someZ);
        appended.ifPresent(
                c -> c.forward(images, someZ, affine2, weights2, rows.columns(INPUTS, k)));
        return results(images);
    }

    /** Z and the new columns of all images, by training. */
    byte[] trained() {
        Matrix x = block.prefix(INPUTS);
        pointwise.forward(
                kernels, 0, x, affine1, weights1, x, z, statistics.reshaped(2, program.width()));
        appended.ifPresent(
                c ->
                        c.forward(
                                IMAGES,
                                z,
                                affine2,
                                weights2,
                                Dropout.NONE,
                                block.columns(INPUTS, k),
                                statistics.reshaped(2, k)));
        return results(IMAGES);
    }

    /** Z and the block of the first images, as they are now. */
    byte[] results(int images) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (Matrix m : List.of(z, block)) {
            long bytes = m.rows(0, images * PIXELS).storedBytes();
            all.writeBytes(memory.asSlice(m.offset(), bytes).toArray(JAVA_BYTE));
        }
        return all.toByteArray();
    }

    boolean scratchIsUntouched() {
        for (byte b : memory.asSlice(BYTES, SCRATCH).toArray(JAVA_BYTE)) {
            if (b != UNTOUCHED) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void close() {
        lifetime.close();
    }
}
