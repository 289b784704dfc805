package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Classifier;

import java.util.Optional;

/**
 * Memory of a classifier in inference.
 *
 * @param node the node whose memory it is
 * @param images chunks of images
 * @param source what it reads
 * @param weights [classes, C]
 * @param bias [1, classes]
 * @param pooled [N, C], the embeddings
 * @param logits [N, classes]
 * @param norm what the layer normalisation of the means has, where there is one
 * @param normalised one image's final features [H·W, C] as activations
 * @param normalisedFloats the same in float32
 * @param classMaps one image's class activation maps [H·W, classes]
 */
public record ClassifierInference(
        Classifier node,
        Chunks images,
        InferenceRead source,
        Matrix weights,
        Matrix bias,
        Matrix pooled,
        Matrix logits,
        Optional<NormalisedMeans> norm,
        Matrix normalised,
        Matrix normalisedFloats,
        Matrix classMaps)
        implements HeadInference {

    /**
     * Layer normalisation of the means.
     *
     * @param gamma [1, C]
     * @param beta [1, C]
     * @param values [N, C] what the linear layer reads
     * @param statistics [N, 2] mean and inverse deviation of each image
     * @param affine [2, C] the normalisation of one image's pixels
     */
    public record NormalisedMeans(
            Matrix gamma, Matrix beta, Matrix values, Matrix statistics, Matrix affine) {
        private static NormalisedMeans of(Classifier node, InferencePlanner planner) {
            String name = node.name();
            int batch = planner.batch();
            int c = node.source().channels();
            return new NormalisedMeans(
                    planner.weights(name + ".gamma", 1, c),
                    planner.weights(name + ".beta", 1, c),
                    planner.results(name + ".pooled.normalised", node, batch, c),
                    planner.results(name + ".pooled.statistics", node, batch, 2),
                    planner.results(name + ".pooled.affine", node, 2, c));
        }
    }

    static ClassifierInference of(Classifier node, InferencePlanner planner) {
        String name = node.name();
        int batch = planner.batch();
        int pixels = node.source().height() * node.source().width();
        int c = node.source().channels();
        int classes = node.classes();
        planner.noteProductByTransposed(
                1, Matrix.dense(0, batch, c), Matrix.dense(0, batch, classes));
        planner.noteProductByTransposed(
                1, Matrix.dense(0, pixels, c), Matrix.dense(0, pixels, classes));
        Allocator.Frame frame = planner.allocator().frame();
        return new ClassifierInference(
                node,
                planner.imageChunks(pixels, planner.bytes(c)),
                InferenceRead.of(node.source(), name + ".affine", planner, frame),
                planner.weights(name + ".weights", classes, c),
                planner.weights(name + ".bias", 1, classes),
                planner.results(name + ".pooled", node, batch, c),
                planner.results(planner.prefixOf(node) + "logits", node, batch, classes),
                node.norm().map(_ -> NormalisedMeans.of(node, planner)),
                frame.activations(pixels, c)[0],
                frame.matrix(pixels, c),
                frame.matrix(pixels, classes));
    }

    @Override
    public String name() {
        return node.name();
    }

    @Override
    public int logitRowsPerImage() {
        return 1;
    }
}
