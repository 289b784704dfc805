package org.densenet4j.plan;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Addition;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.PatchConvolution;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.PixelLogits;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Transition;
import org.densenet4j.graph.TransitionDown;
import org.densenet4j.graph.TransitionUp;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Every matrix of a forward pass without training: folded weights in the device's own layout, the
 * features that are still to be read, and chunk-sized scratch.
 *
 * <p>There are no gradients and no optimiser, and features die with their last reader. Like {@link
 * NetworkMemory}, this runs twice: to declare, then to say where everything is.
 */
public final class InferenceMemory {
    private final InferencePlanner planner;
    private final Matrix input;
    private final Matrix unpacked;
    private final List<NodeInference> nodes = new ArrayList<>();

    InferenceMemory(InferencePlanner planner) {
        this.planner = planner;
        Allocator allocator = planner.allocator();
        allocator.library(planner.device().kernelScratchBytes());
        Features images = planner.graph().input();
        Lifetime life = planner.lifetimes().values(images);
        input =
                allocator.activations(
                        "input",
                        Category.FEATURES,
                        planner.rows(images.pixels()),
                        images.channels(),
                        life.first(),
                        life.last());
        for (Node node : planner.graph().nodes()) {
            nodes.add(memory(node));
            node.writes().map(Columns::of).ifPresent(planner::declare);
        }
        unpacked = allocator.frame().vector(planner.mostUnpackedWeights());
    }

    /** The kinds of nodes, and what plans the memory of each. */
    private NodeInference memory(Node node) {
        return switch (node) {
            case ConvolutionLayer layer ->
                    BandedConvolutionLayerInference.bands(layer, planner)
                            .<NodeInference>map(
                                    bands ->
                                            BandedConvolutionLayerInference.of(
                                                    layer, bands, planner))
                            .orElseGet(() -> ConvolutionLayerInference.of(layer, planner));
            case BottleneckLayer layer -> BottleneckLayerInference.of(layer, planner);
            case PooledConvolution stem ->
                    BandedPooledConvolutionMemory.bands(stem, false, planner)
                            .or(
                                    () ->
                                            planner.bandsForLanes(
                                                    stem.convolvedHeight(),
                                                    stem.convolvedWidth(),
                                                    2))
                            .<NodeInference>map(
                                    bands ->
                                            BandedPooledConvolutionInference.of(
                                                    stem, bands, planner))
                            .orElseGet(() -> WholePooledConvolutionInference.of(stem, planner));
            case Transition transition -> TransitionInference.of(transition, planner);
            case Classifier classifier -> ClassifierInference.of(classifier, planner);
            case PixelClassifier classifier -> PixelClassifierInference.of(classifier, planner);
            case PixelLogits logits -> PixelLogitsInference.of(logits, planner);
            case DepthwiseLayer layer -> DepthwiseLayerInference.of(layer, planner);
            case PatchConvolution patches -> PatchConvolutionInference.of(patches, planner);
            case Pooling pooling -> PoolingInference.of(pooling, planner);
            case Addition addition -> AdditionInference.of(addition, planner);
            case TransitionDown down -> TransitionDownInference.of(down, planner);
            case TransitionUp up ->
                    BandedTransitionUpInference.bands(up, planner)
                            .<NodeInference>map(
                                    bands -> BandedTransitionUpInference.of(up, bands, planner))
                            .orElseGet(() -> TransitionUpInference.of(up, planner));
        };
    }

    // ---------------------------------------------------------------- what there is

    /** {@return the network} */
    public Graph graph() {
        return planner.graph();
    }

    /** {@return the memory of every node, in their order} */
    public List<NodeInference> nodes() {
        return List.copyOf(nodes);
    }

    /** {@return the memory of the heads, in their order} */
    public List<HeadInference> heads() {
        return nodes.stream()
                .filter(HeadInference.class::isInstance)
                .map(HeadInference.class::cast)
                .toList();
    }

    /** {@return the memory of the last head, which is mostly the only one} */
    public HeadInference head() {
        return heads().getLast();
    }

    /**
     * {@return the memory of the head of this name}
     *
     * @param name the head's own
     * @throws IllegalArgumentException when there is none
     */
    public HeadInference head(String name) {
        for (HeadInference head : heads()) {
            if (head.name().equals(name)) {
                return head;
            }
        }
        throw new IllegalArgumentException(
                "no head has the name '"
                        + name
                        + "'; there is "
                        + String.join(", ", heads().stream().map(HeadInference::name).toList()));
    }

    /**
     * {@return the memory of the last head, for whole images}
     *
     * @param wanted what it is asked for, in the plural
     * @throws IllegalArgumentException when it classifies pixels
     */
    public ClassifierInference classifier(String wanted) {
        return switch (head()) {
            case ClassifierInference classifier -> classifier;
            case PixelClassifierInference _, PixelLogitsInference _ ->
                    throw new IllegalArgumentException(
                            "the network '"
                                    + graph().name()
                                    + "' classifies pixels and has no "
                                    + wanted
                                    + "; use one that classifies images");
        };
    }

    /**
     * {@return X of some columns, which may be those of the images}
     *
     * @param columns of features of this network
     */
    public Matrix values(Columns columns) {
        return columns.of() == graph().input()
                ? input.columns(columns.from(), columns.count())
                : planner.values(columns);
    }

    /**
     * {@return statistics [3, C] of some columns, where normalisations use those of the batch}
     *
     * @param columns of features of this network
     */
    public Optional<Matrix> statistics(Columns columns) {
        return planner.statistics(columns);
    }

    /** {@return most images of one pass} */
    public int batch() {
        return planner.batch();
    }

    /** {@return the batch [N·H·W, channels]} */
    public Matrix input() {
        return input;
    }

    /** {@return scratch for the weights of one convolution as they come, while they are packed} */
    public Matrix unpacked() {
        return unpacked;
    }

    /** The device that this was planned for. */
    Device device() {
        return planner.device();
    }

    /** {@return where the library scratch of the lanes starts} */
    public long libraryScratchOffset() {
        return planner.allocator().libraryOffset();
    }

    /** {@return library scratch of each lane in bytes} */
    public long libraryScratchBytesPerLane() {
        return planner.allocator().libraryBytesPerLane();
    }
}
