package org.densenet4j.backend.cpu;

import org.densenet4j.backend.AdamCoefficients;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.DepthwiseShape;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.OutputLoss;
import org.densenet4j.backend.PoolShape;
import org.densenet4j.backend.RmspropCoefficients;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The kernels of a CPU: each is handed to the first implementation of its idea that a device has
 * ({@link Choice}). Ideas are named as in {@code cuda-kernels}, one a file, with all that
 * implements them.
 */
final class CpuKernels implements Kernels {
    static final String MACHINE_CODE = "machine code";
    static final String VECTOR_API = "Vector API";
    static final String PLAIN_LOOPS = "plain loops";

    private final MemorySegment memory;
    private final Optional<CompiledPasses> compiled;
    private final boolean vectorApi;

    /** What runs an idea, in the order in which it is tried. */
    private final Map<Class<?>, String> ideas = new LinkedHashMap<>();

    private final Choice<ChannelStatistics> channelStatistics;
    private final Choice<BnReluPrefix> bnReluPrefix;
    private final Choice<ResidualSum> residualSum;
    private final Choice<AppendFeatures> appendFeatures;
    private final Choice<Pooling> pooling;
    private final Choice<GlobalPooling> globalPooling;
    private final Choice<ChunkSums> chunkSums;
    private final BatchNormVectors batchNormVectors;
    private final Choice<Elementwise> elementwise;
    private final Choice<Addition> addition;
    private final Choice<AddBias> addBias;
    private final SoftmaxCrossEntropy softmaxCrossEntropy;
    private final VectorLosses vectorLosses;
    private final PixelCrossEntropy pixelCrossEntropy;
    private final Choice<ColumnSums> columnSums;
    private final Choice<MaskRelu> maskRelu;
    private final Choice<NormGradient> normGradient;
    private final Choice<BnDeferredCorrection> bnDeferredCorrection;
    private final Choice<AccumulateGradient> accumulateGradient;
    private final Choice<AccumulateGradientAveragePool> accumulateGradientAveragePool;
    private final Choice<MaxPool> maxPool;
    private final Choice<AveragePool> averagePool;
    private final Choice<BlurPool> blurPool;
    private final Choice<SgdNesterov> sgdNesterov;
    private final Choice<Rmsprop> rmsprop;
    private final Choice<Adam> adam;
    private final Choice<MovingAverage> movingAverage;
    private final Choice<LearnedGroupWeights> learnedGroupWeights;
    private final Choice<Depthwise> depthwise;
    private final Choice<LayerNorm> layerNorm;
    private final Choice<L2Norm> l2Norm;
    private final Choice<Gelu> gelu;
    private final Choice<ImageScale> imageScale;
    private final ImageScaleVectors imageScaleVectors;
    private final Transposition transposition;
    private final Choice<SquaredNorm> squaredNorm;
    private final CopyWindow copyWindow;

