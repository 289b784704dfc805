// Heuristics whose answers are meant to be awkward: the first ones cannot run, are too large or not deterministic.
//   STANDIN_CUDNN_WORKSPACE=n       algorithm 1 needs n times as much
//   STANDIN_CUDNN_MIXED_MATH=1      it needs three times as much under plain math, and both math types are offered
//   STANDIN_CUDNN_ODD=1             an odd number of images takes another kernel, which needs twice as much
//   STANDIN_CUDNN_NONE=k            nothing is offered for k x k filters (0: for none of them)
#include "cudnn.h"

#include <algorithm>
#include <vector>

namespace cudnn {

namespace {

constexpr int NHWC = 1;
constexpr int CROSS_CORRELATION = 1;
constexpr int TENSOR_MATH = 1;
constexpr int FMA_MATH = 3;
constexpr int DETERMINISTIC = 1;

// cudnnConvolution*AlgoPerf_t of version 9.
struct Answer {
    int algorithm;
    int status;
    float time;
    std::size_t memory;
    int determinism;
    int math;
    int reserved[3];
};
static_assert(sizeof(Answer) == 48, "the layout that JCuda's natives are compiled for");

Answer answer(Direction direction, const Problem& problem, int algorithm, int math, float time, bool deterministic) {
    const std::size_t memory = need(direction, algorithm, math, problem);
    return {algorithm, OK, time, memory, deterministic ? DETERMINISTIC : 0, math, {}};
}

int answers(Direction direction, const Problem& problem, int most, int* number, Answer* out) {
    const long without = setting("STANDIN_CUDNN_NONE", 0);
    if (without && problem.w.h == without) {
        *number = 0;
        return OK;
    }
    const int math = problem.convolution.math;
    std::vector<Answer> all;
    const int unsupported = direction == FORWARD ? 6 : 5;
    all.push_back({unsupported, NOT_SUPPORTED, -1, 0, DETERMINISTIC, math, {}});
    all.push_back(answer(direction, problem, 2, math, 0.1f, true));
    if (direction != FORWARD) {
        all.push_back(answer(direction, problem, 0, math, 0.2f, false));
    }
    if (setting("STANDIN_CUDNN_MIXED_MATH", 0)) {
        all.push_back(answer(direction, problem, 1, TENSOR_MATH, 0.3f, true));
    }
    all.push_back(answer(direction, problem, 1, math, 0.4f, true));
    if (direction == FORWARD) {
        all.push_back(answer(direction, problem, 0, math, 0.9f, true));
    }
    *number = std::min<int>(most, static_cast<int>(all.size()));
    std::copy_n(all.begin(), *number, out);
    return OK;
}

}  // namespace

int describe(Problem& problem, const Tensor* x, const Filter* w, const Convolution* c, const Tensor* y) {
    const bool goodX = x && x->set && x->alive;
    const bool goodY = y && y->set && y->alive;
    const bool goodW = w && w->set && w->alive;
    const bool goodC = c && c->set && c->alive;
    if (!goodX || !goodY || !goodW || !goodC) {
        driver()->violation("cuDNN is given a descriptor that is destroyed or was not set");
        return BAD_PARAM;
    }
    if (x->format != NHWC || y->format != NHWC || w->format != NHWC) {
        driver()->violation("cuDNN: not NHWC throughout");
        return NOT_SUPPORTED;
    }
    // The manual's FLOAT_CONFIG and PSEUDO_BFLOAT16_CONFIG, which has sums in fp32. Neither mixes types.
    const bool knownType = x->type == FLOATS || x->type == BFLOAT16;
    if (!knownType || y->type != x->type || w->type != x->type || c->type != FLOATS) {
        driver()->violation("cuDNN: neither fp32 nor bf16 throughout, with sums in fp32");
        return NOT_SUPPORTED;
    }
    const int height = (x->h + 2 * c->padH - w->h) / c->strideH + 1;
    const int width = (x->w + 2 * c->padW - w->w) / c->strideW + 1;
    const bool channelsFit = w->c == x->c && w->k == y->c;
    const bool sizesFit = x->n == y->n && y->h == height && y->w == width;
    if (!channelsFit || !sizesFit || c->mode != CROSS_CORRELATION) {
        driver()->violation("cuDNN: descriptors do not fit: x %d,%d,%d,%d w %d,%d,%d,%d y %d,%d,%d,%d", x->n, x->c,
                            x->h, x->w, w->k, w->c, w->h, w->w, y->n, y->c, y->h, y->w);
        return BAD_PARAM;
    }
    problem = {*x, *y, *w, *c};
    return OK;
}

// No round number, and it grows with the batch, as in the real library.
std::size_t need(Direction direction, int algorithm, int math, const Problem& problem) {
    const Tensor& x = problem.x;
    const std::size_t bytes = x.bytes();
    switch (algorithm) {
        case 0:
            return direction == FORWARD ? 0 : 100;
        case 1: {
            std::size_t needed = 1013 + setting("STANDIN_CUDNN_WORKSPACE", 1) * bytes * (direction + 1) / 8;
            if (setting("STANDIN_CUDNN_MIXED_MATH", 0) && math == FMA_MATH) {
                needed *= 3;
            }
            if (setting("STANDIN_CUDNN_ODD", 0) && x.n % 2 == 1) {
                needed *= 2;
            }
            return needed;
        }
        default:
            return std::size_t{1} << 30;
    }
}

}  // namespace cudnn

