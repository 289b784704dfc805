package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PackedOperandMemory;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;

import java.util.Optional;

/**
 * What the memory of nodes is planned with, in training and in inference: the graph, the order of
 * operations, how a batch is cut, the libraries' scratch, and the allocator.
 */
abstract sealed class NodePlanner permits Planner, InferencePlanner {
    private final Graph graph;
    private final Schedule schedule;
    private final int batch;
    private final Device device;
    private final Allocator allocator;

    /** Columns of a product that are worth a call of their own. */
    private static final int BLOCK = 128;

    private final long chunkBytes;

    /**
     * A planner.
     *
     * @param keptBytes of the matrices that chunks are cut from; scratch may take a share of that
     */
    NodePlanner(
            Graph graph,
            Schedule schedule,
            int batch,
            Device device,
            Allocator allocator,
            long keptBytes) {
        this.graph = graph;
        this.schedule = schedule;
        this.batch = batch;
        this.device = device;
        this.allocator = allocator;
        this.chunkBytes = device.chunkBytes(keptBytes);
    }

    Graph graph() {
        return graph;
    }

    Schedule schedule() {
        return schedule;
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

    /** Whether a read is the images, which lie densely. */
    boolean isInput(Read read) {
        return read.ranges().getFirst().of() == graph.input();
    }

    /**
     * Whether a read is of all channels of the images, which lie densely, and the only one: then
     * neither they nor their gradient need scratch.
     */
    boolean isWholeInput(Read read) {
        return isInput(read)
                && read.channels() == graph.input().channels()
                && readersOfInput() == 1;
    }

    private long readersOfInput() {
        return graph.nodes().stream()
                .flatMap(node -> node.reads().stream())
                .flatMap(read -> read.ranges().stream())
                .filter(columns -> columns.of() == graph.input())
                .count();
    }

    /** What names of a head's buffers start with: nothing where it is the only one. */
    String prefixOf(Node head) {
        return graph.heads().size() == 1 ? "" : head.name() + ".";
    }

    /** The layout of some columns, whether or not they have a place yet. */
    Matrix layout(Columns c) {
        int rows = rows(c.of().pixels());
        int channels = c.of().channels();
        Matrix all =
                c.of() == graph.input()
                        ? Matrix.dense(0, rows, channels, precision())
                        : Matrix.aligned(0, rows, channels, precision());
        return all.columns(c.from(), c.count());
    }

    /** Whether every row of some columns starts on 16 bytes. */
    boolean startsRowsOn16Bytes(Columns c) {
        Matrix m = layout(c);
        return m.offset() % 16 == 0 && m.rowBytes() % 16 == 0;
    }

    /** A convolution of images of height x width pixels, in this precision. */
    ConvolutionShape convolution(
            int images, int height, int width, int in, int out, Window window) {
        return new ConvolutionShape(
                images,
                height,
                width,
                in,
                out,
                window.kernel(),
                window.stride(),
                window.padding(),
                precision());
    }

    // ---------------------------------------------------------------- chunks

    Chunks imageChunks(int rowsPerImage, long bytesPerRow) {
        return Chunks.ofImages(rowsPerImage, bytesPerRow, batch, chunkBytes, device.leastChunks());
    }

    /**
     * The same where weights are larger than what a chunk may fill: each chunk reads them all, so
     * that rows of twice their bytes are worth leaving the cache for.
     */
    Chunks imageChunks(int rowsPerImage, long bytesPerRow, long weightBytes) {
        long budget = budget(weightBytes);
        return Chunks.ofImages(rowsPerImage, bytesPerRow, batch, budget, device.leastChunks());
    }

    private long budget(long weightBytes) {
        return Math.max(chunkBytes, 2 * weightBytes);
    }

    Chunks rowChunks(int rowsPerImage, long bytesPerRow) {
        return rowChunks(rowsPerImage, bytesPerRow, 0);
    }

    /** Chunks of rows whose size minds the weights, as {@link #imageChunks(int, long, long)} do. */
    Chunks rowChunks(int rowsPerImage, long bytesPerRow, long weightBytes) {
        long budget = budget(weightBytes);
        return Chunks.ofRows(rowsPerImage, bytesPerRow, batch, budget, device.leastChunks());
    }

    /**
     * How many columns of a float32 matrix fill the cache, if its rows do not: a multiple of
     * {@value #BLOCK}. Sums that are stored in less than float32 are taken whole.
     */
    int columnsInCache(int rows, int columns) {
        if (precision() != DataType.FLOAT32) {
            return columns;
        }
        long fit = chunkBytes / bytes(rows) / BLOCK * BLOCK;
        return Math.toIntExact(Math.min(columns, Math.max(BLOCK, fit)));
    }

    /** The whole batch as one chunk. */
    Chunks wholeBatch(int rowsPerImage) {
        return new Chunks(rowsPerImage, rows(rowsPerImage));
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

    /** What a 3x3 convolution needs that appends to a block, where the device has one. */
    Optional<ConvolutionMemory> appendedMemory(ConvolutionShape convolution) {
        Optional<ConvolutionMemory> m = device.appendedMemory(convolution);
        m.ifPresent(found -> allocator.library(found.scratch()));
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

    /** What a product needs whose second operand is packed, where the device packs it. */
    Optional<PackedOperandMemory> packedMemory(GemmShape product) {
        Optional<PackedOperandMemory> m = device.packedMemory(product);
        m.ifPresent(found -> allocator.library(found.scratch()));
        return m;
    }

    void noteProduct(GemmShape product) {
        allocator.library(device.scratchBytes(product));
    }
}
