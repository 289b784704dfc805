package org.densenet4j.backend.cuda;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.AppendedGradient;
import org.densenet4j.backend.BFloat16;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseGradient;
import org.densenet4j.backend.PointwiseShape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/**
 * Faults planted in the kernels of a dense layer are found when they are emulated: as a race or
 * another fault that the emulated machine reports, as another result, or as bank conflicts.
 */
class PlantedKernelFaultsTest {
    private static final LayerProgram PROGRAM =
            LayerProgram.of(DataType.BFLOAT16, 48, 12).orElseThrow();

    @TempDir private Path folder;

    /** A change of one place of one file. */
    private record Fault(String what, String file, String right, String wrong) {
        @Override
        public String toString() {
            return what;
        }
    }

    static List<Fault> faults() {
        return List.of(
                new Fault(
                        "a stage of the pipeline is waited for too late",
                        "pointwise_forward.cuh",
                        "cp_wait<STAGES - 2>",
                        "cp_wait<STAGES - 1>"),
                new Fault(
                        "a stage is filled again before everybody has read it",
                        "pointwise_forward.cuh",
                        "__syncthreads();\n                load_next();",
                        "load_next();"),
                new Fault(
                        "no warp barrier before finished rows are read",
                        "pointwise_forward.cuh",
                        "__syncwarp();\n                constexpr int CHUNKS",
                        "constexpr int CHUNKS"),
                new Fault(
                        "rows behind the last one are counted",
                        "pointwise_forward.cuh",
                        "const float d0 = inside ?",
                        "const float d0 = true ?"),
                new Fault(
                        "no barrier between dZ and its product",
                        "pointwise_backward.cuh",
                        "__syncthreads();\n            float dA",
                        "float dA"),
                new Fault(
                        "whole chunks are written behind the last column",
                        "pointwise_backward.cuh",
                        "if (bytes == CHUNK_BYTES) {",
                        "if (true) {"),
                new Fault(
                        "no barrier behind the normalised rows",
                        "appended_convolution.cuh",
                        "__syncthreads();\n            float sums",
                        "float sums"),
                new Fault(
                        "the right edge is not padded",
                        "pixel_ring.cuh",
                        "column + dx < width;",
                        "column + dx <= width;"),
                new Fault(
                        "taps of the data gradient are not turned",
                        "appended_gradient.cuh",
                        "tap(1 - tap / 3, 1 - tap % 3,",
                        "tap(tap / 3 - 1, 1 - tap % 3,"),
                new Fault(
                        "the ring is too small",
                        "pixel_ring.cuh",
                        "ring = (ring + ROWS_AT_ONCE_OF_BLOCK) & (R - 1);",
                        "ring = (ring + ROWS_AT_ONCE_OF_BLOCK) & (R / 2 - 1);"),
                new Fault(
                        "chunks of a panel are not twisted",
                        "panels.cuh",
                        "(chunk ^ twist<T>(row))",
                        "chunk"));
    }

    /** What a layer leaves in memory, and the turns lost to bank conflicts. */
    private record Result(byte[] memory, long conflicts) {}

    private static Result run(Emulation emulation) {
        try (Layer layer = new Layer(emulation)) {
            return layer.run();
        }
    }

    @Test
    void theRightKernelsGiveTheSameEveryTimeWithoutBankConflictsInTheirProducts() {
        Result first = run(Emulation.open());
        Result second = run(Emulation.open());
        assertArrayEquals(first.memory, second.memory);
        assertEquals(first.conflicts, second.conflicts);
        assertTrue(first.conflicts < 2000, first.conflicts + " turns lost");
    }

    @ParameterizedTest
    @MethodSource("faults")
    void aPlantedFaultIsFound(Fault fault) throws IOException {
        Path sources = folder.resolve("cuda-kernels");
        try (Stream<Path> files = Files.walk(Path.of("cuda-kernels"))) {
            for (Path from : files.toList()) {
                Path to = folder.resolve(from.toString());
                if (Files.isDirectory(from)) {
                    Files.createDirectories(to);
                } else {
                    Files.copy(from, to);
                }
            }
        }
        Path file = sources.resolve(fault.file);
        String text = Files.readString(file);
        assertTrue(text.contains(fault.right), () -> fault.file + " has no " + fault.right);
        Files.writeString(file, text.replace(fault.right, fault.wrong));
        Result right = run(Emulation.open());
        Emulation wrong = Emulation.of(PROGRAM, sources, folder);
        String found;
        try {
            Result result = run(wrong);
            found =
                    !Arrays.equals(right.memory, result.memory)
                            ? "another result"
                            : result.conflicts > 2 * right.conflicts ? "bank conflicts" : "";
        } catch (AssertionError e) {
            found = e.getMessage();
        }
        assertTrue(!found.isEmpty(), () -> "nothing shows that " + fault);
    }

    /** Both halves of a layer, forward and backward, on random operands. */
    private static final class Layer implements AutoCloseable {
        private static final int IMAGES = 2;
        private static final int HEIGHT = 9;
        private static final int WIDTH = 11;
        private static final int ROWS = IMAGES * HEIGHT * WIDTH;
        private static final int INPUTS = 54;
        private static final int OUTPUTS = 48;
        private static final int NEW = 12;
        private static final int MULTIPROCESSORS = 2;
        private static final long BYTES = 4 << 20;
        private static final long SCRATCH = 4 << 20;

