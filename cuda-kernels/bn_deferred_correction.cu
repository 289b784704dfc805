// The batch-norm gradient with finished sums: out = a * g + b + c * (x - mean), per channel.
//
// In a dense block it is applied once per channel, when the channel's last consumer is done and its producer is
// about to use it: a = 1, b = -B/M, c = -Gamma/(sigma*M) (docs/design.md).
// gradient_of_appended also applies the dropout that the forward pass drew for these columns.
//
// Shapes    gradient, x, out [rows, channels] with strides; correction [3, channels] = a, b, c; mean [channels]
// Bytes     8 * rows * channels read (12 when adding), 4 written; 16 * channels of vectors read
// Geometry  tiled, see common.cuh
#include "dropout.cuh"

template <int V, class T>
__device__ void apply_correction(const T* gradient, int gradientStride, const T* x, int xStride,
                                 const float* correction, int correctionStride, const float* means, int add,
                                 T* out, int outStride, int rows, int channels, int rowsPerTile, int firstRow,
                                 Dropout dropout) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Channels<V> a = load<V>(correction + c);
    const Channels<V> b = load<V>(correction + correctionStride + c);
    const Channels<V> factor = load<V>(correction + 2 * correctionStride + c);
    const Channels<V> mean = load<V>(means + c);
    struct Fetched {
        Channels<V> gradient;
        Channels<V> value;
        Channels<V> old;
    };
    for_rows<ROWS_AT_ONCE<V, 3, T>>(
        rows_of_tile(rows, rowsPerTile),
        [&](int r) {
            return Fetched{load<V>(gradient + at(r, gradientStride, c)), load<V>(x + at(r, xStride, c)),
                           add ? load<V>(out + at(r, outStride, c)) : zeros<V>()};
        },
        [&](int r, const Fetched& f) {
            Channels<V> result;
#pragma unroll
            for (int i = 0; i < V; i++) {
                result.v[i] =
                    fmaf(a.v[i], f.gradient.v[i], fmaf(factor.v[i], f.value.v[i] - mean.v[i], b.v[i]));
            }
            drop(result, (static_cast<unsigned long long>(firstRow) + r) * channels + c, dropout);
#pragma unroll
            for (int i = 0; i < V; i++) {
                result.v[i] += f.old.v[i];
            }
            store(out + at(r, outStride, c), result);
        });
}

TYPED_KERNEL(apply_correction,
             (const Stored* gradient, int gradientStride, const Stored* x, int xStride, const float* correction,
              int correctionStride, const float* mean, int add, Stored* out, int outStride, int rows, int channels,
              int rowsPerTile),
             (gradient, gradientStride, x, xStride, correction, correctionStride, mean, add, out, outStride, rows,
              channels, rowsPerTile, 0, Dropout{}))

template <int V, class T>
__device__ void gradient_of_appended(const T* gradient, int gradientStride, const T* columns,
                                     int columnsStride, const float* correction, int correctionStride,
                                     const float* mean, T* out, int outStride, int rows, int k,
                                     int rowsPerTile, int firstRow, Dropout dropout) {
    apply_correction<V>(gradient, gradientStride, columns, columnsStride, correction, correctionStride, mean, 0,
                        out, outStride, rows, k, rowsPerTile, firstRow, dropout);
}

TYPED_KERNEL(gradient_of_appended,
             (const Stored* gradient, int gradientStride, const Stored* columns, int columnsStride,
              const float* correction, int correctionStride, const float* mean, Stored* out, int outStride, int rows,
              int k, int rowsPerTile, int firstRow, unsigned threshold, unsigned layerThreshold, float keptScale,
              unsigned seedLow, unsigned seedHigh, const unsigned* step, unsigned layer),
             (gradient, gradientStride, columns, columnsStride, correction, correctionStride, mean, out, outStride,
              rows, k, rowsPerTile, firstRow,
              Dropout{threshold, layerThreshold, keptScale, seedLow, seedHigh, step, layer}))
