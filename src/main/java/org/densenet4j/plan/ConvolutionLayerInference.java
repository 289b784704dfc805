package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Norm;

import java.util.Optional;

/**
 * Memory of a convolution in inference.
 *
 * @param images chunks of images; the rows counted are those of the convolution's output
 * @param convolution over one chunk
 * @param source what it reads
 * @param sourceChunk a chunk of it, dense, in each lane; empty where it is read in its place
 * @param weights packed
 * @param folded the normalisation of the output, with a ReLU, that is in the weights
 * @param shift [2, k]: ones, and the bias or the shift of that normalisation; none without both
 * @param output a chunk of the output, dense, in each lane; empty where it is written to its place
 * @param target columns that it writes
 */
public record ConvolutionLayerInference(
        ConvolutionLayer node,
        Chunks images,
        ConvolutionShape convolution,
        InferenceRead source,
        Matrix[] sourceChunk,
        Matrix weights,
        Optional<Norm> folded,
        Optional<Matrix> shift,
        Matrix[] output,
        InferenceTarget target)
        implements NodeInference {

    static ConvolutionLayerInference of(ConvolutionLayer node, InferencePlanner planner) {
        Allocator.Frame frame = planner.allocator().frame();
        InferenceRead source =
                InferenceRead.of(node.source(), node.name() + ".affine1", planner, frame);
        int in = source.channels();
        int out = node.target().count();
        int inPixels = node.source().height() * node.source().width();
        int outPixels = node.target().of().pixels();
        long inBytes =
                source.isDense(planner) ? 0 : Math.ceilDiv(planner.bytes(in) * inPixels, outPixels);
        Chunks images = planner.imageChunks(outPixels, inBytes + planner.bytes(out));
        ConvolutionShape convolution =
                new ConvolutionShape(
                        images.imagesPerChunk(),
                        node.source().height(),
                        node.source().width(),
                        in,
                        out,
                        node.window().kernel(),
                        node.window().stride(),
                        node.window().padding(),
                        planner.precision());
        Matrix weights = planner.packed(node.name() + ".weights", convolution);
        Optional<Norm> folded = planner.folded().into(node.target());
        Optional<Matrix> shift =
                folded.isPresent() || node.bias()
                        ? Optional.of(planner.weights(node.name() + ".shift", 2, out))
                        : Optional.empty();
        InferenceTarget target = InferenceTarget.of(node.target(), images, planner, frame);
        return new ConvolutionLayerInference(
                node,
                images,
                convolution,
                source,
                source.chunk(images.imagesPerChunk() * inPixels, planner, frame),
                weights,
                folded,
                shift,
                target.chunk(images.rowsPerChunk(), planner, frame),
                target);
    }
}
