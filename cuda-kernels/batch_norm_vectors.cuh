// The per-channel arithmetic of batch normalisation between the passes over features (Ioffe and Szegedy 2015,
// section 3): a handful of values per channel, in double precision where sums are finished.
//
// Shapes    statistics [3, C] = mean, biased variance, 1/sqrt(variance + epsilon); affine [2, C] = scale, shift;
//           correction [3, C] = a, b, c; partials [2 * chunks, C]; sums, deferred [2, C] = dbeta, dgamma;
//           all with a row stride; gamma, beta, running values [C]
// Bytes     a few vectors of C floats
// Geometry  one block, whose threads take channels in turn (small_operations.cu)
#pragma once
#include "common.cuh"

// use(c) for each of the thread's channels.
template <class Use>
__device__ __forceinline__ void for_channels(int channels, Use use) {
    for (int c = threadIdx.x; c < channels; c += blockDim.x) {
        use(c);
    }
}

// Combines chunk statistics as combine_statistics does those of tiles (Chan, Golub and LeVeque 1983).
__device__ __forceinline__ void finish_statistics(const float* partials, int partialsStride, int chunks,
                                                  int rowsPerChunk, int rows, float epsilon, float* statistics,
                                                  int statisticsStride, int channels) {
    for_channels(channels, [&](int c) {
        const double shift = partials[c];
        double sum = 0.0;
        double squares = 0.0;
        struct Partial {
            float mean;
            float squares;
        };
        for_rows<8>(
            {0, chunks},
            [&](int chunk) {
                return Partial{partials[at(2 * chunk, partialsStride, c)],
                               partials[at(2 * chunk + 1, partialsStride, c)]};
            },
            [&](int chunk, Partial p) {
                const double n =
                    chunk == chunks - 1 ? rows - static_cast<double>(chunk) * rowsPerChunk : rowsPerChunk;
                const double d = p.mean - shift;
                sum += n * d;
                squares += p.squares + n * d * d;
            });
        squares -= sum * sum / rows;
        const double variance = squares < 0.0 ? 0.0 : squares / rows;
        statistics[c] = static_cast<float>(shift + sum / rows);
        statistics[statisticsStride + c] = static_cast<float>(variance);
        statistics[2 * statisticsStride + c] = static_cast<float>(1.0 / sqrt(variance + epsilon));
    });
}

// running = (1 - momentum) * running + momentum * batch; `unbias` = n / (n - 1).
__device__ __forceinline__ void update_running_statistics(const float* statistics, int statisticsStride, float unbias,
                                                          float momentum, float* runningMean, float* runningVariance,
                                                          int channels) {
    for_channels(channels, [&](int c) {
        const float variance = statistics[statisticsStride + c] * unbias;
        runningMean[c] = fmaf(momentum, statistics[c], (1.0f - momentum) * runningMean[c]);
        runningVariance[c] = fmaf(momentum, variance, (1.0f - momentum) * runningVariance[c]);
    });
}

__device__ __forceinline__ void statistics_of_running(const float* runningMean, const float* runningVariance,
                                                      float epsilon, float* statistics, int statisticsStride,
                                                      int channels) {
    for_channels(channels, [&](int c) {
        const float variance = runningVariance[c];
        statistics[c] = runningMean[c];
        statistics[statisticsStride + c] = variance;
        statistics[2 * statisticsStride + c] =
            static_cast<float>(1.0 / sqrt(static_cast<double>(variance) + epsilon));
    });
}

// scale = gamma/sigma, shift = beta - mean * scale.
__device__ __forceinline__ void fold_normalisation(const float* statistics, int statisticsStride, const float* gamma,
                                                   const float* beta, float* affine, int affineStride, int channels) {
    for_channels(channels, [&](int c) {
        const float scale = gamma[c] * statistics[2 * statisticsStride + c];
        affine[c] = scale;
        affine[affineStride + c] = beta[c] - statistics[c] * scale;
    });
}

// Sums the chunks: sums = dbeta, dgamma; both are added to the parameter gradients.
__device__ __forceinline__ void finish_norm_gradient(const float* partials, int partialsStride, int chunks,
                                                     const float* statistics, int statisticsStride, float* sums,
                                                     int sumsStride, float* gammaGradient, float* betaGradient,
                                                     int channels) {
    for_channels(channels, [&](int c) {
        double sum = 0.0;
        double products = 0.0;
        for (int chunk = 0; chunk < chunks; chunk++) {
            sum += partials[at(2 * chunk, partialsStride, c)];
            products += partials[at(2 * chunk + 1, partialsStride, c)];
        }
        const float dbeta = static_cast<float>(sum);
        const float dgamma = static_cast<float>(products * statistics[2 * statisticsStride + c]);
        sums[c] = dbeta;
        sums[sumsStride + c] = dgamma;
        betaGradient[c] += dbeta;
        gammaGradient[c] += dgamma;
    });
}

// a = gamma/sigma, b = -a * dbeta/rows, c = -a * dgamma/(sigma * rows); b = c = 0 with frozen statistics.
__device__ __forceinline__ void norm_correction(const float* sums, int sumsStride, const float* statistics,
                                                int statisticsStride, const float* gamma, int rows, int frozen,
                                                float* correction, int correctionStride, int channels) {
    for_channels(channels, [&](int c) {
        const double inverse = statistics[2 * statisticsStride + c];
        const double a = gamma[c] * inverse;
        correction[c] = static_cast<float>(a);
        correction[correctionStride + c] = frozen ? 0.0f : static_cast<float>(-a * sums[c] / rows);
        correction[2 * correctionStride + c] =
            frozen ? 0.0f : static_cast<float>(-a * inverse * sums[sumsStride + c] / rows);
    });
}

// B (+)= weight * dbeta, Gamma (+)= weight * dgamma; the weight is gamma/sigma.
__device__ __forceinline__ void defer_sums(const float* sums, int sumsStride, const float* weight, int add,
                                           float* deferred, int deferredStride, int channels) {
    for_channels(channels, [&](int c) {
        const float w = weight[c];
        const float dbeta = w * sums[c];
        const float dgamma = w * sums[sumsStride + c];
        deferred[c] = add ? deferred[c] + dbeta : dbeta;
        deferred[deferredStride + c] = add ? deferred[deferredStride + c] + dgamma : dgamma;
    });
}

// a = 1, b = -B/rows, c = -Gamma/(sigma * rows); b = c = 0 with frozen statistics.
__device__ __forceinline__ void deferred_correction(const float* deferred, int deferredStride,
                                                    const float* statistics, int statisticsStride, int rows,
                                                    int frozen, float* correction, int correctionStride,
                                                    int channels) {
    for_channels(channels, [&](int c) {
        const double inverse = statistics[2 * statisticsStride + c];
        correction[c] = 1.0f;
        correction[correctionStride + c] = frozen ? 0.0f : -deferred[c] / rows;
        correction[2 * correctionStride + c] =
            frozen ? 0.0f : static_cast<float>(-inverse * deferred[deferredStride + c] / rows);
    });
}

// gamma/sigma.
__device__ __forceinline__ void gradient_weight(const float* statistics, int statisticsStride, const float* gamma,
                                                float* weight, int channels) {
    for_channels(channels, [&](int c) {
        weight[c] = gamma[c] * statistics[2 * statisticsStride + c];
    });
}