    /**
     * Kernels over some memory.
     *
     * @param vectorApi whether the JVM has the Vector API; nothing of it is touched otherwise
     */
    CpuKernels(MemorySegment memory, Optional<CompiledPasses> compiled, boolean vectorApi) {
        this.memory = memory;
        this.compiled = compiled;
        this.vectorApi = vectorApi;
        channelStatistics =
                pass(
                        ChannelStatistics.class,
                        ChannelStatistics.Compiled::new,
                        () -> ChannelStatistics.Vectors.class,
                        ChannelStatistics.Loops::new);
        bnReluPrefix =
                pass(
                        BnReluPrefix.class,
                        BnReluPrefix.Compiled::new,
                        () -> BnReluPrefix.Vectors.class,
                        BnReluPrefix.Loops::new);
        residualSum =
                pass(ResidualSum.class, () -> ResidualSum.Vectors.class, ResidualSum.Loops::new);
        appendFeatures =
                pass(
                        AppendFeatures.class,
                        AppendFeatures.Compiled::new,
                        () -> AppendFeatures.Vectors.class,
                        AppendFeatures.Loops::new);
        pooling =
                pass(
                        Pooling.class,
                        Pooling.Compiled::new,
                        () -> Pooling.Vectors.class,
                        Pooling.Loops::new);
        globalPooling =
                few(
                        GlobalPooling.class,
                        GlobalPooling.Compiled::new,
                        () -> GlobalPooling.Vectors.class,
                        GlobalPooling.Loops::new);
        chunkSums = few(ChunkSums.class, () -> ChunkSums.Vectors.class, ChunkSums.Loops::new);
        batchNormVectors = only(BatchNormVectors.class, BatchNormVectors::new);
        elementwise =
                few(Elementwise.class, () -> Elementwise.Vectors.class, Elementwise.Loops::new);
        addition =
                few(
                        Addition.class,
                        Addition.Compiled::new,
                        () -> Addition.Vectors.class,
                        Addition.Loops::new);
        addBias =
                few(
                        AddBias.class,
                        AddBias.Compiled::new,
                        () -> AddBias.Vectors.class,
                        AddBias.Loops::new);
        softmaxCrossEntropy = only(SoftmaxCrossEntropy.class, SoftmaxCrossEntropy::new);
        vectorLosses = only(VectorLosses.class, VectorLosses::new);
        pixelCrossEntropy = only(PixelCrossEntropy.class, PixelCrossEntropy::new);
        columnSums = few(ColumnSums.class, () -> ColumnSums.Vectors.class, ColumnSums.Loops::new);
        maskRelu =
                pass(
                        MaskRelu.class,
                        MaskRelu.Compiled::new,
                        () -> MaskRelu.Vectors.class,
                        MaskRelu.Loops::new);
        normGradient =
                pass(NormGradient.class, () -> NormGradient.Vectors.class, NormGradient.Loops::new);
        bnDeferredCorrection =
                pass(
                        BnDeferredCorrection.class,
                        BnDeferredCorrection.Compiled::new,
                        () -> BnDeferredCorrection.Vectors.class,
                        BnDeferredCorrection.Loops::new);
        accumulateGradient =
                pass(
                        AccumulateGradient.class,
                        () -> AccumulateGradient.Vectors.class,
                        AccumulateGradient.Loops::new);
        accumulateGradientAveragePool =
                pass(
                        AccumulateGradientAveragePool.class,
                        AccumulateGradientAveragePool.Compiled::new,
                        () -> AccumulateGradientAveragePool.Vectors.class,
                        AccumulateGradientAveragePool.Loops::new);
        maxPool = pass(MaxPool.class, () -> MaxPool.Vectors.class, MaxPool.Loops::new);
        averagePool =
                pass(AveragePool.class, () -> AveragePool.Vectors.class, AveragePool.Loops::new);
        blurPool = pass(BlurPool.class, () -> BlurPool.Vectors.class, BlurPool.Loops::new);
        sgdNesterov =
                few(
                        SgdNesterov.class,
                        SgdNesterov.Compiled::new,
                        () -> SgdNesterov.Vectors.class,
                        SgdNesterov.Loops::new);
        rmsprop = few(Rmsprop.class, () -> Rmsprop.Vectors.class, Rmsprop.Loops::new);
        adam = few(Adam.class, Adam.Compiled::new, () -> Adam.Vectors.class, Adam.Loops::new);
        movingAverage =
                few(
                        MovingAverage.class,
                        () -> MovingAverage.Vectors.class,
                        MovingAverage.Loops::new);
        learnedGroupWeights =
                few(
                        LearnedGroupWeights.class,
                        () -> LearnedGroupWeights.Vectors.class,
                        LearnedGroupWeights.Loops::new);
        depthwise =
                pass(
                        Depthwise.class,
                        Depthwise.Compiled::new,
                        () -> Depthwise.Vectors.class,
                        Depthwise.Loops::new);
        layerNorm =
                pass(
                        LayerNorm.class,
                        LayerNorm.Compiled::new,
                        () -> LayerNorm.Vectors.class,
                        LayerNorm.Loops::new);
        l2Norm = pass(L2Norm.class, () -> L2Norm.Vectors.class, L2Norm.Loops::new);
        gelu = pass(Gelu.class, Gelu.Compiled::new, () -> Gelu.Vectors.class, Gelu.Loops::new);
        imageScale =
                pass(
                        ImageScale.class,
                        ImageScale.Compiled::new,
                        () -> ImageScale.Vectors.class,
                        ImageScale.Loops::new);
        imageScaleVectors = only(ImageScaleVectors.class, ImageScaleVectors::new);
        transposition = only(Transposition.class, Transposition::new);
        squaredNorm =
                few(SquaredNorm.class, () -> SquaredNorm.Vectors.class, SquaredNorm.Loops::new);
        copyWindow = only(CopyWindow.class, CopyWindow::new);
    }

