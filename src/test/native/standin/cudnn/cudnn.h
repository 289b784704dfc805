// What the parts of the stand-in for cuDNN share.
#pragma once

#include "../client.h"
#include "../elements.h"

#include <cstddef>

#define API EXPORTED int

namespace cudnn {

// cudnnStatus_t of version 9, from cudnn_graph.h.
enum Status {
    OK = 0,
    NOT_INITIALIZED = 1001,
    BAD_PARAM = 2000,
    BAD_PARAM_SIZE_INSUFFICIENT = 2008,
    NOT_SUPPORTED = 3000,
    INTERNAL_ERROR = 4000,
    EXECUTION_FAILED = 5000,
};

// cudnnDataType_t.
constexpr int FLOATS = 0;
constexpr int BFLOAT16 = 9;

inline Element element(int type) {
    return type == FLOATS ? Element::FLOAT32 : Element::BFLOAT16;
}

// The three passes of a convolution.
enum Direction { FORWARD, BACKWARD_DATA, BACKWARD_FILTER };

struct Handle {
    void* context;
    void* stream = nullptr;
    bool alive = true;
};

struct Tensor {
    int type;
    int format;
    int n;
    int c;
    int h;
    int w;
    bool set;
    bool alive;

    std::size_t bytes() const {
        return bytesOf(element(type)) * n * c * h * w;
    }
};

struct Filter {
    int type;
    int format;
    int k;
    int c;
    int h;
    int w;
    bool set;
    bool alive;

    std::size_t bytes() const {
        return bytesOf(element(type)) * k * c * h * w;
    }
};

struct Convolution {
    int padH;
    int padW;
    int strideH;
    int strideW;
    int mode;
    int type;
    int math;
    bool set;
    bool alive;
};

// A convolution with its operands, checked.
struct Problem {
    Tensor x;
    Tensor y;
    Filter w;
    Convolution convolution;
};

inline const StandIn* driver() {
    return driverOfProcess();
}

// Whether a handle may be used now; reported if not. Also lets the call fail where it has to.
int check(Handle* handle, const char* function);

// Copies the descriptors into one problem, or says why they do not fit.
int describe(Problem& problem, const Tensor* x, const Filter* w, const Convolution* c, const Tensor* y);

// Bytes of workspace that an algorithm needs under a math type.
std::size_t need(Direction direction, int algorithm, int math, const Problem& problem);

}  // namespace cudnn
