// A stand-in for cuBLAS: column-major products in plain loops, and the preconditions of NVIDIA's manual.
#include "client.h"
#include "elements.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <vector>

#define API EXPORTED int

namespace {

// cublasStatus_t, from cublas_api.h.
enum Status {
    OK = 0,
    NOT_INITIALIZED = 1,
    ALLOC_FAILED = 3,
    INVALID_VALUE = 7,
    EXECUTION_FAILED = 13,
    INTERNAL_ERROR = 14,
    NOT_SUPPORTED = 15,
};

constexpr int TF32_MATH = 3;         // CUBLAS_TF32_TENSOR_OP_MATH
constexpr int FULL_REDUCTION = 16;   // CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION, beside another mode
constexpr int R_32F = 0;             // CUDA_R_32F
constexpr int R_16BF = 14;           // CUDA_R_16BF
constexpr int COMPUTE_32F = 68;      // CUBLAS_COMPUTE_32F
constexpr int COMPUTE_32F_PEDANTIC = 69;
constexpr int COMPUTE_TF32 = 77;     // CUBLAS_COMPUTE_32F_FAST_TF32
constexpr int DEFAULT_ALGORITHM = -1;
constexpr int DEFAULT_TENSOR_ALGORITHM = 99;
constexpr double MOST_COMPUTED = 5e8;  // multiply-adds; larger ones are a benchmark's, whose result nobody reads

struct Handle {
    void* context;
    void* stream = nullptr;
    char* workspace = nullptr;
    std::size_t workspaceBytes = 0;
    int math = 0;
    int pointerMode = 0;
    bool alive = true;
};

const StandIn* driver() {
    return driverOfProcess();
}

// What every function checks of its handle.
int check(Handle* handle, const char* function) {
    if (int injected = driver()->injected(function, INTERNAL_ERROR)) {
        return injected;
    }
    if (!handle || !handle->alive) {
        driver()->violation("%s with no handle, or a destroyed one", function);
        return NOT_INITIALIZED;
    }
    if (driver()->context(function) != handle->context) {
        driver()->violation("%s: the handle belongs to another context than the current one", function);
        return NOT_INITIALIZED;
    }
    return OK;
}

#define CHECK_HANDLE(handle)                          \
    if (int status_ = check(handle, __func__)) {      \
        return status_;                               \
    }

float roundedToTf32(float value) {
    if (!std::isfinite(value)) {
        return value;
    }
    std::uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = (bits + 0x1000) & ~0x1FFFu;
    memcpy(&value, &bits, sizeof bits);
    return value;
}

struct Operand {
    const void* values;
    Element type;
    int rows;     // as it lies in memory, by columns
    int columns;
    int stride;
    bool transposed;

    std::size_t bytes() const {
        return (static_cast<std::size_t>(stride) * (columns - 1) + rows) * bytesOf(type);
    }