    /** A pass over activations that has machine code. */
    private <T> Choice<T> pass(
            Class<T> idea,
            Function<CompiledPasses, T> code,
            Supplier<Class<? extends T>> vectors,
            Function<MemorySegment, T> loops) {
        return choose(idea, compiled.map(code), vectors, loops, true);
    }

    /** A pass over activations. */
    private <T> Choice<T> pass(
            Class<T> idea, Supplier<Class<? extends T>> vectors, Function<MemorySegment, T> loops) {
        return choose(idea, Optional.empty(), vectors, loops, true);
    }

    /** What is too little work for a warning where it runs in plain loops, and has machine code. */
    private <T> Choice<T> few(
            Class<T> idea,
            Function<CompiledPasses, T> code,
            Supplier<Class<? extends T>> vectors,
            Function<MemorySegment, T> loops) {
        return choose(idea, compiled.map(code), vectors, loops, false);
    }

    /** What is too little work, or too seldom done, for a warning where it runs in plain loops. */
    private <T> Choice<T> few(
            Class<T> idea, Supplier<Class<? extends T>> vectors, Function<MemorySegment, T> loops) {
        return choose(idea, Optional.empty(), vectors, loops, false);
    }

    private <T> Choice<T> choose(
            Class<T> idea,
            Optional<T> code,
            Supplier<Class<? extends T>> vectors,
            Function<MemorySegment, T> loops,
            boolean slow) {
        Optional<Supplier<Class<? extends T>>> here =
                vectorApi ? Optional.of(vectors) : Optional.empty();
        Choice<T> choice = new Choice<>(idea, memory, code, here, loops, slow);
        ideas.put(idea, choice.implementations());
        return choice;
    }

    /** What has plain loops and nothing else. */
    private <T> T only(Class<T> idea, Function<MemorySegment, T> loops) {
        ideas.put(idea, PLAIN_LOOPS);
        return loops.apply(memory);
    }

    /** What each kernel would run as on a device with this host. */
    static Map<String, String> implementations(Host host) {
        MemorySegment none = MemorySegment.NULL;
        Optional<CompiledPasses> compiled =
                host.target().map(target -> new CompiledPasses(target, Arena.global(), none));
        return new CpuKernels(none, compiled, host.vectorApi()).implementations();
    }

    /**
     * What each kernel runs as, idea by idea: {@link #MACHINE_CODE}, {@link #VECTOR_API}, {@link
     * #PLAIN_LOOPS}, or one of the latter where the first does not fit.
     */
    Map<String, String> implementations() {
        Set<String> kernels = names(Kernels.class).collect(Collectors.toSet());
        Map<String, String> implementations = new LinkedHashMap<>();
        ideas.forEach(
                (idea, here) ->
                        names(idea)
                                .filter(kernels::contains)
                                .sorted()
                                .forEach(kernel -> implementations.put(kernel, here)));
        return implementations;
    }

