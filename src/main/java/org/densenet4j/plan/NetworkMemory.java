package org.densenet4j.plan;

import static org.densenet4j.plan.MemoryStrategy.NAIVE;
import static org.densenet4j.plan.MemoryStrategy.RECOMPUTE;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
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
 * Every matrix of a training step, with its lifetime: the one place where memory is planned.
 *
 * <p>Lifetimes are in operations of the {@link Schedule}. The same code runs twice, first to
 * declare what is needed and then, with the arena laid out, to say where it is.
 */
public final class NetworkMemory {
    private final NetworkShape shape;
    private final MemoryStrategy strategy;
    private final int batch;
    private final Device device;
    private final Schedule schedule;
    private final Allocator allocator;
    private final long chunkBytes;

    private final ParameterLayout parameterLayout;
    private final ParameterLayout runningLayout;
    private final Matrix parameters;
    private final Matrix operands;
    private final Matrix parameterGradients;
    private final Matrix velocity;
    private final Matrix running;
    private final Matrix runningBefore;
    private final Matrix input;
    private final Matrix inputStaging;
    private final Matrix inputGradient;
    private final Matrix stepCounter;
    private final StemMemory stem;
    private final List<BlockMemory> blocks = new ArrayList<>();
    private final List<TransitionMemory> transitions = new ArrayList<>();
    private final HeadMemory head;

    NetworkMemory(
            NetworkShape shape,
            MemoryStrategy strategy,
            int batch,
            boolean withInputGradient,
            Device device,
            Schedule schedule,
            Allocator allocator) {
        this.shape = shape;
        this.strategy = strategy;
        this.batch = batch;
        this.device = device;
        this.schedule = schedule;
        this.allocator = allocator;
        this.chunkBytes = device.chunkBytes(keptBytes());

        allocator.library(device.kernelScratchBytes());
        parameterLayout = new ParameterLayout(shape.parameters());
        runningLayout = new ParameterLayout(shape.buffers());
        int length = parameterLayout.length();
        parameters = allocator.persistent("parameters", Category.WEIGHTS, 1, length);
        operands =
                allocator.precision() == DataType.FLOAT32
                        ? parameters
                        : allocator.activations(
                                "parameters.rounded",
                                Category.WEIGHTS,
                                1,
                                length,
                                0,
                                schedule.last());
        running =
                allocator.persistent(
                        "running statistics", Category.WEIGHTS, 1, runningLayout.length());
        runningBefore =
                allocator.persistent(
                        "running statistics before the step",
                        Category.WEIGHTS,
                        1,
                        runningLayout.length());
        parameterGradients =
                allocator.persistent(
                        "parameter gradients", Category.PARAMETER_GRADIENTS, 1, length);
        velocity = allocator.persistent("velocity", Category.OPTIMISER, 1, length);

        StemShape s = shape.stem();
        int pixels = rows(s.inputHeight() * s.inputWidth());
        input =
                allocator.activations(
                        "input",
                        Category.FEATURES,
                        pixels,
                        s.inputChannels(),
                        0,
                        schedule.backward("stem"));
        inputStaging =
                device.stagesInput()
                        ? allocator.persistent(
                                "input.staging", Category.FEATURES, pixels, s.inputChannels())
                        : null;
        stepCounter = allocator.persistent("step counter", Category.SCRATCH, 1, 2);
        inputGradient =
                withInputGradient
                        ? allocator.activations(
                                "input.gradient",
                                Category.GRADIENTS,
                                pixels,
                                s.inputChannels(),
                                0,
                                schedule.last())
                        : null;
        stem = stem(s);
        for (BlockShape block : shape.blocks()) {
            blocks.add(block(block));
            if (block.index() < shape.blocks().size()) {
                transitions.add(transition(shape.transitions().get(block.index() - 1)));
            }
        }
        head = head(shape.head());
    }

    // ---------------------------------------------------------------- stem

