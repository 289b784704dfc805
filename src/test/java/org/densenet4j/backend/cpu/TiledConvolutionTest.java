package org.densenet4j.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.junit.jupiter.api.Test;

import java.util.Optional;

/**
 * When convolutions and products are those of tiles, and what memory they take; what they compute
 * is in the backend's contract.
 */
class TiledConvolutionTest {
    private static final Host TILES = host(true);
    private static final Host VECTORS = host(false);

    private static Host host(boolean tiles) {
        Target target =
                new Target(InstructionSet.AVX512_BF16, () -> false, () -> tiles, () -> false);
        return new Host(OneDnn.get(), Optional.of(target), true, true);
    }

    private static ConvolutionShape shape(int images, int in, int out, int kernel, DataType type) {
        return new ConvolutionShape(images, 9, 8, in, out, kernel, 1, kernel / 2, type);
    }

    private static ConvolutionMethod method(Host host, int in, int out, int kernel, DataType type) {
        return ConvolutionMethod.of(host, shape(2, in, out, kernel, type));
    }

    @Test
    void tilesAreTakenForBFloat16WhereTheyAreFilledOnce() {
        DataType bf16 = DataType.BFLOAT16;
        assertEquals(ConvolutionMethod.TILED, method(TILES, 16, 16, 3, bf16));
        assertEquals(ConvolutionMethod.TILED, method(TILES, 16, 64, 5, bf16));
        assertEquals(ConvolutionMethod.TILED_POINT, method(TILES, 16, 16, 1, bf16));
        assertEquals(ConvolutionMethod.STEM, method(TILES, 3, 64, 3, bf16));
        assertEquals(ConvolutionMethod.COMPILED, method(TILES, 15, 64, 3, bf16));
        assertEquals(ConvolutionMethod.COMPILED, method(TILES, 64, 15, 3, bf16));
        assertEquals(ConvolutionMethod.COMPILED, method(TILES, 64, 64, 3, DataType.FLOAT32));
        assertEquals(ConvolutionMethod.COMPILED, method(VECTORS, 64, 64, 3, bf16));
    }

    private static GemmShape product(int m, int n, int k, boolean transposed, DataType result) {
        int lda = transposed ? m : k;
        return new GemmShape(
                m, n, k, lda, n, n, transposed, false, false, DataType.BFLOAT16, result);
    }

    @Test
    void productsAreTakenWhereTilesAreFilledOnce() {
        DataType bf16 = DataType.BFLOAT16;
        assertTrue(TiledProducts.has(TILES, product(16, 16, 16, false, bf16)));
        assertTrue(TiledProducts.has(TILES, product(16, 16, 16, true, DataType.FLOAT32)));
        assertFalse(TiledProducts.has(TILES, product(16, 16, 16, true, bf16)));
        assertFalse(TiledProducts.has(TILES, product(15, 16, 16, false, bf16)));
        assertFalse(TiledProducts.has(TILES, product(16, 15, 16, false, bf16)));
        assertFalse(TiledProducts.has(TILES, product(16, 16, 15, false, bf16)));
        assertFalse(TiledProducts.has(VECTORS, product(64, 64, 64, false, bf16)));
    }

    @Test
    void fewerImagesTakeNoMoreMemory() {
        for (int kernel : new int[] {1, 3, 5}) {
            long most = Long.MAX_VALUE;
            for (int images = 40; images > 0; images--) {
                ConvolutionShape s = shape(images, 40, 24, kernel, DataType.BFLOAT16);
                ConvolutionMemory memory =
                        kernel == 1 ? TiledPointConvolution.memory(s) : TiledConvolution.memory(s);
                assertTrue(memory.scratch() <= most, s.toString());
                most = memory.scratch();
            }
        }
    }
}
