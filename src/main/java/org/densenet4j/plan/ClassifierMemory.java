package org.densenet4j.plan;

import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Classifier;

import java.util.Optional;

/**
 * Memory of a classifier.
 *
 * @param node the node whose memory it is
 * @param images chunks of images
 * @param pooled [N, C]
 * @param pooledGradient [N, C]
 * @param normalised the naive strategy's copy of the BN-ReLU output
 * @param loss its logits, their gradient and what becomes of them
 * @param sourceGradient a chunk of the gradient of features that are read as they are, in each
 *     lane; empty where they are normalised
 * @param head what the layer normalisation of the means works in, where there is one
 * @param partials two rows of sums for each chunk
 * @param norm of the features
 */
public record ClassifierMemory(
        Classifier node,
        Chunks images,
        Matrix pooled,
        Matrix pooledGradient,
        Optional<Matrix> normalised,
        LossMemory loss,
        Matrix[] sourceGradient,
        Optional<NormalisedMeans> head,
        Matrix partials,
        NormScratch norm)
        implements NodeMemory {

    /**
     * Layer normalisation of the means.
     *
     * @param values [N, C] what the linear layer reads
     * @param statistics [N, 2] mean and inverse deviation of each image
     * @param sums [2, C] the gradients of beta and gamma
     */
    public record NormalisedMeans(Matrix values, Matrix statistics, Matrix sums) {
        private static NormalisedMeans of(Classifier node, Planner planner) {
            Allocator allocator = planner.allocator();
            int forward = planner.schedule().forward(node);
            int backward = planner.schedule().backward(node);
            int c = node.source().channels();
            String name = node.name() + ".pooled.normalised";
            return new NormalisedMeans(
                    allocator.matrix(
                            name, Category.FEATURES, planner.batch(), c, forward, backward),
                    allocator.matrix(
                            name + ".statistics",
                            Category.FEATURES,
                            planner.batch(),
                            2,
                            forward,
                            backward),
                    allocator.matrix(name + ".sums", Category.WORKSPACE, 2, c, backward, backward));
        }
    }

    static ClassifierMemory of(Classifier node, Planner planner) {
        int forward = planner.schedule().forward(node);
        int backward = planner.schedule().backward(node);
        int batch = planner.batch();
        int pixels = node.source().height() * node.source().width();
        int c = node.source().channels();
        int classes = node.classes();
        Chunks images = planner.imageChunks(pixels, planner.bytes(c));
        for (int rows : new int[] {batch, 1}) {
            planner.noteProduct(new GemmShape(rows, classes, c, c, c, classes, false, true, false));
            planner.noteProduct(
                    new GemmShape(rows, c, classes, classes, c, c, false, false, false));
            planner.noteProduct(new GemmShape(classes, c, rows, classes, c, c, true, false, true));
        }
        boolean normalises = node.source().isNormalised();
        Optional<Matrix> normalised =
                normalises
                        ? planner.naiveCopy(node, ".normalised", planner.rows(pixels), c)
                        : Optional.empty();
        Allocator allocator = planner.allocator();
        Allocator.Frame frame = allocator.frame();
        Matrix pooled =
                allocator.matrix(
                        node.name() + ".pooled", Category.FEATURES, batch, c, forward, backward);
        LossMemory loss =
                switch (planner.targets()) {
                    case CLASS -> ImageLossMemory.of(node, classes, planner);
                    case VECTOR -> VectorLossMemory.of(node, classes, planner);
                };
        Matrix pooledGradient =
                allocator.matrix(
                        node.name() + ".pooled.gradient",
                        Category.WORKSPACE,
                        batch,
                        c,
                        backward,
                        backward);
        return new ClassifierMemory(
                node,
                images,
                pooled,
                pooledGradient,
                normalised,
                loss,
                frame.activations(normalises ? 0 : images.rowsPerChunk(), c),
                node.norm().map(_ -> NormalisedMeans.of(node, planner)),
                frame.vector(2 * images.count(batch) * c),
                NormScratch.in(frame, normalises ? c : 0));
    }
}
