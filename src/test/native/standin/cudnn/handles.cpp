// Handles, descriptors and names of statuses.
#include "cudnn.h"

namespace cudnn {

int check(Handle* handle, const char* function) {
    if (int injected = driver()->injected(function, INTERNAL_ERROR)) {
        return injected;
    }
    if (!handle || !handle->alive) {
        driver()->violation("%s with no handle, or a destroyed one", function);
        return BAD_PARAM;
    }
    if (driver()->context(function) != handle->context) {
        driver()->violation("%s: the handle belongs to another context than the current one", function);
        return BAD_PARAM;
    }
    return OK;
}

template <class Descriptor>
static int create(const char* function, Descriptor** out) {
    if (int injected = driver()->injected(function, INTERNAL_ERROR)) {
        return injected;
    }
    *out = new Descriptor{};
    (*out)->alive = true;
    driver()->count("cuDNN-descriptors", 1);
    return OK;
}

template <class Descriptor>
static int destroy(const char* function, Descriptor* descriptor) {
    const int injected = driver()->injected(function, INTERNAL_ERROR);
    if (!descriptor || !descriptor->alive) {
        driver()->violation("%s of no descriptor, or twice", function);
        return BAD_PARAM;
    }
    descriptor->alive = false;
    driver()->count("cuDNN-descriptors", -1);
    return injected;
}

template <class Descriptor>
static int checkDescriptor(const char* function, Descriptor* descriptor) {
    if (int injected = driver()->injected(function, INTERNAL_ERROR)) {
        return injected;
    }
    if (!descriptor || !descriptor->alive) {
        driver()->violation("%s of no descriptor, or a destroyed one", function);
        return BAD_PARAM;
    }
    return OK;
}

}  // namespace cudnn

using namespace cudnn;

API standin_missing(const char* name) {
    if (driver()) {
        driver()->violation("%s is not part of the stand-in", name);
    }
    return NOT_SUPPORTED;
}

EXPORTED std::size_t cudnnGetVersion() {
    return 90501;
}

EXPORTED std::size_t cudnnGetCudartVersion() {
    return setting("STANDIN_CUDNN_CUDA", 12060);
}

EXPORTED const char* cudnnGetErrorString(int status) {
    switch (status) {
        case OK:
            return "CUDNN_STATUS_SUCCESS";
        case NOT_INITIALIZED:
            return "CUDNN_STATUS_NOT_INITIALIZED";
        case BAD_PARAM:
            return "CUDNN_STATUS_BAD_PARAM";
        case BAD_PARAM_SIZE_INSUFFICIENT:
            return "CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT";
        case NOT_SUPPORTED:
            return "CUDNN_STATUS_NOT_SUPPORTED";
        case INTERNAL_ERROR:
            return "CUDNN_STATUS_INTERNAL_ERROR";
        case EXECUTION_FAILED:
            return "CUDNN_STATUS_EXECUTION_FAILED";
        default:
            return "CUDNN_STATUS_?";
    }
}

API cudnnCreate(Handle** out) {
    if (!driver()) {
        return NOT_INITIALIZED;
    }
    if (int injected = driver()->injected(__func__, NOT_INITIALIZED)) {
        return injected;
    }
    void* context = driver()->context(__func__);
    if (!context || !driver()->mayAllocate(__func__)) {
        return NOT_INITIALIZED;
    }
    *out = new Handle{context};
    driver()->count("cuDNN-handles", 1);
    return OK;
}

API cudnnDestroy(Handle* handle) {
    const int injected = driver()->injected(__func__, INTERNAL_ERROR);
    if (!handle || !handle->alive) {
        driver()->violation("cudnnDestroy of no handle, or twice");
        return BAD_PARAM;
    }
    if (driver()->context(__func__) != handle->context) {
        driver()->violation("cudnnDestroy: the handle belongs to another context than the current one");
        return NOT_INITIALIZED;
    }
    handle->alive = false;
    driver()->count("cuDNN-handles", -1);
    return injected;
}

API cudnnSetStream(Handle* handle, void* stream) {
    if (int wrong = check(handle, __func__)) {
        return wrong;
    }
    handle->stream = stream;
    return OK;
}

API cudnnCreateTensorDescriptor(Tensor** out) {
    return create(__func__, out);
}

API cudnnDestroyTensorDescriptor(Tensor* descriptor) {
    return destroy(__func__, descriptor);
}

API cudnnCreateFilterDescriptor(Filter** out) {
    return create(__func__, out);
}

API cudnnDestroyFilterDescriptor(Filter* descriptor) {
    return destroy(__func__, descriptor);
}

API cudnnCreateConvolutionDescriptor(Convolution** out) {
    return create(__func__, out);
}

API cudnnDestroyConvolutionDescriptor(Convolution* descriptor) {
    return destroy(__func__, descriptor);
}

API cudnnSetTensor4dDescriptor(Tensor* descriptor, int format, int type, int n, int c, int h, int w) {
    if (int wrong = checkDescriptor(__func__, descriptor)) {
        return wrong;
    }
    if (n < 1 || c < 1 || h < 1 || w < 1) {
        driver()->violation("a tensor of %d,%d,%d,%d", n, c, h, w);
        return BAD_PARAM;
    }
    *descriptor = {type, format, n, c, h, w, true, true};
    return OK;
}

API cudnnSetFilter4dDescriptor(Filter* descriptor, int type, int format, int k, int c, int h, int w) {
    if (int wrong = checkDescriptor(__func__, descriptor)) {
        return wrong;
    }
    if (k < 1 || c < 1 || h < 1 || w < 1) {
        driver()->violation("a filter of %d,%d,%d,%d", k, c, h, w);
        return BAD_PARAM;
    }
    *descriptor = {type, format, k, c, h, w, true, true};
    return OK;
}

API cudnnSetConvolution2dDescriptor(Convolution* descriptor, int padH, int padW, int strideH, int strideW,
                                    int dilationH, int dilationW, int mode, int type) {
    if (int wrong = checkDescriptor(__func__, descriptor)) {
        return wrong;
    }
    if (dilationH != 1 || dilationW != 1 || strideH < 1 || strideW < 1 || padH < 0 || padW < 0) {
        return BAD_PARAM;
    }
    *descriptor = {padH, padW, strideH, strideW, mode, type, 0, true, true};
    return OK;
}

API cudnnSetConvolutionMathType(Convolution* descriptor, int math) {
    if (int wrong = checkDescriptor(__func__, descriptor)) {
        return wrong;
    }
    if (math < 0 || math > 3) {
        driver()->violation("cudnnSetConvolutionMathType: %d", math);
        return BAD_PARAM;
    }
    descriptor->math = math;
    return OK;
}
