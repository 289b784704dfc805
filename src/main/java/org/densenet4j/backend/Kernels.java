package org.densenet4j.backend;

import org.jspecify.annotations.Nullable;

/**
 * The fused element-wise passes and reductions of a step.
 *
 * <p>Shapes: activations are NHWC, one row per pixel, one column per channel. Per-channel values
 * are rows of small matrices:
 *
 * <ul>
 *   <li>{@code statistics} [3, C]: mean, biased variance, 1/sqrt(variance + epsilon)
 *   <li>{@code affine} [2, C]: scale = gamma/sigma and shift = beta − mean·scale, so that batch
 *       normalisation is {@code x·scale + shift}
 *   <li>{@code correction} [3, C]: a, b, c of {@code dx = a·g + b + c·(x − mean)}
 *   <li>{@code partial} [2, C]: the two sums of one chunk; {@code partials} [2·chunks, C]: of all
 * </ul>
 *
 * Activations and their gradients are stored as the plan says, everything per channel and per
 * parameter in float32; arithmetic is float32. A kernel that writes activations and takes sums of
 * them takes the sums of the stored, rounded values, so that a recomputation sees the same.
 *
 * <p>Chunk kernels write their own partial rows and are combined in chunk order, so statistics do
 * not depend on the number of lanes.
 *
 * <p>Batch normalisation: Ioffe and Szegedy 2015 (arXiv 1502.03167), section 3; the deferred form
 * of its gradient is derived in {@code docs/design.md}.
 */
public interface Kernels {

    // ---------------------------------------------------------------- forward, per chunk

    /**
     * Mean and sum of squared deviations of each column of {@code x} into {@code partial}.
     *
     * @param x [rows, C] of the chunk
     * @param partial [2, C], overwritten
     */
    void channelStatistics(Matrix x, Matrix partial);

    /**
     * {@code out = max(0, x·scale + shift)}: the BN output that is never stored whole.
     *
     * @param x [rows, C], what is normalised
     * @param affine [2, C]
     * @param out [rows, C]
     */
    void normaliseRelu(Matrix x, Matrix affine, Matrix out);

    /**
     * {@code out = x·scale + shift}, a batch normalisation without a ReLU behind it.
     *
     * @param x [rows, C], what is normalised
     * @param affine [2, C]
     * @param out may be the memory of {@code x}
     */
    void normalise(Matrix x, Matrix affine, Matrix out);

    /**
     * A residual sum (He et al. 2015, arXiv 1512.03385, section 3.2): {@code out = x·scale + shift
     * + addend}, and {@code max(0, ·)} of it with {@code relu}.
     *
     * @param x [rows, C], what is normalised
     * @param affine [2, C]
     * @param addend [rows, C], the shortcut
     * @param relu whether negative sums become 0
     * @param out may be the memory of {@code x} or of {@code addend}
     */
    void addNormalised(Matrix x, Matrix affine, Matrix addend, boolean relu, Matrix out);

    /**
     * Appends new features to their columns of the block's feature matrix, dropping elements if
     * asked, and takes their statistics while they are hot.
     *
     * @param y dense [rows, k]
     * @param columns the chunk's rows of the new columns
     * @param firstRow index of the chunk's first row within the batch (dropout draws by element)
     * @param dropout what to drop, or {@link Dropout#NONE}
     * @param partial [2, k]: mean and sum of squared deviations, overwritten
     */
    void appendFeatures(Matrix y, Matrix columns, int firstRow, Dropout dropout, Matrix partial);

