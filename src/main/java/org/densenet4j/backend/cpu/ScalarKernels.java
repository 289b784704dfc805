package org.densenet4j.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PoolShape;
import org.densenet4j.random.Philox;

import java.lang.foreign.MemorySegment;

/**
 * The kernels as plain loops: the readable form of what {@link CpuKernels} does, which runs them
 * where it has nothing faster. Per-channel reductions over chunks are here for all.
 */
class ScalarKernels extends StoredElements implements Kernels {
    private final ScalarPools pools;
    private final ScalarWindows windows;
    private final ScalarResiduals residuals;
    private final ScalarPixelLoss pixelLoss;
    private final ScalarSums sums;
    private final ScalarRmsprop rmsprop;

    ScalarKernels(MemorySegment memory) {
        this(memory, new ScalarPools(memory));
    }

    ScalarKernels(MemorySegment memory, ScalarPools pools) {
        super(memory);
        this.pools = pools;
        windows = new ScalarWindows(memory);
        residuals = new ScalarResiduals(memory);
        pixelLoss = new ScalarPixelLoss(memory);
        sums = new ScalarSums(memory);
        rmsprop = new ScalarRmsprop(memory);
    }

    /** Passes of residual networks over activations. */
    ScalarResiduals residuals(Matrix activations) {
        return residuals;
    }

    /** Sums of matrices, all of the type of one. */
    ScalarSums sums(Matrix x) {
        return sums;
    }

    /** RMSprop's steps. */
    ScalarRmsprop rmsprop() {
        return rmsprop;
    }

    private float normalised(Matrix x, int row, int c, Matrix affine) {
        return Math.fma(get(x, row, c), get(affine, 0, c), get(affine, 1, c));
    }

    private float relu(Matrix x, int row, int c, Matrix affine) {
        return Math.max(0f, normalised(x, row, c, affine));
    }

    // ---------------------------------------------------------------- forward, per chunk

    @Override
    public void channelStatistics(Matrix x, Matrix partial) {
        for (int c = 0; c < x.columns(); c++) {
            // Shifted by the first row's value, so that a large mean does not cancel the variance.
            float shift = get(x, 0, c);
            float sum = 0;
            float squares = 0;
            for (int r = 0; r < x.rows(); r++) {
                float d = get(x, r, c) - shift;
                sum += d;
                squares = Math.fma(d, d, squares);
            }
            setStatistics(partial, c, shift, sum, squares, x.rows());
        }
    }

    private void setStatistics(
            Matrix partial, int c, float shift, float sum, float squares, int rows) {
        float mean = sum / rows;
        set(partial, 0, c, shift + mean);
        set(partial, 1, c, Math.max(0f, squares - sum * mean));
    }

    @Override
    public void normaliseRelu(Matrix x, Matrix affine, Matrix out) {
        for (int r = 0; r < x.rows(); r++) {
            for (int c = 0; c < x.columns(); c++) {
                set(out, r, c, relu(x, r, c, affine));
            }
        }
    }

    @Override
    public void normalise(Matrix x, Matrix affine, Matrix out) {
        residuals(x).normalise(x, affine, out);
    }

    @Override
    public void addNormalised(Matrix x, Matrix affine, Matrix addend, boolean relu, Matrix out) {
        residuals(x).addNormalised(x, affine, addend, relu, out);
    }

    @Override
    public void appendFeatures(
            Matrix y, Matrix columns, int firstRow, Dropout dropout, Matrix partial) {
        copy(y, columns);
        drop(columns, firstRow, dropout);
        channelStatistics(columns, partial);
    }

