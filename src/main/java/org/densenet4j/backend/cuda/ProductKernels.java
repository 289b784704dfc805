package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.util.Arrays;
import java.util.List;

/**
 * Launches of the kernels that compute products by tiles, {@code cuda-kernels/tile_product.cuh}.
 * Everything is queued on one stream, so the scratch may be that of other kernels and libraries.
 *
 * @param base device address of the arena
 * @param scratchOffset where in the arena sums of parts may be written, on 256 bytes
 * @param scratchBytes room for them; with less than was asked for there are fewer parts
 * @param multiprocessors of the device
 * @param tensorFloat32 whether float32 operands are rounded to TF32 and multiplied on tensor cores;
 *     only where {@link #hasTensorFloat32}. Operands in bf16 are multiplied there anyway, as they
 *     are.
 */
record ProductKernels(
        KernelLauncher launcher,
        long base,
        long scratchOffset,
        long scratchBytes,
        int multiprocessors,
        boolean tensorFloat32) {
    private static final int ACCESS_ELEMENTS = 4;

    /**
     * Whether the tensor cores of a device know TF32: Ampere and newer.
     *
     * @param architecture compute capability without its point, such as 90
     */
    static boolean hasTensorFloat32(int architecture) {
        return architecture >= 80;
    }

    long address(Matrix m) {
        return base + m.offset();
    }

    /** Whether four neighbours of every row, from a multiple of four on, are one access. */
    int aligned(Matrix m) {
        int bytes = ACCESS_ELEMENTS * m.type().bytes();
        return address(m) % bytes == 0 && m.rowBytes() % bytes == 0 ? 1 : 0;
    }

    /** What a kernel for these types, and this arithmetic, has behind its name. */
    private String suffix(DataType operands, DataType result) {
        if (operands == DataType.FLOAT32) {
            return tensorFloat32 ? "_tf32" : "";
        }
        return result == operands ? "_bf16" : "_from_bf16";
    }

    /** The arguments of a launch, which come in groups. */
    static Object[] joined(Object[]... groups) {
        return Arrays.stream(groups).flatMap(Arrays::stream).toArray();
    }

    /**
     * {@code c = A·B}, or {@code c += A·B}.
     *
     * @param kernel its name in the source, without arithmetic and tile
     * @param tiles the tiles that it exists for
     * @param k the summed dimension
     * @param stored how A and B are stored
     * @param operandTraffic what A and B take, and the product's arithmetic
     * @param operands the kernel's arguments in front of the result's
     */
    void launch(
            String kernel,
            List<ProductTiling.Tile> tiles,
            int k,
            DataType stored,
            Matrix c,
            boolean add,
            Traffic operandTraffic,
            Object... operands) {
        int m = c.rows();
        int n = c.columns();
        ProductTiling t = ProductTiling.of(m, n, k, tiles, multiprocessors, scratchBytes);
        Matrix result = t.parts() == 1 ? c : Matrix.dense(scratchOffset, m, n);
        Matrix parts = Matrix.dense(scratchOffset, t.parts() * m, n);
        Object[] ofResult = {
            address(result),
            result.stride(),
            add && t.parts() == 1 ? 1 : 0,
            aligned(result),
            m,
            n,
            k,
            t.depthOfPart()
        };
        launcher.launch(
                kernel + suffix(stored, result.type()) + "_" + t.tile(),
                new Grid(t.tiles(), t.parts(), Tiling.THREADS, 1),
                t.parts() == 1 ? operandTraffic.storing(c, add) : operandTraffic.writing(parts),
                joined(operands, ofResult));
        if (t.parts() > 1) {
            addParts(parts, t.parts(), c, add);
        }
    }

    /**
     * {@code c = Σ parts}, or {@code c += Σ parts}, in order.
     *
     * @param parts [count·m, n], dense
     * @param count how many
     * @param c [m, n]
     */
    void addParts(Matrix parts, int count, Matrix c, boolean add) {
        launcher.launch(
                CudaKernels.typed("add_parts", c.type()),
                Grid.of((long) c.rows() * c.columns(), Tiling.THREADS),
                Traffic.reading(parts).storing(c, add),
                address(parts),
                count,
                c.rows(),
                c.columns(),
                address(c),
                c.stride(),
                add ? 1 : 0);
    }
}