    float at(int row, int column, bool tf32) const {
        const std::size_t r = transposed ? column : row;
        const std::size_t c = transposed ? row : column;
        const float value = loaded(values, type, r + c * stride);
        return tf32 ? roundedToTf32(value) : value;
    }
};

struct Product {
    int m;
    int n;
    int k;
    float alpha;
    float beta;
    Operand a;
    Operand b;
    void* c;
    Element typeC;
    int strideC;
    bool tf32;
};

// A copy of op(a) by rows and of op(b) by columns, so that sums run along both.
void compute(const Product& p) {
    const std::size_t k = p.k;
    std::vector<float> rows(p.m * k);
    std::vector<float> columns(p.n * k);
    for (int i = 0; i < p.m; i++) {
        for (int s = 0; s < p.k; s++) {
            rows[i * k + s] = p.a.at(i, s, p.tf32);
        }
    }
    for (int j = 0; j < p.n; j++) {
        for (int s = 0; s < p.k; s++) {
            columns[j * k + s] = p.b.at(s, j, p.tf32);
        }
    }
    constexpr std::size_t LANES = 8;
    for (int j = 0; j < p.n; j++) {
        for (int i = 0; i < p.m; i++) {
            const float* row = &rows[i * k];
            const float* column = &columns[j * k];
            float sums[LANES] = {};
            std::size_t s = 0;
            for (; s + LANES <= k; s += LANES) {
                for (std::size_t lane = 0; lane < LANES; lane++) {
                    sums[lane] += row[s + lane] * column[s + lane];
                }
            }
            float sum = 0;
            for (; s < k; s++) {
                sum += row[s] * column[s];
            }
            for (float part : sums) {
                sum += part;
            }
            const std::size_t at = i + static_cast<std::size_t>(j) * p.strideC;
            const float kept = p.beta == 0 ? 0 : p.beta * loaded(p.c, p.typeC, at);
            stored(p.c, p.typeC, at, p.beta == 0 ? p.alpha * sum : p.alpha * sum + kept);
        }
    }
}

// What a library leaves in its workspace is nobody's business: NaN, so that it shows where somebody reads it.
void scribble(char* workspace, std::size_t bytes) {
    constexpr std::size_t HEAD = 1 << 16;
    constexpr std::size_t TAIL = 4096;
    if (workspace && bytes > 0) {
        const std::size_t tail = std::min(bytes, TAIL);
        memset(workspace, 0xFF, std::min(bytes, HEAD));
        memset(workspace + bytes - tail, 0xFF, tail);
    }
}

bool overlaps(const Handle& handle, const void* address, std::size_t bytes) {
    const char* first = static_cast<const char*>(address);
    const char* workspace = handle.workspace;
    return workspace && first < workspace + handle.workspaceBytes && workspace < first + bytes;
}

int multiply(Handle* handle, const char* name, Product p) {
    const int leastA = std::max(1, p.a.rows);
    const int leastB = std::max(1, p.b.rows);
    if (p.m < 0 || p.n < 0 || p.k < 0 || p.a.stride < leastA || p.b.stride < leastB || p.strideC < std::max(1, p.m)) {
        driver()->violation("%s m=%d n=%d k=%d lda=%d ldb=%d ldc=%d", name, p.m, p.n, p.k, p.a.stride, p.b.stride,
                            p.strideC);
        return INVALID_VALUE;
    }
    if (handle->pointerMode != 0) {
        driver()->violation("%s: factors in device memory are not emulated", name);
        return NOT_SUPPORTED;
    }
    if (p.m == 0 || p.n == 0) {
        return OK;
    }
    const Operand c{p.c, p.typeC, p.m, p.n, p.strideC, false};
    for (const Operand* operand : std::initializer_list<const Operand*>{&p.a, &p.b, &c}) {
        const auto address = reinterpret_cast<std::uintptr_t>(operand->values);
        if (!driver()->inside(operand->values, operand->bytes())) {
            driver()->violation("%s: an operand lies outside device memory", name);
            return EXECUTION_FAILED;
        }
        if (address % bytesOf(operand->type) != 0) {
            driver()->violation("%s: an operand lies between two elements", name);
            return EXECUTION_FAILED;
        }
        if (overlaps(*handle, operand->values, operand->bytes())) {
            driver()->violation("%s: an operand lies in the workspace", name);
        }
    }
    if (driver()->capturing(handle->stream) && !handle->workspace) {
        driver()->violation("%s allocates its workspace in a capture", name);
    }
    char* workspace = handle->workspace;
    const std::size_t bytes = handle->workspaceBytes;
    std::function<void()> work = [p, workspace, bytes] {
        scribble(workspace, bytes);
        compute(p);
    };
    if (static_cast<double>(p.m) * p.n * p.k > MOST_COMPUTED && !driver()->dry()) {
        fprintf(stderr, "standin: a product above %g multiply-adds is not computed\n", MOST_COMPUTED);
        work = nullptr;
    }
    return driver()->submit(handle->stream, name, work) ? OK : EXECUTION_FAILED;
}

Product product(const Handle* handle, int transposeA, int transposeB, int m, int n, int k, const float* alpha,
                const void* a, const void* b, Element operands, int lda, int ldb, const float* beta, void* c,
                Element result, int ldc) {
    const Operand first{a, operands, transposeA ? k : m, transposeA ? m : k, lda, transposeA != 0};
    const Operand second{b, operands, transposeB ? n : k, transposeB ? k : n, ldb, transposeB != 0};
    const bool tf32 = (handle->math & ~FULL_REDUCTION) == TF32_MATH;
    return {m, n, k, *alpha, *beta, first, second, c, result, ldc, tf32};
}

bool known(int type) {
    return type == R_32F || type == R_16BF;
}

Element element(int type) {
    return type == R_32F ? Element::FLOAT32 : Element::BFLOAT16;
}

}  // namespace