    /** Multiplies each element by 0 or the kept scale, drawn anew from its position. */
    final void drop(Matrix x, int firstRow, Dropout dropout) {
        if (!dropout.active()) {
            return;
        }
        int[] words = new int[4];
        int threshold = dropout.threshold();
        float kept = dropout.keptScale();
        int stepLow = memory.get(JAVA_INT, dropout.counter());
        int stepHigh = memory.get(JAVA_INT, dropout.counter() + 4);
        if (dropout.survival() < 1 && dropsLayer(dropout, stepLow, stepHigh, words)) {
            fill(x, 0);
            return;
        }
        long block = -1;
        for (int r = 0; r < x.rows(); r++) {
            for (int c = 0; c < x.columns(); c++) {
                long element = (long) (firstRow + r) * x.columns() + c;
                if (element >>> 2 != block) {
                    block = element >>> 2;
                    Philox.next(
                            (int) block,
                            dropout.layer(),
                            stepLow,
                            stepHigh,
                            (int) dropout.seed(),
                            (int) (dropout.seed() >>> 32),
                            words);
                }
                boolean dropped =
                        Integer.compareUnsigned(words[(int) (element & 3)], threshold) < 0;
                set(x, r, c, dropped ? 0f : get(x, r, c) * kept);
            }
        }
    }

    private static boolean dropsLayer(Dropout dropout, int stepLow, int stepHigh, int[] words) {
        Philox.next(
                Dropout.LAYER_DRAW,
                dropout.layer(),
                stepLow,
                stepHigh,
                (int) dropout.seed(),
                (int) (dropout.seed() >>> 32),
                words);
        return Integer.compareUnsigned(words[0], dropout.layerThreshold()) < 0;
    }