    private StemMemory stem(StemShape s) {
        boolean imageNet = shape.spec().stem() == Stem.IMAGENET;
        int forward = schedule.forward("stem");
        int backward = schedule.backward("stem");
        int pixels = s.convHeight() * s.convWidth();
        int rows = rows(pixels);
        Matrix output = null;
        Matrix statistics = null;
        Matrix normalised = null;
        if (imageNet) {
            statistics =
                    allocator.matrix(
                            "stem.statistics",
                            Category.FEATURES,
                            3,
                            s.channels(),
                            forward,
                            backward);
            if (strategy != RECOMPUTE) {
                output =
                        allocator.activations(
                                "stem.convolution",
                                Category.FEATURES,
                                rows,
                                s.channels(),
                                forward,
                                backward);
            }
            if (strategy == NAIVE) {
                normalised =
                        allocator.activations(
                                "stem.normalised",
                                Category.COPIES,
                                rows,
                                s.channels(),
                                forward,
                                backward);
            }
        }
        Chunks images = imageChunks(pixels, 2 * bytes(s.channels()));
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
        Allocator.Frame frame = allocator.frame();
        ConvolutionMemory m = convolutionMemory(convolution);
        int chunkRows = images.rowsPerChunk();
        Matrix[] pooledGradient =
                imageNet
                        ? frame.activations(
                                images.imagesPerChunk() * s.outHeight() * s.outWidth(),
                                s.channels())
                        : null;
        StemMemory.Scratch scratch =
                new StemMemory.Scratch(
                        frame.activations(chunkRows, s.channels()),
                        frame.activations(chunkRows, s.channels()),
                        pooledGradient,
                        frame.vector(Allocator.floats(m.packedWeights())),
                        frame.vector(Allocator.floats(m.packedWeights())),
                        frame.perLane(1, Allocator.floats(m.packedGradient())),
                        frame.rowPerLane(Allocator.floats(m.packedGradient())),
                        frame.vector(2 * images.count(batch) * s.channels()),
                        imageNet ? NormScratch.in(frame, s.channels()) : null,
                        frame.matrix(3, s.channels()));
        return new StemMemory(s, images, convolution, output, statistics, normalised, scratch);
    }

    // ---------------------------------------------------------------- dense blocks

    private BlockMemory block(BlockShape b) {
        boolean first = b.index() == 1;
        boolean last = b.index() == shape.blocks().size();
        String producer = first ? "stem" : Schedule.transitionName(b.index() - 1);
        String consumer = last ? "head" : Schedule.transitionName(b.index());
        int born = schedule.forward(producer);
        int dies = schedule.backward(producer);
        int gradientBorn = schedule.backward(consumer);
        String name = "block" + b.index();
        int rows = rows(b.height() * b.width());
        int channels = b.totalChannels();
        Matrix features =
                allocator.alignedActivations(
                        name + ".features", Category.FEATURES, rows, channels, born, dies);
        Matrix statistics =
                allocator.matrix(name + ".statistics", Category.FEATURES, 3, channels, born, dies);
        Matrix gradient =
                allocator.alignedActivations(
                        name + ".gradient", Category.GRADIENTS, rows, channels, gradientBorn, dies);
        Matrix deferred =
                allocator.matrix(
                        name + ".deferred", Category.GRADIENTS, 2, channels, gradientBorn, dies);
        List<LayerMemory> layers = new ArrayList<>();
        for (LayerShape layer : b.layers()) {
            layers.add(layer(layer));
        }
        return new BlockMemory(b, features, statistics, gradient, deferred, List.copyOf(layers));
    }

    /** The layout of a block's features, before they have a place. */
    private Matrix blockFeatures(BlockShape b) {
        return Matrix.aligned(
                0, rows(b.height() * b.width()), b.totalChannels(), allocator.precision());
    }

