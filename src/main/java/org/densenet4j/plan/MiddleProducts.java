package org.densenet4j.plan;

import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;

import java.util.ArrayList;
import java.util.List;

/**
 * The products of a depthwise layer with its two weights, one for each block of the middle, from
 * the first on.
 *
 * @param expand from the normalised prefix to the middle
 * @param project from the middle to the new channels; all but the first add
 * @param throughProjection from the gradient of the new channels to that of the middle; none in
 *     inference
 * @param throughExpansion from the gradient of the middle to that of the normalised prefix; all but
 *     the first add; none in inference
 */
public record MiddleProducts(
        List<PackedProductMemory> expand,
        List<PackedProductMemory> project,
        List<PackedProductMemory> throughProjection,
        List<PackedProductMemory> throughExpansion) {

    /** Some channels of the middle. */
    private interface OfBlock {
        GemmShape shape(int first, int count);
    }

    private static List<GemmShape> blocks(int width, int perBlock, OfBlock product) {
        List<GemmShape> shapes = new ArrayList<>();
        for (int first = 0; first < width; first += perBlock) {
            shapes.add(product.shape(first, Math.min(perBlock, width - first)));
        }
        return shapes;
    }

    /**
     * For training, with weights as they are stored, [width, K] and [k, width].
     *
     * @param x a part of the normalised prefix
     * @param h the same of the middle, of all its channels
     * @param a the same behind GELU
     * @param y the same of the new channels
     * @param dY of their gradient
     * @param dH of the middle's, of a block
     * @param dX of the normalised prefix's
     * @param projectsAgain whether the backward pass projects again; if not, that gives its memory
     *     to a gradient, as expanding does always
     */
    static MiddleProducts of(
            Matrix x,
            Matrix h,
            Matrix a,
            Matrix y,
            Matrix dY,
            Matrix dH,
            Matrix dX,
            boolean projectsAgain,
            Allocator.Frame frame,
            NodePlanner planner) {
        int width = h.columns();
        int perBlock = dH.columns();
        Matrix expansion = Matrix.dense(0, width, x.columns(), x.type());
        Matrix projection = Matrix.dense(0, y.columns(), width, x.type());
        List<GemmShape> expand =
                blocks(
                        width,
                        perBlock,
                        (first, count) ->
                                GemmShape.of(
                                        x,
                                        false,
                                        expansion.rows(first, count),
                                        true,
                                        h.columns(first, count),
                                        false));
        List<GemmShape> project =
                blocks(
                        width,
                        perBlock,
                        (first, count) ->
                                GemmShape.of(
                                        a.columns(first, count),
                                        false,
                                        projection.columns(first, count),
                                        true,
                                        y,
                                        first > 0));
        List<GemmShape> throughProjection =
                blocks(
                        width,
                        perBlock,
                        (first, count) ->
                                GemmShape.of(
                                        dY,
                                        false,
                                        projection.columns(first, count),
                                        false,
                                        dH.columns(0, count),
                                        false));
        List<GemmShape> throughExpansion =
                blocks(
                        width,
                        perBlock,
                        (first, count) ->
                                GemmShape.of(
                                        dH.columns(0, count),
                                        false,
                                        expansion.rows(first, count),
                                        false,
                                        dX,
                                        first > 0));
        long expands = PackedProductMemory.bytes(expand, planner);
        long projects = PackedProductMemory.bytes(project, planner);
        long backExpands = PackedProductMemory.bytes(throughExpansion, planner);
        long backProjects = PackedProductMemory.bytes(throughProjection, planner);
        long ofExpansion = Math.max(expands, backExpands);
        long ofProjection =
                projectsAgain ? projects + backProjects : Math.max(projects, backProjects);
        Matrix place = frame.vector(Allocator.floats(ofExpansion + ofProjection));
        long behind = ofExpansion + (projectsAgain ? projects : 0);
        return new MiddleProducts(
                PackedProductMemory.in(place, 0, expand, planner),
                PackedProductMemory.in(place, ofExpansion, project, planner),
                PackedProductMemory.in(place, behind, throughProjection, planner),
                PackedProductMemory.in(place, 0, throughExpansion, planner));
    }

    /**
     * For inference, with weights as products read them, [K, width] and [width, k].
     *
     * @param x a part of the normalised prefix
     * @param h the same of the middle, of a block
     * @param y the same of the new channels
     */
    static MiddleProducts ofInference(
            int width, Matrix x, Matrix h, Matrix y, Allocator.Frame frame, NodePlanner planner) {
        Matrix expansion = Matrix.dense(0, x.columns(), width, x.type());
        Matrix projection = Matrix.dense(0, width, y.columns(), x.type());
        List<GemmShape> expand =
                blocks(
                        width,
                        h.columns(),
                        (first, count) ->
                                GemmShape.of(
                                        x,
                                        false,
                                        expansion.columns(first, count),
                                        false,
                                        h.columns(0, count),
                                        false));
        List<GemmShape> project =
                blocks(
                        width,
                        h.columns(),
                        (first, count) ->
                                GemmShape.of(
                                        h.columns(0, count),
                                        false,
                                        projection.rows(first, count),
                                        false,
                                        y,
                                        first > 0));
        long expands = PackedProductMemory.bytes(expand, planner);
        Matrix place =
                frame.vector(
                        Allocator.floats(expands + PackedProductMemory.bytes(project, planner)));
        return new MiddleProducts(
                PackedProductMemory.in(place, 0, expand, planner),
                PackedProductMemory.in(place, expands, project, planner),
                List.of(),
                List.of());
    }
}
