package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.Node;

import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Optional;

/** What the memory of every kind of node is planned with in inference. */
final class InferencePlanner extends NodePlanner {
    private final InferenceLifetimes lifetimes;
    private final FoldedNorms folded;
    private final boolean condensed;
    private final Map<Features, FeatureMemory> features = new IdentityHashMap<>();
    private int mostUnpackedWeights;

    /**
     * A matrix of features.
     *
     * @param values X [N·H·W, C]
     * @param statistics [3, C] of the batch at hand, where normalisations use them
     */
    private record FeatureMemory(Matrix values, Optional<Matrix> statistics) {}

    /**
     * For one network.
     *
     * @param condensed whether weights with learned groups have none that training takes away
     */
    InferencePlanner(
            Graph graph,
            boolean condensed,
            Schedule schedule,
            int batch,
            Device device,
            Allocator allocator) {
        super(
                graph,
                schedule,
                batch,
                device,
                allocator,
                largestElements(graph, batch) * allocator.precision().bytes());
        this.lifetimes = InferenceLifetimes.of(graph, schedule);
        this.folded = FoldedNorms.of(graph);
        this.condensed = condensed;
    }

    /** Few matrices live at one time; the largest is what chunks are cut from at most. */
    private static long largestElements(Graph graph, int batch) {
        long largest = 0;
        for (Features f : graph.features()) {
            long rows = Math.multiplyExact(batch, f.pixels());
            largest = Math.max(largest, rows * f.channels());
        }
        return largest;
    }

    InferenceLifetimes lifetimes() {
        return lifetimes;
    }

    /** Which normalisations are in the weights of the convolutions before them. */
    FoldedNorms folded() {
        return folded;
    }

    /** The groups of a 1x1 convolution that reads no more than condensation has left. */
    Optional<LearnedGroups> condensed(String convolution) {
        return graph().learnedGroups().stream()
                .filter(learned -> condensed && learned.weight().equals(convolution + ".weight"))
                .findFirst();
    }

    /** Whether normalisations use statistics of the batch at hand. */
    boolean usesBatchStatistics() {
        return graph().evaluatesWithBatchStatistics();
    }

    /** Whether statistics are taken of some columns when they are written. */
    boolean takesStatistics(Columns c) {
        return usesBatchStatistics() && graph().epsilon(c.of()).isPresent();
    }

    // ---------------------------------------------------------------- features

    /** Asks for the matrices of these features, unless that was done before. */
    void declare(Features of) {
        if (!features.containsKey(of)) {
            features.put(of, matrices(of));
        }
    }

    private FeatureMemory matrices(Features of) {
        Lifetime life = lifetimes.values(of);
        Matrix values =
                allocator()
                        .alignedActivations(
                                of.name() + ".features",
                                Category.FEATURES,
                                rows(of.pixels()),
                                of.channels(),
                                life.first(),
                                life.last());
        if (!takesStatistics(of.all())) {
            return new FeatureMemory(values, Optional.empty());
        }
        Matrix statistics =
                allocator()
                        .matrix(
                                of.name() + ".statistics",
                                Category.FEATURES,
                                3,
                                of.channels(),
                                life.first(),
                                life.last());
        return new FeatureMemory(values, Optional.of(statistics));
    }

    /** X of some columns that were asked for. */
    Matrix values(Columns c) {
        return features.get(c.of()).values().columns(c.from(), c.count());
    }

    /** Statistics [3, C] of some columns that were asked for. */
    Optional<Matrix> statistics(Columns c) {
        return features.get(c.of()).statistics().map(s -> s.columns(c.from(), c.count()));
    }

    // ---------------------------------------------------------------- weights and results

    /** A float32 matrix that weights are put in once. */
    Matrix weights(String name, int rows, int columns) {
        return allocator().persistent(name, Category.WEIGHTS, rows, columns);
    }

    /** Weights of a product with activations, in their storage type. */
    Matrix operand(String name, int rows, int columns) {
        return allocator().activations(name, Category.WEIGHTS, rows, columns, 0, schedule().last());
    }

    /** Room for weights in the layout of the device's convolutions. */
    Matrix packed(String name, ConvolutionShape convolution) {
        mostUnpackedWeights = Math.max(mostUnpackedWeights, convolution.weights());
        return weights(name, 1, Allocator.floats(memory(convolution).packedWeights()));
    }

