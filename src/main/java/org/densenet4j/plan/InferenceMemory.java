package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.spec.BlockShape;
import org.densenet4j.spec.HeadShape;
import org.densenet4j.spec.LayerShape;
import org.densenet4j.spec.NetworkShape;
import org.densenet4j.spec.Stem;
import org.densenet4j.spec.StemShape;
import org.densenet4j.spec.TransitionShape;

import java.util.ArrayList;
import java.util.List;

/**
 * Every matrix of a forward pass without training: folded weights in the device's own layout, the
 * features of one block at a time, and chunk-sized scratch.
 *
 * <p>There are no gradients, no optimiser and no statistics, a block's features die with the
 * transition that reads them, and Z exists for as many images as the lanes work on at once. Like
 * {@link NetworkMemory}, this runs twice: to declare, then to say where everything is.
 */
public final class InferenceMemory {
    /**
     * The stem.
     *
     * @param images chunks of images; the rows counted are those of the convolution's output
     * @param weights of the convolution, packed
     * @param affine [2, C0]: ones and the folded bias of an ImageNet stem; null for a small one
     * @param output a chunk of the convolution's output
     */
    public record StemPart(
            StemShape shape,
            Chunks images,
            ConvolutionShape convolution,
            Matrix weights,
            Matrix affine,
            Matrix[] output) {}

    /**
     * A dense block.
     *
     * @param features X [N·H·W, C_total]
     */
    public record BlockPart(BlockShape shape, Matrix features, List<LayerPart> layers) {}

    /**
     * A dense layer.
     *
     * @param group images whose Z exists at one time
     * @param rows chunks of the 1x1 convolution, null without a bottleneck
     * @param images chunks of the 3x3 convolution
     * @param affine1 [2, K] of the first batch normalisation
     * @param pointwise the 1x1 convolution over one chunk, null without a bottleneck
     * @param weights1 [4k, K], the second batch normalisation's scale folded in, or the same in the
     *     device's own layout; null without
     * @param affine2 [2, 4k]: ones and the second batch normalisation's folded bias; null without
     * @param weights of the 3x3 convolution, packed
     * @param bottleneck Z of a group of images [group·H·W, 4k], null without
     * @param reduce what the 1x1 convolution works in; null without
     * @param normalised a chunk of the BN-ReLU output of the prefix, null with a bottleneck
     * @param output a chunk of the new features
     */
    public record LayerPart(
            LayerShape shape,
            int group,
            Chunks rows,
            Chunks images,
            ConvolutionShape convolution,
            PointwiseShape pointwise,
            Matrix affine1,
            Matrix weights1,
            Matrix affine2,
            Matrix weights,
            Matrix bottleneck,
            Matrix[] reduce,
            Matrix[] normalised,
            Matrix[] output) {}

    /**
     * A transition.
     *
     * @param affine [2, C]
     * @param weights [out, C]
     * @param pooled a chunk of the pooled BN-ReLU output
     */
    public record TransitionPart(
            TransitionShape shape, Chunks images, Matrix affine, Matrix weights, Matrix[] pooled) {}

    /**
     * The head.
     *
     * @param affine [2, C]
     * @param weights [classes, C]
     * @param bias [1, classes]
     * @param pooled [N, C]
     * @param logits [N, classes]
     * @param normalised one image's final features [H·W, C] as activations
     * @param normalisedFloats the same in float32
     * @param classMaps one image's class activation maps [H·W, classes]
     */
    public record HeadPart(
            HeadShape shape,
            Chunks images,
            Matrix affine,
            Matrix weights,
            Matrix bias,
            Matrix pooled,
            Matrix logits,
            Matrix normalised,
            Matrix normalisedFloats,
            Matrix classMaps) {}

    private final NetworkShape shape;
    private final int batch;
    private final Device device;
    private final Schedule schedule;
    private final Allocator allocator;
    private final long chunkBytes;
    private final Matrix input;
    private final Matrix unpacked;
    private final StemPart stem;
    private final List<BlockPart> blocks = new ArrayList<>();
    private final List<TransitionPart> transitions = new ArrayList<>();
    private final HeadPart head;

    InferenceMemory(
            NetworkShape shape, int batch, Device device, Schedule schedule, Allocator allocator) {
        this.shape = shape;
        this.batch = batch;
        this.device = device;
        this.schedule = schedule;
        this.allocator = allocator;
        this.chunkBytes = device.chunkBytes(largestBlockBytes());
        allocator.library(device.kernelScratchBytes());
        StemShape s = shape.stem();
        int pixels = rows(s.inputHeight() * s.inputWidth());
        int end = schedule.forward(node("stem"));
        input =
                allocator.activations(
                        "input", Category.FEATURES, pixels, s.inputChannels(), 0, end);
        stem = stem(s);
        for (BlockShape block : shape.blocks()) {
            blocks.add(block(block));
            if (block.index() < shape.blocks().size()) {
                transitions.add(transition(shape.transitions().get(block.index() - 1)));
            }
        }
        head = head(shape.head());
        unpacked = allocator.frame().vector(largestConvolution());
    }