using namespace cudnn;

#define CHECKED(handle)                               \
    if (int wrong_ = check(handle, __func__)) {       \
        return wrong_;                                \
    }

#define DESCRIBED(problem, x, w, c, y)                            \
    Problem problem;                                              \
    if (int wrong_ = describe(problem, x, w, c, y)) {             \
        return wrong_;                                            \
    }

API cudnnGetConvolutionForwardAlgorithmMaxCount(Handle* handle, int* number) {
    CHECKED(handle);
    *number = 8;
    return OK;
}

API cudnnGetConvolutionBackwardDataAlgorithmMaxCount(Handle* handle, int* number) {
    CHECKED(handle);
    *number = 6;
    return OK;
}

API cudnnGetConvolutionBackwardFilterAlgorithmMaxCount(Handle* handle, int* number) {
    CHECKED(handle);
    *number = 7;
    return OK;
}

API cudnnGetConvolutionForwardAlgorithm_v7(Handle* handle, Tensor* x, Filter* w, Convolution* c, Tensor* y, int most,
                                           int* number, Answer* out) {
    CHECKED(handle);
    DESCRIBED(problem, x, w, c, y);
    return answers(FORWARD, problem, most, number, out);
}

API cudnnGetConvolutionBackwardDataAlgorithm_v7(Handle* handle, Filter* w, Tensor* dy, Convolution* c, Tensor* dx,
                                                int most, int* number, Answer* out) {
    CHECKED(handle);
    DESCRIBED(problem, dx, w, c, dy);
    return answers(BACKWARD_DATA, problem, most, number, out);
}

API cudnnGetConvolutionBackwardFilterAlgorithm_v7(Handle* handle, Tensor* x, Tensor* dy, Convolution* c, Filter* dw,
                                                  int most, int* number, Answer* out) {
    CHECKED(handle);
    DESCRIBED(problem, x, dw, c, dy);
    return answers(BACKWARD_FILTER, problem, most, number, out);
}

API cudnnGetConvolutionForwardWorkspaceSize(Handle* handle, Tensor* x, Filter* w, Convolution* c, Tensor* y,
                                            int algorithm, std::size_t* bytes) {
    CHECKED(handle);
    DESCRIBED(problem, x, w, c, y);
    *bytes = need(FORWARD, algorithm, c->math, problem);
    return OK;
}

API cudnnGetConvolutionBackwardDataWorkspaceSize(Handle* handle, Filter* w, Tensor* dy, Convolution* c, Tensor* dx,
                                                 int algorithm, std::size_t* bytes) {
    CHECKED(handle);
    DESCRIBED(problem, dx, w, c, dy);
    *bytes = need(BACKWARD_DATA, algorithm, c->math, problem);
    return OK;
}

API cudnnGetConvolutionBackwardFilterWorkspaceSize(Handle* handle, Tensor* x, Tensor* dy, Convolution* c, Filter* dw,
                                                   int algorithm, std::size_t* bytes) {
    CHECKED(handle);
    DESCRIBED(problem, x, dw, c, dy);
    *bytes = need(BACKWARD_FILTER, algorithm, c->math, problem);
    return OK;
}