    private LayerMemory layer(LayerShape l) {
        String name = Schedule.layerName(l);
        int forward = schedule.forward(name);
        int backward = schedule.backward(name);
        int pixels = l.height() * l.width();
        int rows = rows(pixels);
        int prefix = l.prefixChannels();
        int width = l.bottleneckChannels();
        boolean bottleneck = width > 0;

        Matrix z = null;
        Matrix zInBackward = null;
        Matrix zStatistics = null;
        Matrix zGradient = null;
        if (bottleneck) {
            String zName = name + ".bottleneck";
            if (strategy == RECOMPUTE) {
                z = activations(zName, Category.WORKSPACE, rows, width, forward, forward);
                zInBackward =
                        activations(
                                zName + ".again",
                                Category.WORKSPACE,
                                rows,
                                width,
                                backward,
                                backward);
            } else {
                z = activations(zName, Category.BOTTLENECKS, rows, width, forward, backward);
                zInBackward = z;
            }
            zStatistics =
                    matrix(
                            zName + ".statistics",
                            Category.BOTTLENECKS,
                            3,
                            width,
                            forward,
                            backward);
            zGradient =
                    activations(
                            zName + ".gradient",
                            Category.WORKSPACE,
                            rows,
                            width,
                            backward,
                            backward);
        }
        LayerMemory.Copies copies = null;
        if (strategy == NAIVE) {
            copies =
                    new LayerMemory.Copies(
                            copy(name + ".concatenation", rows, prefix, forward, backward),
                            matrix(
                                    name + ".statistics",
                                    Category.COPIES,
                                    3,
                                    prefix,
                                    forward,
                                    backward),
                            copy(name + ".normalised", rows, prefix, forward, backward),
                            bottleneck
                                    ? copy(
                                            name + ".bottleneck.normalised",
                                            rows,
                                            width,
                                            forward,
                                            backward)
                                    : null,
                            activations(
                                    name + ".concatenation.gradient",
                                    Category.GRADIENTS,
                                    rows,
                                    prefix,
                                    backward,
                                    backward));
        }

        Chunks rowChunks =
                bottleneck
                        ? Chunks.ofRows(
                                pixels,
                                2 * bytes(prefix + width),
                                batch,
                                chunkBytes,
                                device.leastChunks())
                        : null;
        int convolved = bottleneck ? width : prefix;
        Chunks imageChunks = imageChunks(pixels, 2 * bytes(convolved + l.growthRate()));
        ConvolutionShape convolution =
                new ConvolutionShape(
                        imageChunks.imagesPerChunk(),
                        l.height(),
                        l.width(),
                        convolved,
                        l.growthRate(),
                        3,
                        1,
                        1,
                        allocator.precision());
        ConvolutionMemory m = convolutionMemory(convolution);
        Allocator.Frame frame = allocator.frame();
        PointwiseShape pointwise =
                bottleneck
                        ? new PointwiseShape(
                                rowChunks.rowsPerChunk(), prefix, width, allocator.precision())
                        : null;
        // The naive strategy multiplies what it has stored.
        boolean fused = bottleneck && strategy != NAIVE;
        PointwiseMemory p = fused ? pointwiseMemory(pointwise, pixels) : null;
        if (bottleneck && !fused) {
            Matrix zRows = z.rows(0, pointwise.rows());
            Matrix aRows = copies.normalised().rows(0, pointwise.rows());
            noteProducts(pixels, aRows, zRows, zRows, aRows);
        }
        int partials =
                Math.max(
                        imageChunks.count(batch) * Math.max(convolved, l.growthRate()),
                        bottleneck ? rowChunks.count(batch) * Math.max(width, prefix) : 0);
        int imageRows = imageChunks.rowsPerChunk();
        LayerMemory.Scratch scratch =
                new LayerMemory.Scratch(
                        frame.activations(imageRows, convolved),
                        bottleneck ? null : frame.activations(imageRows, prefix),
                        frame.activations(imageRows, l.growthRate()),
                        fused ? frame.vector(Allocator.floats(p.packedWeights())) : null,
                        fused ? frame.perLane(1, Allocator.floats(p.chunk())) : null,
                        bottleneck ? frame.perLane(width, prefix) : null,
                        frame.vector(Allocator.floats(m.packedWeights())),
                        frame.perLane(1, Allocator.floats(m.packedGradient())),
                        frame.rowPerLane(Allocator.floats(m.packedGradient())),
                        frame.vector(2 * partials),
                        NormScratch.in(frame, prefix),
                        bottleneck ? NormScratch.in(frame, width) : null,
                        frame.matrix(3, l.growthRate()));
        return new LayerMemory(
                l,
                name,
                rowChunks,
                imageChunks,
                pointwise,
                convolution,
                z,
                zInBackward,
                zStatistics,
                zGradient,
                copies,
                scratch);
    }

