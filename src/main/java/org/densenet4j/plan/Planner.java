package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Read;

import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What the memory of every kind of node is planned with: the graph, its lifetimes, how a batch is
 * cut, and the allocator.
 */
final class Planner {
    private final Graph graph;
    private final Schedule schedule;
    private final Lifetimes lifetimes;
    private final MemoryStrategy strategy;
    private final int batch;
    private final Device device;
    private final Allocator allocator;
    private final long chunkBytes;
    private final Map<Features, Channels> channels = new IdentityHashMap<>();

    Planner(
            Graph graph,
            Schedule schedule,
            MemoryStrategy strategy,
            int batch,
            Device device,
            Allocator allocator) {
        this.graph = graph;
        this.schedule = schedule;
        this.lifetimes = Lifetimes.of(graph, schedule);
        this.strategy = strategy;
        this.batch = batch;
        this.device = device;
        this.allocator = allocator;
        this.chunkBytes = device.chunkBytes(keptBytes());
    }

    /** All features and, where they are kept, the values between the convolutions of nodes. */
    private long keptBytes() {
        long elements = 0;
        for (Features f : graph.features()) {
            elements += (long) f.channels() * rows(f.pixels());
        }
        if (strategy != MemoryStrategy.RECOMPUTE) {
            for (Node node : graph.nodes()) {
                elements += batch * node.innerValues();
            }
        }
        return elements * precision().bytes();
    }

    Graph graph() {
        return graph;
    }

    Schedule schedule() {
        return schedule;
    }

    Lifetimes lifetimes() {
        return lifetimes;
    }

    MemoryStrategy strategy() {
        return strategy;
    }

    int batch() {
        return batch;
    }

    Device device() {
        return device;
    }

    Allocator allocator() {
        return allocator;
    }

    DataType precision() {
        return allocator.precision();
    }

    /** Rows of a matrix of the whole batch. */
    int rows(int pixels) {
        return Math.multiplyExact(batch, pixels);
    }

    /** Bytes of some channels of one pixel. */
    long bytes(int count) {
        return (long) count * precision().bytes();
    }

    /** What names of a head's buffers start with: nothing where it is the only one. */
    String prefixOf(Node head) {
        return graph.heads().size() == 1 ? "" : head.name() + ".";
    }

    /** Whether a read is the images, which lie densely. */
    boolean isInput(Read read) {
        return read.ranges().getFirst().of() == graph.input();
    }

    /** A whole-batch copy that only the naive strategy keeps from forward to backward. */
    Optional<Matrix> naiveCopy(Node node, String name, int rows, int columns) {
        return strategy == MemoryStrategy.NAIVE
                ? Optional.of(
                        allocator.activations(
                                node.name() + name,
                                Category.COPIES,
                                rows,
                                columns,
                                schedule.forward(node),
                                schedule.backward(node)))
                : Optional.empty();
    }

    // ---------------------------------------------------------------- features

    /** Asks for the matrices of these features, unless that was done before. */
    void declare(Features of) {
        if (!channels.containsKey(of)) {
            channels.put(of, matrices(of));
        }
    }

    private Channels matrices(Features of) {
        Lifetime life = lifetimes.values(of);
        Lifetime gradient = lifetimes.gradient(of);
        String name = of.name();
        int rows = rows(of.pixels());
        int count = of.channels();
        return new Channels(
                allocator.alignedActivations(
                        name + ".features",
                        Category.FEATURES,
                        rows,
                        count,
                        life.first(),
                        life.last()),
                allocator.matrix(
                        name + ".statistics",
                        Category.FEATURES,
                        3,
                        count,
                        life.first(),
                        life.last()),
                allocator.alignedActivations(
                        name + ".gradient",
                        Category.GRADIENTS,
                        rows,
                        count,
                        gradient.first(),
                        gradient.last()),
                allocator.matrix(
                        name + ".deferred",
                        Category.GRADIENTS,
                        2,
                        count,
                        gradient.first(),
                        gradient.last()));
    }

    /** The matrices that were asked for. */
    Map<Features, Channels> channels() {
        return channels;
    }

    /** The layout of some columns, whether or not they have a place yet. */
    Matrix layout(Columns c) {
        return Matrix.aligned(0, rows(c.of().pixels()), c.of().channels(), precision())
                .columns(c.from(), c.count());
    }

    // ---------------------------------------------------------------- chunks

    Chunks imageChunks(int rowsPerImage, long bytesPerRow) {
        return Chunks.ofImages(rowsPerImage, bytesPerRow, batch, chunkBytes, device.leastChunks());
    }

    Chunks rowChunks(int rowsPerImage, long bytesPerRow) {
        return Chunks.ofRows(rowsPerImage, bytesPerRow, batch, chunkBytes, device.leastChunks());
    }

    /**
     * Bands of rows, where an image does not fit.
     *
     * @param bytesPerPixel scratch of one pixel
     * @param multipleOf what the height of a band has to be a multiple of
     */
    Optional<Bands> bands(int height, int width, long bytesPerPixel, int multipleOf) {
        return Bands.of(height, width, width * bytesPerPixel, chunkBytes, multipleOf);
    }

    // ---------------------------------------------------------------- libraries' scratch

    ConvolutionMemory memory(ConvolutionShape convolution) {
        ConvolutionMemory m = device.memory(convolution);
        allocator.library(m.scratch());
        if (convolution.images() > 1) {
            allocator.library(device.memory(convolution.withImages(1)).scratch());
        }
        return m;
    }

    PointwiseMemory memory(PointwiseShape pointwise, int shortest) {
        PointwiseMemory m = device.memory(pointwise);
        int least = Math.min(pointwise.rows(), shortest);
        allocator.library(m.scratch());
        allocator.library(device.memory(pointwise.withRows(least)).scratch());
        return m;
    }

    /**
     * Library scratch of the three products of a 1x1 convolution, for a full chunk of rows and for
     * the shortest possible one.
     *
     * @param source rows of its input
     * @param result rows of its output
     * @param resultGradient rows of the output's gradient
     * @param sourceGradient rows of the input's gradient
     */
    void noteProducts(
            int shortest,
            Matrix source,
            Matrix result,
            Matrix resultGradient,
            Matrix sourceGradient) {
        int in = source.columns();
        int out = result.columns();
        Matrix weight = Matrix.dense(0, out, in, source.type());
        Matrix weightSum = Matrix.dense(0, out, in);
        for (int rows : new int[] {source.rows(), Math.min(source.rows(), shortest)}) {
            Matrix a = source.rows(0, rows);
            Matrix dC = resultGradient.rows(0, rows);
            noteProduct(GemmShape.of(a, false, weight, true, result.rows(0, rows), false));
            noteProduct(
                    GemmShape.of(dC, false, weight, false, sourceGradient.rows(0, rows), false));
            noteProduct(GemmShape.of(dC, true, a, false, weightSum, true));
        }
    }

    void noteProduct(GemmShape product) {
        allocator.library(device.scratchBytes(product));
    }
}