        private final SplittableRandom random = new SplittableRandom(5);
        private final Arena lifetime = Arena.ofConfined();
        private final MemorySegment memory = lifetime.allocate(BYTES + SCRATCH, 256);
        private final Emulation emulation;
        private final FusedPointwise pointwise;
        private final FusedAppendedConvolution appended;
        private final PointwiseShape shape =
                new PointwiseShape(ROWS, INPUTS, OUTPUTS, DataType.BFLOAT16, true);
        private long next;

        Layer(Emulation emulation) {
            this.emulation = emulation;
            // Kernels that are no part of the program come from the project's own library.
            KernelLauncher launcher = emulation;
            CudaKernels kernels = new CudaKernels(launcher, memory.address(), BYTES, 4);
            ProductKernels products =
                    new ProductKernels(
                            launcher, memory.address(), BYTES, SCRATCH, MULTIPROCESSORS, false);
            FusedLayers fused = new FusedLayers(true, false, MULTIPROCESSORS, 227 << 10);
            pointwise =
                    new FusedPointwise(
                            launcher,
                            kernels,
                            products,
                            fused,
                            fused.pointwise(shape).orElseThrow(),
                            shape);
            ConvolutionShape convolution =
                    new ConvolutionShape(
                            IMAGES,
                            HEIGHT,
                            WIDTH,
                            OUTPUTS,
                            NEW,
                            3,
                            1,
                            1,
                            DataType.BFLOAT16);
            appended =
                    new FusedAppendedConvolution(
                            launcher,
                            kernels,
                            products,
                            MULTIPROCESSORS,
                            fused.appended(convolution).orElseThrow(),
                            convolution);
        }

        private Matrix place(int rows, int columns, DataType type) {
            Matrix m = Matrix.aligned(next, rows, columns, type);
            next = (m.offset() + m.storedBytes() + 255) & -256;
            assertTrue(next <= BYTES);
            return m;
        }

        private Matrix floats(int rows, int columns) {
            Matrix m = Matrix.dense(next, rows, columns);
            next = (next + m.bytes() + 255) & -256;
            for (int i = 0; i < rows * columns; i++) {
                memory.set(JAVA_FLOAT, m.offset() + 4L * i, (float) random.nextGaussian());
            }
            return m;
        }

        private Matrix halves(int rows, int columns) {
            Matrix m = place(rows, columns, DataType.BFLOAT16);
            for (int r = 0; r < rows; r++) {
                for (int c = 0; c < columns; c++) {
                    memory.set(
                            JAVA_SHORT, m.at(r, c), BFloat16.of((float) random.nextGaussian()));
                }
            }
            return m;
        }

        Result run() {
            memory.fill((byte) -1);
            Matrix block = halves(ROWS, INPUTS + NEW);
            Matrix gradient = halves(ROWS, INPUTS + NEW);
            Matrix x = block.prefix(INPUTS);
            Matrix columns = block.columns(INPUTS, NEW);
            Matrix z = place(ROWS, OUTPUTS, DataType.BFLOAT16);
            Matrix dT = place(ROWS, OUTPUTS, DataType.BFLOAT16);
            Matrix weight1 = halves(OUTPUTS, INPUTS);
            Matrix weight2 = floats(NEW, OUTPUTS * 9);
            Matrix packed1 = floats(1, 48 * 128);
            Matrix packed2 = floats(1, 9 * 16 * 64);
            Matrix affine1 = floats(2, INPUTS);
            Matrix affine2 = floats(2, OUTPUTS);
            Matrix statistics1 = floats(3, INPUTS);
            Matrix statistics2 = floats(3, OUTPUTS);
            Matrix partial1 = floats(2, OUTPUTS);
            Matrix partial2 = floats(2, NEW);
            emulation.takeCounts();
            Matrix w1 = pointwise.packForward(0, weight1, packed1);
            appended.packForward(0, weight2, packed2);
            pointwise.forward(null, 0, x, affine1, w1, x, z, partial1);
            appended.forward(IMAGES, z, affine2, packed2, Dropout.NONE, columns, partial2);
            Matrix weightSum2 = floats(1, 9 * OUTPUTS * NEW);
            appended.backward(
                    IMAGES,
                    new AppendedGradient(
                            gradient.columns(INPUTS, NEW),
                            columns,
                            floats(3, NEW),
                            floats(3, NEW),
                            Dropout.NONE,
                            z,
                            affine2,
                            statistics2,
                            packed2,
                            dT,
                            weightSum2,
                            floats(2, OUTPUTS)));
            appended.reduceWeightGradient(0, weightSum2, floats(NEW, OUTPUTS * 9));
            pointwise.backward(
                    0,
                    new PointwiseGradient(
                            dT,
                            z,
                            floats(3, OUTPUTS),
                            statistics2,
                            x,
                            affine1,
                            statistics1,
                            floats(1, INPUTS),
                            w1,
                            floats(OUTPUTS, INPUTS),
                            gradient.prefix(INPUTS),
                            floats(2, INPUTS)),
                    x);
            return new Result(
                    memory.asSlice(0, BYTES).toArray(JAVA_BYTE),
                    emulation.takeCounts().conflicts());
        }

        @Override
        public void close() {
            lifetime.close();
        }
    }
}