API standin_missing(const char* name) {
    if (driver()) {
        driver()->violation("%s is not part of the stand-in", name);
    }
    return NOT_SUPPORTED;
}

API cublasGetProperty(int what, int* value) {
    *value = what == 0 ? STANDIN_CUBLAS_MAJOR : 0;
    return OK;
}

EXPORTED std::size_t cublasGetCudartVersion() {
    return STANDIN_CUBLAS_MAJOR * 1000;
}

EXPORTED const char* cublasGetStatusName(int status) {
    switch (status) {
        case OK:
            return "CUBLAS_STATUS_SUCCESS";
        case NOT_INITIALIZED:
            return "CUBLAS_STATUS_NOT_INITIALIZED";
        case ALLOC_FAILED:
            return "CUBLAS_STATUS_ALLOC_FAILED";
        case INVALID_VALUE:
            return "CUBLAS_STATUS_INVALID_VALUE";
        case EXECUTION_FAILED:
            return "CUBLAS_STATUS_EXECUTION_FAILED";
        case INTERNAL_ERROR:
            return "CUBLAS_STATUS_INTERNAL_ERROR";
        case NOT_SUPPORTED:
            return "CUBLAS_STATUS_NOT_SUPPORTED";
        default:
            return "CUBLAS_STATUS_?";
    }
}

EXPORTED const char* cublasGetStatusString(int status) {
    return cublasGetStatusName(status);
}

API cublasCreate_v2(Handle** out) {
    if (!driver()) {
        return NOT_INITIALIZED;
    }
    if (int injected = driver()->injected(__func__, ALLOC_FAILED)) {
        return injected;
    }
    void* context = driver()->context(__func__);
    if (!context) {
        return NOT_INITIALIZED;
    }
    if (!driver()->mayAllocate(__func__)) {
        return ALLOC_FAILED;
    }
    *out = new Handle{context};
    driver()->count("cuBLAS-handles", 1);
    return OK;
}

API cublasDestroy_v2(Handle* handle) {
    const int injected = driver()->injected(__func__, INTERNAL_ERROR);
    if (!handle || !handle->alive) {
        driver()->violation("cublasDestroy of no handle, or twice");
        return NOT_INITIALIZED;
    }
    if (driver()->context(__func__) != handle->context) {
        driver()->violation("cublasDestroy: the handle belongs to another context than the current one");
        return NOT_INITIALIZED;
    }
    handle->alive = false;
    driver()->count("cuBLAS-handles", -1);
    return injected;
}

API cublasGetVersion_v2(Handle* handle, int* version) {
    CHECK_HANDLE(handle);
    *version = STANDIN_CUBLAS_MAJOR * 10000;
    return OK;
}

// "This function unconditionally resets the cuBLAS library workspace back to the default workspace pool."
API cublasSetStream_v2(Handle* handle, void* stream) {
    CHECK_HANDLE(handle);
    handle->stream = stream;
    handle->workspace = nullptr;
    handle->workspaceBytes = 0;
    return OK;
}

