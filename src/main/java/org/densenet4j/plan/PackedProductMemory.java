package org.densenet4j.plan;

import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PackedOperandMemory;
import org.densenet4j.backend.PackedProduct;

import java.util.ArrayList;
import java.util.List;

/**
 * A product with a weight that all chunks of a pass share.
 *
 * @param shape with the most rows of one call
 * @param packed the weight in the device's own layout; empty where it has none
 */
public record PackedProductMemory(GemmShape shape, Matrix packed) {

    /** {@return bytes for the weights of some products, one behind the other} */
    static long bytes(List<GemmShape> shapes, NodePlanner planner) {
        return shapes.stream().mapToLong(s -> bytes(s, planner)).sum();
    }

    private static long bytes(GemmShape shape, NodePlanner planner) {
        return Allocator.aligned(
                planner.packedMemory(shape).map(PackedOperandMemory::packed).orElse(0L));
    }

    /**
     * Products whose weights lie one behind the other.
     *
     * @param from bytes behind the start of {@code place}
     */
    static List<PackedProductMemory> in(
            Matrix place, long from, List<GemmShape> shapes, NodePlanner planner) {
        List<PackedProductMemory> products = new ArrayList<>();
        long at = place.offset() + from;
        for (GemmShape shape : shapes) {
            long bytes = bytes(shape, planner);
            products.add(
                    new PackedProductMemory(shape, Matrix.vector(at, Allocator.floats(bytes))));
            at += bytes;
        }
        return products;
    }

    /**
     * {@return products ready to run}
     *
     * @param products as they were planned
     * @param arena of the plan
     */
    public static List<PackedProduct> open(List<PackedProductMemory> products, DeviceArena arena) {
        return products.stream().map(p -> new PackedProduct(arena, p.shape, p.packed)).toList();
    }
}