    /**
     * {@code out = average over 2x2 of max(0, x·scale + shift)}, stride 2, odd edges dropped.
     *
     * @param x [images·height·width, C]
     * @param images of the chunk
     * @param height rows of pixels of an image
     * @param width columns of pixels of an image
     * @param affine [2, C]
     * @param out [images·floor(height/2)·floor(width/2), C]
     */
    void normaliseReluAveragePool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out);

    /**
     * {@code out = maximum over 3x3 of max(0, x·scale + shift)}, stride 2, padding 1.
     *
     * @param x [images·height·width, C]
     * @param images of the chunk
     * @param height rows of pixels of an image
     * @param width columns of pixels of an image
     * @param affine [2, C]
     * @param out [images·ceil(height/2)·ceil(width/2), C], may be strided
     */
    void normaliseReluMaxPool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out);

    /**
     * {@code out[image] = mean over pixels of max(0, x·scale + shift)}.
     *
     * @param x [images·pixels, C]
     * @param images of the chunk
     * @param pixels of an image
     * @param affine [2, C]
     * @param out [images, C]
     */
    void normaliseReluGlobalPool(Matrix x, int images, int pixels, Matrix affine, Matrix out);

    // ---------------------------------------------------------------- forward, per channel

    /**
     * Combines chunk statistics (Chan, Golub and LeVeque 1983) into mean, biased variance and
     * inverse deviation.
     *
     * @param partials [2·chunks, C] of {@link #channelStatistics}
     * @param rowsPerChunk rows of every chunk but the last, which has the rest of {@code rows}
     * @param rows of all chunks together
     * @param epsilon is added to the variance below the root
     * @param statistics [3, C], overwritten
     */
    void finishStatistics(
            Matrix partials, int rowsPerChunk, int rows, float epsilon, Matrix statistics);

    /**
     * {@code running = (1 − momentum)·running + momentum·batch}, with the unbiased variance
     * (n/(n−1)) as in PyTorch.
     *
     * @param statistics [3, C] of the batch
     * @param rows that they were taken over
     * @param momentum weight of the batch, from 0 to 1
     * @param runningMean [1, C], changed
     * @param runningVariance [1, C], changed
     */
    void updateRunningStatistics(
            Matrix statistics,
            int rows,
            float momentum,
            Matrix runningMean,
            Matrix runningVariance);

    /**
     * Makes statistics of running estimates, for evaluation and frozen batch normalisation.
     *
     * @param runningMean [1, C]
     * @param runningVariance [1, C]
     * @param epsilon is added to the variance below the root
     * @param statistics [3, C], overwritten
     */
    void statisticsOfRunning(
            Matrix runningMean, Matrix runningVariance, float epsilon, Matrix statistics);

    /**
     * Folds statistics, gamma and beta into scale and shift.
     *
     * @param statistics [3, C]
     * @param gamma [1, C] scales
     * @param beta [1, C] shifts
     * @param affine [2, C], overwritten
     */
    void foldNormalisation(Matrix statistics, Matrix gamma, Matrix beta, Matrix affine);

    // ---------------------------------------------------------------- head and loss

    /**
     * Adds {@code bias} to every row.
     *
     * @param x [rows, C], may be a column range of activations
     * @param bias [1, C] in float32
     */
    void addBias(Matrix x, Matrix bias);

    /**
     * Softmax cross-entropy and its gradient.
     *
     * <p>Target distribution: {@code (1 − smoothing)·onehot + smoothing/classes} (Szegedy et al.
     * 2016, section 7; the same as PyTorch's {@code label_smoothing}).
     *
     * @param logits [rows, classes]
     * @param labels byte offset of one 32-bit label per row
     * @param smoothing what all classes share, from 0 to 1
     * @param gradientScale factor of the gradient, 1/batch for a mean loss
     * @param losses [1, rows] loss of each row
     * @param hits [1, rows] 1 where the first largest logit is the label's, else 0
     * @param gradient [rows, classes], of the same shape as {@code logits}, which it must not
     *     overlap
     */
    void softmaxCrossEntropy(
            Matrix logits,
            long labels,
            float smoothing,
            float gradientScale,
            Matrix losses,
            Matrix hits,
            Matrix gradient);

    /**
     * Softmax cross-entropy of vectors of targets, focused on what is hard, and its gradient:
     *
     * <pre>
     * loss = Σ_c scale[c]·t[c]·(1 − p[c])^focus·(−log p[c]),   p = softmax(z)
     * </pre>
     *
     * with {@code t} smoothed as in {@link #softmaxCrossEntropy}. A focus of 0 is cross-entropy,
     * others are the focal loss (Lin et al. 2017, arXiv 1708.02002, equation 4).
     *
     * @param logits [rows, classes]
     * @param targets [rows, classes] shares of the classes, which add up to 1
     * @param scale [1, classes] factor of each class's loss in device memory, since it changes from
     *     step to step: weight/batch for a mean loss
     * @param smoothing what all classes share, from 0 to below 1
     * @param focus 0 or more
     * @param losses [1, rows] loss of each row, scaled as its gradient is
     * @param hits [1, rows] 1 where the first largest logit is the first largest target's, else 0
     * @param gradient [rows, classes], of the same shape as {@code logits}, which it must not
     *     overlap
     */
    void softmaxVectorLoss(
            Matrix logits,
            Matrix targets,
            Matrix scale,
            float smoothing,
            float focus,
            Matrix losses,
            Matrix hits,
            Matrix gradient);

    /**
     * A loss of each output by itself, and its gradient. An output whose target is NaN has none: no
     * loss and no gradient.
     *
     * @param loss its formula
     * @param logits [rows, outputs]
     * @param targets [rows, outputs], NaN where there is none
     * @param factors [2, outputs] in device memory: what each output's loss is multiplied by,
     *     1/targets for a mean loss, and the weight of target 1, which losses of numbers do not
     *     read
     * @param losses [1, rows] sum of each row's losses, scaled as their gradients are
     * @param hits [1, rows] of labels: 1 where every target that there is, one at least, is above
     *     1/2 where its logit is above 0 and only there, else 0; of numbers 0
     * @param gradient [rows, outputs], of the same shape as {@code logits}, which it must not
     *     overlap
     */
    void outputLoss(
            OutputLoss loss,
            Matrix logits,
            Matrix targets,
            Matrix factors,
            Matrix losses,
            Matrix hits,
            Matrix gradient);

    /**
     * Softmax cross-entropy of every pixel, its gradient, and the counts that accuracy and
     * intersection over union need. Pixels labelled {@code voidLabel} have no loss and no gradient
     * and are not counted.
     *
     * <p>The tally is
     *
     * <pre>
     * tally = [Σ loss, hits of each class, pixels labelled so, pixels predicted so]
     * </pre>
     *
     * where a pixel is predicted to be of its first largest logit's class, and a hit where that is
     * its label. Intersection over union of a class (Everingham et al. 2010, section 4.1.4) is
     * {@code hits / (labelled + predicted − hits)}, and the sum of {@code labelled} is the number
     * of pixels that count. Counts are exact up to 2^24 pixels a call; results are the same from
     * run to run.
     *
     * @param logits [pixels, classes]
     * @param labels byte offset of one 32-bit label per pixel: a class, or {@code voidLabel}
     * @param voidLabel any number, also that of a class
     * @param scale [1, 1] factor of the gradient in device memory, since it changes from step to
     *     step: 1/pixels that count for a mean loss
     * @param gradient [pixels, classes] of the logits' type, may be their memory
     * @param tally [1, 1 + 3·classes], overwritten
     */
    void pixelCrossEntropy(
            Matrix logits, long labels, int voidLabel, Matrix scale, Matrix gradient, Matrix tally);

    /**
     * {@code sums[c] += Σ_rows x[r, c]}: the gradient of a bias.
     *
     * @param x [rows, C], may be a column range of activations' gradients
     * @param sums [1, C] in float32
     */
    void addColumnSums(Matrix x, Matrix sums);

    // ---------------------------------------------------------------- backward, per chunk

    /**
     * Gradient through a ReLU whose input is {@code x·scale + shift}: masks {@code gradient} in
     * place and takes {@code Σ g} and {@code Σ g·(x − mean)}.
     *
     * @param gradient [rows, C] of the ReLU's output, changed in place
     * @param x [rows, C], what the normalisation read
     * @param affine [2, C]
     * @param statistics [3, C]
     * @param partial [2, C], the chunk's own two sums, overwritten
     */
    void maskRelu(Matrix gradient, Matrix x, Matrix affine, Matrix statistics, Matrix partial);

    /**
     * Gradient through a ReLU whose output is stored: {@code gradient = output > 0 ? gradient : 0},
     * in place.
     *
     * @param gradient [rows, C] of the ReLU's output, changed in place
     * @param output [rows, C] of the ReLU
     */
    void maskPositive(Matrix gradient, Matrix output);

    /**
     * {@code out = a·g + b + c·(x − mean)}, or added to {@code out}: batch normalisation's gradient
     * with finished sums.
     *
     * @param gradient [rows, C], g
     * @param x [rows, C], what the normalisation read
     * @param correction [3, C]
     * @param statistics [3, C]
     * @param add whether the result is added to {@code out}, which is overwritten otherwise
     * @param out [rows, C], the gradient of what the normalisation read
     */
    void applyCorrection(
            Matrix gradient,
            Matrix x,
            Matrix correction,
            Matrix statistics,
            boolean add,
            Matrix out);

    /**
     * The finished gradient of appended features: {@link #applyCorrection} and the dropout that was
     * drawn in the forward pass.
     *
     * @param gradient [rows, k], the chunk's rows of the block's gradient of these columns
     * @param columns [rows, k], the chunk's rows of the features, as they are stored
     * @param correction [3, k]
     * @param statistics [3, k]
     * @param firstRow index of the chunk's first row within the batch
     * @param dropout as in the forward pass
     * @param out dense [rows, k], the gradient of what was appended, overwritten
     */
    void gradientOfAppended(
            Matrix gradient,
            Matrix columns,
            Matrix correction,
            Matrix statistics,
            int firstRow,
            Dropout dropout,
            Matrix out);

    /**
     * Deferred batch-norm gradient of one consumer: with {@code g} = {@code gradient} where the
     * ReLU let through, takes {@code Σ g} and {@code Σ g·(x − mean)} and adds {@code weight·g} to
     * the block's gradient matrix, which is in units of dx: a consumer without normalisation just
     * adds its gradient.
     *
     * @param gradient [rows, C] of the ReLU's output
     * @param x [rows, C], what the normalisation read
     * @param affine [2, C]
     * @param statistics [3, C]
     * @param weight per channel: gamma/sigma, see {@link #gradientWeight}
     * @param add false for the channel's last consumer, whose backward pass comes first and
     *     overwrites
     * @param blockGradient [rows, C], these columns of the block's gradient
     * @param partial [2, C], the chunk's own two sums, overwritten
     */
    void accumulateGradient(
            Matrix gradient,
            Matrix x,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial);

    /**
     * {@link #accumulateGradient} of a consumer whose normalisation has no ReLU behind it: takes
     * {@code Σ g} and {@code Σ g·(x − mean)}, and {@code blockGradient (+)= weight·g}.
     *
     * @param gradient [rows, C] of the normalisation's output
     * @param x [rows, C], what the normalisation read
     * @param statistics [3, C]
     * @param weight [1, C]: gamma/sigma, see {@link #gradientWeight}
     * @param add false where the block's gradient is overwritten
     * @param blockGradient may be the memory of {@code gradient} where it is overwritten
     * @param partial [2, C], the chunk's own two sums, overwritten
     */
    void accumulateGradientOfNormalised(
            Matrix gradient,
            Matrix x,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial);

    /**
     * {@link #accumulateGradient} behind a 2x2 average pool; odd edges have no gradient.
     *
     * @param pooledGradient [images·floor(height/2)·floor(width/2), C]
     * @param x [images·height·width, C], what the normalisation read
     * @param images of the chunk
     * @param height rows of pixels of an image
     * @param width columns of pixels of an image
     * @param affine [2, C]
     * @param statistics [3, C]
     * @param weight [1, C]: gamma/sigma, see {@link #gradientWeight}
     * @param add false for the channel's last consumer, which overwrites
     * @param blockGradient [images·height·width, C], these columns of the block's gradient
     * @param partial [2, C], the chunk's own two sums, overwritten
     */
    void accumulateGradientAveragePool(
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
            Matrix partial);

    /**
     * {@link #accumulateGradientAveragePool}, and once more what {@link #normaliseReluAveragePool}
     * made of the same values: the gradient of the weights behind the pool wants it.
     *
     * @param pooledGradient [images·floor(height/2)·floor(width/2), C]
     * @param x [images·height·width, C], what the normalisation read
     * @param images of the chunk
     * @param height rows of pixels of an image
     * @param width columns of pixels of an image
     * @param affine [2, C]
     * @param statistics [3, C]
     * @param weight [1, C]: gamma/sigma, see {@link #gradientWeight}
     * @param add false for the channel's last consumer, which overwrites
     * @param blockGradient [images·height·width, C], these columns of the block's gradient
     * @param partial [2, C], the chunk's own two sums, overwritten
     * @param pooled [images·floor(height/2)·floor(width/2), C], overwritten
     */
    default void accumulateGradientAndAveragePool(
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
            Matrix partial,
            Matrix pooled) {
        accumulateGradientAveragePool(
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
        normaliseReluAveragePool(x, images, height, width, affine, pooled);
    }

    /**
     * {@link #accumulateGradient} behind a global average pool.
     *
     * @param pooledGradient [images, C]
     * @param x [images·pixels, C], what the normalisation read
     * @param images of the chunk
     * @param pixels of an image
     * @param affine [2, C]
     * @param statistics [3, C]
     * @param weight [1, C]: gamma/sigma, see {@link #gradientWeight}
     * @param add false for the channel's last consumer, which overwrites
     * @param blockGradient [images·pixels, C], these columns of the block's gradient
     * @param partial [2, C], the chunk's own two sums, overwritten
     */
    void accumulateGradientGlobalPool(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int pixels,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial);

    /**
     * Gradient of {@link #normaliseReluMaxPool} with respect to the normalised values: each
     * output's gradient goes to its first maximum, everything else is zero. The ReLU mask is not
     * applied.
     *
     * @param pooledGradient [images·ceil(height/2)·ceil(width/2), C]
     * @param x [images·height·width, C], what {@link #normaliseReluMaxPool} read
     * @param images of the chunk
     * @param height rows of pixels of an image
     * @param width columns of pixels of an image
     * @param affine [2, C]
     * @param out [images·height·width, C], overwritten
     */
    void maxPoolBackward(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix out);

    /**
     * The sums that a batch normalisation in front of a ReLU and a max-pool needs of its gradient,
     * with {@code g} that of {@link #maxPoolBackward} where the ReLU let through:
     *
     * <pre>
     * partial = Σ g and Σ g·(x − mean)
     * </pre>
     *
     * @param pooledGradient [images·ceil(height/2)·ceil(width/2), C]
     * @param x [images·height·width, C], what {@link #normaliseReluMaxPool} read
     * @param images of the chunk
     * @param height rows of pixels of an image
     * @param width columns of pixels of an image
     * @param affine [2, C]
     * @param statistics of x [3, C]
     * @param gradient [images·height·width, C] for g, if the device has to store it
     * @param partial [2, C], overwritten
     */
    default void sumMaxPoolGradient(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix statistics,
            Matrix gradient,
            Matrix partial) {
        maxPoolBackward(pooledGradient, x, images, height, width, affine, gradient);
        maskRelu(gradient, x, affine, statistics, partial);
    }

    /**
     * The gradient of what a batch normalisation in front of a ReLU and a max-pool reads, with
     * {@code g} that of {@link #maxPoolBackward} where the ReLU let through:
     *
     * <pre>
     * out = a·g + b + c·(x − mean)
     * </pre>
     *
     * @param pooledGradient [images·ceil(height/2)·ceil(width/2), C]
     * @param x [images·height·width, C], what {@link #normaliseReluMaxPool} read
     * @param images of the chunk
     * @param height rows of pixels of an image
     * @param width columns of pixels of an image
     * @param affine [2, C]
     * @param statistics of x [3, C]
     * @param correction [3, C]: a, b and c
     * @param out [images·height·width, C], overwritten
     */
    default void correctedMaxPoolGradient(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix statistics,
            Matrix correction,
            Matrix out) {
        maxPoolBackward(pooledGradient, x, images, height, width, affine, out);
        applyCorrection(out, x, correction, statistics, false, out);
    }

    // ---------------------------------------------------------------- backward, per channel

    /**
     * Sums the chunks' {@code Σ g} and {@code Σ g·(x − mean)} into {@code sums} [2, C] = dbeta and
     * dgamma (the latter times 1/sigma), and adds them to the parameter gradients.
     *
     * @param partials [2·chunks, C], what the chunks took
     * @param chunks how many there are
     * @param statistics [3, C]
     * @param sums [2, C], overwritten
     * @param gammaGradient [1, C], added to
     * @param betaGradient [1, C], added to
     */
    void finishNormGradient(
            Matrix partials,
            int chunks,
            Matrix statistics,
            Matrix sums,
            Matrix gammaGradient,
            Matrix betaGradient);

    /**
     * The correction of one consumer's own batch normalisation: a = gamma/sigma, b = −a·dbeta/rows,
     * c = −a·dgamma/(sigma·rows). With frozen statistics b = c = 0.
     *
     * @param sums [2, C] of {@link #finishNormGradient}
     * @param statistics [3, C]
     * @param gamma [1, C] scales
     * @param rows that the statistics were taken over
     * @param frozen whether they are running estimates, which do not depend on the batch
     * @param correction [3, C], overwritten
     */
    void normCorrection(
            Matrix sums,
            Matrix statistics,
            Matrix gamma,
            int rows,
            boolean frozen,
            Matrix correction);

    /**
     * Adds a consumer's {@code weight·dbeta} and {@code weight·dgamma} to its block's B and Γ.
     *
     * @param sums [2, C] of {@link #finishNormGradient}
     * @param weight [1, C]: gamma/sigma, see {@link #gradientWeight}
     * @param add false for the last consumer, which overwrites
     * @param deferred [2, C]: B and Γ of these columns, added to or overwritten
     */
    void deferSums(Matrix sums, Matrix weight, boolean add, Matrix deferred);

    /**
     * The deferred correction of channels all of whose consumers are done: a = 1, b = −B/rows, c =
     * −Γ/(sigma·rows). With frozen statistics b = c = 0.
     *
     * @param deferred [2, C]: B and Γ, complete
     * @param statistics [3, C]
     * @param rows that the statistics were taken over
     * @param frozen whether they are running estimates, which do not depend on the batch
     * @param correction [3, C], overwritten
     */
    void deferredCorrection(
            Matrix deferred, Matrix statistics, int rows, boolean frozen, Matrix correction);

    /**
     * The weight of {@link #accumulateGradient}: gamma/sigma.
     *
     * @param statistics [3, C]
     * @param gamma [1, C] scales
     * @param weight [1, C], overwritten
     */
    void gradientWeight(Matrix statistics, Matrix gamma, Matrix weight);

    // ---------------------------------------------------------------- pools without normalisation

    /**
     * {@code out = maximum over each window of x}. A window with a NaN has that for its maximum.
     *
     * @param x [images·height·width, C], may be strided
     * @param images of the chunk
     * @param shape of an image and the windows on it
     * @param out [images·outHeight·outWidth, C], may be strided
     */
    void maxPool(Matrix x, int images, PoolShape shape, Matrix out);

    /**
     * Gradient of {@link #maxPool}: each output's gradient goes to its window's first maximum in
     * row order, as in PyTorch; those of overlapping windows add, everything else is zero. Of a
     * window with a NaN it may go nowhere.
     *
     * @param pooledGradient [images·outHeight·outWidth, C]
     * @param x [images·height·width, C], what {@link #maxPool} read
     * @param images of the chunk
     * @param shape of an image and the windows on it
     * @param out [images·height·width, C], overwritten
     */
    void maxPoolGradient(Matrix pooledGradient, Matrix x, int images, PoolShape shape, Matrix out);

    /**
     * {@code out = mean over each window of x}; elements of the padding are zeros and count, as in
     * PyTorch ({@code count_include_pad=True}).
     *
     * @param x [images·height·width, C], may be strided
     * @param images of the chunk
     * @param shape of an image and the windows on it
     * @param out [images·outHeight·outWidth, C], may be strided; float32 or stored as {@code x}
     */
    void averagePool(Matrix x, int images, PoolShape shape, Matrix out);

    /**
     * Gradient of {@link #averagePool}.
     *
     * @param pooledGradient float32 or stored as {@code out}
     * @param images of the chunk
     * @param shape of an image and the windows on it
     * @param out [images·height·width, C], overwritten
     */
    void averagePoolGradient(Matrix pooledGradient, int images, PoolShape shape, Matrix out);

    /**
     * Anti-aliased downsampling: each channel is filtered with [1, 2, 1]⊗[1, 2, 1]/16 at every
     * second pixel, with one pixel of reflection padding ({@link BlurFilter}).
     *
     * @param x [images·height·width, C], may be strided
     * @param images of the chunk
     * @param height rows of pixels of an image
     * @param width columns of pixels of an image
     * @param out [images·ceil(height/2)·ceil(width/2), C], may be strided
     * @throws IllegalArgumentException when height or width is less than 2
     */
    void blurPool(Matrix x, int images, int height, int width, Matrix out);

    /**
     * Gradient of {@link #blurPool}.
     *
     * @param pooledGradient [images·ceil(height/2)·ceil(width/2), C]
     * @param images of the chunk
     * @param height rows of pixels of an image
     * @param width columns of pixels of an image
     * @param out [images·height·width, C], overwritten
     * @throws IllegalArgumentException when height or width is less than 2
     */
    void blurPoolGradient(Matrix pooledGradient, int images, int height, int width, Matrix out);

    // ---------------------------------------------------------------- depthwise layers

    /**
     * A depthwise convolution: {@code out[p, c] = bias[c] + Σ_t weights[t, c]·x[p + t − padding,
     * c]}, zeros outside the image.
     *
     * @param x [images·height·width, C], may be strided
     * @param images of the chunk
     * @param shape of an image and the kernels
     * @param weights [kernel·kernel, C] in float32: a row for each place of the kernels
     * @param bias [1, C] in float32
     * @param out [images·height·width, C], may be strided
     */
    void depthwise(
            Matrix x, int images, DepthwiseShape shape, Matrix weights, Matrix bias, Matrix out);

    /**
     * The gradient of what {@link #depthwise} read: {@code out[p, c] (+)= Σ_t weights[t,
     * c]·outputGradient[p − t + padding, c]}.
     *
     * @param outputGradient [images·height·width, C]
     * @param images of the chunk
     * @param shape of an image and the kernels
     * @param weights [kernel·kernel, C] in float32
     * @param add whether the result is added to {@code out}, which is overwritten otherwise
     * @param out [images·height·width, C], may be strided
     */
    void depthwiseGradient(
            Matrix outputGradient,
            int images,
            DepthwiseShape shape,
            Matrix weights,
            boolean add,
            Matrix out);

    /**
     * Adds the gradient of the weights of {@link #depthwise}: {@code sums[t, c] += Σ_p
     * outputGradient[p, c]·x[p + t − padding, c]}.
     *
     * @param x [images·height·width, C], what {@link #depthwise} read
     * @param outputGradient [images·height·width, C]
     * @param images of the chunk
     * @param shape of an image and the kernels
     * @param sums [kernel·kernel, C] in float32, added to
     */
    void addDepthwiseWeightGradient(
            Matrix x, Matrix outputGradient, int images, DepthwiseShape shape, Matrix sums);

    /**
     * {@code target (+)= sourceᵀ}, both in float32.
     *
     * @param source [m, n]
     * @param add whether it is added to the target, which is overwritten otherwise
     * @param target [n, m]
     */
    void transpose(Matrix source, boolean add, Matrix target);

    /**
     * Layer normalisation over the channels of each row (Ba, Kiros and Hinton 2016, arXiv
     * 1607.06450): {@code out = (x − mean)·inverse·gamma + beta} with the row's own mean and {@code
     * inverse = 1/sqrt(variance + epsilon)}, the variance biased.
     *
     * @param x [rows, C]
     * @param gamma [1, C] scales
     * @param beta [1, C] shifts
     * @param epsilon is added to the variance below the root
     * @param statistics [rows, 2] in float32, overwritten: mean and inverse deviation of each row
     * @param out [rows, C], may be the memory of {@code x}
     */
    void layerNorm(
            Matrix x, Matrix gamma, Matrix beta, float epsilon, Matrix statistics, Matrix out);

    /**
     * The gradient of {@link #layerNorm}: with {@code h = (x − mean)·inverse} and {@code t =
     * gradient·gamma}, {@code out = inverse·(t − mean(t) − h·mean(t·h))}.
     *
     * @param gradient [rows, C] of what was normalised
     * @param x [rows, C], what {@link #layerNorm} read
     * @param gamma [1, C] scales
     * @param statistics [rows, 2] that {@link #layerNorm} left
     * @param sums [2, C] in float32 without gaps, added to: the gradients of beta and gamma, {@code
     *     Σ gradient} and {@code Σ gradient·h}
     * @param out [rows, C], may be the memory of {@code gradient}
     */
    void layerNormGradient(
            Matrix gradient, Matrix x, Matrix gamma, Matrix statistics, Matrix sums, Matrix out);

    /**
     * L2 normalisation over the channels of each row, with a scale for each channel (Liu et al.
     * 2015, arXiv 1506.04579, section 3.3): {@code out = x·inverse·scale} with {@code inverse =
     * 1/sqrt(Σ x² + epsilon)} of the row.
     *
     * @param x [rows, C]
     * @param scale [1, C]
     * @param epsilon is added to the sum of squares below the root
     * @param out [rows, C], may be the memory of {@code x}
     */
    void l2Norm(Matrix x, Matrix scale, float epsilon, Matrix out);

    /**
     * The gradient of {@link #l2Norm}: with {@code h = x·inverse} and {@code t = gradient·scale},
     * {@code out = inverse·(t − h·Σ t·h)}, the sum over the channels of a row.
     *
     * @param gradient [rows, C] of what was normalised
     * @param x [rows, C], what {@link #l2Norm} read
     * @param scale [1, C]
     * @param epsilon is added to the sum of squares below the root
     * @param inverses [rows, 1] in float32, overwritten: {@code inverse} of each row
     * @param sums [1, C] in float32 without gaps, added to: the gradient of the scale, {@code Σ
     *     gradient·h} over the rows
     * @param out [rows, C], may be the memory of {@code gradient}
     */
    void l2NormGradient(
            Matrix gradient,
            Matrix x,
            Matrix scale,
            float epsilon,
            Matrix inverses,
            Matrix sums,
            Matrix out);

    /**
     * {@code out = x·Φ(x)} with the normal distribution function Φ (Hendrycks and Gimpel 2016,
     * arXiv 1606.08415), not an approximation by other functions.
     *
     * @param x [rows, C]
     * @param out [rows, C], may be the memory of {@code x}
     */
    void gelu(Matrix x, Matrix out);

    /**
     * The gradient of {@link #gelu}: {@code out = gradient·(Φ(x) + x·φ(x))} with the density φ.
     *
     * @param gradient [rows, C]
     * @param x [rows, C], what {@link #gelu} read
     * @param out [rows, C], may be the memory of {@code gradient} or of {@code x}
     */
    void geluGradient(Matrix gradient, Matrix x, Matrix out);

    /**
     * Which images a layer is dropped for: {@code factors[i] = 0} with probability {@code 1 −
     * survival}, else {@code 1/survival}. One draw for each image of the batch.
     *
     * @param dropout what to drop; its rate is 0
     * @param firstImage index of the first image within the batch
     * @param factors [images, 1] in float32, overwritten
     */
    void dropPath(Dropout dropout, int firstImage, Matrix factors);

    /**
     * Scales channels, image by image: {@code out = x·scale[c]·gate(logits[i, c])·factors[i] +
     * means[i, c]/pixels}, where {@code gate} is the hard sigmoid {@code max(0, min(1, (z +
     * 3)/6))}, as in an effective squeeze-excitation (Lee and Park 2020, arXiv 1911.06667).
     * Backwards, {@code means} is the gradient of the image's means.
     *
     * @param x [images·pixels, C]
     * @param scale [1, C] in float32
     * @param logits [images, C] in float32; null where there is no gate
     * @param factors [images, 1] in float32
     * @param means [images, C] in float32; null where there is nothing to add
     * @param out [images·pixels, C], may be the memory of {@code x}
     */
    void scaleImages(
            Matrix x,
            Matrix scale,
            @Nullable Matrix logits,
            Matrix factors,
            @Nullable Matrix means,
            Matrix out);

    /**
     * {@code sums[i, c] = Σ over the pixels of image i of a·b}.
     *
     * @param a [images·pixels, C]
     * @param b [images·pixels, C]
     * @param sums [images, C] in float32, overwritten
     */
    void imageProducts(Matrix a, Matrix b, Matrix sums);

    /**
     * From {@code sums} = Σ over an image's pixels of gradient·x to the gradients of what {@link
     * #scaleImages} scaled with: {@code logitsGradient = sums·scale·factors/6} where the hard
     * sigmoid has a slope ({@code |z| < 3}), else 0; and then {@code sums *= gate·factors}, whose
     * sum over images is the gradient of {@code scale}.
     *
     * @param sums [images, C] in float32, changed
     * @param scale [1, C] in float32
     * @param logits [images, C] in float32; null where there is no gate
     * @param factors [images, 1] in float32
     * @param logitsGradient [images, C] in float32, overwritten; null where there is no gate
     */
    void scaleGradient(
            Matrix sums,
            Matrix scale,
            @Nullable Matrix logits,
            Matrix factors,
            @Nullable Matrix logitsGradient);

    // ---------------------------------------------------------------- optimiser and copies

    /**
     * One step of SGD as PyTorch defines it: {@code g = scale·gradient + decay·p; v = momentum·v +
     * share·g; p −= rate·(nesterov ? g + momentum·v : v)}, where velocities are zero before the
     * first step. All are vectors [1, n].
     *
     * @param parameters [1, n], changed
     * @param gradients [1, n], float32
     * @param velocity [1, n], changed
     * @param rate the learning rate
     * @param momentum share of the velocity that stays, from 0 to 1
     * @param share of the gradient in the velocity: 1, or, with dampening, 1 minus that from the
     *     second step on
     * @param nesterov whether the step looks ahead by a momentum, as Nesterov's does
     * @param decay weight decay, as an addition to the gradient
     * @param gradientScale factor of the gradient, such as the one that clips its norm
     */
    void sgd(
            Matrix parameters,
            Matrix gradients,
            Matrix velocity,
            float rate,
            float momentum,
            float share,
            boolean nesterov,
            float decay,
            float gradientScale);

    /**
     * One step of RMSprop (Tieleman and Hinton 2012, lecture 6.5): {@code g = scale·gradient +
     * decay·p; squares = rho·squares + (1 − rho)·g²; p −= rate·g / (sqrt(squares) + epsilon)} as
     * PyTorch defines it, or {@code p −= rate·g / sqrt(squares + epsilon)} as Theano's libraries
     * do. Centred (Graves 2013), the squared mean of the gradients is taken from the mean squares;
     * with momentum what is divided is added up in a velocity. All that is remembered is zero
     * before the first step. All are vectors [1, n].
     *
     * @param parameters [1, n], changed
     * @param gradients [1, n], float32
     * @param squares [1, n], mean squares of the gradient, changed
     * @param means [1, n], means of the gradient, changed; null where it is not centred
     * @param velocity [1, n], changed; null without momentum
     * @param by the numbers of this step
     */
    void rmsprop(
            Matrix parameters,
            Matrix gradients,
            Matrix squares,
            @Nullable Matrix means,
            @Nullable Matrix velocity,
            RmspropCoefficients by);

    /**
     * One step of Adam (Kingma and Ba 2015), with weight decay in the gradient or decoupled from it
     * (AdamW, Loshchilov and Hutter 2019), as PyTorch defines them: {@code g = scale·gradient +
     * decay·p; mean = beta1·mean + share1·g; square = beta2·square + share2·g²; p = keep·p −
     * rate·mean / (rootScale·sqrt(square) + epsilon)}. AMSGrad (Reddi et al. 2018) takes the root
     * of the largest square so far. All that is remembered is zero before the first step. All are
     * vectors [1, n].
     *
     * @param parameters [1, n], changed
     * @param gradients [1, n], float32
     * @param means [1, n], of the gradient, changed
     * @param squares [1, n], mean squares of the gradient, changed
     * @param largest [1, n], changed; null without AMSGrad
     * @param by the numbers of this step
     */
    void adam(
            Matrix parameters,
            Matrix gradients,
            Matrix means,
            Matrix squares,
            @Nullable Matrix largest,
            AdamCoefficients by);

    /**
     * {@code average += share·(values − average)}: an exponential moving average. Both are vectors
     * [1, n] of float32.
     *
     * @param values [1, n]
     * @param average [1, n], changed
     * @param share of the values in it
     */
    void movingAverage(Matrix values, Matrix average, float share);

    /**
     * {@code values *= factors}: both are vectors [1, n] of float32.
     *
     * @param values [1, n], changed
     * @param factors [1, n]
     */
    void multiply(Matrix values, Matrix factors);

    /**
     * Adds the gradient of a group lasso on learned groups (Huang et al. 2018, arXiv 1711.09224,
     * section 3.1), {@code strength·Σ ‖w‖} over groups and inputs: {@code gradient += strength·w /
     * ‖w‖}, where <i>w</i> are the weights of one input in one group. A norm whose square is at
     * most 1e-6 has no gradient, as in the authors' code.
     *
     * @param weights [out, in] of float32; output <i>o</i> is of group <i>o</i> mod {@code groups}
     * @param groups a divisor of the outputs
     * @param strength factor of the sum
     * @param gradient [out, in] of float32, added to
     */
    void addGroupLasso(Matrix weights, int groups, float strength, Matrix gradient);

    /**
     * Sum of squares, accumulated in double precision, into {@code target} [1, 1]; NaN or infinity
     * if any element is, or if the sum exceeds single precision.
     *
     * @param x any shape
     * @param target [1, 1], overwritten
     */
    void squaredNorm(Matrix x, Matrix target);

    /**
     * {@code target = source}; strides may differ, and so may the types: then values round.
     *
     * @param source any shape
     * @param target of the same shape, overwritten
     */
    void copy(Matrix source, Matrix target);

    /**
     * A window of every image: {@code target[n, y, x] = source[n, y + top, x + left]} where that is
     * inside the source's image, else 0. It crops, pads with zeros, and cuts bands of rows with a
     * halo.
     *
     * @param source [images·sourceHeight·sourceWidth, C], may be a column range
     * @param sourceHeight rows of pixels of an image of the source
     * @param sourceWidth columns of pixels of it
     * @param target [images·targetHeight·targetWidth, C] of the same type, may be a column range;
     *     never the source's memory
     * @param targetHeight rows of pixels of an image of the target
     * @param targetWidth columns of pixels of it
     * @param images of both
     * @param top row of the source's image that is the window's first; may be negative
     * @param left the same of columns
     */
    void copyWindow(
            Matrix source,
            int sourceHeight,
            int sourceWidth,
            Matrix target,
            int targetHeight,
            int targetWidth,
            int images,
            int top,
            int left);

    /**
     * {@code target += source}; strides may differ, and so may the types: then sums are taken in
     * float32 and round to the target's.
     *
     * @param source any shape
     * @param target of the same shape, added to
     */
    void add(Matrix source, Matrix target);

    /**
     * Sets every element, of which there may be none.
     *
     * @param target any shape and stride
     * @param value is rounded to the target's type
     */
    void fill(Matrix target, float value);
}
