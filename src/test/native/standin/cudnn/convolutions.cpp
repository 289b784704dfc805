// Convolutions in plain loops, NHWC, in fp32 or in bf16 with sums in fp32.
//   STANDIN_CUDNN_UNSUPPORTED=a     algorithm a is offered by the heuristics and refused when it runs (-1: none)
#include "cudnn.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace cudnn {

namespace {

// Calls f(index into x, into w, into y) for every product of a convolution, channels of x innermost.
template <class F>
void forEachProduct(const Problem& p, F f) {
    const Convolution& c = p.convolution;
    for (int n = 0; n < p.y.n; n++) {
        for (int oy = 0; oy < p.y.h; oy++) {
            for (int ox = 0; ox < p.y.w; ox++) {
                const std::size_t y = ((static_cast<std::size_t>(n) * p.y.h + oy) * p.y.w + ox) * p.y.c;
                for (int ky = 0; ky < p.w.h; ky++) {
                    const int iy = oy * c.strideH - c.padH + ky;
                    for (int kx = 0; kx < p.w.w; kx++) {
                        const int ix = ox * c.strideW - c.padW + kx;
                        if (iy < 0 || iy >= p.x.h || ix < 0 || ix >= p.x.w) {
                            continue;
                        }
                        const std::size_t x = ((static_cast<std::size_t>(n) * p.x.h + iy) * p.x.w + ix) * p.x.c;
                        for (int k = 0; k < p.w.k; k++) {
                            const std::size_t w = ((static_cast<std::size_t>(k) * p.w.h + ky) * p.w.w + kx) * p.w.c;
                            for (int channel = 0; channel < p.w.c; channel++) {
                                f(x + channel, w + channel, y + k);
                            }
                        }
                    }
                }
            }
        }
    }
}

struct Pass {
    Direction direction;
    const char* name;
    Problem problem;
    float alpha;
    float beta;
    const void* x;
    const void* w;
    const void* y;
    void* out;
    std::size_t outBytes;
    int algorithm;
    char* workspace;
    std::size_t workspaceBytes;
};

// An operand that is read; none where there is none.
template <class Descriptor>
std::vector<float> floats(const void* values, const Descriptor& descriptor) {
    const Element type = element(descriptor.type);
    std::vector<float> all(values ? descriptor.bytes() / bytesOf(type) : 0);
    for (std::size_t i = 0; i < all.size(); i++) {
        all[i] = loaded(values, type, i);
    }
    return all;
}

void compute(const Pass& pass) {
    const Element type = element(pass.problem.x.type);
    std::vector<float> sums(pass.outBytes / bytesOf(type));
    const std::vector<float> x = floats(pass.direction == BACKWARD_DATA ? nullptr : pass.x, pass.problem.x);
    const std::vector<float> w = floats(pass.direction == BACKWARD_FILTER ? nullptr : pass.w, pass.problem.w);
    const std::vector<float> y = floats(pass.direction == FORWARD ? nullptr : pass.y, pass.problem.y);
    switch (pass.direction) {
        case FORWARD:
            forEachProduct(pass.problem, [&](std::size_t a, std::size_t b, std::size_t c) { sums[c] += x[a] * w[b]; });
            break;
        case BACKWARD_DATA:
            forEachProduct(pass.problem, [&](std::size_t a, std::size_t b, std::size_t c) { sums[a] += y[c] * w[b]; });
            break;
        case BACKWARD_FILTER:
            forEachProduct(pass.problem, [&](std::size_t a, std::size_t b, std::size_t c) { sums[b] += y[c] * x[a]; });
            break;
    }
    for (std::size_t i = 0; i < sums.size(); i++) {
        const float kept = pass.beta == 0 ? 0 : pass.beta * loaded(pass.out, type, i);
        stored(pass.out, type, i, pass.alpha * sums[i] + kept);
    }
}

// What the library leaves in its workspace is nobody's business: NaN, so that it shows where somebody reads it.
void scribble(const Pass& pass, std::size_t needed) {
    constexpr std::size_t LEAST_HEAD = 1 << 16;
    constexpr std::size_t TAIL = 4096;
    if (pass.workspaceBytes > 0) {
        const std::size_t tail = std::min(pass.workspaceBytes, TAIL);
        memset(pass.workspace, 0xFF, std::min(pass.workspaceBytes, std::max(needed, LEAST_HEAD)));
        memset(pass.workspace + pass.workspaceBytes - tail, 0xFF, tail);
    }
}

int checkWorkspace(const Pass& pass, std::size_t needed) {
    if (pass.workspaceBytes < needed) {
        driver()->violation("%s: workspace of %zu bytes, algorithm %d needs %zu", pass.name, pass.workspaceBytes,
                            pass.algorithm, needed);
        return BAD_PARAM_SIZE_INSUFFICIENT;
    }
    if (needed > 0 && !driver()->inside(pass.workspace, pass.workspaceBytes)) {
        driver()->violation("%s: the workspace lies outside device memory", pass.name);
        return EXECUTION_FAILED;
    }
    const auto address = reinterpret_cast<std::uintptr_t>(pass.workspace);
    if (needed > 0 && address % setting("STANDIN_CUDNN_ALIGN", 256) != 0) {
        driver()->violation("%s: workspace mod 256 = %d", pass.name, static_cast<int>(address % 256));
    }
    return OK;
}

int checkOperand(const Pass& pass, const char* which, const void* address, std::size_t bytes) {
    if (!driver()->inside(address, bytes)) {
        driver()->violation("%s: %s lies outside device memory", pass.name, which);
        return EXECUTION_FAILED;
    }
    if (reinterpret_cast<std::uintptr_t>(address) % bytesOf(element(pass.problem.x.type)) != 0) {
        driver()->violation("%s: %s lies between two elements", pass.name, which);
        return EXECUTION_FAILED;
    }
    const char* first = static_cast<const char*>(address);
    const bool before = first + bytes <= pass.workspace;
    const bool behind = first >= pass.workspace + pass.workspaceBytes;
    if (pass.workspaceBytes > 0 && !before && !behind) {
        driver()->violation("%s: %s lies in the workspace", pass.name, which);
    }
    return OK;
}

int run(Handle* handle, const Pass& pass) {
    const Problem& p = pass.problem;
    if (setting("STANDIN_CUDNN_UNSUPPORTED", -1) == pass.algorithm) {
        return NOT_SUPPORTED;
    }
    const std::size_t needed = need(pass.direction, pass.algorithm, p.convolution.math, p);
    if (int wrong = checkWorkspace(pass, needed)) {
        return wrong;
    }
    if (int wrong = checkOperand(pass, "x", pass.x, p.x.bytes())) {
        return wrong;
    }
    if (int wrong = checkOperand(pass, "w", pass.w, p.w.bytes())) {
        return wrong;
    }
    if (int wrong = checkOperand(pass, "y", pass.y, p.y.bytes())) {
        return wrong;
    }
    const auto work = [pass, needed] {
        scribble(pass, needed);
        compute(pass);
    };
    return driver()->submit(handle->stream, pass.name, work) ? OK : EXECUTION_FAILED;
}

}  // namespace

}  // namespace cudnn