    private static Stream<String> names(Class<?> type) {
        return Arrays.stream(type.getDeclaredMethods()).map(Method::getName);
    }

    // ---------------------------------------------------------------- forward, per chunk

    @Override
    public void channelStatistics(Matrix x, Matrix partial) {
        channelStatistics.of(x).channelStatistics(x, partial);
    }

    @Override
    public void normaliseRelu(Matrix x, Matrix affine, Matrix out) {
        bnReluPrefix.of(x, out).normaliseRelu(x, affine, out);
    }

    @Override
    public void normalise(Matrix x, Matrix affine, Matrix out) {
        residualSum.of(x).normalise(x, affine, out);
    }

    @Override
    public void addNormalised(Matrix x, Matrix affine, Matrix addend, boolean relu, Matrix out) {
        residualSum.of(x).addNormalised(x, affine, addend, relu, out);
    }

    @Override
    public void appendFeatures(
            Matrix y, Matrix columns, int firstRow, Dropout dropout, Matrix partial) {
        AppendFeatures passes =
                dropout.active() ? appendFeatures.loops(y) : appendFeatures.of(y, columns);
        passes.appendFeatures(y, columns, firstRow, dropout, partial);
    }

    @Override
    public void normaliseReluAveragePool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
        pooling.of(x, out).normaliseReluAveragePool(x, images, height, width, affine, out);
    }

    @Override
    public void normaliseReluMaxPool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
        pooling.of(x, out).normaliseReluMaxPool(x, images, height, width, affine, out);
    }

    @Override
    public void normaliseReluGlobalPool(
            Matrix x, int images, int pixels, Matrix affine, Matrix out) {
        globalPooling.of(x).normaliseReluGlobalPool(x, images, pixels, affine, out);
    }

    // ---------------------------------------------------------------- forward, per channel

    @Override
    public void finishStatistics(
            Matrix partials, int rowsPerChunk, int rows, float epsilon, Matrix statistics) {
        chunkSums.of(partials).finishStatistics(partials, rowsPerChunk, rows, epsilon, statistics);
    }

    @Override
    public void updateRunningStatistics(
            Matrix statistics,
            int rows,
            float momentum,
            Matrix runningMean,
            Matrix runningVariance) {
        batchNormVectors.updateRunningStatistics(
                statistics, rows, momentum, runningMean, runningVariance);
    }

    @Override
    public void statisticsOfRunning(
            Matrix runningMean, Matrix runningVariance, float epsilon, Matrix statistics) {
        batchNormVectors.statisticsOfRunning(runningMean, runningVariance, epsilon, statistics);
    }

    @Override
    public void foldNormalisation(Matrix statistics, Matrix gamma, Matrix beta, Matrix affine) {
        batchNormVectors.foldNormalisation(statistics, gamma, beta, affine);
    }

    // ---------------------------------------------------------------- head and loss

    @Override
    public void addBias(Matrix x, Matrix bias) {
        addBias.of(x).addBias(x, bias);
    }

    @Override
    public void softmaxCrossEntropy(
            Matrix logits,
            long labels,
            float smoothing,
            float gradientScale,
            Matrix losses,
            Matrix hits,
            Matrix gradient) {
        softmaxCrossEntropy.softmaxCrossEntropy(
                logits, labels, smoothing, gradientScale, losses, hits, gradient);
    }

    @Override
    public void softmaxVectorLoss(
            Matrix logits,
            Matrix targets,
            Matrix scale,
            float smoothing,
            float focus,
            Matrix losses,
            Matrix hits,
            Matrix gradient) {
        vectorLosses.softmaxVectorLoss(
                logits, targets, scale, smoothing, focus, losses, hits, gradient);
    }

    @Override
    public void outputLoss(
            OutputLoss loss,
            Matrix logits,
            Matrix targets,
            Matrix factors,
            Matrix losses,
            Matrix hits,
            Matrix gradient) {
        vectorLosses.outputLoss(loss, logits, targets, factors, losses, hits, gradient);
    }

    @Override
    public void pixelCrossEntropy(
            Matrix logits,
            long labels,
            int voidLabel,
            Matrix scale,
            Matrix gradient,
            Matrix tally) {
        pixelCrossEntropy.pixelCrossEntropy(logits, labels, voidLabel, scale, gradient, tally);
    }

    @Override
    public void addColumnSums(Matrix x, Matrix sums) {
        columnSums.of(x).addColumnSums(x, sums);
    }

    // ---------------------------------------------------------------- backward, per chunk

    @Override
    public void maskRelu(
            Matrix gradient, Matrix x, Matrix affine, Matrix statistics, Matrix partial) {
        maskRelu.of(x, gradient).maskRelu(gradient, x, affine, statistics, partial);
    }

    @Override
    public void maskPositive(Matrix gradient, Matrix output) {
        residualSum.of(output).maskPositive(gradient, output);
    }

    @Override
    public void applyCorrection(
            Matrix gradient,
            Matrix x,
            Matrix correction,
            Matrix statistics,
            boolean add,
            Matrix out) {
        BnDeferredCorrection passes =
                add ? bnDeferredCorrection.loops(x) : bnDeferredCorrection.of(x, gradient, out);
        passes.applyCorrection(gradient, x, correction, statistics, add, out);
    }

    @Override
    public void gradientOfAppended(
            Matrix gradient,
            Matrix columns,
            Matrix correction,
            Matrix statistics,
            int firstRow,
            Dropout dropout,
            Matrix out) {
        bnDeferredCorrection
                .of(columns, gradient, out)
                .gradientOfAppended(
                        gradient, columns, correction, statistics, firstRow, dropout, out);
    }

    @Override
    public void accumulateGradient(
            Matrix gradient,
            Matrix x,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial) {
        accumulateGradient
                .of(x)
                .accumulateGradient(
                        gradient, x, affine, statistics, weight, add, blockGradient, partial);
    }

    @Override
    public void accumulateGradientOfNormalised(
            Matrix gradient,
            Matrix x,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial) {
        normGradient
                .of(x)
                .accumulateGradientOfNormalised(
                        gradient, x, statistics, weight, add, blockGradient, partial);
    }

    @Override
    public void accumulateGradientAveragePool(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial) {
        accumulateGradientAveragePool
                .of(x, pooledGradient, blockGradient)
                .accumulateGradientAveragePool(
                        pooledGradient,
                        x,
                        images,
                        height,
                        width,
                        affine,
                        statistics,
                        weight,
                        add,
                        blockGradient,
                        partial);
    }

    @Override
    public void accumulateGradientGlobalPool(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int pixels,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial) {
        globalPooling
                .of(x, blockGradient)
                .accumulateGradientGlobalPool(
                        pooledGradient,
                        x,
                        images,
                        pixels,
                        affine,
                        statistics,
                        weight,
                        add,
                        blockGradient,
                        partial);
    }

    @Override
    public void maxPoolBackward(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix out) {
        pooling.of(x, pooledGradient, out)
                .maxPoolBackward(pooledGradient, x, images, height, width, affine, out);
    }

    // ---------------------------------------------------------------- backward, per channel

    @Override
    public void finishNormGradient(
            Matrix partials,
            int chunks,
            Matrix statistics,
            Matrix sums,
            Matrix gammaGradient,
            Matrix betaGradient) {
        chunkSums
                .of(partials)
                .finishNormGradient(
                        partials, chunks, statistics, sums, gammaGradient, betaGradient);
    }

    @Override
    public void normCorrection(
            Matrix sums,
            Matrix statistics,
            Matrix gamma,
            int rows,
            boolean frozen,
            Matrix correction) {
        batchNormVectors.normCorrection(sums, statistics, gamma, rows, frozen, correction);
    }

    @Override
    public void deferSums(Matrix sums, Matrix weight, boolean add, Matrix deferred) {
        batchNormVectors.deferSums(sums, weight, add, deferred);
    }

    @Override
    public void deferredCorrection(
            Matrix deferred, Matrix statistics, int rows, boolean frozen, Matrix correction) {
        batchNormVectors.deferredCorrection(deferred, statistics, rows, frozen, correction);
    }

    @Override
    public void gradientWeight(Matrix statistics, Matrix gamma, Matrix weight) {
        batchNormVectors.gradientWeight(statistics, gamma, weight);
    }

    // ---------------------------------------------------------------- pools without normalisation

    @Override
    public void maxPool(Matrix x, int images, PoolShape shape, Matrix out) {
        maxPool.of(x).maxPool(x, images, shape, out);
    }

    @Override
    public void maxPoolGradient(
            Matrix pooledGradient, Matrix x, int images, PoolShape shape, Matrix out) {
        maxPool.of(x).maxPoolGradient(pooledGradient, x, images, shape, out);
    }

    @Override
    public void averagePool(Matrix x, int images, PoolShape shape, Matrix out) {
        averagePool.of(x).averagePool(x, images, shape, out);
    }

    @Override
    public void averagePoolGradient(
            Matrix pooledGradient, int images, PoolShape shape, Matrix out) {
        averagePool.of(out).averagePoolGradient(pooledGradient, images, shape, out);
    }

    @Override
    public void blurPool(Matrix x, int images, int height, int width, Matrix out) {
        blurPool.of(x).blurPool(x, images, height, width, out);
    }

    @Override
    public void blurPoolGradient(
            Matrix pooledGradient, int images, int height, int width, Matrix out) {
        blurPool.of(out).blurPoolGradient(pooledGradient, images, height, width, out);
    }

    // ---------------------------------------------------------------- optimiser and copies

    @Override
    public void sgd(
            Matrix parameters,
            Matrix gradients,
            Matrix velocity,
            float rate,
            float momentum,
            float share,
            boolean nesterov,
            float decay,
            float gradientScale) {
        sgdNesterov
                .of(parameters)
                .sgd(
                        parameters,
                        gradients,
                        velocity,
                        rate,
                        momentum,
                        share,
                        nesterov,
                        decay,
                        gradientScale);
    }

    @Override
    public void rmsprop(
            Matrix parameters,
            Matrix gradients,
            Matrix squares,
            @Nullable Matrix means,
            @Nullable Matrix velocity,
            RmspropCoefficients by) {
        rmsprop.of(parameters).rmsprop(parameters, gradients, squares, means, velocity, by);
    }

    @Override
    public void adam(
            Matrix parameters,
            Matrix gradients,
            Matrix means,
            Matrix squares,
            @Nullable Matrix largest,
            AdamCoefficients by) {
        adam.of(parameters).adam(parameters, gradients, means, squares, largest, by);
    }

    @Override
    public void movingAverage(Matrix values, Matrix average, float share) {
        movingAverage.of(values).movingAverage(values, average, share);
    }

    @Override
    public void multiply(Matrix values, Matrix factors) {
        learnedGroupWeights.of(values).multiply(values, factors);
    }

    @Override
    public void addGroupLasso(Matrix weights, int groups, float strength, Matrix gradient) {
        learnedGroupWeights.of(weights).addGroupLasso(weights, groups, strength, gradient);
    }

    @Override
    public void depthwise(
            Matrix x, int images, DepthwiseShape shape, Matrix weights, Matrix bias, Matrix out) {
        depthwise(shape, x, out).depthwise(x, images, shape, weights, bias, out);
    }

    @Override
    public void depthwiseGradient(
            Matrix outputGradient,
            int images,
            DepthwiseShape shape,
            Matrix weights,
            boolean add,
            Matrix out) {
        depthwise(shape, outputGradient, out)
                .depthwiseGradient(outputGradient, images, shape, weights, add, out);
    }

    @Override
    public void addDepthwiseWeightGradient(
            Matrix x, Matrix outputGradient, int images, DepthwiseShape shape, Matrix sums) {
        depthwise(shape, x, outputGradient)
                .addDepthwiseWeightGradient(x, outputGradient, images, shape, sums);
    }

    private Depthwise depthwise(DepthwiseShape shape, Matrix x, Matrix other) {
        Depthwise first = depthwise.of(x, other);
        return first.takes(shape) ? first : depthwise.loops(x);
    }

    @Override
    public void transpose(Matrix source, boolean add, Matrix target) {
        transposition.transpose(source, add, target);
    }

    @Override
    public void layerNorm(
            Matrix x, Matrix gamma, Matrix beta, float epsilon, Matrix statistics, Matrix out) {
        layerNorm.of(x, out).layerNorm(x, gamma, beta, epsilon, statistics, out);
    }

    @Override
    public void layerNormGradient(
            Matrix gradient, Matrix x, Matrix gamma, Matrix statistics, Matrix sums, Matrix out) {
        layerNorm.of(x, gradient, out).layerNormGradient(gradient, x, gamma, statistics, sums, out);
    }

    @Override
    public void l2Norm(Matrix x, Matrix scale, float epsilon, Matrix out) {
        l2Norm.of(x).l2Norm(x, scale, epsilon, out);
    }

    @Override
    public void l2NormGradient(
            Matrix gradient,
            Matrix x,
            Matrix scale,
            float epsilon,
            Matrix inverses,
            Matrix sums,
            Matrix out) {
        l2Norm.of(x).l2NormGradient(gradient, x, scale, epsilon, inverses, sums, out);
    }

    @Override
    public void gelu(Matrix x, Matrix out) {
        gelu.of(x, out).gelu(x, out);
    }

    @Override
    public void geluGradient(Matrix gradient, Matrix x, Matrix out) {
        gelu.of(x, gradient, out).geluGradient(gradient, x, out);
    }

    @Override
    public void dropPath(Dropout dropout, int firstImage, Matrix factors) {
        imageScaleVectors.dropPath(dropout, firstImage, factors);
    }

    @Override
    public void scaleImages(
            Matrix x,
            Matrix scale,
            @Nullable Matrix logits,
            Matrix factors,
            @Nullable Matrix means,
            Matrix out) {
        imageScale.of(x, out).scaleImages(x, scale, logits, factors, means, out);
    }

    @Override
    public void imageProducts(Matrix a, Matrix b, Matrix sums) {
        imageScale.of(a, b).imageProducts(a, b, sums);
    }

    @Override
    public void scaleGradient(
            Matrix sums,
            Matrix scale,
            @Nullable Matrix logits,
            Matrix factors,
            @Nullable Matrix logitsGradient) {
        imageScaleVectors.scaleGradient(sums, scale, logits, factors, logitsGradient);
    }

    @Override
    public void squaredNorm(Matrix x, Matrix target) {
        squaredNorm.of(x).squaredNorm(x, target);
    }

    @Override
    public void copy(Matrix source, Matrix target) {
        // Loops between two types are those for the type that is not float32.
        Matrix stored = source.type() == DataType.FLOAT32 ? target : source;
        elementwise.of(stored).copy(source, target);
    }

    @Override
    public void copyWindow(
            Matrix source,
            int sourceHeight,
            int sourceWidth,
            Matrix target,
            int targetHeight,
            int targetWidth,
            int images,
            int top,
            int left) {
        copyWindow.copyWindow(
                source,
                sourceHeight,
                sourceWidth,
                target,
                targetHeight,
                targetWidth,
                images,
                top,
                left);
    }

    @Override
    public void add(Matrix source, Matrix target) {
        addition.of(target, source).add(source, target);
    }

    @Override
    public void fill(Matrix target, float value) {
        elementwise.of(target).fill(target, value);
    }
}
