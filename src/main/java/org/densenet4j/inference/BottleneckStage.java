package org.densenet4j.inference;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseConvolution;
import org.densenet4j.plan.BottleneckLayerInference;
import org.densenet4j.plan.Chunk;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;
import java.util.Optional;

/**
 * A dense layer with a bottleneck:
 *
 * <pre>
 * A = relu(bn1(X[:, :K]))     a chunk at a time, or less
 * Z = A·W1ᵀ                   W1 has bn2's scale folded in; Z of a few images at a time
 * T = relu(Z + b)             b is bn2's shift; in place
 * Y = conv3x3(T)              appended to X
 * </pre>
 *
 * Where W1 is condensed, the columns of Z are in the {@linkplain CondensedOrder order of groups}.
 *
 * <p>Where statistics are the batch's, Z is there of all images, T = relu(bn2(Z)), and nothing is
 * folded into W1.
 */
final class BottleneckStage implements InferenceStage {
    private final InferenceDevice on;
    private final BottleneckLayerInference memory;
    private final NormalisedSource source;
    private final PointwiseConvolution pointwise;
    private final Matrix weights1;
    private final InnerNormalisation norm2;
    private final BottleneckConvolution convolution;
    private final Target target;

    /** Of Z. */
    private final int pixels;

    BottleneckStage(InferenceDevice on, BottleneckLayerInference memory, WeightSource weights)
            throws IOException {
        this.on = on;
        this.memory = memory;
        this.source =
                new NormalisedSource(
                        on, memory.source(), memory.source().norm().orElseThrow(), weights);
        this.target = new Target(on, memory.target());
        this.pixels = memory.rows().rowsPerImage();
        Optional<CondensedOrder> order = CondensedOrder.of(memory.node(), memory.condensed());
        float[] kernels1 = weights.values(memory.node().conv1() + ".weight");
        float[] kernels2 = blockDiagonal(weights.values(memory.node().conv2() + ".weight"));
        WeightSource ofNorm2 = weights;
        if (order.isPresent()) {
            order.get().requireCondensed(kernels1);
            kernels1 = order.get().rows(kernels1);
            kernels2 = order.get().inputs(kernels2);
            ofNorm2 = name -> order.get().rows(weights.values(name));
        }
        this.norm2 =
                new InnerNormalisation(
                        on,
                        memory.norm2(),
                        memory.statistics(),
                        ofNorm2,
                        kernels1,
                        new float[memory.node().width()]);
        this.pointwise = on.arena().pointwise(memory.pointwise());
        this.weights1 = on.pack(pointwise, memory.pointwise(), kernels1, memory.weights1());
        this.convolution = BottleneckConvolution.of(on, memory, kernels2, norm2.affine(), target);
    }

    /** Weights [k, 4k/groups, 3, 3] as [k, 4k, 3, 3]: zero outside of a group's own inputs. */
    private float[] blockDiagonal(float[] values) {
        int groups = memory.node().groups();
        if (groups == 1) {
            return values;
        }
        int outputs = memory.node().growthRate();
        int own = values.length / outputs;
        float[] all = new float[groups * values.length];
        for (int o = 0; o < outputs; o++) {
            int group = o / (outputs / groups);
            System.arraycopy(values, o * own, all, (o * groups + group) * own, own);
        }
        return all;
    }

    @Override
    public void forward(int images) {
        source.prepare();
        if (norm2.isOfTheBatch()) {
            reduce(0, images);
            norm2.finish(images, memory.rows());
            convolve(0, images);
        } else {
            inGroups(images);
        }
        target.finish(images, memory.images());
    }

    private void inGroups(int images) {
        int perLane = memory.group() / on.device().lanes();
        int tasks = Math.ceilDiv(images, Math.max(1, perLane));
        if (perLane > 0 && tasks >= on.device().lanes()) {
            on.device().forEachChunk(tasks, (lane, task) -> wholeImages(lane, task, images));
            return;
        }
        for (int first = 0; first < images; first += memory.group()) {
            int count = Math.min(memory.group(), images - first);
            reduce(first, count);
            convolve(first, count);
        }
    }

    /**
     * Both convolutions of a few images on one lane: without batch statistics nothing has to wait
     * for the other images, and Z stays in the lane's cache.
     */
    private void wholeImages(int lane, int task, int images) {
        int perLane = memory.group() / on.device().lanes();
        int first = task * perLane;
        int count = Math.min(perLane, images - first);
        Matrix z = memory.bottleneck().rows(lane * perLane * pixels, count * pixels);
        for (int i = 0; i < memory.rows().count(count); i++) {
            reduce(lane, memory.rows().chunk(i, count), first, z);
        }
        for (int i = 0; i < memory.images().count(count); i++) {
            convolution.forward(lane, memory.images().chunk(i, count), first, z);
        }
    }

    /** Z of some images. */
    private void reduce(int firstImage, int images) {
        on.forEachChunk(
                memory.rows(),
                images,
                (lane, chunk) -> reduce(lane, chunk, firstImage, memory.bottleneck()));
    }

    /** The new features of the images that Z holds. */
    private void convolve(int firstImage, int images) {
        Matrix z = memory.bottleneck();
        int lanes = on.device().lanes();
        int bands = Math.min(convolution.mostBands(), Math.ceilDiv(lanes, images));
        if (images < lanes && bands > 1 && !norm2.isOfTheBatch()) {
            on.device()
                    .forEachChunk(
                            images * bands,
                            (lane, task) ->
                                    convolution.forwardBand(
                                            lane,
                                            task / bands,
                                            task % bands,
                                            bands,
                                            firstImage,
                                            z));
            return;
        }
        on.forEachChunk(
                memory.images(),
                images,
                (lane, chunk) -> convolution.forward(lane, chunk, firstImage, z));
    }

    /** {@code Z = relu(bn1(X[:, :K]))·W1ᵀ} of a chunk of the images that Z holds. */
    private void reduce(int lane, Chunk chunk, int firstImage, Matrix z) {
        pointwise.forward(
                lane,
                chunk.behind(firstImage, pixels).of(source.values()),
                source.affine(),
                weights1,
                memory.reduce()[lane],
                chunk.of(z));
        norm2.take(chunk.of(z), chunk);
    }
}