API cublasSetMathMode(Handle* handle, int mode) {
    CHECK_HANDLE(handle);
    const int math = mode & ~FULL_REDUCTION;
    if (math != 0 && math != 1 && math != 2 && math != TF32_MATH) {
        driver()->violation("cublasSetMathMode: %d", mode);
        return INVALID_VALUE;
    }
    handle->math = mode;
    return OK;
}

API cublasGetMathMode(Handle* handle, int* mode) {
    CHECK_HANDLE(handle);
    *mode = handle->math;
    return OK;
}

API cublasSetPointerMode_v2(Handle* handle, int mode) {
    CHECK_HANDLE(handle);
    handle->pointerMode = mode;
    return OK;
}

// "The user-provided workspace must be aligned to at least 256 bytes, otherwise CUBLAS_STATUS_INVALID_VALUE."
API cublasSetWorkspace_v2(Handle* handle, void* workspace, std::size_t bytes) {
    CHECK_HANDLE(handle);
    const auto address = reinterpret_cast<std::uintptr_t>(workspace);
    if (address % 256 != 0) {
        driver()->violation("cublasSetWorkspace: address mod 256 = %d", static_cast<int>(address % 256));
        return INVALID_VALUE;
    }
    if (bytes > 0 && !driver()->inside(workspace, bytes)) {
        driver()->violation("cublasSetWorkspace: outside device memory");
        return INVALID_VALUE;
    }
    handle->workspace = bytes > 0 ? static_cast<char*>(workspace) : nullptr;
    handle->workspaceBytes = bytes;
    return OK;
}

API cublasSgemm_v2(Handle* handle, int transposeA, int transposeB, int m, int n, int k, const float* alpha,
                   const float* a, int lda, const float* b, int ldb, const float* beta, float* c, int ldc) {
    CHECK_HANDLE(handle);
    return multiply(handle, "cublasSgemm",
                    product(handle, transposeA, transposeB, m, n, k, alpha, a, b, Element::FLOAT32, lda, ldb, beta, c,
                            Element::FLOAT32, ldc));
}

API cublasGemmEx(Handle* handle, int transposeA, int transposeB, int m, int n, int k, const void* alpha,
                 const void* a, int typeA, int lda, const void* b, int typeB, int ldb, const void* beta, void* c,
                 int typeC, int ldc, int compute, int algorithm) {
    CHECK_HANDLE(handle);
    const bool knownAlgorithm = algorithm == DEFAULT_ALGORITHM || algorithm == DEFAULT_TENSOR_ALGORITHM;
    const bool knownMath = compute == COMPUTE_32F || compute == COMPUTE_32F_PEDANTIC || compute == COMPUTE_TF32;
    // Of the manual's table: floats, and bf16 with CUBLAS_COMPUTE_32F into bf16 or floats.
    const bool fits = typeA == typeB && (typeA == R_16BF || (typeC == R_32F && typeA == R_32F));
    if (!known(typeA) || !known(typeC) || !fits || !knownAlgorithm || !knownMath) {
        return standin_missing("cublasGemmEx of these types");
    }
    if (typeA == R_16BF && compute == COMPUTE_TF32) {
        driver()->violation("cublasGemmEx: bf16 is multiplied by CUBLAS_COMPUTE_32F");
        return NOT_SUPPORTED;
    }
    if (typeC == R_16BF && !(handle->math & FULL_REDUCTION)) {
        driver()->violation("cublasGemmEx: parts of sums may be rounded to bf16");
    }
    Product p = product(handle, transposeA, transposeB, m, n, k, static_cast<const float*>(alpha), a, b,
                        element(typeA), lda, ldb, static_cast<const float*>(beta), c, element(typeC), ldc);
    p.tf32 = compute == COMPUTE_TF32 || (compute == COMPUTE_32F && p.tf32);
    return multiply(handle, "cublasGemmEx", p);
}