    private org.densenet4j.graph.Node node(String name) {
        return shape.spec().graph().nodes().stream()
                .filter(n -> n.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private int largestConvolution() {
        int largest = stem.convolution().weights();
        for (BlockPart block : blocks) {
            for (LayerPart layer : block.layers()) {
                largest = Math.max(largest, layer.convolution().weights());
                if (layer.pointwise() != null) {
                    largest = Math.max(largest, layer.pointwise().weights());
                }
            }
        }
        return largest;
    }

    private StemPart stem(StemShape s) {
        boolean imageNet = shape.spec().stem() == Stem.IMAGENET;
        int pixels = s.convHeight() * s.convWidth();
        Chunks images = imageChunks(pixels, bytes(s.channels()));
        ConvolutionShape convolution =
                new ConvolutionShape(
                        images.imagesPerChunk(),
                        s.inputHeight(),
                        s.inputWidth(),
                        s.inputChannels(),
                        s.channels(),
                        s.kernel(),
                        s.stride(),
                        s.padding(),
                        allocator.precision());
        return new StemPart(
                s,
                images,
                convolution,
                packed("stem.weights", convolution),
                imageNet ? weights("stem.affine", 2, s.channels()) : null,
                allocator.frame().activations(images.rowsPerChunk(), s.channels()));
    }

    private BlockPart block(BlockShape b) {
        boolean first = b.index() == 1;
        boolean last = b.index() == shape.blocks().size();
        int born =
                schedule.forward(
                        node(first ? "stem" : shape.transitions().get(b.index() - 2).name()));
        int dies =
                schedule.forward(
                        node(last ? "head" : shape.transitions().get(b.index() - 1).name()));
        String name = "block" + b.index() + ".features";
        int rows = rows(b.height() * b.width());
        Matrix features =
                allocator.alignedActivations(
                        name, Category.FEATURES, rows, b.totalChannels(), born, dies);
        List<LayerPart> layers = new ArrayList<>();
        for (LayerShape layer : b.layers()) {
            layers.add(layer(layer));
        }
        return new BlockPart(b, features, List.copyOf(layers));
    }

    private LayerPart layer(LayerShape l) {
        String name = l.name();
        int now = schedule.forward(node(name));
        int pixels = l.height() * l.width();
        int prefix = l.prefixChannels();
        int width = l.bottleneckChannels();
        boolean bottleneck = width > 0;
        int convolved = bottleneck ? width : prefix;
        Chunks images = imageChunks(pixels, bytes(convolved + l.growthRate()));
        Chunks rows =
                bottleneck
                        ? Chunks.ofRows(
                                pixels,
                                bytes(prefix + width),
                                batch,
                                chunkBytes,
                                device.leastChunks())
                        : null;
        int perLane = images.imagesPerChunk();
        if (bottleneck) {
            perLane = Math.max(perLane, Math.max(1, rows.imagesPerChunk()));
        }
        int group = Math.min(batch, perLane * device.lanes());
        ConvolutionShape convolution =
                new ConvolutionShape(
                        images.imagesPerChunk(),
                        l.height(),
                        l.width(),
                        convolved,
                        l.growthRate(),
                        3,
                        1,
                        1,
                        allocator.precision());
        Matrix bottleneckMatrix = null;
        if (bottleneck) {
            int groupRows = Math.multiplyExact(group, pixels);
            bottleneckMatrix =
                    allocator.activations(
                            name + ".bottleneck", Category.WORKSPACE, groupRows, width, now, now);
        }
        Allocator.Frame frame = allocator.frame();
        PointwiseShape pointwise =
                bottleneck
                        ? new PointwiseShape(
                                rows.rowsPerChunk(), prefix, width, allocator.precision())
                        : null;
        return new LayerPart(
                l,
                group,
                rows,
                images,
                convolution,
                pointwise,
                weights(name + ".affine1", 2, prefix),
                bottleneck ? packed(name + ".weights1", pointwise, pixels) : null,
                bottleneck ? weights(name + ".affine2", 2, width) : null,
                packed(name + ".weights", convolution),
                bottleneckMatrix,
                bottleneck
                        ? frame.perLane(
                                1, Allocator.floats(device.memory(pointwise).forwardChunk()))
                        : null,
                bottleneck ? null : frame.activations(images.rowsPerChunk(), prefix),
                frame.activations(images.rowsPerChunk(), l.growthRate()));
    }

    private TransitionPart transition(TransitionShape t) {
        String name = t.name();
        int in = t.inputChannels();
        int out = t.outputChannels();
        Chunks images = imageChunks(t.height() * t.width(), bytes(in));
        int pooledPixels = t.outHeight() * t.outWidth();
        int pooledRows = images.imagesPerChunk() * pooledPixels;
        BlockShape next = shape.blocks().get(t.index());
        Matrix[] pooled = allocator.frame().alignedActivations(pooledRows, in);
        Matrix output =
                Matrix.aligned(
                        0,
                        rows(next.height() * next.width()),
                        next.totalChannels(),
                        allocator.precision());
        noteProduct(pooledPixels, pooled[0], output.prefix(out));
        return new TransitionPart(
                t,
                images,
                weights(name + ".affine", 2, in),
                operand(name + ".weights", out, in),
                pooled);
    }

    private HeadPart head(HeadShape h) {
        int now = schedule.forward(node("head"));
        int pixels = h.height() * h.width();
        int c = h.channels();
        noteProduct(1, Matrix.dense(0, batch, c), Matrix.dense(0, batch, h.classes()));
        noteProduct(1, Matrix.dense(0, pixels, c), Matrix.dense(0, pixels, h.classes()));
        Allocator.Frame frame = allocator.frame();
        return new HeadPart(
                h,
                imageChunks(pixels, bytes(c)),
                weights("head.affine", 2, c),
                weights("head.weights", h.classes(), c),
                weights("head.bias", 1, h.classes()),
                allocator.matrix("head.pooled", Category.FEATURES, batch, c, now, now),
                allocator.matrix("logits", Category.FEATURES, batch, h.classes(), now, now),
                frame.activations(pixels, c)[0],
                frame.matrix(pixels, c),
                frame.matrix(pixels, h.classes()));
    }

    private Matrix weights(String name, int rows, int columns) {
        return allocator.persistent(name, Category.WEIGHTS, rows, columns);
    }

    /** Weights of a product with activations, in their storage type. */
    private Matrix operand(String name, int rows, int columns) {
        return allocator.activations(name, Category.WEIGHTS, rows, columns, 0, schedule.last());
    }

    private Matrix packed(String name, ConvolutionShape convolution) {
        ConvolutionMemory m = device.memory(convolution);
        allocator.library(m.scratch());
        if (convolution.images() > 1) {
            allocator.library(device.memory(convolution.withImages(1)).scratch());
        }
        return weights(name, 1, Allocator.floats(m.packedWeights()));
    }

    /** The weights as they are where the device reads them so, else room for its own layout. */
    private Matrix packed(String name, PointwiseShape pointwise, int shortest) {
        PointwiseMemory m = device.memory(pointwise);
        allocator.library(m.scratch());
        int least = Math.min(pointwise.rows(), shortest);
        allocator.library(device.memory(pointwise.withRows(least)).scratch());
        return m.packedWeights() > 0
                ? weights(name, 1, Allocator.floats(m.packedWeights()))
                : operand(name, pointwise.outputChannels(), pointwise.inputChannels());
    }

    /** Library scratch of a product by weights, for all rows of a source and for the fewest. */
    private void noteProduct(int shortest, Matrix source, Matrix result) {
        int in = source.columns();
        Matrix weight = Matrix.dense(0, result.columns(), in, source.type());
        for (int rows : new int[] {source.rows(), Math.min(source.rows(), shortest)}) {
            Matrix c = new Matrix(0, rows, result.columns(), result.stride(), result.type());
            allocator.library(
                    device.scratchBytes(
                            GemmShape.of(source.rows(0, rows), false, weight, true, c, false)));
        }
    }

    private long bytes(int channels) {
        return (long) channels * allocator.precision().bytes();
    }

    private Chunks imageChunks(int rowsPerImage, long bytesPerRow) {
        return Chunks.ofImages(rowsPerImage, bytesPerRow, batch, chunkBytes, device.leastChunks());
    }

    /** Inference keeps the features of one block at a time. */
    private long largestBlockBytes() {
        long largest = 0;
        for (BlockShape b : shape.blocks()) {
            long rows = rows(b.height() * b.width());
            largest = Math.max(largest, rows * bytes(b.totalChannels()));
        }
        return largest;
    }

    private int rows(int pixels) {
        return Math.multiplyExact(batch, pixels);
    }

    /** The structure of the network. */
    public NetworkShape shape() {
        return shape;
    }

    /** Most images of one pass. */
    public int batch() {
        return batch;
    }

    /** The batch [N·H·W, channels]. */
    public Matrix input() {
        return input;
    }

    /** Scratch for the weights of one convolution as they come, while they are packed. */
    public Matrix unpacked() {
        return unpacked;
    }

    /** The device that this was planned for. */
    Device device() {
        return device;
    }

    /** The stem. */
    public StemPart stem() {
        return stem;
    }

    /** The dense blocks. */
    public List<BlockPart> blocks() {
        return List.copyOf(blocks);
    }

    /** The transitions between them. */
    public List<TransitionPart> transitions() {
        return List.copyOf(transitions);
    }

    /** The head. */
    public HeadPart head() {
        return head;
    }

    /** Where the library scratch of the lanes starts. */
    public long libraryScratchOffset() {
        return allocator.libraryOffset();
    }

    /** Library scratch of each lane in bytes. */
    public long libraryScratchBytesPerLane() {
        return allocator.libraryBytesPerLane();
    }
}