using namespace cudnn;

API cudnnConvolutionForward(Handle* handle, const float* alpha, Tensor* xDescriptor, const void* x,
                            Filter* wDescriptor, const void* w, Convolution* convolution, int algorithm,
                            char* workspace, std::size_t bytes, const float* beta, Tensor* yDescriptor, void* y) {
    if (int wrong = check(handle, __func__)) {
        return wrong;
    }
    Pass pass{FORWARD, __func__, {}, *alpha, *beta, x, w, y, y, 0, algorithm, workspace, bytes};
    if (int wrong = describe(pass.problem, xDescriptor, wDescriptor, convolution, yDescriptor)) {
        return wrong;
    }
    pass.outBytes = pass.problem.y.bytes();
    return run(handle, pass);
}

API cudnnConvolutionBackwardData(Handle* handle, const float* alpha, Filter* wDescriptor, const void* w,
                                 Tensor* yDescriptor, const void* dy, Convolution* convolution, int algorithm,
                                 char* workspace, std::size_t bytes, const float* beta, Tensor* xDescriptor,
                                 void* dx) {
    if (int wrong = check(handle, __func__)) {
        return wrong;
    }
    Pass pass{BACKWARD_DATA, __func__, {}, *alpha, *beta, dx, w, dy, dx, 0, algorithm, workspace, bytes};
    if (int wrong = describe(pass.problem, xDescriptor, wDescriptor, convolution, yDescriptor)) {
        return wrong;
    }
    pass.outBytes = pass.problem.x.bytes();
    return run(handle, pass);
}

API cudnnConvolutionBackwardFilter(Handle* handle, const float* alpha, Tensor* xDescriptor, const void* x,
                                   Tensor* yDescriptor, const void* dy, Convolution* convolution, int algorithm,
                                   char* workspace, std::size_t bytes, const float* beta, Filter* wDescriptor,
                                   void* dw) {
    if (int wrong = check(handle, __func__)) {
        return wrong;
    }
    Pass pass{BACKWARD_FILTER, __func__, {}, *alpha, *beta, x, dw, dy, dw, 0, algorithm, workspace, bytes};
    if (int wrong = describe(pass.problem, xDescriptor, wDescriptor, convolution, yDescriptor)) {
        return wrong;
    }
    pass.outBytes = pass.problem.w.bytes();
    return run(handle, pass);
}