    /** The weights as they are where the device reads them so, else room for its own layout. */
    Matrix packed(String name, PointwiseShape pointwise, int shortest) {
        mostUnpackedWeights = Math.max(mostUnpackedWeights, pointwise.weights());
        PointwiseMemory m = device().memory(pointwise);
        int least = Math.min(pointwise.rows(), shortest);
        allocator().library(m.forwardScratch());
        allocator().library(device().memory(pointwise.withRows(least)).forwardScratch());
        return m.packedWeights() > 0
                ? weights(name, 1, Allocator.floats(m.packedWeights()))
                : operand(name, pointwise.outputChannels(), pointwise.inputChannels());
    }

    /**
     * Room for the weights of a 3x3 convolution that appends to a block, where the device has one.
     * Two columns are the fewest that are written together, so that an even number lies before.
     */
    Optional<Matrix> packedToAppend(String name, ConvolutionShape convolution, Columns target) {
        boolean sameSize = convolution.stride() == 1 && target.from() % 2 == 0;
        return (sameSize
                        ? device().appendedMemory(convolution)
                        : Optional.<ConvolutionMemory>empty())
                .map(
                        m -> {
                            mostUnpackedWeights =
                                    Math.max(mostUnpackedWeights, convolution.weights());
                            return weights(name, 1, Allocator.floats(m.packedWeights()));
                        });
    }

    /** The most elements of weights that are packed. */
    int mostUnpackedWeights() {
        return mostUnpackedWeights;
    }

    /** Float32 results of a node that are read after the pass. */
    Matrix results(String name, Node node, int rows, int columns) {
        return allocator()
                .matrix(
                        name,
                        Category.FEATURES,
                        rows,
                        columns,
                        schedule().forward(node),
                        schedule().last());
    }

    /** Library scratch of a product by weights, for all rows of a source and for the fewest. */
    void noteProductByTransposed(int shortest, Matrix source, Matrix result) {
        int in = source.columns();
        Matrix weight = Matrix.dense(0, result.columns(), in, source.type());
        Chunks parts = Chunks.ofColumns(result.columns(), device().lanes());
        int last = parts.rows(parts.count(1) - 1, 1);
        for (int rows : new int[] {source.rows(), Math.min(source.rows(), shortest)}) {
            for (int columns : new int[] {result.columns(), parts.rows(0, 1), last}) {
                Matrix c = new Matrix(0, rows, columns, result.stride(), result.type());
                Matrix some = weight.rows(0, columns);
                noteProduct(GemmShape.of(source.rows(0, rows), false, some, true, c, false));
            }
        }
    }

    /**
     * A product with weights that are stored as [in, out].
     *
     * @param out columns of the weights, of which the result's are some
     * @param add whether it is added to the result
     */
    void noteProduct(int shortest, Matrix source, int out, Matrix result, boolean add) {
        Matrix all = Matrix.dense(0, source.columns(), out, source.type());
        Matrix weight = all.columns(0, result.columns());
        for (int rows : new int[] {source.rows(), Math.min(source.rows(), shortest)}) {
            Matrix some = source.rows(0, rows);
            noteProduct(GemmShape.of(some, false, weight, false, result.rows(0, rows), add));
        }
    }

    // ---------------------------------------------------------------- fewer images than lanes

    /** Whether lanes would have nothing to do if each worked on an image of its own. */
    private boolean hasIdleLanes() {
        return !usesBatchStatistics() && batch() < device().lanes();
    }

    @Override
    Chunks rowChunks(int rowsPerImage, long bytesPerRow, long weightBytes) {
        Chunks chunks = super.rowChunks(rowsPerImage, bytesPerRow, weightBytes);
        return hasIdleLanes() ? chunks.forLanes(batch(), device().lanes()) : chunks;
    }

    /** Bands of every image for as many lanes as would be idle, if its height can be cut so. */
    Optional<Bands> bandsForLanes(int height, int width, int multipleOf) {
        int bands = Math.ceilDiv(device().lanes(), batch());
        return hasIdleLanes() ? Bands.atLeast(bands, height, width, multipleOf) : Optional.empty();
    }
}