    private Matrix matrix(
            String name, Category category, int rows, int columns, int first, int last) {
        return allocator.matrix(name, category, rows, columns, first, last);
    }

    private Matrix activations(
            String name, Category category, int rows, int columns, int first, int last) {
        return allocator.activations(name, category, rows, columns, first, last);
    }

    private Matrix copy(String name, int rows, int columns, int first, int last) {
        return activations(name, Category.COPIES, rows, columns, first, last);
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
    private void noteProducts(
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

    private void noteProduct(GemmShape product) {
        allocator.library(device.scratchBytes(product));
    }

    private PointwiseMemory pointwiseMemory(PointwiseShape pointwise, int shortest) {
        PointwiseMemory m = device.memory(pointwise);
        int least = Math.min(pointwise.rows(), shortest);
        allocator.library(m.scratch());
        allocator.library(device.memory(pointwise.withRows(least)).scratch());
        return m;
    }

    private ConvolutionMemory convolutionMemory(ConvolutionShape convolution) {
        ConvolutionMemory m = device.memory(convolution);
        allocator.library(m.scratch());
        if (convolution.images() > 1) {
            allocator.library(device.memory(convolution.withImages(1)).scratch());
        }
        return m;
    }

    // ---------------------------------------------------------------- transitions and head

    private TransitionMemory transition(TransitionShape t) {
        String name = Schedule.transitionName(t.index());
        int forward = schedule.forward(name);
        int backward = schedule.backward(name);
        int pixels = t.height() * t.width();
        int in = t.inputChannels();
        int out = t.outputChannels();
        Matrix normalised =
                strategy == NAIVE
                        ? copy(name + ".normalised", rows(pixels), in, forward, backward)
                        : null;
        Chunks images = imageChunks(pixels, bytes(in));
        int pooledRows = images.imagesPerChunk() * t.outHeight() * t.outWidth();
        Allocator.Frame frame = allocator.frame();
        Matrix[] pooled = frame.alignedActivations(pooledRows, in);
        Matrix[] pooledGradient = frame.alignedActivations(pooledRows, in);
        Matrix[] outputGradient = frame.alignedActivations(pooledRows, out);
        Matrix next = blockFeatures(shape.blocks().get(t.index())).prefix(out).rows(0, pooledRows);
        noteProducts(
                t.outHeight() * t.outWidth(),
                pooled[0],
                next,
                outputGradient[0],
                pooledGradient[0]);
        TransitionMemory.Scratch scratch =
                new TransitionMemory.Scratch(
                        pooled,
                        pooledGradient,
                        outputGradient,
                        frame.perLane(out, in),
                        frame.vector(2 * images.count(batch) * Math.max(in, out)),
                        NormScratch.in(frame, in),
                        frame.matrix(3, Math.max(in, out)));
        return new TransitionMemory(t, name, images, normalised, scratch);
    }

    private HeadMemory head(HeadShape h) {
        int forward = schedule.forward("head");
        int loss = schedule.forward("loss");
        int backward = schedule.backward("head");
        int pixels = h.height() * h.width();
        int c = h.channels();
        Chunks images = imageChunks(pixels, bytes(c));
        for (int rows : new int[] {batch, 1}) {
            noteProduct(new GemmShape(rows, h.classes(), c, c, c, h.classes(), false, true, false));
            noteProduct(
                    new GemmShape(rows, c, h.classes(), h.classes(), c, c, false, false, false));
            noteProduct(new GemmShape(h.classes(), c, rows, h.classes(), c, c, true, false, true));
        }
        Matrix normalised =
                strategy == NAIVE
                        ? copy("head.normalised", rows(pixels), c, forward, backward)
                        : null;
        // Logits, their gradient and the losses stay readable after the step.
        int end = schedule.last();
        Allocator.Frame frame = allocator.frame();
        return new HeadMemory(
                h,
                images,
                matrix("head.pooled", Category.FEATURES, batch, c, forward, backward),
                matrix("logits", Category.FEATURES, batch, h.classes(), 0, end),
                matrix("logits.gradient", Category.GRADIENTS, batch, h.classes(), 0, end),
                matrix("outcome", Category.FEATURES, 1, 2 * batch + device.leastChunks(), 0, end),
                matrix("labels", Category.FEATURES, 1, batch, 0, loss),
                matrix("head.pooled.gradient", Category.WORKSPACE, batch, c, backward, backward),
                normalised,
                frame.vector(2 * images.count(batch) * c),
                NormScratch.in(frame, c));
    }

    private int rows(int pixels) {
        return Math.multiplyExact(batch, pixels);
    }

    private Chunks imageChunks(int rowsPerImage, long bytesPerRow) {
        return Chunks.ofImages(rowsPerImage, bytesPerRow, batch, chunkBytes, device.leastChunks());
    }

    private long bytes(int channels) {
        return (long) channels * allocator.precision().bytes();
    }

    /** Every block's features and, where they are kept, the bottlenecks. */
    private long keptBytes() {
        long elements = 0;
        for (BlockShape b : shape.blocks()) {
            long channels = b.totalChannels();
            if (strategy != RECOMPUTE) {
                for (LayerShape l : b.layers()) {
                    channels += l.bottleneckChannels();
                }
            }
            elements += channels * rows(b.height() * b.width());
        }
        return elements * allocator.precision().bytes();
    }

    // ---------------------------------------------------------------- what there is

    /** The structure of the network. */
    public NetworkShape shape() {
        return shape;
    }

    /** What is kept between the passes. */
    public MemoryStrategy strategy() {
        return strategy;
    }

    /** Most images of one step. */
    public int batch() {
        return batch;
    }

    /** Where each parameter lies inside {@link #parameters}, gradients and velocities alike. */
    public ParameterLayout parameterLayout() {
        return parameterLayout;
    }

    /** Where each running statistic lies inside {@link #running}. */
    public ParameterLayout runningLayout() {
        return runningLayout;
    }

    /** All parameters as one vector. */
    public Matrix parameters() {
        return parameters;
    }

    /**
     * The parameters as operands of products with activations: rounded to the activations' storage
     * type, or the parameters themselves where that is float32.
     */
    public Matrix operands() {
        return operands;
    }

    /** Storage of activations and their gradients. */
    public DataType precision() {
        return allocator.precision();
    }

    /** Their gradients. */
    public Matrix parameterGradients() {
        return parameterGradients;
    }

    /** The optimiser's velocities. */
    public Matrix velocity() {
        return velocity;
    }

    /** All running means and variances as one vector. */
    public Matrix running() {
        return running;
    }

    /**
     * The running statistics as they were before a step, which fails when a number is not finite.
     */
    public Matrix runningBefore() {
        return runningBefore;
    }

    /** The batch [N·H·W, channels]. */
    public Matrix input() {
        return input;
    }

    /** Where the next batch is copied while a step runs, or null where devices don't stage it. */
    public Matrix inputStaging() {
        return inputStaging;
    }

    /** The training step as two 32-bit words, low first, for {@code Dropout}. */
    public Matrix stepCounter() {
        return stepCounter;
    }

    /** The device that this was planned for. */
    Device device() {
        return device;
    }

    /** The gradient of the batch, or null where the plan was made without it. */
    public Matrix inputGradient() {
        return inputGradient;
    }

    /** The stem. */
    public StemMemory stem() {
        return stem;
    }

    /** The dense blocks. */
    public List<BlockMemory> blocks() {
        return List.copyOf(blocks);
    }

    /** The transitions between them. */
    public List<TransitionMemory> transitions() {
        return List.copyOf(transitions);
    }

    /** The head. */
    public HeadMemory head() {
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