    @Override
    public void normaliseReluAveragePool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
        int outHeight = height / 2;
        int outWidth = width / 2;
        for (int i = 0; i < images; i++) {
            for (int h = 0; h < outHeight; h++) {
                for (int w = 0; w < outWidth; w++) {
                    int row = (i * height + 2 * h) * width + 2 * w;
                    int outRow = (i * outHeight + h) * outWidth + w;
                    for (int c = 0; c < x.columns(); c++) {
                        float sum =
                                (relu(x, row, c, affine) + relu(x, row + 1, c, affine))
                                        + (relu(x, row + width, c, affine)
                                                + relu(x, row + width + 1, c, affine));
                        set(out, outRow, c, 0.25f * sum);
                    }
                }
            }
        }
    }

    @Override
    public void normaliseReluMaxPool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
        int outHeight = (height + 1) / 2;
        int outWidth = (width + 1) / 2;
        for (int i = 0; i < images; i++) {
            for (int h = 0; h < outHeight; h++) {
                for (int w = 0; w < outWidth; w++) {
                    int outRow = (i * outHeight + h) * outWidth + w;
                    for (int c = 0; c < x.columns(); c++) {
                        float best = 0;
                        for (int y = Math.max(0, 2 * h - 1); y < Math.min(height, 2 * h + 2); y++) {
                            for (int z = Math.max(0, 2 * w - 1);
                                    z < Math.min(width, 2 * w + 2);
                                    z++) {
                                float v = normalised(x, (i * height + y) * width + z, c, affine);
                                best = Math.max(best, v);
                            }
                        }
                        set(out, outRow, c, best);
                    }
                }
            }
        }
    }

    @Override
    public void normaliseReluGlobalPool(
            Matrix x, int images, int pixels, Matrix affine, Matrix out) {
        for (int i = 0; i < images; i++) {
            for (int c = 0; c < x.columns(); c++) {
                float sum = 0;
                for (int p = 0; p < pixels; p++) {
                    sum += relu(x, i * pixels + p, c, affine);
                }
                set(out, i, c, sum / pixels);
            }
        }
    }

    // ---------------------------------------------------------------- forward, per channel

    @Override
    public void finishStatistics(
            Matrix partials, int rowsPerChunk, int rows, float epsilon, Matrix statistics) {
        int chunks = (rows + rowsPerChunk - 1) / rowsPerChunk;
        for (int c = 0; c < partials.columns(); c++) {
            double count = 0;
            double mean = 0;
            double squares = 0;
            for (int chunk = 0; chunk < chunks; chunk++) {
                double n = Math.min(rowsPerChunk, rows - (long) chunk * rowsPerChunk);
                double delta = get(partials, 2 * chunk, c) - mean;
                double total = count + n;
                mean += delta * n / total;
                squares += get(partials, 2 * chunk + 1, c) + delta * delta * count * n / total;
                count = total;
            }
            double variance = squares / count;
            set(statistics, 0, c, (float) mean);
            set(statistics, 1, c, (float) variance);
            set(statistics, 2, c, (float) (1 / Math.sqrt(variance + epsilon)));
        }
    }

    @Override
    public void updateRunningStatistics(
            Matrix statistics,
            int rows,
            float momentum,
            Matrix runningMean,
            Matrix runningVariance) {
        // One value has no unbiased variance; PyTorch refuses such a batch, we keep the biased one.
        float unbiased = rows > 1 ? (float) ((double) rows / (rows - 1)) : 1f;
        for (int c = 0; c < statistics.columns(); c++) {
            float mean = get(runningMean, 0, c);
            float variance = get(runningVariance, 0, c);
            set(runningMean, 0, c, (1 - momentum) * mean + momentum * get(statistics, 0, c));
            set(
                    runningVariance,
                    0,
                    c,
                    (1 - momentum) * variance + momentum * unbiased * get(statistics, 1, c));
        }
    }

    @Override
    public void statisticsOfRunning(
            Matrix runningMean, Matrix runningVariance, float epsilon, Matrix statistics) {
        for (int c = 0; c < statistics.columns(); c++) {
            float variance = get(runningVariance, 0, c);
            set(statistics, 0, c, get(runningMean, 0, c));
            set(statistics, 1, c, variance);
            set(statistics, 2, c, (float) (1 / Math.sqrt((double) variance + epsilon)));
        }
    }

    @Override
    public void foldNormalisation(Matrix statistics, Matrix gamma, Matrix beta, Matrix affine) {
        for (int c = 0; c < statistics.columns(); c++) {
            float scale = get(gamma, 0, c) * get(statistics, 2, c);
            set(affine, 0, c, scale);
            set(affine, 1, c, get(beta, 0, c) - get(statistics, 0, c) * scale);
        }
    }

    // ---------------------------------------------------------------- head and loss

    @Override
    public void addBias(Matrix x, Matrix bias) {
        sums(x).addBias(x, bias);
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
        int classes = logits.columns();
        for (int r = 0; r < logits.rows(); r++) {
            int label = memory.get(JAVA_INT, labels + 4L * r);
            double max = Double.NEGATIVE_INFINITY;
            int best = 0;
            for (int c = 0; c < classes; c++) {
                max = Math.max(max, get(logits, r, c));
                if (get(logits, r, c) > get(logits, r, best)) {
                    best = c;
                }
            }
            set(hits, 0, r, best == label ? 1f : 0f);
            double sum = 0;
            double logitSum = 0;
            for (int c = 0; c < classes; c++) {
                sum += Math.exp(get(logits, r, c) - max);
                logitSum += get(logits, r, c);
            }
            double logSum = max + Math.log(sum);
            double loss =
                    logSum
                            - (1 - smoothing) * get(logits, r, label)
                            - smoothing * logitSum / classes;
            set(losses, 0, r, (float) loss);
            for (int c = 0; c < classes; c++) {
                double probability = Math.exp(get(logits, r, c) - logSum);
                double target = (c == label ? 1 - smoothing : 0) + (double) smoothing / classes;
                set(gradient, r, c, (float) (gradientScale * (probability - target)));
            }
        }
    }

    @Override
    public void pixelCrossEntropy(
            Matrix logits,
            long labels,
            int voidLabel,
            Matrix scale,
            Matrix gradient,
            Matrix tally) {
        pixelLoss.crossEntropy(logits, labels, voidLabel, scale, gradient, tally);
    }

    @Override
    public void addColumnSums(Matrix x, Matrix sums) {
        sums(x).addColumnSums(x, sums);
    }

    // ---------------------------------------------------------------- backward, per chunk

    @Override
    public void maskRelu(
            Matrix gradient, Matrix x, Matrix affine, Matrix statistics, Matrix partial) {
        for (int c = 0; c < x.columns(); c++) {
            float mean = get(statistics, 0, c);
            float sum = 0;
            float products = 0;
            for (int r = 0; r < x.rows(); r++) {
                float g = normalised(x, r, c, affine) > 0 ? get(gradient, r, c) : 0f;
                set(gradient, r, c, g);
                sum += g;
                products = Math.fma(g, get(x, r, c) - mean, products);
            }
            set(partial, 0, c, sum);
            set(partial, 1, c, products);
        }
    }

    @Override
    public void maskPositive(Matrix gradient, Matrix output) {
        residuals(output).maskPositive(gradient, output);
    }

    @Override
    public void normGradientSums(Matrix gradient, Matrix x, Matrix statistics, Matrix partial) {
        residuals(x).normGradientSums(gradient, x, statistics, partial);
    }

    @Override
    public void applyCorrection(
            Matrix gradient,
            Matrix x,
            Matrix correction,
            Matrix statistics,
            boolean add,
            Matrix out) {
        for (int r = 0; r < x.rows(); r++) {
            for (int c = 0; c < x.columns(); c++) {
                float deviation = get(x, r, c) - get(statistics, 0, c);
                float value =
                        Math.fma(
                                get(correction, 0, c),
                                get(gradient, r, c),
                                Math.fma(get(correction, 2, c), deviation, get(correction, 1, c)));
                set(out, r, c, add ? get(out, r, c) + value : value);
            }
        }
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
        applyCorrection(gradient, columns, correction, statistics, false, out);
        drop(out, firstRow, dropout);
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
        for (int c = 0; c < x.columns(); c++) {
            float mean = get(statistics, 0, c);
            float sum = 0;
            float products = 0;
            for (int r = 0; r < x.rows(); r++) {
                float g = normalised(x, r, c, affine) > 0 ? get(gradient, r, c) : 0f;
                sum += g;
                products = Math.fma(g, get(x, r, c) - mean, products);
                float before = add ? get(blockGradient, r, c) : 0f;
                set(blockGradient, r, c, Math.fma(get(weight, 0, c), g, before));
            }
            set(partial, 0, c, sum);
            set(partial, 1, c, products);
        }
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
        residuals(x)
                .accumulateGradient(gradient, x, statistics, weight, add, blockGradient, partial);
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
        int outHeight = height / 2;
        int outWidth = width / 2;
        for (int c = 0; c < x.columns(); c++) {
            float mean = get(statistics, 0, c);
            float sum = 0;
            float products = 0;
            for (int row = 0; row < images * height * width; row++) {
                int w = row % width;
                int h = row / width % height;
                int i = row / width / height;
                boolean pooled = h / 2 < outHeight && w / 2 < outWidth;
                float g = 0;
                if (pooled && normalised(x, row, c, affine) > 0) {
                    int outRow = (i * outHeight + h / 2) * outWidth + w / 2;
                    g = 0.25f * get(pooledGradient, outRow, c);
                }
                sum += g;
                products = Math.fma(g, get(x, row, c) - mean, products);
                float before = add ? get(blockGradient, row, c) : 0f;
                set(blockGradient, row, c, Math.fma(get(weight, 0, c), g, before));
            }
            set(partial, 0, c, sum);
            set(partial, 1, c, products);
        }
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
        for (int c = 0; c < x.columns(); c++) {
            float mean = get(statistics, 0, c);
            float sum = 0;
            float products = 0;
            for (int row = 0; row < images * pixels; row++) {
                float g = 0;
                if (normalised(x, row, c, affine) > 0) {
                    g = get(pooledGradient, row / pixels, c) / pixels;
                }
                sum += g;
                products = Math.fma(g, get(x, row, c) - mean, products);
                float before = add ? get(blockGradient, row, c) : 0f;
                set(blockGradient, row, c, Math.fma(get(weight, 0, c), g, before));
            }
            set(partial, 0, c, sum);
            set(partial, 1, c, products);
        }
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
        fill(out, 0);
        int outHeight = (height + 1) / 2;
        int outWidth = (width + 1) / 2;
        for (int i = 0; i < images; i++) {
            for (int h = 0; h < outHeight; h++) {
                for (int w = 0; w < outWidth; w++) {
                    int outRow = (i * outHeight + h) * outWidth + w;
                    for (int c = 0; c < x.columns(); c++) {
                        float best = 0;
                        int source = -1;
                        for (int y = Math.max(0, 2 * h - 1); y < Math.min(height, 2 * h + 2); y++) {
                            for (int z = Math.max(0, 2 * w - 1);
                                    z < Math.min(width, 2 * w + 2);
                                    z++) {
                                int row = (i * height + y) * width + z;
                                float v = normalised(x, row, c, affine);
                                if (v > best) {
                                    best = v;
                                    source = row;
                                }
                            }
                        }
                        if (source >= 0) {
                            float sum = get(out, source, c) + get(pooledGradient, outRow, c);
                            set(out, source, c, sum);
                        }
                    }
                }
            }
        }
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
        for (int c = 0; c < partials.columns(); c++) {
            double sum = 0;
            double products = 0;
            for (int chunk = 0; chunk < chunks; chunk++) {
                sum += get(partials, 2 * chunk, c);
                products += get(partials, 2 * chunk + 1, c);
            }
            float betaSum = (float) sum;
            float gammaSum = (float) (products * get(statistics, 2, c));
            set(sums, 0, c, betaSum);
            set(sums, 1, c, gammaSum);
            set(betaGradient, 0, c, get(betaGradient, 0, c) + betaSum);
            set(gammaGradient, 0, c, get(gammaGradient, 0, c) + gammaSum);
        }
    }

    @Override
    public void normCorrection(
            Matrix sums,
            Matrix statistics,
            Matrix gamma,
            int rows,
            boolean frozen,
            Matrix correction) {
        for (int c = 0; c < statistics.columns(); c++) {
            double inverse = get(statistics, 2, c);
            double a = get(gamma, 0, c) * inverse;
            set(correction, 0, c, (float) a);
            set(correction, 1, c, frozen ? 0f : (float) (-a * get(sums, 0, c) / rows));
            set(correction, 2, c, frozen ? 0f : (float) (-a * inverse * get(sums, 1, c) / rows));
        }
    }

    @Override
    public void deferSums(Matrix sums, Matrix weight, boolean add, Matrix deferred) {
        for (int row = 0; row < 2; row++) {
            for (int c = 0; c < sums.columns(); c++) {
                float value = get(weight, 0, c) * get(sums, row, c);
                set(deferred, row, c, add ? get(deferred, row, c) + value : value);
            }
        }
    }

    @Override
    public void deferredCorrection(
            Matrix deferred, Matrix statistics, int rows, boolean frozen, Matrix correction) {
        for (int c = 0; c < statistics.columns(); c++) {
            double inverse = get(statistics, 2, c);
            set(correction, 0, c, 1f);
            set(correction, 1, c, frozen ? 0f : -get(deferred, 0, c) / rows);
            set(correction, 2, c, frozen ? 0f : (float) (-inverse * get(deferred, 1, c) / rows));
        }
    }

    @Override
    public void gradientWeight(Matrix statistics, Matrix gamma, Matrix weight) {
        for (int c = 0; c < statistics.columns(); c++) {
            set(weight, 0, c, get(gamma, 0, c) * get(statistics, 2, c));
        }
    }

    // ---------------------------------------------------------------- pools without normalisation

    @Override
    public void maxPool(Matrix x, int images, PoolShape shape, Matrix out) {
        pools.maxPool(x, images, shape, out);
    }

    @Override
    public void maxPoolGradient(
            Matrix pooledGradient, Matrix x, int images, PoolShape shape, Matrix out) {
        pools.maxPoolGradient(pooledGradient, x, images, shape, out);
    }

    @Override
    public void averagePool(Matrix x, int images, PoolShape shape, Matrix out) {
        pools.averagePool(x, images, shape, out);
    }

    @Override
    public void averagePoolGradient(
            Matrix pooledGradient, int images, PoolShape shape, Matrix out) {
        pools.averagePoolGradient(pooledGradient, images, shape, out);
    }

    @Override
    public void blurPool(Matrix x, int images, int height, int width, Matrix out) {
        pools.blurPool(x, images, height, width, out);
    }

    @Override
    public void blurPoolGradient(
            Matrix pooledGradient, int images, int height, int width, Matrix out) {
        pools.blurPoolGradient(pooledGradient, images, height, width, out);
    }

    // ---------------------------------------------------------------- optimiser and copies

    @Override
    public void sgd(
            Matrix parameters,
            Matrix gradients,
            Matrix velocity,
            float rate,
            float momentum,
            boolean nesterov,
            float decay,
            float gradientScale) {
        for (int r = 0; r < parameters.rows(); r++) {
            for (int c = 0; c < parameters.columns(); c++) {
                float p = get(parameters, r, c);
                float g = Math.fma(decay, p, gradientScale * get(gradients, r, c));
                float v = Math.fma(momentum, get(velocity, r, c), g);
                set(velocity, r, c, v);
                float step = nesterov ? Math.fma(momentum, v, g) : v;
                set(parameters, r, c, Math.fma(-rate, step, p));
            }
        }
    }

    @Override
    public void rmsprop(
            Matrix parameters,
            Matrix gradients,
            Matrix squares,
            float rate,
            float rho,
            float epsilon,
            boolean epsilonInside,
            float decay,
            float gradientScale) {
        rmsprop()
                .step(
                        parameters,
                        gradients,
                        squares,
                        rate,
                        rho,
                        epsilon,
                        epsilonInside,
                        decay,
                        gradientScale);
    }

    @Override
    public void squaredNorm(Matrix x, Matrix target) {
        double sum = 0;
        for (int r = 0; r < x.rows(); r++) {
            for (int c = 0; c < x.columns(); c++) {
                double v = get(x, r, c);
                sum += v * v;
            }
        }
        set(target, 0, 0, (float) sum);
    }

    @Override
    public void copy(Matrix source, Matrix target) {
        if (source.type() != target.type()) {
            convert(source, target);
            return;
        }
        long bytes = (long) source.columns() * source.type().bytes();
        if (source.isDense() && target.isDense()) {
            MemorySegment.copy(
                    memory, source.offset(), memory, target.offset(), bytes * source.rows());
            return;
        }
        for (int r = 0; r < source.rows(); r++) {
            MemorySegment.copy(memory, source.at(r, 0), memory, target.at(r, 0), bytes);
        }
    }

    /** {@link #copy} between storage types. */
    void convert(Matrix source, Matrix target) {
        for (int r = 0; r < source.rows(); r++) {
            for (int c = 0; c < source.columns(); c++) {
                set(target, r, c, get(source, r, c));
            }
        }
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
        windows.copyWindow(
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
        boolean alike = source.type() == target.type();
        (alike ? sums(target) : sums).add(source, target);
    }

    @Override
    public void fill(Matrix target, float value) {
        for (int r = 0; r < target.rows(); r++) {
            if (value == 0) { // all bits zero, in every type
                long bytes = (long) target.columns() * target.type().bytes();
                memory.asSlice(target.at(r, 0), bytes).fill((byte) 0);
                continue;
            }
            for (int c = 0; c < target.columns(); c++) {
                set(target, r, c, value);
            }
        }
    }
}
