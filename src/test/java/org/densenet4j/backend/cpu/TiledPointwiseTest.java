package org.densenet4j.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseGradient;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.TileSupport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Products of tiles against those of vectors in float32, for shapes of any size; when they are
 * taken, what they compute is in the backend's contract.
 */
class TiledPointwiseTest {
    private static final InstructionSet SET = InstructionSet.AVX512_BF16;
    private static final Target TILES = new Target(SET, () -> true, () -> true, () -> true);
    private static final Target VECTORS = new Target(SET, () -> false, () -> false, () -> false);

    /** Half a last place of bfloat16 in A or dZ, in dA or Z, and in what is stored. */
    private static final double TOLERANCE = 4 * 0x1p-8;

    @BeforeEach
    void tilesRunHere() {
        assumeTrue(TileSupport.here(), "no tiles (AMX) here");
    }

    @Test
    void tilesAreTakenForBFloat16WhereTheyAreFilledOnce() {
        assertEquals(PointwiseMethod.TILES, method(TILES, 16, 16, DataType.BFLOAT16));
        assertEquals(PointwiseMethod.VECTORS, method(TILES, 15, 64, DataType.BFLOAT16));
        assertEquals(PointwiseMethod.VECTORS, method(TILES, 64, 15, DataType.BFLOAT16));
        assertEquals(PointwiseMethod.VECTORS, method(TILES, 64, 64, DataType.FLOAT32));
        assertEquals(PointwiseMethod.VECTORS, method(VECTORS, 64, 64, DataType.BFLOAT16));
    }

    private static PointwiseMethod method(Target target, int inputs, int outputs, DataType type) {
        return PointwiseMethod.of(target, new PointwiseShape(7, inputs, outputs, type));
    }

    @Test
    void anInstructionSetThatIsNamedHasNoTiles() {
        for (CpuIsa isa : CpuIsa.values()) {
            boolean tiles =
                    Target.of(DeviceOptions.defaults().withIsa(isa), OneDnn.get())
                            .map(Target::tiles)
                            .orElse(false);
            assertTrue(isa == CpuIsa.BEST || !tiles, isa.toString());
        }
    }

    @Test
    void resultsAndGradientsAreThoseOfVectors() {
        Random random = new Random(7);
        for (int i = 0; i < 60; i++) {
            int rows = 1 + random.nextInt(i % 4 == 0 ? 400 : 100);
            int inputs = 1 + random.nextInt(i % 2 == 0 ? 40 : 150);
            int outputs = 1 + random.nextInt(i % 3 == 0 ? 140 : 40);
            compare(new PointwiseShape(rows, inputs, outputs, DataType.BFLOAT16), random);
        }
    }

    private static void compare(PointwiseShape shape, Random random) {
        long seed = random.nextLong();
        List<float[]> tiles = results(shape, seed, true);
        List<float[]> vectors = results(shape, seed, false);
        for (int m = 0; m < tiles.size(); m++) {
            float[] expected = vectors.get(m);
            double size = 0;
            for (float value : expected) {
                assertFalse(Float.isNaN(value));
                size = Math.max(size, Math.abs(value));
            }
            for (int i = 0; i < expected.length; i++) {
                String where = shape + ": element " + i + " of result " + m;
                assertEquals(expected[i], tiles.get(m)[i], TOLERANCE * (size + 1), where);
            }
        }
    }

    /** Z, dW, the sums of dA and the block's gradient, from operands that a seed stands for. */
    private static List<float[]> results(PointwiseShape s, long seed, boolean tiles) {
        PointwiseMemory memory =
                tiles ? TiledPointwise.memory(s) : CompiledPointwise.memory(VECTORS, s);
        Operands o = new Operands(seed);
        DeviceOptions options = DeviceOptions.defaults().withThreads(1);
        try (Device device = Device.open("cpu", options);
                DeviceArena arena = device.allocate(BYTES, BYTES, 0)) {
            int k = s.inputChannels();
            int n = s.outputChannels();
            Matrix x = o.of(arena, s.type(), s.rows(), k);
            Matrix affine = o.of(arena, DataType.FLOAT32, 2, k);
            Matrix weight = o.of(arena, s.type(), n, k);
            Matrix result = o.of(arena, s.type(), s.rows(), n);
            Matrix before = o.of(arena, s.type(), s.rows(), n);
            Matrix correction = o.of(arena, DataType.FLOAT32, 3, n);
            Matrix zStatistics = o.of(arena, DataType.FLOAT32, 3, n);
            Matrix statistics = o.of(arena, DataType.FLOAT32, 3, k);
            Matrix factor = o.of(arena, DataType.FLOAT32, 1, k);
            Matrix weightSum = o.of(arena, DataType.FLOAT32, n, k);
            Matrix block = o.of(arena, s.type(), s.rows(), k);
            Matrix partial = o.of(arena, DataType.FLOAT32, 2, k);
            Matrix z = o.of(arena, s.type(), s.rows(), n);
            Matrix packed = o.of(arena, DataType.FLOAT32, 1, (int) memory.packedWeights() / 4);
            Matrix chunk = o.of(arena, DataType.FLOAT32, 1, (int) memory.chunk() / 4);
            CpuArena here = (CpuArena) arena;
            try (HostPointwise pointwise =
                    tiles
                            ? new TiledPointwise(here, SET)
                            : new CompiledPointwise(here, VECTORS, s.type())) {
                Matrix forward = pointwise.packForward(0, weight, packed);
                pointwise.forward(0, x, affine, forward, chunk, z);
                Matrix backward = pointwise.packBackward(0, weight, packed);
                PointwiseGradient gradient =
                        new PointwiseGradient(
                                result,
                                before,
                                correction,
                                zStatistics,
                                x,
                                affine,
                                statistics,
                                factor,
                                backward,
                                weightSum,
                                block,
                                partial);
                pointwise.backward(0, gradient, chunk);
            }
            List<float[]> results = new ArrayList<>();
            for (Matrix m : List.of(z, weightSum, partial, block)) {
                float[] values = new float[m.rows() * m.columns()];
                arena.download(m, values, 0);
                results.add(values);
            }
            return results;
        }
    }

    private static final long BYTES = 4 << 20;

    /** Matrices one behind the other, of normal values. */
    private static final class Operands {
        private final Random random;
        private long next;

        Operands(long seed) {
            random = new Random(seed);
        }

        Matrix of(DeviceArena arena, DataType type, int rows, int columns) {
            Matrix m = Matrix.dense(next, rows, columns, type);
            next = Math.ceilDiv(next + m.rowBytes() * rows, 64L) * 64;
            float[] values = new float[rows * columns];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            arena.upload(values, 0, m);
            return m;
        }
    }
}
